"""A grid of learning rates: what is read, and which of them later seeds have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from planted_lm import case as lm_case
from planted_recall import RATES, case

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.types import AxisValue
from rnn_vs_attn.suites.learning_rates import best, kind, rate


@pytest.mark.parametrize(("text", "value"), [("1e-3", 1e-3), ("0.01", 0.01), (".5", 0.5), ("1", 1.0), ("3e-04", 3e-4)])
def test_a_learning_rate_is_read(text: str, value: float) -> None:
    assert rate(text) == value
    assert rate(repr(value)) == value


@pytest.mark.parametrize("text", ["0", "1.5", "1e3", "-1e-3", "nan", "inf", "1e-999", "fast", "", "1e-3x", "0x1"])
def test_what_is_no_learning_rate_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--learning-rate"):
        rate(text)


def test_kinds_differ_in_all_but_the_rate_and_how_long_they_are_trained() -> None:
    one = case("lstm", 1e-3)
    assert kind(one) == kind(case("lstm", 1e-2, steps=7))
    assert len({kind(c) for c in (one, case("gru"), case("lstm", seq_len=64), case("lstm", d_model=8))}) == 4
    by_time = lm_case("gpt", 1e-3)
    assert kind(by_time) == kind(replace(by_time, learning_rate=1e-2, steps=7, seconds_per_model=3))
    assert kind(lm_case("transformer-xl", memory_len=0)) != kind(lm_case("transformer-xl", memory_len=8))


@pytest.mark.parametrize(
    ("merits", "found"),
    [
        ([(1.0,), (3.0,), (2.0,)], [1]),
        ([(2.0,), (2.0,), (1.0,)], [0]),  # of equals the first
        ([None, (1.0,), None], [1]),
        ([(1.0, 0.0), (1.0, 2.0), (1.0, 1.0)], [1]),
        ([None, None, None], []),
    ],
)
def test_later_rounds_have_the_rate_of_the_highest_merit(
    merits: Sequence[tuple[float, ...] | None], found: Sequence[int]
) -> None:
    cases = [case("lstm", each) for each in RATES]
    of_rate = dict(zip(RATES, merits, strict=True))

    def merit(axes: Mapping[str, AxisValue]) -> tuple[float, ...] | None:
        return of_rate[float(axes["learning_rate"] or 0)]

    assert best(0, cases, merit) == cases
    for number in (1, 2):
        assert best(number, cases, merit) == [cases[i] for i in found]


def test_each_kind_has_a_best_rate_of_its_own() -> None:
    cases = [case(model, each) for each in RATES for model in ("lstm", "gru")]
    found = best(1, cases, lambda axes: (float(axes["learning_rate"] or 0) * (1 if axes["model"] == "gru" else -1),))
    assert [(each.model, each.learning_rate) for each in found] == [("lstm", RATES[0]), ("gru", RATES[2])]
