"""What an interrupted call says, sentence by sentence; whole summaries stand in test_summary.py."""

from __future__ import annotations

from typing import Any

from rnn_vs_attn.compare.preliminary import preliminary
from rnn_vs_attn.compare.sentences import Margins
from rnn_vs_attn.compare.verdicts import BROKEN, FASTER, SAME, SLOWER, UNSURE, Comparison

MARGINS = Margins(0.03, 0.03, 0.03)
SAID = "Interrupted after 5 of 8 pairs"


def row(verdict: str, model: str, looks: str | None = None, centre: float = 1.0, **rest: Any) -> Comparison:
    details = {} if looks is None else {"looks": looks}
    plain: dict[str, Any] = {"metric": "forward_time", "unit": "s", "better": "lower", "exact": False, "scale": "ratio"}
    plain |= {"undecidable": verdict == UNSURE, "centre": centre, "values": 5, "details": details}
    return Comparison("ab", {"model": model, "seq_len": 64}, verdict=verdict, **(plain | rest))


def of(*found: Comparison) -> list[str]:
    return preliminary(found, MARGINS, SAID)


def test_no_slowdown_is_more_than_a_look_and_the_worst_one_is_named() -> None:
    first, looks = of(row(UNSURE, "a", SLOWER, 1.1), row(UNSURE, "b", SLOWER, 1.2), row(UNSURE, "c", FASTER, 0.8))
    assert first == f"{SAID}, so this is preliminary: no verdict yet on 3 of 3 timings."
    assert looks == (
        "2 of the timings without a verdict look slower so far, which is not confirmed; the worst is b, forward at 64 "
        "tokens: 20 % slower, limit 3 %."
    )


def test_nothing_is_said_of_looks_where_one_timing_has_too_few_pairs_for_any() -> None:
    assert of(row(UNSURE, "a", ""), row(UNSURE, "b"))[1:] == ["That is too few pairs to see anything in."]
    assert of(row(UNSURE, "a", values=0))[1:] == []


def test_what_is_broken_is_said_before_what_looks_slower() -> None:
    told = of(row(BROKEN, "b", reason="it fails"), row(UNSURE, "a", SLOWER, 1.1))
    assert told[0].endswith("no verdict yet on 1 of 2 timings.")
    assert told[1] == "b is broken: it fails."
    assert told[2].startswith("One of the timings without a verdict looks slower so far, which is not confirmed: a, ")


def test_what_is_settled_stays_settled_where_nothing_is_left_open() -> None:
    assert of(row(BROKEN, "b", reason="it fails")) == [f"{SAID}, so this is preliminary.", "b is broken: it fails."]


def test_values_without_noise_are_told_from_times() -> None:
    memory = row(SAME, "a", metric="saved_bytes", unit="B", exact=True)
    assert of(row(UNSURE, "a", ""), memory)[1:] == [
        "So far none of the timings without a verdict looks slower by more than 3 %.",
        "Memory, and what else has no noise, did not get worse by more than 3 %.",
    ]
