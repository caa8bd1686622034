"""A run from its first case to its records, with a clock that stands still and workers that measure nothing."""

from __future__ import annotations

import dataclasses
import re
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
    fault,
    unfinished_run,
)

from rnn_vs_attn.errors import CaseFault, DoesNotStart, UserError
from rnn_vs_attn.limits import Budget, Limits, Plan
from rnn_vs_attn.records.folder import RunFolder, StorageError, read_run, read_samples
from rnn_vs_attn.records.timing import Care
from rnn_vs_attn.records.types import ROUND_TIME, Record, Run
from rnn_vs_attn.run.journal import Journal
from rnn_vs_attn.run.listener import Silence
from rnn_vs_attn.run.measuring import LATE
from rnn_vs_attn.run.runner import Runner
from rnn_vs_attn.run.schedule import Cost, Look, Schedule, plans_of
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.metrics import PEAK_MEMORY
from rnn_vs_attn.suites.suite import Analysis, CaseAxes, Measured, Rounds, Suite
from rnn_vs_attn.worker.protocol import MakeReady, Measure, Prepare, ReadMachinePeaks, Release, Request, TimeBlock

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


@pytest.fixture
def lab(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path / "run")


def faults(run: Run) -> list[Record]:
    return [record for record in run.records if record.status != "ok"]


def found(run: Run, metric: str, model: str) -> Record:
    (record,) = (r for r in run.records if r.metric == metric and r.axes.get("model") == model)
    return record


def num_rounds(run: Run) -> int:
    (record,) = (r for r in run.records if r.metric == ROUND_TIME)
    return len(record.samples)


def values(*by_round: float) -> Callable[[str, str, int], float]:
    """The seconds of every call, one value a round."""
    return lambda model, name, number: by_round[number]


# Rounds


def test_every_round_is_a_fresh_worker_that_is_ended(lab: Laboratory) -> None:
    lab.run(rounds=3)
    assert len(lab.machine.workers) == 3
    assert not any(worker.alive for worker in lab.machine.workers)
    assert [{r.round for r in lab.machine.requests if r.worker == w and r.case} for w in range(3)] == [{0}, {1}, {2}]


def test_every_case_is_timed_and_measured_once_a_round(lab: Laboratory) -> None:
    lab.run(rounds=3)
    for number in range(3):
        assert sorted(lab.machine.models(Prepare, round=number)) == sorted(MODELS)
        assert sorted(lab.machine.models(Measure, round=number)) == sorted(MODELS)


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


def test_the_order_of_cases_differs_between_rounds(lab: Laboratory) -> None:
    lab.run(*"abcdef", rounds=6)
    orders = {tuple(lab.machine.models(Prepare, round=number)) for number in range(6)}
    assert len(orders) > 3


def orders_of(path: Path, seed: int) -> list[str]:
    lab = Laboratory(path)
    lab.run(*"abcdef", rounds=3, seed=seed)
    return lab.machine.models(Prepare) + lab.machine.models(Measure)


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


# When it is enough


def test_a_steady_machine_is_enough_after_six_rounds(lab: Laboratory) -> None:
    run = lab.run()
    assert (num_rounds(run), run.status) == (6, "complete")
    assert found(run, "train_time", "lstm").low == found(run, "train_time", "lstm").high


def test_a_machine_that_never_settles_stops_at_twelve(lab: Laboratory) -> None:
    lab.machine.seconds = lambda model, name, number: CALL * (1 + number % 2)
    run = lab.run()
    assert (num_rounds(run), run.status) == (12, "complete")


def test_one_restless_case_of_many_is_enough_to_go_on(lab: Laboratory) -> None:
    lab.machine.seconds = lambda model, name, number: CALL * (1 + (model == "gru" and name == "train") * (number % 2))
    assert num_rounds(lab.run()) == 12


def test_one_slow_round_of_nine_is_outside_the_interval(lab: Laboratory) -> None:
    lab.machine.seconds = values(2.0, *[1.0] * 11)
    assert num_rounds(lab.run("gru", max_seconds=1e9, timeout=1e9)) == 9


def test_precise_at_seven_is_looked_at_after_nine_only(lab: Laboratory) -> None:
    """The median moves from 1.05 to 1.1 at round seven, and half of the interval falls below what was asked."""
    lab.machine.seconds = values(*[1.0] * 3, *[1.1] * 9)
    run = lab.run("gru", precision=0.046, max_seconds=1e9, timeout=1e9)
    assert num_rounds(run) == 9


def test_precise_at_ten_is_looked_at_after_twelve_only(lab: Laboratory) -> None:
    lab.machine.seconds = values(*[1.0] * 5, *[1.1] * 7)
    run = lab.run("gru", precision=0.048, max_seconds=1e9, timeout=1e9)
    assert num_rounds(run) == 12


def test_less_precision_needs_fewer_rounds(lab: Laboratory) -> None:
    lab.machine.seconds = lambda model, name, number: CALL * (1 + number % 2)
    assert num_rounds(lab.run(precision=0.5)) == 6


@pytest.mark.parametrize("rounds", [1, 2, 7, 13])
def test_rounds_given_are_the_rounds_made(lab: Laboratory, rounds: int) -> None:
    lab.machine.seconds = lambda model, name, number: CALL * (1 + number % 2)
    run = lab.run("gru", rounds=rounds)
    assert num_rounds(run) == len(found(run, "train_time", "gru").samples) == rounds


def test_a_case_that_failed_does_not_keep_the_steady_ones_going(lab: Laboratory) -> None:
    lab.machine.trouble = fault("out_of_memory", "too large", MakeReady, "attention", name="train")
    run = lab.run("gru", "attention")
    assert num_rounds(run) == 6


# --max-seconds


def seconds_for(num_cases: float) -> float:
    """What the first worker and the times of so many cases take."""
    return FakeWorker.start_up + num_cases * 2 * (WARM_UP + BLOCKS * 40 * CALL)


def test_time_is_up_between_cases_and_what_was_done_is_kept(lab: Laboratory) -> None:
    run = lab.run(rounds=3, max_seconds=seconds_for(1.5))
    done = lab.machine.models(Release)
    assert len(done) == 2
    for model in done:
        assert found(run, "train_time", model).samples == [pytest.approx(CALL)]


def test_cases_never_reached_are_records_of_an_interrupted_run(lab: Laboratory) -> None:
    run = lab.run(rounds=3, max_seconds=seconds_for(1.5))
    missing = set(MODELS) - set(lab.machine.models(Prepare))
    assert run.status == "interrupted"
    assert run.finished is None
    untimed = [r for r in faults(run) if r.metric == "train_time"]
    assert {(r.axes["model"], r.status, r.median) for r in untimed} == {(m, "timeout", None) for m in missing}
    assert all(r.error.startswith("not reached: --max-seconds ") for r in faults(run))


def test_time_that_ends_in_a_later_round_leaves_a_complete_run(lab: Laboratory) -> None:
    first_round = seconds_for(4) + 4 * 1.0
    lab.machine.seconds = lambda model, name, number: CALL * (1 if number == 0 else 30)
    run = lab.run(rounds=2, max_seconds=2 * first_round)
    assert run.status == "complete"
    assert faults(run) == []
    assert {len(found(run, "train_time", model).samples) for model in MODELS} == {1, 2}


def test_a_complete_run_is_shown_with_what_its_last_round_came_to(lab: Laboratory) -> None:
    """`--resume` of it gave the rounds that were finished alone, and so other numbers than its records."""
    lab.machine.seconds = lambda model, name, number: CALL * (1 if number == 0 else 30)
    run = lab.run(rounds=2, max_seconds=2 * (seconds_for(4) + 4 * 1.0))
    assert {len(found(run, "train_time", model).samples) for model in MODELS} == {1, 2}
    again = lab.sweep(rounds=2, head=run)
    again.journal.folder.close()
    assert again.result() == run


def test_cases_whose_memory_was_never_reached_are_not_called_complete(lab: Laboratory) -> None:
    """--max-seconds ends between the timed part and the memory part of the first round."""
    run = lab.run(rounds=1, max_seconds=seconds_for(3.5))
    assert set(lab.machine.models(Release)) == set(MODELS)
    assert lab.machine.models(Measure) == []
    assert run.status == "interrupted"


def test_memory_that_was_never_reached_is_missing_with_its_reason(lab: Laboratory) -> None:
    run = lab.run(rounds=1, max_seconds=seconds_for(3.5))
    missing = {(r.axes["model"], r.metric) for r in faults(run) if r.error.startswith("not reached: ")}
    assert missing == {(model, "peak_memory") for model in MODELS}


# What goes wrong in one case

FAULTS = [
    ("crashed", "the measuring process was killed by signal 11"),
    ("timeout", "no answer"),
    ("out_of_memory", "DefaultCPUAllocator: not enough memory"),
    ("unsupported", "not implemented for 'Half'"),
    ("failed", "ValueError: no"),
]


@pytest.mark.parametrize(("status", "reason"), FAULTS)
def test_a_fault_costs_its_own_case_only(lab: Laboratory, status: str, reason: str) -> None:
    lab.machine.trouble = fault(status, reason, Prepare, "gru")
    run = lab.run(rounds=3)
    assert {record.axes["model"] for record in faults(run)} == {"gru"}
    for model in set(MODELS) - {"gru"}:
        assert found(run, "train_time", model).samples == [pytest.approx(CALL)] * 3
        assert found(run, "forward_time", model).ok
    assert run.status == "complete"


@pytest.mark.parametrize(("status", "reason"), FAULTS)
def test_a_fault_is_one_record_of_each_metric_owed_with_its_reason(lab: Laboratory, status: str, reason: str) -> None:
    lab.machine.trouble = fault(status, reason, Prepare, "gru")
    run = lab.run(rounds=3, timeout=77.0)
    lost = faults(run)
    told = "it took longer in one round than --timeout 77 allows" if status == "timeout" else reason
    assert sorted(record.metric for record in lost) == sorted(OWED)
    assert {(r.status, r.error, r.median, tuple(r.samples)) for r in lost} == {(status, told, None, ())}


@pytest.mark.parametrize("kind", [Prepare, MakeReady, TimeBlock, Release, Measure])
@pytest.mark.parametrize("status", ["crashed", "failed"])
def test_a_fault_is_not_tried_again(lab: Laboratory, kind: type[Request[Any]], status: str) -> None:
    lab.machine.trouble = fault(status, "no", kind, "gru")
    run = lab.run(rounds=3)
    assert len(lab.machine.asked(kind, model="gru")) == 1
    assert lab.machine.asked(Prepare, model="gru", round=1) == []
    assert len(lab.machine.asked(Measure, model="gru")) == (kind is Measure)
    assert {(r.axes["model"], r.status) for r in faults(run)} == {("gru", status)}


@pytest.mark.parametrize("status", ["crashed", "timeout"])
def test_after_a_worker_died_the_rest_of_the_round_goes_on_in_one_new_worker(lab: Laboratory, status: str) -> None:
    lab.machine.trouble = fault(status, "no", TimeBlock, "gru", number=1)
    lab.run(rounds=3)
    assert len(lab.machine.workers) == 3 + 1
    in_round = [request for request in lab.machine.requests if request.round == 1 and request.case]
    died = max(i for i, request in enumerate(in_round) if request.worker == 1)
    assert (in_round[died].model, in_round[died].kind) == ("gru", TimeBlock)
    assert {request.worker for request in in_round[died + 1 :]} == {2}


def test_a_fault_that_the_worker_survives_needs_no_new_worker(lab: Laboratory) -> None:
    lab.machine.trouble = fault("out_of_memory", "no", TimeBlock, "gru")
    lab.run(rounds=2)
    assert len(lab.machine.workers) == 2


def test_a_case_keeps_the_samples_of_a_pass_when_the_next_one_fails(lab: Laboratory) -> None:
    lab.machine.trouble = fault("crashed", "no", TimeBlock, "gru", name="train")
    run = lab.run(rounds=2)
    assert found(run, "forward_time", "gru").samples == [pytest.approx(CALL)]
    assert found(run, "forward_time", "gru").ok
    assert {record.metric for record in faults(run)} == OWED - {"forward_time"}


def test_a_case_keeps_its_times_when_its_memory_cannot_be_measured(lab: Laboratory) -> None:
    lab.machine.trouble = fault("failed", "no", Measure, "gru")
    run = lab.run(rounds=2)
    assert found(run, "train_time", "gru").ok
    assert [(r.metric, r.status) for r in faults(run)] == [("peak_memory", "failed")]


def test_a_case_that_fails_late_keeps_its_earlier_rounds(lab: Laboratory) -> None:
    lab.machine.trouble = fault("crashed", "no", Prepare, "gru", number=2)
    run = lab.run(rounds=4)
    record = found(run, "train_time", "gru")
    assert (record.status, record.samples) == ("crashed", [pytest.approx(CALL)] * 2)


def test_when_all_cases_failed_the_run_ends(lab: Laboratory) -> None:
    lab.machine.trouble = lambda request: CaseFault("failed", "no") if request.kind is Prepare else None
    run = lab.run(rounds=9)
    assert (num_rounds(run), run.status) == (1, "complete")
    assert len(faults(run)) == len(MODELS) * len(OWED)


def test_what_a_module_changed_stands_on_its_row_also_where_a_later_pass_fails(lab: Laboratory) -> None:
    told = "it changed torch's number of threads from 1 to 2, which was put back"

    def trouble(request: Asked) -> BaseException | None:
        hit = (request.kind, request.model, request.name) == (MakeReady, "gru", "train")
        return CaseFault("failed", "it breaks its label", [told]) if hit else None

    lab.machine.trouble = trouble
    lab.sweep("gru", "attention", rounds=1).run()
    lines = [line for line in read_samples(lab.path) if line.axes.get("model") == "gru"]
    assert {line.metric: (line.status, line.warnings) for line in lines if line.metric.endswith("_time")} == {
        "forward_time": ("ok", [told]),
        "train_time": ("failed", [told]),
    }


def test_what_the_user_can_mend_in_one_case_is_that_cases_fault(lab: Laboratory) -> None:
    lab.machine.trouble = lambda r: UserError("does not fit") if (r.kind, r.model) == (Prepare, "gru") else None
    run = lab.run(rounds=1)
    assert {(r.axes["model"], r.status, r.error) for r in faults(run)} == {("gru", "failed", "does not fit")}


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


def test_the_passes_of_a_case_share_one_timeout(lab: Laboratory) -> None:
    lab.machine.seconds = lambda model, name, number: 0.1
    lab.run("gru", rounds=1, timeout=50.0, budget=Budget())
    left = [r.timeout for r in lab.machine.requests if r.kind in (Prepare, MakeReady, TimeBlock, Release)]
    spent = 2 * (WARM_UP + BLOCKS * 40 * 0.1)
    assert left == sorted(left, reverse=True)
    assert left[0] == pytest.approx(50.0)
    assert left[-1] == pytest.approx(50.0 - spent)


# What is taken and kept


def test_the_time_of_a_call_is_not_divided_by_the_number_of_calls_again(lab: Laboratory) -> None:
    lab.machine.seconds = lambda model, name, number: 0.00025
    run = lab.run("gru", rounds=6)
    record = found(run, "train_time", "gru")
    assert record.details["loops"] == 40
    assert record.median == pytest.approx(0.00025)
    assert found(run, "backward_time", "gru").median == pytest.approx(0.00025 / 2)


def test_blocks_are_kept_beside_their_median(lab: Laboratory) -> None:
    taken = iter(range(1, 100))
    lab.machine.seconds = lambda model, name, number: float(next(taken))
    lab.machine.num_blocks = 5
    lab.run("gru", rounds=1, timeout=1e9, max_seconds=1e9)
    lines = {line.metric: line for line in read_samples(lab.path)}
    assert lines["forward_time"].blocks == [1, 2, 3, 4, 5]
    assert lines["train_time"].blocks == [6, 7, 8, 9, 10]
    assert lines["train_time"].value == 8


def test_the_plan_of_the_first_round_is_sent_in_all_later_ones(lab: Laboratory) -> None:
    lab.run("gru", rounds=3)
    plans = [request.request.plan for request in lab.machine.asked(MakeReady)]
    assert plans == [None, None, *[Plan(40, BLOCKS)] * 4]
    assert {request.request.loops for request in lab.machine.asked(TimeBlock)} == {40}
    assert len(lab.machine.asked(TimeBlock)) == 3 * 2 * BLOCKS


def test_what_a_pass_needs_renewed_is_seen_in_the_first_round_and_sent_in_all_later_ones(lab: Laboratory) -> None:
    lab.machine.cares = {"forward": Care(in_place=True), "train": Care()}
    lab.run("gru", rounds=3)
    cares = [request.request.care for request in lab.machine.asked(MakeReady)]
    assert cares == [None, None, *[Care(in_place=True), Care()] * 2]


def test_a_round_ends_with_the_time_it_took_and_in_what(lab: Laboratory) -> None:
    lab.run("gru", rounds=1)
    (line,) = (line for line in read_samples(lab.path) if line.metric == ROUND_TIME)
    timed = 2 * BLOCKS * 40 * CALL
    assert line.value == pytest.approx(2 * WARM_UP + timed + 1.0)
    parts = {"start_up": 0.5, "warm_up": 2 * WARM_UP, "timed": timed, "memory": 1.0}
    assert line.details == pytest.approx(parts | {"longest_case": 1.0})


def test_warnings_of_a_case_are_on_its_records(lab: Laboratory) -> None:
    lab.machine.warnings = ["it was hot"]
    run = lab.run("gru", rounds=2)
    assert found(run, "train_time", "gru").warnings == ["it was hot"]


def test_the_peak_of_the_machine_is_read_before_and_after_the_times_of_each_round(lab: Laboratory) -> None:
    run = lab.run(rounds=2)
    setting = {"device": "cpu", "dtype": "float32", "threads": 1}
    kinds = [request.kind for request in lab.machine.requests if request.worker == 0]
    assert [dataclasses.asdict(request.request) for request in lab.machine.asked(ReadMachinePeaks)] == [setting] * 4
    assert kinds[0] == kinds[kinds.index(Measure) - 1] == ReadMachinePeaks
    (peak,) = (r for r in run.records if r.metric == "peak_flops")
    assert (peak.axes, peak.samples) == (setting, [1e11, 1e11])


def test_of_the_readings_of_a_round_the_best_is_kept(lab: Laboratory) -> None:
    lab.machine.peak = lambda reading: [1e11, 3e11, 5e11, 2e11][reading]
    kept = {record.metric: record.samples for record in lab.run(rounds=2).records}
    assert kept["peak_flops"] == [3e11, 5e11]
    assert kept["python_loop_time"] == [1e11, 2e11]


def test_records_stand_in_the_order_of_the_cases_given(lab: Laboratory) -> None:
    run = lab.run("lstm", "attention", "gru", rounds=2)
    assert [r.axes["model"] for r in run.records if r.metric == "train_time"] == ["lstm", "attention", "gru"]


def test_what_the_suite_derives_is_written_too(lab: Laboratory) -> None:
    def derive(records: Any) -> list[Record]:
        base = next(r for r in records if r.metric == "train_time")
        return [dataclasses.replace(base, axes={"of": "train_time"}, metric="exponent", median=1.5)]

    run = lab.run("gru", suite=dataclasses.replace(FAKE, analysis=Analysis(derive)), rounds=1)
    assert [r.median for r in run.records if r.metric == "exponent"] == [1.5]


def test_records_are_written_after_each_round(lab: Laboratory) -> None:
    seen: list[int] = []

    def look(request: Asked) -> None:
        if request.kind is Prepare and request.round:
            seen.append(len(found(read_run(lab.path), "train_time", "gru").samples))

    lab.machine.trouble = look
    lab.run("gru", rounds=3)
    assert seen == [1, 2]


def test_a_full_disk_ends_the_run_and_keeps_what_was_measured(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = lab.sweep(rounds=3)
    append = sweep.journal.folder.append

    def full_in_the_second_round(line: Any) -> None:
        if line.round == 1:
            raise StorageError("cannot write: No space left on device")
        append(line)

    monkeypatch.setattr(sweep.journal.folder, "append", full_in_the_second_round)
    with pytest.raises(StorageError):
        sweep.run()
    sweep.journal.folder.close()
    assert found(read_run(lab.path), "train_time", "gru").samples == [pytest.approx(CALL)]
    assert not any(worker.alive for worker in lab.machine.workers)


# Interruption and resume


def in_the_third_round(request: Asked) -> bool:
    """The second case of round 2, in the middle of its training pass."""
    return request.round == 2 and str(request) == "TimeBlock train" and request.model == "gru"


def test_an_interrupted_run_is_readable_and_keeps_every_finished_round(lab: Laboratory) -> None:
    lab.interrupt(at=in_the_third_round, rounds=4)
    run = read_run(lab.path)
    assert run.status == "interrupted"
    for model in MODELS:
        assert found(run, "train_time", model).samples[:2] == [pytest.approx(CALL)] * 2
    assert faults(run) == []
    assert not any(worker.alive for worker in lab.machine.workers)


def test_an_interruption_keeps_the_finished_passes_of_its_case(lab: Laboratory) -> None:
    lab.interrupt("gru", at=lambda request: str(request) == "TimeBlock train", rounds=4)
    run = read_run(lab.path)
    assert found(run, "forward_time", "gru").samples == [pytest.approx(CALL)]
    trained = found(run, "train_time", "gru")
    assert (trained.status, trained.samples) == ("timeout", [])


def test_cases_that_an_interruption_left_out_are_listed_with_the_way_on(lab: Laboratory) -> None:
    lab.interrupt(at=lambda request: request.kind is Prepare, rounds=4)
    run = read_run(lab.path)
    assert {record.axes["model"] for record in faults(run)} == set(MODELS)
    assert all("--resume goes on" in record.error for record in faults(run))


def test_resume_repeats_the_unfinished_round_whole_and_no_finished_one(lab: Laboratory) -> None:
    lab.interrupt(at=in_the_third_round, rounds=4)
    lab.resume(rounds=4)
    for kind in (Prepare, Measure):
        assert {request.round for request in lab.machine.asked(kind)} == {2, 3}
        assert sorted(lab.machine.models(kind, round=2)) == sorted(MODELS)


def test_resume_ends_with_the_same_cases_and_rounds_as_an_undisturbed_run(lab: Laboratory, tmp_path: Path) -> None:
    lab.interrupt(at=in_the_third_round, rounds=4)
    resumed = lab.resume(rounds=4)
    undisturbed = Laboratory(tmp_path / "undisturbed").run(rounds=4)
    assert resumed.status == "complete"
    assert summary(read_run(lab.path)) == summary(resumed) == summary(undisturbed)


def summary(run: Run) -> set[tuple[Any, ...]]:
    return {(r.key, r.status, tuple(r.samples) if r.metric != ROUND_TIME else len(r.samples)) for r in run.records}


def test_resume_takes_its_plans_from_the_samples(lab: Laboratory) -> None:
    lab.interrupt(at=in_the_third_round, rounds=4)
    lab.resume(rounds=4)
    plans = [request.request.plan for request in lab.machine.asked(MakeReady)]
    assert plans == [Plan(40, BLOCKS)] * len(plans)
    assert {request.request.loops for request in lab.machine.asked(TimeBlock)} == {40}


def test_resume_of_a_run_without_a_finished_round_begins_again(lab: Laboratory) -> None:
    lab.interrupt(at=lambda request: str(request) == "TimeBlock train", rounds=2)
    resumed = lab.resume(rounds=2)
    assert {request.round for request in lab.machine.asked(Prepare)} == {0, 1}
    assert resumed.status == "complete"
    assert faults(resumed) == []


def test_resume_does_not_try_a_failed_case_again(lab: Laboratory) -> None:
    gru_crashes = fault("crashed", "no", Prepare, "gru", number=0)
    lab.interrupt(at=lambda request: request.round == 1, trouble=gru_crashes, rounds=3)
    resumed = lab.resume(rounds=3)
    assert "gru" not in lab.machine.models(Prepare)
    assert {record.axes["model"] for record in faults(resumed)} == {"gru"}


def test_a_fault_in_a_round_that_was_repeated_without_it_does_not_stay(lab: Laboratory) -> None:
    """gru crashes in a round that is cut off; when that round is repeated it runs, and has to run on from there."""
    gru_crashes = fault("crashed", "no", Prepare, "gru", number=0)
    lab.interrupt(at=lambda request: request.kind is Measure, trouble=gru_crashes, rounds=3)
    lab.interrupt(at=lambda request: request.round == 1, rounds=3)
    assert "gru" in lab.machine.models(Release, round=0)
    resumed = lab.resume(rounds=3)
    assert found(resumed, "train_time", "gru").samples == [pytest.approx(CALL)] * 3
    assert faults(resumed) == []


def test_a_resumed_run_that_had_enough_measures_nothing(lab: Laboratory) -> None:
    lab.run(rounds=2)
    resumed = lab.resume(rounds=2)
    assert lab.machine.requests == []
    assert (num_rounds(resumed), resumed.status) == (2, "complete")


def test_a_run_whose_first_round_takes_longer_than_it_may_is_complete_after_a_few_resumes(lab: Laboratory) -> None:
    """A record of a case that was not reached says: --resume goes on."""
    limits = {"rounds": 1, "max_seconds": seconds_for(1.5)}
    run = lab.run(**limits)
    for _ in range(2 * len(MODELS)):
        run = lab.resume(**limits)
    assert run.status == "complete"
    assert faults(run) == []


# A failed case is tried again


def gru_crashes_once(request: Asked) -> BaseException | None:
    return fault("crashed", "killed", Prepare, "gru", number=1)(request)


def retry(lab: Laboratory, **limits: Any) -> Run:
    lab.machine = FakeMachine()
    sweep = lab.sweep(retry=True, **limits)
    run = sweep.run()
    sweep.journal.folder.close()
    assert read_run(lab.path) == run
    return run


def test_a_row_that_crashed_through_a_stray_kill_is_measured_again_in_every_round(lab: Laboratory) -> None:
    lab.machine.trouble = gru_crashes_once
    assert faults(lab.run(rounds=3))
    again = retry(lab, rounds=3)
    assert faults(again) == []
    assert again.status == "complete"
    assert found(again, "train_time", "gru").samples == [pytest.approx(CALL)] * 3
    peaks = [r for r in again.records if r.metric == "peak_memory" and r.axes["model"] == "gru"]
    assert [record.ok for record in peaks] == [True, True]
    assert set(lab.machine.models(Prepare)) == {"gru"}
    assert {request.round for request in lab.machine.asked(Prepare)} == {0, 1, 2}


def test_what_was_measured_again_says_that_it_was_later_than_the_rest(lab: Laboratory) -> None:
    lab.machine.trouble = gru_crashes_once
    lab.run(rounds=3)
    again = retry(lab, rounds=3)
    assert found(again, "train_time", "gru").warnings == [LATE]
    assert found(again, "train_time", "lstm").warnings == []


def test_an_interrupted_retry_goes_on_with_resume(lab: Laboratory) -> None:
    lab.machine.trouble = gru_crashes_once
    lab.run(rounds=3)
    lab.machine = FakeMachine(trouble=lambda request: Stopped() if request.round == 1 else None)
    sweep = lab.sweep(rounds=3, retry=True)
    with pytest.raises(Stopped):
        sweep.run()
    sweep.journal.folder.close()
    resumed = lab.resume(rounds=3)
    assert faults(resumed) == []
    assert found(resumed, "train_time", "gru").samples == [pytest.approx(CALL)] * 3


def test_a_case_that_fails_again_stays_failed(lab: Laboratory) -> None:
    lab.machine.trouble = gru_crashes_once
    lab.run(rounds=3)
    lab.machine = FakeMachine(trouble=fault("failed", "ValueError: still", Prepare, "gru"))
    sweep = lab.sweep(rounds=3, retry=True)
    run = sweep.run()
    sweep.journal.folder.close()
    assert {(r.axes["model"], r.error) for r in faults(run)} == {("gru", "ValueError: still")}


def test_a_retry_of_a_run_without_failed_cases_measures_nothing(lab: Laboratory) -> None:
    lab.run(rounds=2)
    retry(lab, rounds=2)
    assert lab.machine.requests == []


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


def test_a_process_that_is_killed_while_it_starts_is_started_again(lab: Laboratory) -> None:
    sweep = lab.sweep(rounds=2)
    sweep.start_worker = never_starts(lab.machine, 1)
    run = sweep.run()
    sweep.journal.folder.close()
    assert (faults(run), run.status) == ([], "complete")


def test_a_process_that_does_not_start_twice_is_a_fault_of_the_case_and_not_a_wrong_call(lab: Laboratory) -> None:
    sweep = lab.sweep(rounds=2)
    sweep.start_worker = never_starts(lab.machine, 6)  # twice for the round, for the peak and for the first case
    run = sweep.run()
    sweep.journal.folder.close()
    (model,) = {record.axes["model"] for record in faults(run)}
    assert {record.status for record in faults(run)} == {"crashed"}
    assert "twice" in faults(run)[0].error
    assert all(found(run, "train_time", other).ok for other in MODELS if other != model)


# What does not fit into the time


def looked(seconds: float) -> dict[Case, Look]:
    return {case: Look(Cost(least=seconds)) for case in lengths()}


def lengths() -> list[FakeCase]:
    return [dataclasses.replace(c, seq_len=n) for c in fake_cases("gru", "lstm", "attention") for n in (64, 128)]


def test_cases_that_do_not_fit_are_rows_with_their_reason_and_the_time_that_has_them(lab: Laboratory) -> None:
    sweep = lab.sweep(rounds=6, max_seconds=100.0, cases=lengths(), looked=looked(3.0))
    run = sweep.run()
    sweep.journal.folder.close()
    assert {(r.axes["model"], r.status) for r in faults(run)} == {("gru", "timeout")}
    (text,) = {record.error for record in faults(run)}
    assert text == "left out: 6 rounds with it do not fit into --max-seconds 100; 130 has it"
    assert num_rounds(run) == 6


@pytest.mark.parametrize(("max_seconds", "a_case"), [(60, 2.0), (100, 3.0), (250, 8.0)])
def test_the_time_that_is_said_to_have_what_was_left_out_has_it(
    max_seconds: int, a_case: float, tmp_path: Path
) -> None:
    """On a machine on which a case takes in each round what the look expected: blocks of one call, one a pass."""
    plans = {name: Plan(1, 1) for name in FAKE.rounds.passes}
    expected = {case: Look(Cost(least=a_case, after=1.0), plans) for case in lengths()}

    def run_with(seconds: int) -> Run:
        lab = Laboratory(tmp_path / str(seconds))
        lab.machine.seconds = lambda model, name, number: a_case / 2 - WARM_UP
        sweep = lab.sweep(rounds=6, max_seconds=seconds, cases=lengths(), looked=expected)
        run = sweep.run()
        sweep.journal.folder.close()
        return run

    short = run_with(max_seconds)
    said = [int(seconds) for record in faults(short) for seconds in re.findall(r"(\d+) has it$", record.error)]
    assert said
    whole = run_with(max(said))
    assert (faults(whole), num_rounds(whole), whole.status) == ([], 6, "complete")


# Cases that are compared


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

MEMORY_ONCE = dataclasses.replace(FAKE, rounds=dataclasses.replace(FAKE.rounds, measured_rounds=1))


def test_what_hardly_varies_is_measured_in_the_first_rounds_only(lab: Laboratory) -> None:
    run = lab.run(suite=dataclasses.replace(FAKE, rounds=dataclasses.replace(FAKE.rounds, measured_rounds=2)))
    assert sorted(request.round or 0 for request in lab.machine.asked(Measure, model="gru")) == [0, 1]
    assert {len(r.samples) for r in run.records if r.metric == "peak_memory"} == {2}
    assert len(found(run, "train_time", "gru").samples) == 6
    assert (faults(run), run.status) == ([], "complete")


def test_what_hardly_varies_is_measured_in_every_round_that_was_asked_for(lab: Laboratory) -> None:
    """compare may need more rounds than the first few, of memory too."""
    run = lab.run(suite=dataclasses.replace(FAKE, rounds=dataclasses.replace(FAKE.rounds, measured_rounds=2)), rounds=4)
    assert {len(r.samples) for r in run.records if r.metric == "peak_memory"} == {4}


def test_a_late_fault_does_not_spoil_memory_that_was_measured_before(lab: Laboratory) -> None:
    lab.machine.trouble = fault("crashed", "no", Prepare, "gru", number=2)
    run = lab.run(suite=MEMORY_ONCE)
    assert {record.metric for record in faults(run)} == {"forward_time", "train_time"}


def test_a_late_fault_after_all_times_were_taken_is_told_all_the_same(lab: Laboratory) -> None:
    lab.machine.trouble = fault("crashed", "no", Release, "gru", number=2)
    run = lab.run(suite=MEMORY_ONCE)
    assert {(record.axes["model"], record.status) for record in faults(run)} == {("gru", "crashed")}


def test_a_suite_without_timed_passes_is_measured_only(lab: Laboratory) -> None:
    metrics = (Measured(PEAK_MEMORY, owed=True, precise=True),)
    suite = dataclasses.replace(FAKE, axes=CaseAxes(FakeCase), metrics=metrics, rounds=Rounds())
    run = lab.run("gru", "lstm", suite=suite, rounds=2)
    assert {request.kind for request in lab.machine.requests} == {Measure}
    memory = [r for r in run.records if r.metric == "peak_memory"]
    assert {(r.axes["model"], r.axes["pass"], tuple(r.samples)) for r in memory} == {
        (model, name, (2048.0, 2048.0)) for model in ("gru", "lstm") for name in ("forward", "train")
    }
