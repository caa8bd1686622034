"""Runs on a clock that stands still, by workers that measure nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import (
    BLOCKS,
    CALL,
    FAKE,
    WARM_UP,
    Asked,
    FakeCase,
    FakeMachine,
    FakeWorker,
    fake_cases,
    unfinished_run,
)

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.records.folder import RunFolder, read_run, read_samples
from rnn_vs_attn.records.types import ROUND_TIME, Record, Run
from rnn_vs_attn.run.journal import Journal
from rnn_vs_attn.run.runner import Runner
from rnn_vs_attn.run.schedule import Cost, Look, Schedule, plans_of
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.suite import Suite

MODELS = ("rnn", "gru", "lstm", "attention")
OWED = {"forward_time", "train_time", "peak_memory"}
Trigger = Callable[[Asked], bool]
Trouble = Callable[[Asked], BaseException | None]


class Stopped(BaseException):
    """What Ctrl-C raises in the middle of a run."""


class Laboratory:
    """A folder and the machine that fills it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.machine = FakeMachine()

    def sweep(
        self,
        *models: str,
        suite: Suite = FAKE,
        cases: Sequence[Case] = (),
        looked: Mapping[Case, Look] | None = None,
        retry: bool = False,
        head: Run | None = None,
        **limits: Any,
    ) -> Runner:
        """A run in a new folder, or one that goes on with the folder of an earlier one."""
        folder = RunFolder.reopen(self.path) if self.path.exists() else RunFolder.create(self.path)
        folder.write_run(unfinished_run())
        cases, head = cases or fake_cases(*(models or MODELS)), head or unfinished_run()
        journal = Journal(suite, cases, folder, read_samples(self.path), over=head.status == "complete")
        return Runner(
            journal,
            Limits(**limits),
            head=head,
            schedule=Schedule.of(looked or {}, Limits(**limits), self.machine.clock(), start_up=0.0),
            start_worker=self.machine.start,
            plans=plans_of(looked or {}),
            retry=retry,
            clock=self.machine.clock,
        )

    def run(self, *models: str, suite: Suite = FAKE, **limits: Any) -> Run:
        """A run to its end; what is returned is what was written."""
        sweep = self.sweep(*models, suite=suite, **limits)
        run = sweep.run()
        sweep.journal.folder.close()
        written = read_run(self.path)
        assert written == run
        return written

    def resume(self, *models: str, **limits: Any) -> Run:
        """The rest of an interrupted run, on a machine that has forgotten everything."""
        self.machine = FakeMachine()
        return self.run(*models, **limits)

    def interrupt(self, *models: str, at: Trigger, trouble: Trouble = lambda request: None, **limits: Any) -> None:
        """A run, or the rest of one, that Ctrl-C ends at the first request that fits."""
        self.machine = FakeMachine(trouble=lambda request: trouble(request) or (Stopped() if at(request) else None))
        sweep = self.sweep(*models, **limits)
        with pytest.raises(Stopped):
            sweep.run()
        sweep.journal.folder.close()


def faults(run: Run) -> list[Record]:
    return [record for record in run.records if record.status != "ok"]


def found(run: Run, metric: str, model: str) -> Record:
    (record,) = (r for r in run.records if r.metric == metric and r.axes.get("model") == model)
    return record


def num_rounds(run: Run) -> int:
    (record,) = (r for r in run.records if r.metric == ROUND_TIME)
    return len(record.samples)


# --max-seconds


def seconds_for(num_cases: float) -> float:
    """What the first worker and the times of so many cases take."""
    return FakeWorker.start_up + num_cases * 2 * (WARM_UP + BLOCKS * 40 * CALL)


# Interruption and resume


def in_the_third_round(request: Asked) -> bool:
    """The second case of round 2, in the middle of its training pass."""
    return request.round == 2 and str(request) == "TimeBlock train" and request.model == "gru"


# A failed case is tried again


def retry(lab: Laboratory, **limits: Any) -> Run:
    lab.machine = FakeMachine()
    sweep = lab.sweep(retry=True, **limits)
    run = sweep.run()
    sweep.journal.folder.close()
    assert read_run(lab.path) == run
    return run


# What does not fit into the time


def looked(seconds: float) -> dict[Case, Look]:
    return {case: Look(Cost(least=seconds)) for case in lengths()}


def lengths() -> list[FakeCase]:
    return [dataclasses.replace(c, seq_len=n) for c in fake_cases("gru", "lstm", "attention") for n in (64, 128)]
