"""Runs of `recall` on a clock that stands still, by workers that train nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fakes import FakeClock, unfinished_run
from played_workers import PlayedMachine, PlayedWorker

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.records.folder import RunFolder, read_run, read_samples
from rnn_vs_attn.records.types import Run, Sample
from rnn_vs_attn.run.journal import Journal
from rnn_vs_attn.run.listener import Progress, Silence
from rnn_vs_attn.run.runner import Runner
from rnn_vs_attn.run.schedule import Schedule
from rnn_vs_attn.suites.recall.case import RecallCase
from rnn_vs_attn.suites.recall.suite import RECALL
from rnn_vs_attn.worker.client import Worker
from rnn_vs_attn.worker.lanes import Lanes
from rnn_vs_attn.worker.protocol import Train, Trained

STRETCHES = 3  # of each training, the last of which brings its samples
SECOND = 1.0  # by the clock that stands still, of each stretch
Ends = Callable[[dict[str, Any], int], Any]


class Gym:
    """A folder, and the workers whose trainings fill it.

    ends: by the axes of a case and its seed, the steps that it takes to solve the task, None where it does not, or an
    exception that comes in place of the last stretch.
    """

    def __init__(self, path: Path, ends: Ends = lambda axes, seed: 100.0, number: int = 2) -> None:
        self.path, self.ends, self.number = path, ends, number
        self.clock = FakeClock()
        self.machine = PlayedMachine(self._train)
        self._done: dict[tuple[PlayedWorker, str], int] = {}

    @property
    def asked(self) -> list[Train]:
        return [request for _, request in self.machine.asked]

    def trained(self, seed: int) -> list[tuple[Any, Any]]:
        """Models and rates that were trained with a seed, in order."""
        found = [(r.about.axes["model"], r.about.axes["learning_rate"]) for r in self.asked if r.seed == seed]
        return list(dict.fromkeys(found))

    def _train(self, worker: PlayedWorker, request: Train) -> None:
        self.clock.now += SECOND
        done = self._done[worker, request.folder] = self._done.get((worker, request.folder), 0) + 1
        steps = int(str(request.about.axes["steps"]))
        told = Trained(steps * done // STRETCHES, steps, SECOND * done, 0.5, 1e4)
        if done < STRETCHES:
            worker.reply(told)
            return
        found = self.ends(dict(request.about.axes), request.seed)
        samples = tuple(_samples(found)) if not isinstance(found, BaseException) else ()
        worker.reply(Trained(steps, steps, SECOND * done, 0.5, 1e4, samples) if samples else found)

    def runner(self, cases: Sequence[RecallCase], retry: bool = False, **limits: Any) -> Runner:
        """A run in a new folder, or one that goes on with it."""
        folder = RunFolder.reopen(self.path) if self.path.exists() else RunFolder.create(self.path)
        folder.write_run(unfinished_run(RECALL))
        given = Limits(**({"rounds": 3, "max_seconds": 1e9} | limits))
        journal = Journal(RECALL, cases, folder, read_samples(self.path))
        schedule = Schedule.of({}, given, self.clock(), start_up=0.0)
        lanes = Lanes(self.machine.start, self.number, given.timeout)
        head = unfinished_run(RECALL)
        return Runner(journal, given, head, schedule, _nobody, retry=retry, lanes=lanes, clock=self.clock)

    def run(self, *cases: RecallCase, progress: Progress | None = None, **limits: Any) -> Run:
        """A run to its end; what is returned is what was written."""
        runner = self.runner(cases, **limits)
        runner.progress = progress or Silence()
        run = runner.run()
        runner.journal.folder.close()
        assert read_run(self.path) == run
        assert not any(worker.alive for worker in self.machine.workers)
        return run


def _nobody() -> Worker:
    raise AssertionError("trainings start workers of their own")


def _samples(steps: float | None) -> list[Sample]:
    solved = steps is not None
    return [
        Sample("accuracy", 1.0 if solved else 0.5),
        Sample("loss", 0.001 if solved else 0.7),
        Sample("steps_to_solve", steps),
        Sample("seconds_to_solve", steps and steps / 10),
    ]
