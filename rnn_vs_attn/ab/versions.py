"""Baseline and candidate of `ab`: where each one's code lies, and the processes that run it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from rnn_vs_attn.ab import adapters, setups
from rnn_vs_attn.ab.checkouts import Repository, Version
from rnn_vs_attn.ab.setups import Installed, SetUp
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.machine import temporary
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.pool import ready

BASELINE, CANDIDATE = SIDES = ("baseline", "candidate")
Answer = TypeVar("Answer")


class SetUpFails(UserError):
    """--setup failed in the checkout of one side."""

    def __init__(self, side: str, reason: str) -> None:
        super().__init__(reason)
        self.side = side


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
    note: str = ""

    def start(self, debug: bool) -> ChildWorker:
        """A process of this side that is not awaited yet."""
        return ChildWorker(debug, self.python, wait=False, folder=self.folder, variables=self.variables, alone=True)

    def owns(self, file: str) -> bool:
        """Whether a file is of this side's own checkout or of what --setup installed."""
        roots = [root.resolve() for root in (self.worktree, self.packages) if root is not None]
        return any(Path(file).is_relative_to(root) for root in roots)


@dataclass
class Sides:
    """Both versions, and the temporary folder that holds them until `close`. debug: show what their processes print;
    adapters: models whose file is in neither of them, and the modules that each is known to take from both.
    """

    baseline: Side
    candidate: Side
    repository: Repository | None = None
    notes: list[str] = field(default_factory=list)
    home: Path | None = None
    debug: bool = False
    adapters: dict[str, list[str]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Side]:
        return iter((self.baseline, self.candidate))

    def __getitem__(self, name: str) -> Side:
        return self.baseline if name == BASELINE else self.candidate

    def __enter__(self) -> Sides:
        return self

    def __exit__(self, *_: object) -> None:
        if self.home is not None:
            temporary.remove(self.home)

    @property
    def told(self) -> list[str]:
        """What a reader must know of the two."""
        notes = dict.fromkeys([*self.notes, *(side.note for side in self if side.note)])
        return [*notes, *(adapters.said(model, taken) for model, taken in self.adapters.items() if taken)]

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


def of_references(
    repository: Repository,
    baseline: str,
    candidate: str | None,
    setup: SetUp | None,
    clean: bool,
    models: Sequence[str] = (),
    written: Sequence[str] = (),
) -> Sides:
    """Two states of the repository; without `candidate` the working tree as it is.

    models: that are compared; written: new files that are none of its changes, as paths from its root.
    """
    dirty = repository.is_dirty()
    if clean and dirty:
        raise UserError(
            f"{repository.root} has uncommitted changes; commit or stash them, or leave out --require-clean"
        )
    first = repository.version(baseline)
    second = repository.version(candidate or "HEAD")
    files = adapters.found(models, repository, [version.commit for version in (first, second) if version.commit])
    home = temporary.make()
    try:
        versions = {BASELINE: first, CANDIDATE: None if candidate is None and dirty else second}
        made = []
        for name, version in versions.items():
            folder = home / name / repository.name
            folder.parent.mkdir()
            there = _checked_out(repository, version, folder, written)
            made.append(_of_checkout(name, there, folder, repository, setup))
        for side in made:
            adapters.put(files, side.folder)
    except BaseException:
        temporary.remove(home)
        raise
    unmeasured = "uncommitted changes are not measured; leave the second reference out to measure them"
    notes = [*([unmeasured] if candidate and dirty else []), *repository.said]
    return Sides(made[0], made[1], repository, notes, home, adapters={model: [] for model in files})


def _checked_out(repository: Repository, version: Version | None, folder: Path, written: Sequence[str]) -> Version:
    """What is in `folder` now; None stands for the working tree."""
    if version is None:
        return repository.check_out_working_tree(folder, written)
    repository.check_out(version, folder)
    return version


def _of_checkout(name: str, version: Version, worktree: Path, repository: Repository, setup: SetUp | None) -> Side:
    """A side whose workers import from `worktree` what the user imports from the repository."""
    here = Path.cwd().resolve().relative_to(repository.root)
    folder = worktree / here if (worktree / here).is_dir() else worktree
    paths = [folder, worktree, *([worktree / "src"] if (worktree / "src").is_dir() else [])]
    for entry in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        path = Path(entry).resolve()
        inside = path.is_relative_to(repository.root)
        paths.append(worktree / path.relative_to(repository.root) if inside else path)
    packages = worktree.parent / "environment" if setup else None
    installed = Installed(sys.executable)
    if setup and packages:
        try:
            installed = setups.run(setup, worktree, packages, version.label)
        except UserError as error:
            raise SetUpFails(name, str(error)) from None
    variables = {"PYTHONPATH": os.pathsep.join(str(path) for path in dict.fromkeys(paths))}
    return Side(name, version.label, installed.python, folder, variables, worktree, packages, version, installed.note)


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
