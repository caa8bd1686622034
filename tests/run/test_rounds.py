"""What is measured after the times of a round."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import (
    BLOCKS,
    CALL,
    FAKE,
    Asked,
    FakeCase,
    FakeMachine,
    FakeWorker,
    fake_cases,
    fault,
    unfinished_run,
)
from laboratory import MODELS, OWED, Laboratory, faults, found, lengths

from rnn_vs_attn.errors import CaseFault, DoesNotStart, UserError
from rnn_vs_attn.limits import Budget, Limits
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.run.journal import Journal
from rnn_vs_attn.run.listener import Silence
from rnn_vs_attn.run.runner import Runner
from rnn_vs_attn.run.schedule import Schedule
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.suite import MEASURE, PEAKS, CaseAxes, Rounds
from rnn_vs_attn.worker.protocol import Measure, Prepare, ReadMachinePeaks, Release, TimeBlock

PEAKS_LAST = dataclasses.replace(FAKE, axes=CaseAxes(FakeCase), rounds=Rounds(peaks=True))


def sweep(machine: FakeMachine, folder: Path, cases: Sequence[Case], limits: Limits) -> Runner:
    """A run that measures nothing but peaks after all else."""
    journal = Journal(PEAKS_LAST, cases, RunFolder.create(folder), ())
    schedule = Schedule.of({}, limits, machine.clock(), start_up=0.0)
    return Runner(journal, limits, unfinished_run(), schedule, machine.start, clock=machine.clock)


def test_peaks_are_taken_after_the_times_of_all_cases(tmp_path: Path) -> None:
    machine = FakeMachine()
    cases = fake_cases("rnn", "gru", "lstm")
    limits = Limits(2, 0.05, 1e9, 60.0, None, 0, Budget())
    sweep(machine, tmp_path / "run", cases, limits).run()
    asked = machine.asked(Measure)
    assert [request.request.part for request in asked] == ([MEASURE] * 3 + [PEAKS] * 3) * 2
    assert {request.model for request in asked[3:6]} == {"rnn", "gru", "lstm"}
    assert [request.worker for request in asked] == [0] * 6 + [1] * 6


def test_a_case_that_failed_has_no_peaks(tmp_path: Path) -> None:
    def trouble(request: Asked) -> BaseException | None:
        return CaseFault("failed", "it broke") if request.model == "gru" else None

    machine = FakeMachine(trouble=trouble)
    limits = Limits(1, 0.05, 1e9, 60.0, None, 0, Budget())
    sweep(machine, tmp_path / "run", fake_cases("rnn", "gru"), limits).run()
    peaks = [request.model for request in machine.asked(Measure) if request.request.part == PEAKS]
    assert peaks == ["rnn"]


# Rounds


@pytest.mark.long
def test_every_round_is_a_fresh_worker_that_is_ended(lab: Laboratory) -> None:
    lab.run(rounds=3)
    assert len(lab.machine.workers) == 3
    assert not any(worker.alive for worker in lab.machine.workers)
    assert [{r.round for r in lab.machine.requests if r.worker == w and r.case} for w in range(3)] == [{0}, {1}, {2}]


@pytest.mark.long
def test_every_case_is_timed_and_measured_once_a_round(lab: Laboratory) -> None:
    lab.run(rounds=3)
    for number in range(3):
        assert sorted(lab.machine.models(Prepare, round=number)) == sorted(MODELS)
        assert sorted(lab.machine.models(Measure, round=number)) == sorted(MODELS)


@pytest.mark.long
def test_all_cases_are_timed_before_any_memory_is_measured(lab: Laboratory) -> None:
    lab.run(rounds=1)
    kinds = [request.kind for request in lab.machine.requests]
    assert max(i for i, kind in enumerate(kinds) if kind is Release) < kinds.index(Measure)


def test_the_worker_is_asked_for_each_pass_in_turn(lab: Laboratory) -> None:
    lab.run("lstm", rounds=1)
    blocks = ["TimeBlock forward"] * BLOCKS, ["TimeBlock train"] * BLOCKS
    expected = [
        "ReadMachinePeaks",
        "Prepare",
        "MakeReady forward",
        *blocks[0],
        "MakeReady train",
        *blocks[1],
        "Release",
        "ReadMachinePeaks",
        "Measure",
    ]
    assert [str(request) for request in lab.machine.requests] == expected


@pytest.mark.long
def test_the_order_of_cases_differs_between_rounds(lab: Laboratory) -> None:
    lab.run(*"abcdef", rounds=6)
    orders = {tuple(lab.machine.models(Prepare, round=number)) for number in range(6)}
    assert len(orders) > 3


def orders_of(path: Path, seed: int) -> list[str]:
    lab = Laboratory(path)
    lab.run(*"abcdef", rounds=3, seed=seed)
    return lab.machine.models(Prepare) + lab.machine.models(Measure)


@pytest.mark.long
def test_the_order_of_cases_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    first = orders_of(tmp_path / "1", seed=7)
    assert orders_of(tmp_path / "2", seed=7) == first
    assert orders_of(tmp_path / "3", seed=8) != first


def test_a_worker_is_told_the_whole_case_and_the_memory_it_may_take(lab: Laboratory) -> None:
    lab.run("gru", rounds=1, max_memory=12345)
    for kind in (Prepare, Measure):
        (request,) = lab.machine.asked(kind)
        assert request.request.about.suite == "fake"
        assert request.request.about.max_memory == 12345
        assert FakeCase(**request.request.about.axes) == fake_cases("gru")[0]


def test_progress_is_told_rounds_and_cases(lab: Laboratory) -> None:
    told: list[tuple[Any, ...]] = []

    class Listener:
        def round_begins(self, number: int, num_cases: int) -> None:
            told.append(("begins", number, num_cases))

        def case_begins(self, case: Any, what: str) -> None:
            told.append((case.model, what))

        def round_ends(self, number: int, records: Any) -> None:
            told.append(("ends", number, {r.metric for r in records} >= OWED))

    sweep = lab.sweep("gru", rounds=1)
    sweep.progress = Listener()
    sweep.run()
    sweep.journal.folder.close()
    cases = [("gru", what) for what in ("prepare", "forward", "train", "memory")]
    assert told == [("begins", 0, 1), *cases, ("ends", 0, True)]


# What goes wrong in one case


def test_a_worker_that_does_not_start_again_ends_the_run(lab: Laboratory) -> None:
    lab.machine.trouble = fault("crashed", "no", TimeBlock, "gru")
    sweep = lab.sweep(rounds=1)

    def start() -> FakeWorker:
        if lab.machine.workers:
            raise UserError("the measuring process does not start")
        return lab.machine.start()

    sweep.start_worker = start
    with pytest.raises(UserError, match="does not start"):
        sweep.run()
    sweep.journal.folder.close()


@pytest.mark.long
def test_a_peak_that_cannot_be_measured_costs_no_case(lab: Laboratory) -> None:
    lab.machine.trouble = lambda r: CaseFault("crashed", "no") if r.kind is ReadMachinePeaks else None
    sweep, told = lab.sweep(rounds=2), []
    sweep.progress = Silence()
    sweep.progress.note = told.append  # type: ignore[method-assign]
    run = sweep.run()
    sweep.journal.folder.close()
    assert told == ["note: the machine's own peak could not be read: no"]
    assert faults(run) == []
    assert not any(record.metric == "peak_flops" for record in run.records)
    assert found(run, "train_time", "gru").samples == [pytest.approx(CALL)] * 2


# What is taken and kept


@pytest.mark.long
def test_the_peak_of_the_machine_is_read_before_and_after_the_times_of_each_round(lab: Laboratory) -> None:
    run = lab.run(rounds=2)
    setting = {"device": "cpu", "dtype": "float32", "threads": 1}
    kinds = [request.kind for request in lab.machine.requests if request.worker == 0]
    assert [dataclasses.asdict(request.request) for request in lab.machine.asked(ReadMachinePeaks)] == [setting] * 4
    assert kinds[0] == kinds[kinds.index(Measure) - 1] == ReadMachinePeaks
    (peak,) = (r for r in run.records if r.metric == "peak_flops")
    assert (peak.axes, peak.samples) == (setting, [1e11, 1e11])


@pytest.mark.long
def test_of_the_readings_of_a_round_the_best_is_kept(lab: Laboratory) -> None:
    lab.machine.peak = lambda reading: [1e11, 3e11, 5e11, 2e11][reading]
    kept = {record.metric: record.samples for record in lab.run(rounds=2).records}
    assert kept["peak_flops"] == [3e11, 5e11]
    assert kept["python_loop_time"] == [1e11, 2e11]


# A process that does not start


def never_starts(machine: FakeMachine, times: int) -> Callable[[], FakeWorker]:
    """A machine on which the next so many starts fail."""
    left = [times]

    def start() -> FakeWorker:
        if left[0]:
            left[0] -= 1
            raise DoesNotStart("the measuring process does not start: it was killed by signal 9")
        return machine.start()

    return start


@pytest.mark.long
def test_a_process_that_is_killed_while_it_starts_is_started_again(lab: Laboratory) -> None:
    sweep = lab.sweep(rounds=2)
    sweep.start_worker = never_starts(lab.machine, 1)
    run = sweep.run()
    sweep.journal.folder.close()
    assert (faults(run), run.status) == ([], "complete")


@pytest.mark.long
def test_a_process_that_does_not_start_twice_is_a_fault_of_the_case_and_not_a_wrong_call(lab: Laboratory) -> None:
    sweep = lab.sweep(rounds=2)
    sweep.start_worker = never_starts(lab.machine, 6)  # twice for the round, for the peak and for the first case
    run = sweep.run()
    sweep.journal.folder.close()
    (model,) = {record.axes["model"] for record in faults(run)}
    assert {record.status for record in faults(run)} == {"crashed"}
    assert "twice" in faults(run)[0].error
    assert all(found(run, "train_time", other).ok for other in MODELS if other != model)


# Cases that are compared


@pytest.mark.long
def test_cases_that_differ_in_the_model_alone_are_timed_next_to_each_other(lab: Laboratory) -> None:
    sweep = lab.sweep(rounds=4, cases=lengths())
    sweep.run()
    sweep.journal.folder.close()
    for number in range(4):
        asked = [request.case["seq_len"] for request in lab.machine.asked(Prepare, round=number) if request.case]
        assert asked in ([64] * 3 + [128] * 3, [128] * 3 + [64] * 3)
    orders = [tuple(lab.machine.models(Prepare, round=number)) for number in range(4)]
    assert len(set(orders)) > 1


# Suites that measure less often, or nothing in blocks


@pytest.mark.long
def test_what_hardly_varies_is_measured_in_the_first_rounds_only(lab: Laboratory) -> None:
    run = lab.run(suite=dataclasses.replace(FAKE, rounds=dataclasses.replace(FAKE.rounds, measured_rounds=2)))
    assert sorted(request.round or 0 for request in lab.machine.asked(Measure, model="gru")) == [0, 1]
    assert {len(r.samples) for r in run.records if r.metric == "peak_memory"} == {2}
    assert len(found(run, "train_time", "gru").samples) == 6
    assert (faults(run), run.status) == ([], "complete")


@pytest.mark.long
def test_what_hardly_varies_is_measured_in_every_round_that_was_asked_for(lab: Laboratory) -> None:
    """compare may need more rounds than the first few, of memory too."""
    run = lab.run(suite=dataclasses.replace(FAKE, rounds=dataclasses.replace(FAKE.rounds, measured_rounds=2)), rounds=4)
    assert {len(r.samples) for r in run.records if r.metric == "peak_memory"} == {4}
