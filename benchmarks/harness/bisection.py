"""Bisection: forty commits, one of which adds a slowdown, and `git bisect run rnn-vs-attn ab GOOD --bisect`.

python benchmarks/harness/bisection.py [--trials 3] [--folder results/bisection] [--margin 4%] [--quick]

A repository is made with a layer of twenty equal steps. One commit, drawn by the trial's number, does two of them
twice, with equal outputs, so that a training pass takes 8 % longer; one in the middle, the first that git tries, cannot
be imported, and the next one mends it; all others change comments or add files. What is there already in the folder is
kept. Target: every trial names the right commit. It names others with it where those between were skipped. Beside it
how many were tried, and how long that took.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from git_calls import AUTHOR, git
from reporting import Figure, holds, parsed, parser, report

LAYER = """
import torch
from torch import nn

TWICE = {twice}  # steps that are done twice


class Mixer(nn.Module):
    STEPS = 20

    def __init__(self, d_model):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(d_model, d_model) for _ in range(self.STEPS))
        self.plan = [(i, 0.5) for i in range(TWICE)] + [(i, 0.5 if i < TWICE else 1.0) for i in range(self.STEPS)]

    def forward(self, x):
        y = torch.zeros_like(x)
        for i, share in self.plan:
            y = y + share * self.layers[i](x)
        return y
"""
COMMITS = 40
BROKEN = (COMMITS - 1) // 2  # where git looks first
WORDS = "--model layer:Mixer --seq-len 64 --d-model 64 --pass train --margin".split()
ANSWER = re.compile(r"^bisect: .+? is (good|slower|skipped) \(", re.MULTILINE)


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--trials", type=int, default=3)
    options.add_argument("--folder", type=Path, default=Path("results/bisection"))
    options.add_argument("--margin", default="4%", help="half of the slowdown that is looked for")
    given = parsed(options, trials=1, folder=Path("results/bisection-quick"))
    details: list[dict[str, Any]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    for number in range(given.trials):
        details.append(trial(given.folder.resolve() / f"trial-{number:02}", number, given.margin, given.quick))
        found = details[-1]
        tried = ", ".join(f"{count} {word}" for word, count in found["answers"].items() if count)
        said = f"(commit {found['slowdown']} of {COMMITS}; {tried}; {found['seconds']:.0f} s)"
        right = found["named"] == [found["slowdown"]]
        yield holds(f"trial {number}: the right commit is named", found["slowdown"] in found["named"], said)
        yield Figure(f"trial {number}: commits named, where those between could not be told apart", len(found["named"]))
        details[-1]["right"] = right
    if details:
        yield Figure(f"trials of {given.trials} that name the right commit alone", sum(d["right"] for d in details))
        yield Figure("seconds of a bisection, median", median(d["seconds"] for d in details))
        yield Figure("commits tried, median", median(sum(d["answers"].values()) for d in details))


def trial(folder: Path, number: int, margin: str, few: bool) -> dict[str, Any]:
    """One bisection, or what an earlier one has left."""
    stored = folder / "outcome.json"
    if not stored.exists():
        slowdown = random.Random(number).choice([n for n in range(2, COMMITS) if n not in (BROKEN, BROKEN + 1)])
        commits = made(folder / "repository", slowdown)
        outcome = bisected(folder, commits, margin, few)
        stored.write_text(json.dumps({"slowdown": slowdown} | outcome, indent=2) + "\n")
    found: dict[str, Any] = json.loads(stored.read_text())
    return found


def bisected(folder: Path, commits: list[str], margin: str, few: bool) -> dict[str, Any]:
    """What `git bisect run` comes to. named: the commits, by number, that it calls the first bad one."""
    repository, words = folder / "repository", ["ab", commits[0], "--bisect", *WORDS, margin]
    words += ["--screen", "5", "--confirm", "5"] * few
    git(repository, "bisect", "start", commits[-1], commits[0])
    began = time.monotonic()
    done = subprocess.run(
        ["git", "bisect", "run", sys.executable, "-m", "rnn_vs_attn", *words],
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    (folder / "log.txt").write_text(done.stdout.replace(sys.executable, "python"))
    first = re.search(r"^(\w+) is the first bad commit$", done.stdout, re.MULTILINE)
    left = done.stdout.partition("The first bad commit could be any of:")[2]  # where the rest was skipped
    named = [first[1]] if first else [word for word in left.split() if word in commits]
    answers = ANSWER.findall(done.stdout)
    return {
        "named": sorted(commits.index(name) for name in named),
        "exit_code": done.returncode,
        "answers": {word: answers.count(word) for word in ("good", "slower", "skipped")},
        "seconds": round(seconds, 1),
        "margin": margin,
    }


def made(folder: Path, slowdown: int) -> list[str]:
    """The commits of a new repository, the oldest first."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    return [committed(folder, number, slowdown) for number in range(COMMITS)]


def committed(folder: Path, number: int, slowdown: int) -> str:
    """The name of a commit that changes a comment, adds a file, breaks the layer, mends it, or slows it down."""
    source = LAYER.format(twice=2 if number >= slowdown else 0)
    if number == BROKEN:
        source = "import no_such_module\n" + source
    (folder / "layer.py").write_text(f"# as of change {number - number % 2}\n{source}")
    (folder / f"notes-{number // 3}.md").write_text(f"What change {number} is about.\n")
    git(folder, "add", "--all")
    git(folder, *AUTHOR, "commit", "--quiet", "--message", f"change {number}")
    return git(folder, "rev-parse", "HEAD")


if __name__ == "__main__":
    main()
