"""Baseline and candidate of `ab`: where each one's code lies, the processes that run it, the proof that they differ.

The worst mistake of a comparison is to time the same code twice, because an installed copy hides a worktree. So each
side's process says from which files its modules came, and a run that cannot prove that they are its own is refused.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from rnn_vs_attn.ab import checkouts
from rnn_vs_attn.ab.checkouts import Repository, Version
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.pool import ready
from rnn_vs_attn.worker.protocol import FindOrigin, Origin

BASELINE, CANDIDATE = SIDES = ("baseline", "candidate")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Side:
    """One version: what its workers run under. worktree: None where the files are those of the current folder."""

    name: str
    label: str
    python: str
    folder: Path
    variables: dict[str, str]
    worktree: Path | None = None
    packages: Path | None = None
    version: Version | None = None

    def start(self, debug: bool) -> ChildWorker:
        """A process of this side that is not awaited yet."""
        return ChildWorker(debug, self.python, wait=False, folder=self.folder, variables=self.variables, alone=True)

    def owns(self, file: str) -> bool:
        """Whether a file is of this side's own checkout or of what --setup installed."""
        roots = [root.resolve() for root in (self.worktree, self.packages) if root is not None]
        return any(Path(file).is_relative_to(root) for root in roots)


@dataclass
class Sides:
    """Both versions, and the temporary folder that holds them until `close`. debug: show what their processes print."""

    baseline: Side
    candidate: Side
    repository: Repository | None = None
    notes: list[str] = field(default_factory=list)
    home: Path | None = None
    debug: bool = False

    def __iter__(self) -> Iterator[Side]:
        return iter((self.baseline, self.candidate))

    def __getitem__(self, name: str) -> Side:
        return self.baseline if name == BASELINE else self.candidate

    def __enter__(self) -> Sides:
        return self

    def __exit__(self, *_: object) -> None:
        if self.home is not None:
            shutil.rmtree(self.home, ignore_errors=True)

    @property
    def same_tree(self) -> bool:
        """Whether the two versions hold the same files."""
        versions = self.baseline.version, self.candidate.version
        first, second = (None if version is None else version.tree for version in versions)
        return first is not None and first == second

    def start(self) -> dict[str, ChildWorker]:
        """A fresh process of each side, both ready. UserError where one does not start."""
        started = {side.name: side.start(self.debug) for side in self}
        try:
            for name in started:
                started[name] = ready(started[name], partial(self[name].start, self.debug))
        except BaseException:
            for worker in started.values():
                worker.close()
            raise
        return started

    def awake(self, workers: dict[str, ChildWorker], name: str) -> ChildWorker:
        """The worker of a side, another one where a module has ended it."""
        if not workers[name].alive:
            another = partial(self[name].start, self.debug)
            workers[name] = ready(another(), another)
        return workers[name]


def of_interpreters(baseline: str | None, candidate: str | None) -> Sides:
    """Two Pythons, each with its own packages; one not given is this one. UserError where one is none.

    The current folder is not importable: it would hide the two installed versions of what is compared.
    """
    pythons = {BASELINE: baseline, CANDIDATE: candidate}
    made = {}
    for name, given in pythons.items():
        path = shutil.which(given) if given else sys.executable
        if path is None:
            raise UserError(f"--{name}-python {given!r} is no program that can be run; give the path of a Python")
        label = given or "this Python"
        made[name] = Side(name, label, str(Path(path).absolute()), Path.cwd(), {})
    return Sides(made[BASELINE], made[CANDIDATE])


def alike() -> Sides:
    """The same twice: what the machine itself does to a comparison."""
    paths = [str(Path.cwd()), os.environ.get("PYTHONPATH", "")]  # as every other command finds the user's modules
    variables = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    baseline, candidate = (Side(name, "the same code", sys.executable, Path.cwd(), variables) for name in SIDES)
    return Sides(baseline, candidate)


def of_references(baseline: str, candidate: str | None, setup: str | None, clean: bool, debug: bool) -> Sides:
    """Two states of the repository around the current folder; without `candidate` the working tree as it is."""
    repository = Repository(Path.cwd())
    dirty = repository.is_dirty()
    if clean and dirty:
        raise UserError(
            f"{repository.root} has uncommitted changes; commit or stash them, or leave out --require-clean"
        )
    first = repository.version(baseline)
    second = repository.version(candidate or "HEAD")
    home = Path(tempfile.mkdtemp(prefix="rnn-vs-attn-")).resolve()
    try:
        folders = {name: home / name / repository.name for name in SIDES}
        for folder in folders.values():
            folder.parent.mkdir()
        repository.check_out(first, folders[BASELINE])
        if candidate is None and dirty:
            second = repository.check_out_working_tree(folders[CANDIDATE])
        else:
            repository.check_out(second, folders[CANDIDATE])
        made = [
            _of_checkout(name, version, folders[name], repository, setup, debug)
            for name, version in ((BASELINE, first), (CANDIDATE, second))
        ]
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    notes = ["uncommitted changes are not measured; leave the second reference out to measure them"]
    notes = [*(notes if candidate and dirty else []), *repository.said]
    return Sides(made[0], made[1], repository=repository, notes=notes, home=home)


def _of_checkout(
    name: str, version: Version, worktree: Path, repository: Repository, setup: str | None, debug: bool
) -> Side:
    """A side whose workers import from `worktree` what the user imports from the repository."""
    here = Path.cwd().resolve().relative_to(repository.root)
    folder = worktree / here if (worktree / here).is_dir() else worktree
    paths = [folder, worktree, *([worktree / "src"] if (worktree / "src").is_dir() else [])]
    for entry in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        path = Path(entry).resolve()
        inside = path.is_relative_to(repository.root)
        paths.append(worktree / path.relative_to(repository.root) if inside else path)
    packages = worktree.parent / "environment" if setup else None
    python = sys.executable
    if setup and packages:
        python = checkouts.set_up(setup, worktree, packages, version.label, debug)
    variables = {"PYTHONPATH": os.pathsep.join(str(path) for path in dict.fromkeys(paths))}
    return Side(name, version.label, python, folder, variables, worktree, packages, version)


# The proof


@dataclass(frozen=True)
class Presence:
    """On which sides a model is there, and why it is not or does not import where it is not."""

    reasons: dict[str, str]
    broken: dict[str, CaseFault]


def prove(sides: Sides, workers: dict[str, ChildWorker], models: Sequence[str], timeout: float) -> dict[str, Presence]:
    """Which models are there on which side. UserError where a module of a side is not its own, or both are the same."""
    found = {}
    origins: dict[str, dict[str, Origin]] = {name: {} for name in SIDES}
    for model in models:
        reasons, broken = {}, {}
        for side in sides:
            try:
                origin = sides.awake(workers, side.name).ask(FindOrigin(model, outside(sides)), timeout)
            except UserError as error:
                broken[side.name] = CaseFault("failed", _with_what_lacks(sides, str(error)))
                continue
            except CaseFault as fault:
                broken[side.name] = fault
                continue
            origins[side.name][model] = origin
            if origin.file is None:
                reasons[side.name] = _with_what_lacks(sides, origin.reason)
            else:
                _check_own(side, model, origin.file, origin.strays)
        if len(reasons) == len(SIDES):
            raise UserError(f"model {model!r} exists on neither side: {reasons[CANDIDATE]}; check the path")
        if len(broken) == len(SIDES):
            raise UserError(f"neither side can be compared: {broken[CANDIDATE].reason}")
        found[model] = Presence(reasons, broken)
    if sides.repository is None:
        _check_different(sides, origins)
    return found


def _with_what_lacks(sides: Sides, reason: str) -> str:
    """Why a model is not there or does not import, and what the checkouts lack, which may be the cause."""
    return "; ".join([reason, *(sides.repository.lacking.said if sides.repository else [])])


def outside(sides: Sides) -> str | None:
    """The folder of which no checkout may import anything: the repository itself."""
    return str(sides.repository.root) if sides.repository else None


def _check_own(side: Side, model: str, file: str, strays: Sequence[str]) -> None:
    if side.worktree is None:
        return
    way = (
        "an installed copy hides the checkout: give --setup 'pip install -e .', a path relative to the repository, "
        "or run where the package is importable"
    )
    if not side.owns(file):
        raise UserError(f"the {side.name} of {model!r} would be {file} and not the file of {side.label}; {way}")
    if strays:
        raise UserError(f"{model!r} of the {side.name} imports {strays[0]}, which is not of {side.label}; {way}")


def _check_different(sides: Sides, origins: dict[str, dict[str, Origin]]) -> None:
    """UserError where two interpreters that should differ would run the same files."""
    if sides.baseline.label == sides.candidate.label == "the same code":
        return
    shared = origins[BASELINE].keys() & origins[CANDIDATE].keys()
    if shared and all(origins[BASELINE][model] == origins[CANDIDATE][model] for model in shared):
        raise UserError(
            f"{sides.baseline.python} and {sides.candidate.python} run the same torch and the same files; name two "
            "environments that differ, or use --aa to measure this machine"
        )


def at_once(calls: Mapping[str, Callable[[], Answer]]) -> dict[str, Answer]:
    """What calls return that may run at the same time, as nothing in them is timed; their first error otherwise."""
    pool = ThreadPoolExecutor(len(calls))
    running = {name: pool.submit(call) for name, call in calls.items()}
    try:
        return {name: future.result() for name, future in running.items()}
    except Exception:
        wait(running.values())
        raise
    finally:  # an interruption does not wait
        pool.shutdown(wait=False)
