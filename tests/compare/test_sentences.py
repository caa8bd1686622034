"""Single sentences; whole summaries are in test_summary."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from verdict_rows import row

from rnn_vs_attn.compare.sentences import Margins, percent, place, said_change, sentences
from rnn_vs_attn.compare.verdicts import BROKEN, FASTER, SAME, SLOWER

EXACT: dict[str, Any] = {"exact": True, "unit": "B"}


@pytest.mark.parametrize(("part", "text"), [(0.03, "3 %"), (0.041, "4.1 %"), (0.0996, "10 %"), (0.126, "13 %")])
def test_a_percentage_has_two_digits_at_most(part: float, text: str) -> None:
    assert percent(part) == text


@pytest.mark.parametrize(
    ("centre", "low", "high", "text"),
    [
        (1.13, 1.12, 1.15, "13 % slower (12 to 15 %)"),
        (0.90, 0.88, 0.92, "10 % faster (8 to 12 %)"),
        (2.4, 2.3, 2.5, "2.4 times as long (2.3 to 2.5)"),
        (0.4, 0.35, 0.45, "0.40 times as long (0.45 to 0.35)"),
        (1.13, None, None, "13 % slower"),
    ],
)
def test_a_time_is_slower_or_faster(centre: float, low: float | None, high: float | None, text: str) -> None:
    assert said_change(row(SLOWER, centre=centre, low=low, high=high)) == text


def test_what_is_no_time_is_more_or_less_and_never_slower() -> None:
    more = row(SLOWER, centre=1.25, **EXACT)
    assert said_change(replaced(more, "saved_bytes")) == "25 % more memory kept for the backward pass"
    assert said_change(replaced(more, "state_size")) == "25 % more state"
    assert said_change(replaced(row(FASTER, centre=0.75, **EXACT), "peak_memory")) == "25 % less memory at the peak"
    from_nothing = row(SLOWER, centre=None, baseline=0.0, candidate=8.0, **EXACT)
    assert said_change(replaced(from_nothing, "state_size")) == "state grew from 0 B to 8 B"
    higher = row(SLOWER, centre=0.9, low=0.8, high=0.95, unit="1/s", better="higher")
    assert said_change(replaced(higher, "tokens_per_second")) == "10 % lower tokens per second (5 to 20 %)"
    accuracy = row(SLOWER, centre=-0.2, low=-0.3, high=-0.1, unit="1", scale="difference", better="higher")
    assert said_change(replaced(accuracy, "accuracy")) == "accuracy -0.2 (-0.3 to -0.1)"


def replaced(found: Any, metric: str) -> Any:
    return dataclasses.replace(found, metric=metric)


def test_a_place_has_what_tells_it_from_others() -> None:
    one, other = row(SAME), row(SAME, "gru")
    assert place(one, [one, other]) == "lstm, forward at 64 tokens"
    wide = row(SAME)
    wide.axes["d_model"] = 32
    assert place(wide, [one, wide]) == "lstm, forward at 64 tokens, d_model 32"


def test_of_many_that_are_broken_the_first_are_named() -> None:
    found = [row(BROKEN, f"m{i}", reason="it is gone") for i in range(6)]
    assert sentences(found, Margins(0.03, 0.03, 0.03)) == ["Broken: m0, m1, m2 and 3 more."]


def test_the_limit_is_that_of_its_kind() -> None:
    margins = Margins(0.12, 0.0, 0.05)
    assert margins.said_of(row(SLOWER)) == "limit 12 %"
    assert margins.said_of(row(SLOWER, **EXACT)) == "any change counts"
    assert margins.said_of(row(SLOWER, unit="1/s")) == "limit 5 %"
