"""The rules by which intervals decide a claim, and what the undecided takes."""

from __future__ import annotations

import pytest
from fakes import of_rounds

from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.stats.intervals import Estimate
from rnn_vs_attn.suites import deciding
from rnn_vs_attn.suites.metrics import RATIO


@pytest.mark.parametrize(("side", "word"), [("above", HOLDS), ("below", FAILS), ("undecided", UNDECIDED)])
def test_a_side_is_a_verdict(side: str, word: str) -> None:
    assert deciding.by_side(side, "above") == word


@pytest.mark.parametrize(
    ("low", "high", "word"), [(1.1, 1.3, HOLDS), (0.8, 0.9, FAILS), (0.9, 1.1, UNDECIDED), (None, None, UNDECIDED)]
)
def test_a_bound_is_decided_by_the_whole_interval(low: float | None, high: float | None, word: str) -> None:
    opposite = {HOLDS: FAILS, FAILS: HOLDS, UNDECIDED: UNDECIDED}[word]
    assert deciding.beside(Estimate(1.0, low, high, 6), 1.0, "above") == word
    assert deciding.beside(Estimate(1.0, low, high, 6), 1.0, "below") == opposite


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (1.9, 2.1, "holds"),
        (1.85, 2.15, "holds"),
        (1.84, 2.0, "undecided"),
        (1.0, 3.0, "undecided"),
        (1.2, 1.84, "does not hold here"),
        (2.16, 2.2, "does not hold here"),
        (None, None, "undecided"),
    ],
)
def test_an_exponent_is_judged_by_its_interval(low: float | None, high: float | None, word: str) -> None:
    assert deciding.of_exponent(2, Estimate(2.0, low, high, 6)) == word


def ratio(*values: float) -> Record:
    return of_rounds(RATIO, {}, dict(enumerate(values)))


@pytest.mark.parametrize(
    ("values", "below", "above"),
    [
        ([0.9, 0.91, 0.92, 0.93, 0.94, 0.95], "holds", "does not hold here"),
        ([1.1, 1.11, 1.12, 1.13, 1.14, 1.15], "does not hold here", "holds"),
        ([0.9, 0.95, 1.0, 1.05, 1.1, 1.15], "undecided", "undecided"),
        ([1.0] * 6, "does not hold here", "does not hold here"),
        ([0.1] * 5, "undecided", "undecided"),
    ],
)
def test_a_ratio_is_judged_by_the_side_of_its_interval(values: list[float], below: str, above: str) -> None:
    assert deciding.of_below_one(ratio(*values)) == below
    assert deciding.of_above_one(ratio(*values)) == above


@pytest.mark.parametrize(
    ("each", "word"),
    [
        (["holds", "holds"], "holds"),
        (["holds", "undecided"], "undecided"),
        (["undecided", "does not hold here"], "does not hold here"),
        ([], "undecided"),
    ],
)
def test_one_size_of_which_it_is_not_so_is_enough(each: list[str], word: str) -> None:
    assert deciding.of_all(each) == word


@pytest.mark.parametrize(
    ("sizes", "word", "at"),
    [([1.2, 1.3], "holds", 0), ([1.2, 0.9, 0.8], "does not hold here", 1), ([1.2, None, 1.3], "undecided", 1)],
)
def test_the_first_size_that_decides_is_told(sizes: list[float | None], word: str, at: int) -> None:
    ratios = [ratio(*([1.0] * 5 if size is None else [size] * 6)) for size in sizes]
    assert deciding.decided(ratios, deciding.of_above_one) == (word, ratios[at])


def test_what_the_undecided_takes() -> None:
    few = "an interval takes 6 rounds: --rounds 6, with a --max-seconds that has them"
    assert deciding.to_decide(None) == deciding.to_decide(Estimate(1.0, None, None, 5)) == few
    assert deciding.to_decide(ratio(*[1.0] * 5).estimate) == few
    assert deciding.to_decide(Estimate(1.0, 0.9, 1.1, 9)) == "more rounds narrow the interval, such as --rounds 18"
    assert deciding.exponent_takes(2.0, ratio(*[1.0] * 7)).startswith("1.85 to 2.15 counts as 2; ")
