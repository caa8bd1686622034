"""Verdicts and exit codes from values whose answer is known."""

from __future__ import annotations

import dataclasses
import math
import random
from typing import Any

import pytest
from fakes import unhurried
from hypothesis import given
from hypothesis import strategies as st

from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.compare.verdicts import BROKEN, FAILED, FASTER, MISSING, NEW, SAME, SLOWER, UNSURE, Comparison
from rnn_vs_attn.records.build import build_record
from rnn_vs_attn.records.types import Metric, SampleLine
from rnn_vs_attn.stats import rank_tests
from rnn_vs_attn.stats.rank_tests import Shift

MARGIN = math.log1p(0.03)


def row(verdict: str, **rest: Any) -> Comparison:
    plain: dict[str, Any] = {"unit": "s", "better": "lower", "exact": False, "scale": "ratio"}
    return Comparison("bench", {"model": "lstm"}, "forward_time", verdict=verdict, **(plain | rest))


def noise(number: int, sd: float, centre: float, seed: int = 0) -> list[float]:
    draw = random.Random(seed)
    return [draw.gauss(centre, sd) for _ in range(number)]


@pytest.mark.parametrize(
    ("found", "strict", "code"),
    [
        ([SAME, FASTER], False, 0),
        ([SAME, UNSURE], False, 0),
        ([SAME, UNSURE], True, 3),
        ([SAME, MISSING], False, 3),
        ([SAME, FAILED], False, 3),
        ([SLOWER, MISSING, FAILED, UNSURE], True, 1),
        ([SAME, BROKEN], False, 5),
        ([SLOWER, BROKEN, MISSING, UNSURE], True, 5),
        ([], False, 3),
    ],
)
def test_the_exit_code_is_the_first_of_broken_slower_and_no_verdict(found: list[str], strict: bool, code: int) -> None:
    assert verdicts.exit_code([row(v) for v in found], strict, new_counts=True) == code


def test_a_new_case_is_no_verdict_in_ab_only() -> None:
    assert verdicts.exit_code([row(SAME), row(NEW)], False, new_counts=True) == 3
    assert verdicts.exit_code([row(SAME), row(NEW)], False, new_counts=False) == 0


def test_a_state_that_a_layer_has_now_makes_no_new_case_of_it() -> None:
    assert verdicts.exit_code([row(SAME), row(NEW, exact=True)], True, new_counts=True) == 0


def test_too_few_values_are_no_verdict_without_strict_too() -> None:
    assert verdicts.exit_code([row(SAME), row(UNSURE, undecidable=True)], False, new_counts=True) == 3


# Two stages


def test_identical_values_are_flagged_in_neither_direction() -> None:
    assert verdicts.flagged([0.0] * 8, MARGIN) == ""
    assert verdicts.unflagged([0.0] * 8, MARGIN) == (SAME, "")


@pytest.mark.parametrize(("change", "way"), [(0.10, SLOWER), (-0.10, FASTER)])
def test_a_change_beyond_the_margin_is_flagged_and_confirmed_in_its_direction(change: float, way: str) -> None:
    first, second = noise(8, 0.02, change), noise(20, 0.02, change, seed=1)
    assert verdicts.flagged(first, MARGIN) == way
    p = rank_tests.paired_tail(second if way == SLOWER else [-d for d in second], MARGIN)
    assert verdicts.confirmed(p, second, MARGIN, way) == (way, "")


def test_a_change_within_the_margin_is_the_same_however_sure_it_is() -> None:
    """A p-value alone would call 1 % more with hardly any noise slower."""
    values = noise(20, 0.001, 0.01)
    assert rank_tests.paired_tail(values, 0.0) < 1e-5
    assert verdicts.flagged(values, MARGIN) == ""
    assert verdicts.unflagged(values, MARGIN) == (SAME, "")


def test_a_flagged_case_that_fresh_pairs_do_not_confirm_is_judged_on_them() -> None:
    assert verdicts.confirmed(0.4, noise(20, 0.005, 0.0), MARGIN, SLOWER) == (SAME, "")
    verdict, reason = verdicts.confirmed(0.06, noise(20, 0.10, 0.05), MARGIN, SLOWER)
    assert verdict == UNSURE
    assert "beyond the margin" in reason


def test_tails_of_flagged_cases_are_of_their_own_direction_and_adjusted_for_all() -> None:
    faster = [-value for value in noise(20, 0.005, 0.05)]
    fresh = {"a": noise(20, 0.005, 0.05), "b": faster, "c": faster}
    found = verdicts.adjusted_tails(fresh, {"a": SLOWER, "b": FASTER, "c": SLOWER}, dict.fromkeys(fresh, MARGIN))
    assert list(found) == ["a", "b", "c"]
    assert found["a"] == found["b"] == 3 * rank_tests.paired_tail(fresh["a"], MARGIN) < 1e-4
    assert found["c"] == 1.0
    assert verdicts.adjusted_tails({}, {}, {}) == {}


def test_a_candidate_that_is_slower_in_some_processes_only_is_unsure() -> None:
    """Signed ranks take differences for symmetric; two modes, one of them within the margin, are not."""
    values = [v + (0.13 if i % 2 else 0.0) for i, v in enumerate(noise(20, 0.004, 0.0))]
    p = rank_tests.paired_tail(values, math.log1p(0.01))
    assert p <= verdicts.ALPHA
    verdict, reason = verdicts.confirmed(p, values, math.log1p(0.01), SLOWER)
    assert verdict == UNSURE
    assert "two modes" in reason


def test_two_modes_that_are_both_slower_are_slower() -> None:
    values = [v + (0.5 if i % 2 else 0.2) for i, v in enumerate(noise(20, 0.004, 0.0))]
    assert verdicts.confirmed(2**-20, values, MARGIN, SLOWER) == (SLOWER, "")


def test_one_odd_value_is_no_mode() -> None:
    assert verdicts.two_modes([*noise(19, 0.004, 0.0), 0.5], MARGIN) is None


def test_a_calibration_kernel_has_moved_only_beyond_the_margin_and_surely() -> None:
    assert verdicts.moved(noise(8, 0.005, 0.08), MARGIN)
    assert not verdicts.moved(noise(8, 0.005, 0.01), MARGIN)
    assert not verdicts.moved([0.2, -0.2, 0.15, -0.1, 0.3, -0.2, 0.1, 0.2], MARGIN)
    assert not verdicts.moved([], MARGIN)


@pytest.mark.long
@unhurried
@given(st.integers(0, 10_000))
def test_both_directions_are_mirror_images(seed: int) -> None:
    values = noise(8, 0.05, 0.02, seed)
    mirrored = {SLOWER: FASTER, FASTER: SLOWER, "": ""}
    assert verdicts.flagged([-v for v in values], MARGIN) == mirrored[verdicts.flagged(values, MARGIN)]


# What is shown


def test_a_shift_is_shown_as_candidate_over_baseline_whatever_is_better() -> None:
    shift = Shift(math.log(2), math.log(1.5), math.log(4))
    assert verdicts.as_change(shift, "lower", "ratio") == pytest.approx((2, 1.5, 4))
    assert verdicts.as_change(shift, "higher", "ratio") == pytest.approx((0.5, 0.25, 1 / 1.5))
    assert verdicts.as_change(Shift(0.1, None, None), "higher", "difference") == (-0.1, None, None)


@pytest.mark.parametrize(
    ("better", "before", "after", "verdict", "centre"),
    [
        ("lower", 100.0, 100.0, SAME, 1.0),
        ("lower", 100.0, 102.0, SAME, 1.02),
        ("lower", 100.0, 104.0, SLOWER, 1.04),
        ("lower", 100.0, 90.0, FASTER, 0.9),
        ("higher", 100.0, 90.0, SLOWER, 0.9),
        ("lower", 0.0, 0.0, SAME, 1.0),
        ("lower", 0.0, 8.0, SLOWER, None),
        ("lower", None, 8.0, NEW, None),
        ("lower", 8.0, None, MISSING, None),
    ],
)
def test_an_exact_metric_counts_beyond_the_margin(
    better: str, before: float | None, after: float | None, verdict: str, centre: float | None
) -> None:
    metric = Metric("saved_bytes", "B", better, exact=True)
    found = verdicts.exact_row(metric, {}, before, after, 0.03, "bench")
    assert found.verdict == verdict
    assert found.centre == (None if centre is None else pytest.approx(centre))


def test_an_exact_metric_without_a_margin_counts_at_any_change() -> None:
    metric = Metric("saved_bytes", "B", exact=True)
    assert verdicts.exact_row(metric, {}, 10**9, 10**9 + 1, 0.0, "bench").verdict == SLOWER


@pytest.mark.parametrize(("after", "margin"), [(1100, 0.10), (1030, 0.03), (1050, 0.05), (1010, 0.01)])
def test_an_exact_metric_that_grew_by_just_the_margin_is_within_it(after: int, margin: float) -> None:
    """log(1100 / 1000) is above log1p(0.10) in the last digit."""
    metric = Metric("saved_bytes", "B", exact=True)
    found = verdicts.exact_row(metric, {}, 1000, after, margin, "bench")
    assert (found.verdict, found.reason) == (SAME, "within the margin")
    assert verdicts.exact_row(metric, {}, 1000, after + 1, margin, "bench").verdict == SLOWER


def test_a_comparison_and_a_record_are_of_the_metric_that_they_were_made_from() -> None:
    metric = Metric("accuracy", "1", "higher", True, "difference")
    found = Comparison.of(metric, "bench", {"model": "lstm"}, UNSURE, "too few rounds", values=3)
    fields = (found.metric, found.unit, found.better, found.exact, found.scale)
    assert fields == ("accuracy", "1", "higher", True, "difference")
    told = (found.suite, found.axes, found.verdict, found.reason, found.values, found.baseline)
    assert told == ("bench", {"model": "lstm"}, UNSURE, "too few rounds", 3, None)
    line = SampleLine("bench", {"model": "lstm"}, "accuracy", 0, 0.5)
    assert build_record(dataclasses.replace(metric, title="of the last token"), [line]).meaning == metric
