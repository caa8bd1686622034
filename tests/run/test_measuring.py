"""One case in one round: what its worker is asked for, what is kept, and what a fault costs."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from fakes import (
    BLOCKS,
    CALL,
    FAKE,
    WARM_UP,
    Asked,
    fault,
)
from laboratory import (
    MODELS,
    OWED,
    Laboratory,
    faults,
    found,
    num_rounds,
)

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import Budget, Plan
from rnn_vs_attn.records.folder import read_samples
from rnn_vs_attn.records.timing import Care
from rnn_vs_attn.worker.protocol import MakeReady, Measure, Prepare, Release, Request, TimeBlock

# What goes wrong in one case


FAULTS = [
    ("crashed", "the measuring process was killed by signal 11"),
    ("timeout", "no answer"),
    ("out_of_memory", "DefaultCPUAllocator: not enough memory"),
    ("unsupported", "not implemented for 'Half'"),
    ("failed", "ValueError: no"),
]


@pytest.mark.long
@pytest.mark.parametrize(("status", "reason"), FAULTS)
def test_a_fault_costs_its_own_case_only(lab: Laboratory, status: str, reason: str) -> None:
    lab.machine.trouble = fault(status, reason, Prepare, "gru")
    run = lab.run(rounds=3)
    assert {record.axes["model"] for record in faults(run)} == {"gru"}
    for model in set(MODELS) - {"gru"}:
        assert found(run, "train_time", model).samples == [pytest.approx(CALL)] * 3
        assert found(run, "forward_time", model).ok
    assert run.status == "complete"


@pytest.mark.long
@pytest.mark.parametrize(("status", "reason"), FAULTS)
def test_a_fault_is_one_record_of_each_metric_owed_with_its_reason(lab: Laboratory, status: str, reason: str) -> None:
    lab.machine.trouble = fault(status, reason, Prepare, "gru")
    run = lab.run(rounds=3, timeout=77.0)
    lost = faults(run)
    told = "it took longer in one round than --timeout 77 allows" if status == "timeout" else reason
    assert sorted(record.metric for record in lost) == sorted(OWED)
    assert {(r.status, r.error, r.median, tuple(r.samples)) for r in lost} == {(status, told, None, ())}


@pytest.mark.long
@pytest.mark.parametrize("kind", [Prepare, MakeReady, TimeBlock, Release, Measure])
@pytest.mark.parametrize("status", ["crashed", "failed"])
def test_a_fault_is_not_tried_again(lab: Laboratory, kind: type[Request[Any]], status: str) -> None:
    lab.machine.trouble = fault(status, "no", kind, "gru")
    run = lab.run(rounds=3)
    assert len(lab.machine.asked(kind, model="gru")) == 1
    assert lab.machine.asked(Prepare, model="gru", round=1) == []
    assert len(lab.machine.asked(Measure, model="gru")) == (kind is Measure)
    assert {(r.axes["model"], r.status) for r in faults(run)} == {("gru", status)}


@pytest.mark.long
@pytest.mark.parametrize("status", ["crashed", "timeout"])
def test_after_a_worker_died_the_rest_of_the_round_goes_on_in_one_new_worker(lab: Laboratory, status: str) -> None:
    lab.machine.trouble = fault(status, "no", TimeBlock, "gru", number=1)
    lab.run(rounds=3)
    assert len(lab.machine.workers) == 3 + 1
    in_round = [request for request in lab.machine.requests if request.round == 1 and request.case]
    died = max(i for i, request in enumerate(in_round) if request.worker == 1)
    assert (in_round[died].model, in_round[died].kind) == ("gru", TimeBlock)
    assert {request.worker for request in in_round[died + 1 :]} == {2}


@pytest.mark.long
def test_a_fault_that_the_worker_survives_needs_no_new_worker(lab: Laboratory) -> None:
    lab.machine.trouble = fault("out_of_memory", "no", TimeBlock, "gru")
    lab.run(rounds=2)
    assert len(lab.machine.workers) == 2


@pytest.mark.long
def test_a_case_keeps_the_samples_of_a_pass_when_the_next_one_fails(lab: Laboratory) -> None:
    lab.machine.trouble = fault("crashed", "no", TimeBlock, "gru", name="train")
    run = lab.run(rounds=2)
    assert found(run, "forward_time", "gru").samples == [pytest.approx(CALL)]
    assert found(run, "forward_time", "gru").ok
    assert {record.metric for record in faults(run)} == OWED - {"forward_time"}


@pytest.mark.long
def test_a_case_keeps_its_times_when_its_memory_cannot_be_measured(lab: Laboratory) -> None:
    lab.machine.trouble = fault("failed", "no", Measure, "gru")
    run = lab.run(rounds=2)
    assert found(run, "train_time", "gru").ok
    assert [(r.metric, r.status) for r in faults(run)] == [("peak_memory", "failed")]


@pytest.mark.long
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


@pytest.mark.long
def test_what_the_user_can_mend_in_one_case_is_that_cases_fault(lab: Laboratory) -> None:
    lab.machine.trouble = lambda r: UserError("does not fit") if (r.kind, r.model) == (Prepare, "gru") else None
    run = lab.run(rounds=1)
    assert {(r.axes["model"], r.status, r.error) for r in faults(run)} == {("gru", "failed", "does not fit")}


def test_the_passes_of_a_case_share_one_timeout(lab: Laboratory) -> None:
    lab.machine.seconds = lambda model, name, number: 0.1
    lab.run("gru", rounds=1, timeout=50.0, budget=Budget())
    left = [r.timeout for r in lab.machine.requests if r.kind in (Prepare, MakeReady, TimeBlock, Release)]
    spent = 2 * (WARM_UP + BLOCKS * 40 * 0.1)
    assert left == sorted(left, reverse=True)
    assert left[0] == pytest.approx(50.0)
    assert left[-1] == pytest.approx(50.0 - spent)


# What is taken and kept


@pytest.mark.long
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


@pytest.mark.long
def test_the_plan_of_the_first_round_is_sent_in_all_later_ones(lab: Laboratory) -> None:
    lab.run("gru", rounds=3)
    plans = [request.request.plan for request in lab.machine.asked(MakeReady)]
    assert plans == [None, None, *[Plan(40, BLOCKS)] * 4]
    assert {request.request.loops for request in lab.machine.asked(TimeBlock)} == {40}
    assert len(lab.machine.asked(TimeBlock)) == 3 * 2 * BLOCKS


@pytest.mark.long
def test_what_a_pass_needs_renewed_is_seen_in_the_first_round_and_sent_in_all_later_ones(lab: Laboratory) -> None:
    lab.machine.cares = {"forward": Care(in_place=True), "train": Care()}
    lab.run("gru", rounds=3)
    cares = [request.request.care for request in lab.machine.asked(MakeReady)]
    assert cares == [None, None, *[Care(in_place=True), Care()] * 2]


def test_warnings_of_a_case_are_on_its_records(lab: Laboratory) -> None:
    lab.machine.warnings = ["it was hot"]
    run = lab.run("gru", rounds=2)
    assert found(run, "train_time", "gru").warnings == ["it was hot"]


# Suites that measure less often, or nothing in blocks


MEMORY_ONCE = dataclasses.replace(FAKE, rounds=dataclasses.replace(FAKE.rounds, measured_rounds=1))


@pytest.mark.long
def test_a_late_fault_does_not_spoil_memory_that_was_measured_before(lab: Laboratory) -> None:
    lab.machine.trouble = fault("crashed", "no", Prepare, "gru", number=2)
    run = lab.run(suite=MEMORY_ONCE)
    assert {record.metric for record in faults(run)} == {"forward_time", "train_time"}


@pytest.mark.long
def test_a_late_fault_after_all_times_were_taken_is_told_all_the_same(lab: Laboratory) -> None:
    lab.machine.trouble = fault("crashed", "no", Release, "gru", number=2)
    run = lab.run(suite=MEMORY_ONCE)
    assert {(record.axes["model"], record.status) for record in faults(run)} == {("gru", "crashed")}
