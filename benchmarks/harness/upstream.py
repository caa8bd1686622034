"""`rnn-vs-attn ab` on layers of other people's repositories, between commits of theirs.

python benchmarks/harness/upstream.py MINGRU LOCAL_ATTENTION [--folder results/upstream] [--setup 'pip install -e .']

MINGRU and LOCAL_ATTENTION are addresses or folders that git can clone lucidrains/minGRU-pytorch and
lucidrains/local-attention from. Of each three calls, every one with the repository's own requirements installed: two
commits of upstream's, whose ratio of training times torch.utils.benchmark measures too, in processes that import the
checkouts without this program; a comment on the newest commit (targets: outputs bit for bit equal, nothing slower); and
the newest commit with one step of its inner work done twice (target: both passes slower). What is there already in the
folder is kept.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from git_calls import git
from reporting import Figure, holds, parsed, parser, report
from resampling import FEW_PAIRS, stored_call

from rnn_vs_attn.compare import verdicts

SEQ_LEN = "512"
PAIRS = 7  # of processes that the independent timer runs in
TRAINING = """
import importlib, sys
import torch
from torch.utils.benchmark import Timer
module, name, built, number, seconds = sys.argv[1:]
torch.manual_seed(0)
layer = eval(f"kind({built})", {"kind": getattr(importlib.import_module(module), name)})
x = torch.randn(4, 512, 128, requires_grad=True)
gradient = torch.randn(4, 512, 128)
timer = Timer("layer(*inputs).backward(gradient)", globals={**globals(), "inputs": [x] * int(number)})
print(timer.blocked_autorange(min_run_time=float(seconds)).median)
"""


@dataclass(frozen=True)
class Upstream:
    """A repository, one of its layers, two commits of its own, and a line of it that can be done twice.

    built: arguments of the layer for a width of 128; inputs: how many tensors it is called with; requires:
    packages that its own imports. step: text that stands
    once in `file`; twice: the same outcome by twice the work.
    """

    name: str
    model: str
    built: str
    inputs: int
    requires: tuple[str, ...]
    before: str
    after: str
    newest: str
    file: str
    step: str
    twice: str


REPOSITORIES = (
    Upstream(
        "minGRU-pytorch",
        "minGRU_pytorch.minGRU:minGRU",
        "128",
        1,
        ("einops",),
        "565e8c3",  # 0.0.1, quick impl
        "38b26e1",  # 0.2.1, which computes in logarithms
        "38b26e1",
        "minGRU_pytorch/minGRU.py",
        "out = heinsen_associative_scan_log(log_coeffs, log_values)",
        "out = sum(heinsen_associative_scan_log(log_coeffs, log_values) for _ in range(2)) / 2",
    ),
    Upstream(
        "local-attention",
        "local_attention.local_attention:LocalAttention",
        "64, causal=True, dim=128",
        3,
        ("einops", "hyper-connections"),
        "5b2e0cd",  # 1.10.1
        "1c8f645",  # pull request 27, a more efficient look_around
        "af58e53",  # 1.11.2
        "local_attention/local_attention.py",
        "out = einsum('b h i j, b h j e -> b h i e', attn, bv)",
        "out = sum(einsum('b h i j, b h j e -> b h i e', attn, bv) for _ in range(2)) / 2",
    ),
)


def main() -> None:
    options = parser(__doc__ or "")
    for upstream in REPOSITORIES:
        options.add_argument(upstream.name, help=f"where to clone lucidrains/{upstream.name} from")
    options.add_argument("--folder", type=Path, default=Path("results/upstream"))
    options.add_argument("--setup", default="pip install -e .")
    given = parsed(options, folder=Path("results/upstream-quick"))
    details: list[dict[str, Any]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    for upstream in REPOSITORIES:
        yield from of_repository(upstream, getattr(given, upstream.name), given, details)


def of_repository(
    upstream: Upstream, source: str, given: argparse.Namespace, details: list[dict[str, Any]]
) -> Iterator[Figure]:
    repository = Repository(upstream, given.folder.resolve() / upstream.name)
    repository.make(source)
    words = ["--model", upstream.model, "--seq-len", SEQ_LEN, "--setup", given.setup]
    words += FEW_PAIRS if given.quick else ()

    def ab(what: str, before: str, after: str) -> dict[str, Any]:
        versions = [repository.whole(commit) for commit in (before, after)]
        found = stored_call(repository.home / what, [*versions, *words], repository.folder)
        details.append({"repository": upstream.name, "what": what, "versions": [before, after], **told(found)})
        return found

    found = row(ab("upstream", upstream.before, upstream.after), "train_time")
    text = f"{upstream.name}, {upstream.before} to {upstream.after}, training: {found['verdict']}"
    yield Figure(text, found["centre"], beside=interval(found))
    yield by_the_timer(repository, found, given.quick, details)
    found = ab("comment", upstream.newest, "comment")
    equal = all(outcome.get("equal") for outcome in found["outcomes"])
    yield holds(f"{upstream.name}, a comment: outputs and gradients bit for bit equal", equal)
    slower = found["counts"].get(verdicts.SLOWER, 0)
    said = ", ".join(f"{number} {verdict}" for verdict, number in found["counts"].items() if number)
    yield Figure(f"{upstream.name}, a comment: `slower`", slower, "0", slower == 0, f"({said})")
    found = ab("twice", upstream.newest, "twice")
    for metric in ("forward_time", "train_time"):
        each = row(found, metric)
        is_slower = each["verdict"] == verdicts.SLOWER
        yield Figure(f"{upstream.name}, a step twice: {metric}", each["centre"], "slower", is_slower, interval(each))


def by_the_timer(repository: Repository, found: dict[str, Any], quick: bool, details: list[dict[str, Any]]) -> Figure:
    """The ratio of training times by another timer, pairs of processes in turn; should meet `ab`'s interval."""
    upstream = repository.upstream
    before, after = (repository.at(commit) for commit in (upstream.before, upstream.after))
    ratios = []
    for number in range(1 if quick else PAIRS):
        order = (before, after) if number % 2 == 0 else (after, before)
        seconds = {folder: timed(repository, folder, quick) for folder in order}
        ratios.append(seconds[after] / seconds[before])
    details.append({"repository": upstream.name, "what": "torch.utils.benchmark", "ratios": ratios})
    text = f"{upstream.name}: the same by torch.utils.benchmark, median of {len(ratios)} pairs"
    low, high = min(ratios), max(ratios)
    ends = [found["centre"] if found[end] is None else found[end] for end in ("low", "high")]
    meets = low <= ends[1] and ends[0] <= high
    return Figure(text, median(ratios), "range meets ab's interval", meets, f"({low:.3f} to {high:.3f})")


def timed(repository: Repository, folder: Path, quick: bool) -> float:
    """Seconds of a training pass in a process that imports the layer from `folder`."""
    upstream = repository.upstream
    module, _, name = upstream.model.partition(":")
    words = [module, name, upstream.built, str(upstream.inputs), "0.05" if quick else "1"]
    paths = os.pathsep.join([str(folder), str(repository.packages)])
    surroundings = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", TRAINING, *words]
    done = subprocess.run(command, env=surroundings, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{upstream.model} cannot be timed by itself: {done.stderr.strip()[-300:]}")
    return float(done.stdout)


@dataclass(frozen=True)
class Repository:
    """A clone in which two branches stand on the newest commit: `comment` and `twice`."""

    upstream: Upstream
    home: Path

    @property
    def folder(self) -> Path:
        return self.home / "repository"

    @property
    def packages(self) -> Path:
        """What the layer imports, for the independent timer."""
        return self.home / "packages"

    def make(self, source: str) -> None:
        """Clone it, commit to the two branches, install what it requires; nothing where all is there already."""
        if (self.home / "made").exists():
            return
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        git(self.home, "clone", "--quiet", "--no-checkout", source, str(self.folder))
        text = git(self.folder, "show", f"{self.upstream.newest}:{self.upstream.file}") + "\n"
        if text.count(self.upstream.step) != 1:
            sys.exit(f"{self.upstream.file} of {self.upstream.newest} has no single {self.upstream.step!r}")
        self._commit("comment", text + "\n# the same code\n")
        self._commit("twice", text.replace(self.upstream.step, self.upstream.twice))
        if self.upstream.requires:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(self.packages)]
            subprocess.run([*pip, *self.upstream.requires], check=True)
        (self.home / "made").touch()

    def _commit(self, branch: str, text: str) -> None:
        """On the newest commit one more, without a checkout."""
        changed = self.home / "changed"
        changed.write_text(text)
        blob = git(self.folder, "hash-object", "-w", str(changed))
        entry = f"100644,{blob},{self.upstream.file}"
        self._branch(branch, self.upstream.newest, ("update-index", "--cacheinfo", entry))

    def whole(self, commit: str) -> str:
        """The commit, or where the mirror lacks files of it, such as a large one of data, a branch without these."""
        listed = git(self.folder, "ls-tree", "-r", commit).splitlines()
        files = {line.partition("\t")[2]: line.split()[2] for line in listed}
        missing = [path for path, blob in files.items() if not has(self.folder, blob)]
        if not missing:
            return commit
        self._branch(f"{commit}-less", commit, ("update-index", "--force-remove", *missing))
        return f"{commit}-less"

    def _branch(self, name: str, commit: str, change: Sequence[str]) -> None:
        """A commit on top of one, with its index changed by what git is told."""
        index = {"GIT_INDEX_FILE": str(self.home / f"{name}.index")}
        git(self.folder, "read-tree", commit, **index)
        git(self.folder, *change, **index)
        tree = git(self.folder, "write-tree", "--missing-ok", **index)
        who = {f"GIT_{who}_{what}": "n" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        made = git(self.folder, "commit-tree", tree, "-p", commit, "-m", name, **who)
        git(self.folder, "branch", "--force", name, made)

    def at(self, commit: str) -> Path:
        """A folder with the layer's package as it is in a commit."""
        folder = self.home / commit
        folder.mkdir(exist_ok=True)
        package = self.upstream.file.partition("/")[0]
        words = (f"--work-tree={folder}", "checkout", "--quiet", "--force", commit, "--", package)
        git(self.folder, *words, GIT_INDEX_FILE=str(self.home / f"{commit}.index"))
        return folder


def told(found: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a call: its sentence, verdicts and ratios, how long it took."""
    fields = ("metric", "verdict", "reason", "baseline", "candidate", "centre", "low", "high", "values", "exact")
    rows = [{name: row.get(name) for name in fields} for row in found["comparisons"]]
    return {"summary": found["summary"], "seconds": found["seconds"], "rows": rows}


def row(found: dict[str, Any], metric: str) -> dict[str, Any]:
    return next(each for each in found["comparisons"] if each["metric"] == metric)


def interval(row: dict[str, Any]) -> str:
    return f"[{row['low']:.3f}, {row['high']:.3f}]" if row["low"] is not None else "[no interval]"


def has(folder: Path, blob: str) -> bool:
    """Whether the content of a file is there."""
    return subprocess.run(["git", "cat-file", "-e", blob], cwd=folder, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    main()
