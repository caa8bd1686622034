"""What is measured of a case in the worker: the times of its passes, block by block, and all else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from rnn_vs_attn.compare.outcome import Outcome
from rnn_vs_attn.isolation.keeping import kept
from rnn_vs_attn.machine import processors
from rnn_vs_attn.measure import equivalence
from rnn_vs_attn.measure.conduct.layers import renew_between_calls
from rnn_vs_attn.measure.timing.clock import clock_for
from rnn_vs_attn.measure.timing.warm_up import make_ready
from rnn_vs_attn.records.timing import Block, Ready
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites import suite_named
from rnn_vs_attn.suites.case import Case, warnings_for
from rnn_vs_attn.suites.suite import PEAKS
from rnn_vs_attn.training.course import Progress
from rnn_vs_attn.worker import protocol
from rnn_vs_attn.worker.batches import Batches
from rnn_vs_attn.worker.measurements import MEASUREMENTS
from rnn_vs_attn.worker.protocol import About, Misunderstood, Samples, Trained, Warnings
from rnn_vs_attn.worker.readings import Readings, gpu_state
from rnn_vs_attn.worker.sandbox import Prepared, Sandbox, UnderWay


def case_of(about: About) -> Case:
    """The case that is asked about. Misunderstood where there is no such suite, or its cases have other axes."""
    try:
        return suite_named(about.suite).axes.case(**about.axes)  # type: ignore[arg-type]
    except (StopIteration, TypeError) as error:
        raise Misunderstood(f"there is no case of {about.suite!r} with these axes: {error}") from None


def _hold(case: Case) -> None:
    """On a GPU nothing is held: the thread on which autograd launches would be kept where the calling one waits."""
    processors.hold(case.threads if case.device == "cpu" else 1)


class Cases:
    """Each method answers the request that it is given."""

    def __init__(self, sandbox: Sandbox, batches: Batches) -> None:
        self._sandbox, self._batches = sandbox, batches
        self._warm: set[tuple[object, ...]] = set()

    # Passes that are timed in blocks

    def prepare(self, request: protocol.Prepare) -> Warnings:
        case, make = self._enter(request.about), MEASUREMENTS[request.about.suite].workload
        assert make is not None
        with kept():
            batch = self._batches.of_case(case, request.seed == 0)
            workload = make(case, request.seed)
        clock = clock_for(torch.device(case.device))
        self._sandbox.prepared = Prepared(workload, clock, batch, Readings.of(case.device))
        _hold(case)
        return Warnings((*warnings_for(case), *batch.warnings))

    def make_ready(self, request: protocol.MakeReady) -> Ready:
        case, prepared = self._held()
        clock, workload, name = prepared.clock, prepared.workload, request.name
        self._sandbox.refuse_what_cannot_fit(case, name == "train")
        with kept():
            seen = renew_between_calls(workload, name, request.care, prepared.batch.mixes)
        first, compiling = seen.seconds, None
        if getattr(case, "compile", False):
            with kept():
                compiling = clock.block(workload, name, 1).wall
            first = None
        with kept(timed=True):
            due = case.kind not in self._warm
            ready = make_ready(clock, workload, name, request.budget, request.plan, due, first)
        self._warm.add(case.kind)
        return replace(ready, compile_seconds=compiling, care=seen.care, warnings=seen.warnings)

    def time_block(self, request: protocol.TimeBlock) -> Block:
        """On CUDA with the clock of the device right after it, where that is known."""
        case, prepared = self._held()
        with kept(timed=True):
            taken = prepared.clock.block(prepared.workload, request.name, request.loops)
        return replace(taken, clock_mhz=gpu_state(case.device).get("sm_clock_mhz"))

    def release(self, request: protocol.Release) -> Warnings:
        return Warnings((*self._changes(), *self._sandbox.leave()))

    def _changes(self) -> list[str]:
        """What moved on the machine since the case was prepared."""
        case, prepared = self._held()
        return prepared.before.changes_to(Readings.of(case.device))

    def _held(self) -> tuple[Case, Prepared]:
        case, prepared = self._sandbox.case, self._sandbox.prepared
        assert case is not None, "no case is prepared"
        assert prepared is not None, "no case is prepared"
        return case, prepared

    def _enter(self, about: About) -> Case:
        case = case_of(about)
        self._sandbox.enter(case, about.max_memory)
        return case

    # What is not timed in blocks

    def measure(self, request: protocol.Measure) -> Samples:
        case, turn, measurement = self._enter(request.about), request.turn, MEASUREMENTS[request.about.suite]
        with kept():
            batch = self._batches.of_case(case, turn.first)
        self._sandbox.refuse_what_cannot_fit(case, measurement.trains)
        if measurement.least_memory is not None:
            self._sandbox.refuse(measurement.least_memory(case), measurement.trains)
        if measurement.workload is not None and case.kind not in self._warm:
            with kept():
                measurement.workload(case, turn.seed).both()  # or what libraries keep is taken for the call's memory
        take = measurement.peaks if request.part == PEAKS and measurement.peaks is not None else measurement.measure
        assert take is not None
        _hold(case)
        with kept():
            samples = list(take(case, turn))
        if measurement.says_batch:
            samples[0] = replace(samples[0], warnings=[*samples[0].warnings, *batch.warnings])
        told = self._sandbox.leave()
        return Samples(tuple(replace(sample, warnings=[*sample.warnings, *told]) for sample in samples))

    # Training

    def train(self, request: protocol.Train) -> Trained:
        """For one stretch of its course; to the end of it where no stretch is left."""
        if self._sandbox.training is None or self._sandbox.training.asked != request:
            self._begin(request)
        under_way = self._sandbox.training
        assert under_way is not None
        with kept():
            told = next(under_way.course)
            assert isinstance(told, Progress)
            samples = [each for each in under_way.course if isinstance(each, Sample)] if told.over else []
        if not told.over:
            return _trained(told)
        said = self._sandbox.leave()
        return _trained(told, [replace(sample, warnings=[*sample.warnings, *said]) for sample in samples])

    def _begin(self, request: protocol.Train) -> None:
        case, make = self._enter(request.about), MEASUREMENTS[request.about.suite].train
        assert make is not None
        course = make(case, request.seed, Path(request.folder) if request.folder else None)
        self._sandbox.training = UnderWay(request, course)

    def outcome(self, request: protocol.CompareOutcome) -> Outcome:
        case, make = self._enter(request.about), MEASUREMENTS[request.about.suite].workload
        assert make is not None
        path, seed = Path(request.path), request.seed
        with kept():
            workload = make(case, seed)
            found = equivalence.difference(workload, path, seed) if request.compare else Outcome()
            if not request.compare:
                equivalence.keep(workload, path, seed)
        del workload
        self._sandbox.leave()
        return found


def _trained(told: Progress, samples: Sequence[Sample] = ()) -> Trained:
    return Trained(told.step, told.steps, told.seconds, told.loss, told.tokens_per_second, tuple(samples))
