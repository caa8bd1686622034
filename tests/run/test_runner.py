"""A run from its first case to its records, with a clock that stands still and workers that measure nothing."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
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
    fault,
)
from laboratory import (
    MODELS,
    Laboratory,
    Stopped,
    faults,
    found,
    lengths,
    looked,
    num_rounds,
    retry,
    seconds_for,
)

from rnn_vs_attn.limits import Plan
from rnn_vs_attn.records.folder import read_samples
from rnn_vs_attn.records.types import ROUND_TIME, Record, Run
from rnn_vs_attn.run.measuring import LATE
from rnn_vs_attn.run.schedule import Cost, Look
from rnn_vs_attn.suites.metrics import PEAK_MEMORY
from rnn_vs_attn.suites.suite import Analysis, CaseAxes, Measured, Rounds
from rnn_vs_attn.worker.protocol import MakeReady, Measure, Prepare, Release


def values(*by_round: float) -> Callable[[str, str, int], float]:
    """The seconds of every call, one value a round."""
    return lambda model, name, number: by_round[number]


# When it is enough


@pytest.mark.long
def test_a_steady_machine_is_enough_after_six_rounds(lab: Laboratory) -> None:
    run = lab.run()
    assert (num_rounds(run), run.status) == (6, "complete")
    assert found(run, "train_time", "lstm").low == found(run, "train_time", "lstm").high


@pytest.mark.long
def test_a_machine_that_never_settles_stops_at_twelve(lab: Laboratory) -> None:
    lab.machine.seconds = lambda model, name, number: CALL * (1 + number % 2)
    run = lab.run()
    assert (num_rounds(run), run.status) == (12, "complete")


@pytest.mark.long
def test_one_restless_case_of_many_is_enough_to_go_on(lab: Laboratory) -> None:
    lab.machine.seconds = lambda model, name, number: CALL * (1 + (model == "gru" and name == "train") * (number % 2))
    assert num_rounds(lab.run()) == 12


@pytest.mark.long
def test_one_slow_round_of_nine_is_outside_the_interval(lab: Laboratory) -> None:
    lab.machine.seconds = values(2.0, *[1.0] * 11)
    assert num_rounds(lab.run("gru", max_seconds=1e9, timeout=1e9)) == 9


@pytest.mark.long
def test_precise_at_seven_is_looked_at_after_nine_only(lab: Laboratory) -> None:
    """The median moves from 1.05 to 1.1 at round seven, and half of the interval falls below what was asked."""
    lab.machine.seconds = values(*[1.0] * 3, *[1.1] * 9)
    run = lab.run("gru", precision=0.046, max_seconds=1e9, timeout=1e9)
    assert num_rounds(run) == 9


@pytest.mark.long
def test_precise_at_ten_is_looked_at_after_twelve_only(lab: Laboratory) -> None:
    lab.machine.seconds = values(*[1.0] * 5, *[1.1] * 7)
    run = lab.run("gru", precision=0.048, max_seconds=1e9, timeout=1e9)
    assert num_rounds(run) == 12


@pytest.mark.long
def test_less_precision_needs_fewer_rounds(lab: Laboratory) -> None:
    lab.machine.seconds = lambda model, name, number: CALL * (1 + number % 2)
    assert num_rounds(lab.run(precision=0.5)) == 6


@pytest.mark.long
@pytest.mark.parametrize("rounds", [1, 2, 7, 13])
def test_rounds_given_are_the_rounds_made(lab: Laboratory, rounds: int) -> None:
    lab.machine.seconds = lambda model, name, number: CALL * (1 + number % 2)
    run = lab.run("gru", rounds=rounds)
    assert num_rounds(run) == len(found(run, "train_time", "gru").samples) == rounds


@pytest.mark.long
def test_a_case_that_failed_does_not_keep_the_steady_ones_going(lab: Laboratory) -> None:
    lab.machine.trouble = fault("out_of_memory", "too large", MakeReady, "attention", name="train")
    run = lab.run("gru", "attention")
    assert num_rounds(run) == 6


# --max-seconds


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


@pytest.mark.long
def test_time_that_ends_in_a_later_round_leaves_a_complete_run(lab: Laboratory) -> None:
    first_round = seconds_for(4) + 4 * 1.0
    lab.machine.seconds = lambda model, name, number: CALL * (1 if number == 0 else 30)
    run = lab.run(rounds=2, max_seconds=2 * first_round)
    assert run.status == "complete"
    assert faults(run) == []
    assert {len(found(run, "train_time", model).samples) for model in MODELS} == {1, 2}


@pytest.mark.long
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


# What is taken and kept


def test_a_round_ends_with_the_time_it_took_and_in_what(lab: Laboratory) -> None:
    lab.run("gru", rounds=1)
    (line,) = (line for line in read_samples(lab.path) if line.metric == ROUND_TIME)
    timed = 2 * BLOCKS * 40 * CALL
    assert line.value == pytest.approx(2 * WARM_UP + timed + 1.0)
    parts = {"start_up": 0.5, "warm_up": 2 * WARM_UP, "timed": timed, "memory": 1.0}
    assert line.details == pytest.approx(parts | {"longest_case": 1.0})


@pytest.mark.long
def test_records_stand_in_the_order_of_the_cases_given(lab: Laboratory) -> None:
    run = lab.run("lstm", "attention", "gru", rounds=2)
    assert [r.axes["model"] for r in run.records if r.metric == "train_time"] == ["lstm", "attention", "gru"]


def test_what_the_suite_derives_is_written_too(lab: Laboratory) -> None:
    def derive(records: Any) -> list[Record]:
        base = next(r for r in records if r.metric == "train_time")
        return [dataclasses.replace(base, axes={"of": "train_time"}, metric="exponent", median=1.5)]

    run = lab.run("gru", suite=dataclasses.replace(FAKE, analysis=Analysis(derive)), rounds=1)
    assert [r.median for r in run.records if r.metric == "exponent"] == [1.5]


# A failed case is tried again


def gru_crashes_once(request: Asked) -> BaseException | None:
    return fault("crashed", "killed", Prepare, "gru", number=1)(request)


@pytest.mark.long
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


@pytest.mark.long
def test_what_was_measured_again_says_that_it_was_later_than_the_rest(lab: Laboratory) -> None:
    lab.machine.trouble = gru_crashes_once
    lab.run(rounds=3)
    again = retry(lab, rounds=3)
    assert found(again, "train_time", "gru").warnings == [LATE]
    assert found(again, "train_time", "lstm").warnings == []


@pytest.mark.long
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


@pytest.mark.long
def test_a_case_that_fails_again_stays_failed(lab: Laboratory) -> None:
    lab.machine.trouble = gru_crashes_once
    lab.run(rounds=3)
    lab.machine = FakeMachine(trouble=fault("failed", "ValueError: still", Prepare, "gru"))
    sweep = lab.sweep(rounds=3, retry=True)
    run = sweep.run()
    sweep.journal.folder.close()
    assert {(r.axes["model"], r.error) for r in faults(run)} == {("gru", "ValueError: still")}


@pytest.mark.long
def test_a_retry_of_a_run_without_failed_cases_measures_nothing(lab: Laboratory) -> None:
    lab.run(rounds=2)
    retry(lab, rounds=2)
    assert lab.machine.requests == []


# What does not fit into the time


@pytest.mark.long
def test_cases_that_do_not_fit_are_rows_with_their_reason_and_the_time_that_has_them(lab: Laboratory) -> None:
    sweep = lab.sweep(rounds=6, max_seconds=100.0, cases=lengths(), looked=looked(3.0))
    run = sweep.run()
    sweep.journal.folder.close()
    assert {(r.axes["model"], r.status) for r in faults(run)} == {("gru", "timeout")}
    (text,) = {record.error for record in faults(run)}
    assert text == "left out: 6 rounds with it do not fit into --max-seconds 100; 130 has it"
    assert num_rounds(run) == 6


@pytest.mark.long
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


# Suites that measure less often, or nothing in blocks


def test_a_suite_without_timed_passes_is_measured_only(lab: Laboratory) -> None:
    metrics = (Measured(PEAK_MEMORY, owed=True, precise=True),)
    suite = dataclasses.replace(FAKE, axes=CaseAxes(FakeCase), metrics=metrics, rounds=Rounds())
    run = lab.run("gru", "lstm", suite=suite, rounds=2)
    assert {request.kind for request in lab.machine.requests} == {Measure}
    memory = [r for r in run.records if r.metric == "peak_memory"]
    assert {(r.axes["model"], r.axes["pass"], tuple(r.samples)) for r in memory} == {
        (model, name, (2048.0, 2048.0)) for model in ("gru", "lstm") for name in ("forward", "train")
    }
