"""What became of each model of `lm`, on planted trainings."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest
from fakes import unhurried
from hypothesis import given
from hypothesis import strategies as st
from planted_lm import RATES, START, STEPS, TOKENS, case, failed, grid, record, trained

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.lm.outcomes import Outcome, Point, by_seed, first_bits, named, outcomes


def only(records: list[Record]) -> Outcome:
    (found,) = outcomes(records)
    return found


# What an outcome is


def test_an_outcome_is_that_of_the_rate_that_ended_best_with_the_first_seed() -> None:
    found = only([*trained("gpt", [2.5], 3e-3), *trained("gpt", [2.0, 3.0, 3.5], 1e-2), *trained("gpt", [2.25], 3e-2)])
    assert (found.rate, found.rates, found.bits, found.seeds) == (1e-2, RATES, (2.0, 3.0, 3.5), (0, 1, 2))
    assert found.at_best == axes_of(case("gpt", 1e-2))
    assert (found.tokens, found.seconds) == (STEPS * TOKENS, 40.0)
    assert found.curves[0] == (Point(0, 0.0, START), Point(6400, 20.0, 5.0), Point(12800, 40.0, 2.0))
    assert (found.untried, found.lost, found.endless, found.at_edge) == (0, 0, 0, False)


def test_models_are_in_order_of_their_median_loss() -> None:
    records = [*trained("gpt", [2.0, 2.0, 9.0]), *trained("lstm-lm", [1.5, 3.0, 3.0]), *trained("mingru", [2.5] * 3)]
    assert [each.model for each in outcomes(records)] == ["gpt", "mingru", "lstm-lm"]


def test_a_text_that_is_known_by_heart_has_0_bits_and_is_the_best() -> None:
    """It was NaN, as no bits were taken for no number."""
    found = outcomes([*trained("gpt", [0.5, 0.5]), *trained("lstm-lm", [0.25], 3e-3), *trained("lstm-lm", [0.0, 0.0])])
    assert [(each.model, each.rate, each.bits) for each in found] == [
        ("lstm-lm", RATES[1], (0.0, 0.0)),
        ("gpt", RATES[1], (0.5, 0.5)),
    ]


def test_seconds_are_the_median_over_seeds() -> None:
    assert only(trained("gpt", [2.0] * 3, seconds=[30.0, 90.0, 40.0])).seconds == 40.0


def test_a_model_with_a_memory_is_named_with_its_length_and_others_are_not() -> None:
    records = [*trained("transformer-xl", [2.0], memory_len=8), *trained("transformer-xl", [2.1], memory_len=0)]
    found = outcomes([*records, *trained("gpt", [2.2])])
    assert [each.model for each in found] == ["transformer-xl (memory 8)", "transformer-xl (memory 0)", "gpt"]
    assert len({each.group for each in found}) == 1


def test_rivals_differ_in_the_model_its_memory_and_its_steps_alone() -> None:
    records = [*trained("gpt", [2.0]), *trained("lstm-lm", [2.0], steps=60), *trained("mingru", [2.0], seq_len=32)]
    gpt, lstm, mingru = outcomes(records)
    assert gpt.group == lstm.group != mingru.group


@pytest.mark.parametrize(("others", "edge"), [((1.0, 9.0), True), ((9.0, 1.0), True), ((9.0, 9.0), False)])
def test_the_best_rate_is_at_an_edge_where_it_is_the_lowest_or_the_highest(
    others: tuple[float, float], edge: bool
) -> None:
    assert only(grid("gpt", [2.0], others)).at_edge == edge


def test_of_one_rate_none_is_at_an_edge() -> None:
    assert not only(trained("gpt", [2.0])).at_edge


def test_a_rate_that_diverged_is_beyond_the_edge() -> None:
    """The best of the rates that were left was said to be at their end, where a higher one had been tried."""
    found = only(grid("gpt", [2.0], (9.0, None)))
    assert (found.rates, found.at_edge, found.endless) == (RATES, False, 0)


# What came to no end


@pytest.mark.parametrize(("status", "untried"), [("failed", 0), ("timeout", 1), ("crashed", 1), ("out_of_memory", 1)])
def test_a_rate_that_was_not_reached_or_was_ended_from_outside_is_untried(status: str, untried: int) -> None:
    found = only([*trained("gpt", [2.0]), failed("gpt", RATES[2], status)])
    assert (found.rate, found.untried, found.lost) == (RATES[1], untried, 0)


def test_a_seed_that_failed_is_lost_and_the_others_keep_their_numbers() -> None:
    found = only(trained("gpt", [2.0, None, 2.5]))
    assert (found.seeds, found.bits, found.lost, len(found.curves)) == ((0, 2), (2.0, 2.5), 1, 2)
    assert found.after_tokens(6400) == [5.0, 5.25]


def test_a_model_of_which_nothing_came_to_an_end_has_no_outcome() -> None:
    assert outcomes([failed("gpt", rate) for rate in RATES]) == []
    assert outcomes(trained("gpt", [None, 2.0])) == []  # without a first seed no rate is the best
    assert outcomes([]) == []


def test_a_training_of_which_only_a_part_was_written_is_no_outcome() -> None:
    """As where Ctrl-C comes between two samples: there were bits a byte, and no curve or the first half of one."""
    whole = trained("gpt", [2.0])
    for number in (1, 2, 3, 5):
        assert outcomes(whole[:number]) == []
    beside = trained("gpt", [1.0], RATES[2])[:3]
    assert only([*whole, *beside]).rate == RATES[1]


def test_a_seed_of_which_only_a_part_was_written_is_left_out() -> None:
    records = trained("gpt", [2.0, 2.5])
    cut = [replace(r, samples=r.samples[:1]) if r.axes.get("step") == STEPS else r for r in records]
    assert (only(cut).seeds, only(cut).bits) == ((0,), (2.0,))


def test_the_first_seed_decides_or_nothing_does() -> None:
    records = trained("gpt", [2.0, 1.0])
    assert first_bits(records, axes_of(case("gpt"))) == 2.0
    assert first_bits(records, axes_of(case("gpt", 3e-3))) is None
    assert first_bits([failed("gpt")], axes_of(case("gpt", RATES[2]))) is None


def test_a_metric_is_read_by_seed_at_the_best_rate() -> None:
    records = [*grid("gpt", [2.0, 2.1, 2.2]), record("gpt", "train_memory", [5.0, None, 7.0])]
    assert by_seed(records, "train_memory", outcomes(records)[0]) == {0: 5.0, 2: 7.0}
    assert by_seed(records, "state_size", outcomes(records)[0]) == {}


# Names


def test_outcomes_of_one_model_are_told_apart_by_what_differs() -> None:
    """Two rows of the table had the same name and other numbers."""
    records = [each for n in (16, 32) for d in (64, 32) for each in trained("gpt", [2.0], seq_len=n, d_model=d)]
    found = outcomes([*records, *trained("mingru", [2.0])])
    assert [named(found, each) for each in found] == [
        "gpt seq_len 16 d_model 64",
        "gpt seq_len 16 d_model 32",
        "gpt seq_len 32 d_model 64",
        "gpt seq_len 32 d_model 32",
        "mingru",
    ]


def test_steps_that_follow_from_the_speed_tell_nothing_apart() -> None:
    records = [each for n, steps in ((16, 400), (32, 220)) for each in trained("gpt", [2.0], seq_len=n, steps=steps)]
    found = outcomes([*records, *trained("lstm-lm", [2.0], steps=60)])
    assert [named(found, each) for each in found] == ["gpt seq_len 16", "gpt seq_len 32", "lstm-lm"]


# Curves


def test_between_two_evaluations_bits_are_on_a_straight_line() -> None:
    """By hand: 8 at 0 tokens, 4 at 6,400 after 20 s, 3 at 12,800 after 40 s."""
    found = only(trained("gpt", [3.0], middle=[4.0]))
    assert found.after_tokens(0) == [8.0]
    assert found.after_tokens(1600) == [7.0]
    assert found.after_tokens(6400) == [4.0]
    assert found.after_tokens(9600) == [3.5]
    assert found.after_seconds(10) == [6.0]
    assert found.after_seconds(30) == [3.5]


def test_of_a_seed_that_was_faster_its_end_counts() -> None:
    found = only(trained("gpt", [3.0, 2.0], seconds=[20.0, 80.0], middle=[4.0, 4.0]))
    assert found.after_seconds(40) == [3.0, 4.0]


@given(
    st.lists(st.floats(0.5, 8), min_size=3, max_size=3),
    st.floats(0.1, 1000),
    st.floats(0, 1),
    st.sampled_from(["tokens", "seconds"]),
)
@unhurried
def test_curves_are_read_as_numpy_interpolates(bits: list[float], seconds: float, part: float, axis: str) -> None:
    ours = only(trained("gpt", bits[:1], seconds=seconds, middle=bits[1:2]))
    (curve,) = ours.curves
    x = [getattr(point, axis) for point in curve]
    asked = part * x[-1]
    found = ours.after_tokens(asked) if axis == "tokens" else ours.after_seconds(asked)
    assert found == pytest.approx([numpy.interp(asked, x, [point.bits for point in curve])])
