"""How the rounds of a run fit into its time: pure arithmetic on costs, without a clock."""

from __future__ import annotations

import dataclasses

import pytest
from fakes import FakeCase, fake_cases

from rnn_vs_attn.limits import Budget, Limits, Plan
from rnn_vs_attn.run.measuring import replanned
from rnn_vs_attn.run.schedule import After, Cost, Costs, Schedule, left_out, said_of_left_out

GRU, LSTM, ATTENTION = fake_cases("gru", "lstm", "attention")
LENGTHS = (64, 128, 256, 512, 1024)


def sweep(*models: str) -> list[FakeCase]:
    return [dataclasses.replace(case, seq_len=length) for case in fake_cases(*models) for length in LENGTHS]


def by_length(cases: list[FakeCase], **per_token: float) -> Costs:
    """Costs that grow with the length, seconds a token."""
    return Costs({case: Cost(least=per_token[case.model] * case.seq_len) for case in cases})


def kept(case: FakeCase) -> bool:
    return case.model in ("lstm", "attention")


# What is left out


def test_nothing_is_left_out_where_all_rounds_fit() -> None:
    cases = sweep("gru", "lstm")
    assert left_out(cases, by_length(cases, gru=0.001, lstm=0.001), 6, 24.0, kept, 6) == []


def test_the_longest_lengths_of_the_slowest_model_go_first() -> None:
    cases = sweep("rnn", "gru", "lstm")
    costs = by_length(cases, rnn=0.001, gru=0.01, lstm=0.02)
    found = left_out(cases, costs, 6, costs.least(cases, 6) - 80.0, kept, 6)
    assert [(case.model, case.seq_len) for case in found] == [("gru", 1024), ("gru", 512)]


def test_what_others_are_compared_with_stays_however_dear() -> None:
    cases = sweep("gru", "lstm", "attention")
    found = left_out(cases, by_length(cases, gru=1e-6, lstm=1.0, attention=1.0), 6, 1.0, kept, 100)
    assert {case.model for case in found} == {"gru"}


def test_no_model_loses_its_last_case() -> None:
    cases = sweep("gru", "lstm")
    found = left_out(cases, by_length(cases, gru=1.0, lstm=1.0), 6, 0.0, kept, 100)
    assert sorted(case.seq_len for case in found) == [128, 256, 512, 1024]


def test_at_most_a_fifth_goes_before_the_first_round() -> None:
    cases = sweep("rnn", "gru", "lstm", "lstm-cell", "attention", "attention-naive")
    schedule = Schedule(by_length(cases, **dict.fromkeys({c.model for c in cases}, 1.0)), 6, 0.0, 165.0)
    assert len(schedule.surplus(0, 0.0, cases, kept)) == 6


def test_more_than_a_fifth_goes_later_where_the_rest_fits_then() -> None:
    cases = sweep("rnn", "gru", "lstm", "lstm-cell", "attention", "attention-naive")
    costs = by_length(cases, **dict.fromkeys({c.model for c in cases}, 1.0))
    fewest = costs.least(Schedule(costs, 6, 0.0, 0.0).fewest(cases, kept), 5)
    assert len(Schedule(costs, 6, 0.0, 1.2 * fewest).surplus(1, 0.0, cases, kept)) > 6


@pytest.mark.parametrize("now", [0.0, 160.0, 170.0])
def test_nothing_is_left_out_of_a_run_whose_last_rounds_do_not_fit_without_it_either(now: float) -> None:
    """The table lost half of its ratios, and there was no sixth round all the same."""
    cases = sweep("rnn", "gru", "lstm", "attention")
    costs = by_length(cases, rnn=0.02, gru=0.02, lstm=0.02, attention=0.02)
    assert Schedule(costs, 6, 0.0, 165.0).surplus(1, now, cases, kept) == []


def test_nothing_is_left_out_once_the_rounds_that_an_interval_takes_are_done() -> None:
    cases = sweep("gru", "lstm")
    schedule = Schedule(by_length(cases, gru=1.0, lstm=1.0), 6, 0.0, 165.0)
    assert schedule.surplus(6, 160.0, cases, kept) == []


def test_the_time_that_is_asked_for_fits_all_cases() -> None:
    cases = sweep("gru", "lstm")
    costs = by_length(cases, gru=0.02, lstm=0.001)
    schedule = Schedule(costs, 6, 0.0, 100.0, start_up=2.0)
    needed = schedule.needed(0, 5.0, cases)
    assert len(schedule.surplus(0, 5.0, cases, kept)) > 0
    again = Schedule(costs, 6, 0.0, needed, start_up=2.0)
    assert again.surplus(0, 5.0, cases, kept) == []
    assert needed < 2 * (5 + costs.least(cases, 6) + 6 * 2.0)


@pytest.mark.parametrize(("seconds", "asked"), [(3.0, 10), (165.1, 170), (200.0, 200), (201.0, 250), (387.0, 400)])
def test_seconds_to_ask_for_are_round(seconds: float, asked: int) -> None:
    assert Limits(max_seconds=165).to_ask(seconds) == asked


def test_a_run_that_has_a_part_of_the_commands_time_asks_for_time_of_the_command() -> None:
    """15 of 45 seconds, and two runs after it: 10 more for each of the three."""
    assert Limits(max_seconds=15, given=45, shared_by=3).to_ask(25) == 80
    assert Limits(max_seconds=15, given=45, shared_by=1).to_ask(25) == 60


def test_however_little_time_there_is_the_cases_that_are_kept_stay_and_one_of_each_model() -> None:
    cases = sweep("gru", "lstm")
    schedule = Schedule(by_length(cases, gru=1.0, lstm=1.0), 6, 0.0, 1.0)
    assert schedule.fewest(cases, kept) == [dataclasses.replace(GRU, seq_len=64), *(c for c in cases if kept(c))]


def test_the_line_names_each_model_once() -> None:
    cases = [dataclasses.replace(GRU, seq_len=n) for n in (1024, 512, 512)] + [dataclasses.replace(LSTM, seq_len=1024)]
    line = "Left out for want of time: gru at seq_len 512, 1024; lstm at seq_len 1024. --max-seconds 400 has them."
    assert said_of_left_out(cases, 400, sweep("gru", "lstm")) == line


def test_the_line_names_the_settings_that_tell_a_case_from_those_that_were_measured() -> None:
    """Of two widths one was left out, and the line read as if both were."""
    wide = [dataclasses.replace(case, d_model=512) for case in sweep("lstm")]
    line = "Left out for want of time: lstm (d_model 512) at seq_len 512, 1024. --max-seconds 400 has them."
    assert said_of_left_out(wide[-2:], 400, [*sweep("lstm", "gru"), *wide]) == line


# How much of a round


def schedule_of(length: float, least: float, more: float, after: float = 0.0, rounds: int = 6) -> Schedule:
    """Rounds of so many seconds with three cases that cost the same."""
    costs = Costs({case: Cost(least, more, after) for case in (GRU, LSTM, ATTENTION)})
    made = Schedule(costs, rounds, 0.0, rounds * length / 0.95)
    made.begin(0, 0.0, [GRU, LSTM, ATTENTION], After(pending=[GRU, LSTM, ATTENTION]))
    return made


def test_all_blocks_are_made_where_there_is_time() -> None:
    assert schedule_of(30.0, least=1.0, more=5.0).share(0.0, [GRU, LSTM, ATTENTION]) == 1.0


def test_what_is_free_is_shared_by_the_cases_that_are_left() -> None:
    schedule = schedule_of(13.0, least=1.0, more=5.0)
    assert schedule.share(0.0, [GRU, LSTM, ATTENTION]) == pytest.approx(10 / 15)
    assert schedule.share(8.0, [LSTM, ATTENTION]) == pytest.approx(3 / 10)


def test_a_round_that_is_late_makes_one_block_a_pass() -> None:
    assert schedule_of(13.0, least=1.0, more=5.0).share(12.5, [LSTM, ATTENTION]) == 0.0


def test_memory_is_reserved_before_further_blocks() -> None:
    free = 13.0 - 3 * 1.0
    share = schedule_of(13.0, least=1.0, more=5.0, after=1.0).share(0.0, [GRU, LSTM, ATTENTION])
    assert share == pytest.approx((free - 3.0) / 15)


def test_dear_memory_is_spread_over_the_rounds() -> None:
    schedule = schedule_of(5.0, least=1.0, more=0.0, after=4.0)
    assert schedule.owes(spent=0.0, done=0)
    assert schedule.owes(spent=1.9, done=1)
    assert not schedule.owes(spent=4.0, done=1)
    assert not schedule.has_time(2.0, GRU)


def test_the_last_round_that_is_wanted_leaves_nothing_unmeasured() -> None:
    schedule = schedule_of(5.0, least=1.0, more=0.0, after=4.0)
    schedule.begin(5, 25.0, [GRU], After(pending=[GRU, LSTM]))
    assert schedule.owes(spent=100.0, done=50)


def test_beyond_the_wanted_rounds_precision_decides() -> None:
    schedule = schedule_of(5.0, least=10.0, more=100.0)
    schedule.begin(6, 29.0, [GRU], After(again=[GRU]))
    assert schedule.share(1000.0, [GRU]) == 1.0
    assert schedule.has_time(1000.0, GRU)


def test_a_case_may_take_what_the_others_can_spare() -> None:
    schedule = schedule_of(10.0, least=1.0, more=0.0)
    assert schedule.patience(0, 0.0, GRU, [GRU, LSTM, ATTENTION]) == pytest.approx(60 / 0.95 - 6 * 2.0)
    assert schedule.patience(0, 62.0, GRU, [GRU, LSTM, ATTENTION]) == 10.0


# Costs


def test_of_two_readings_the_lower_counts_and_of_three_the_median() -> None:
    costs = Costs({GRU: Cost(least=1.0)})
    costs.timed(GRU, 9.0, 0.0)
    assert costs.of(GRU).least == 1.0
    costs.timed(GRU, 2.0, 0.0)
    assert costs.of(GRU).least == 2.0


def test_memory_that_was_measured_counts_and_not_what_was_scaled() -> None:
    costs = Costs({GRU: Cost(after=100.0)})
    costs.measured(GRU, 2.0)
    assert costs.of(GRU).after == 2.0


# Blocks


@pytest.mark.parametrize(
    ("seconds", "blocks"), [(0.005, 16), (0.01, 8), (0.05, 5), (0.1, 5), (0.2, 2), (0.5, 1), (1.9, 1), (60.0, 1)]
)
def test_long_calls_need_fewer_blocks(seconds: float, blocks: int) -> None:
    assert Budget().num_blocks(seconds) == blocks


def test_a_plan_from_a_bad_moment_is_made_anew() -> None:
    """A call of 0.1 ms that once took 2.6 s beside load."""
    assert replanned(Plan(1, 1), 1e-4, Budget()) == Plan(60, 14)


def test_a_plan_that_fits_stays() -> None:
    assert replanned(Plan(60, 14), 0.006, Budget()) == Plan(60, 14)
    assert replanned(Plan(1, 2), 0.2, Budget()) == Plan(1, 2)
