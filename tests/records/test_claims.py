"""Claims as sentences, as records, and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rnn_vs_attn.records.checks import problem_of
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED, Claim, stored_claims

CLAIM = Claim("faster", "Attention trains faster than lstm", FAILS, "lstm takes half as long", "it is one kernel")


def test_a_sentence_has_the_claim_the_verdict_the_figure_and_why() -> None:
    assert CLAIM.sentence == (
        "Attention trains faster than lstm: does not hold here. lstm takes half as long; it is one kernel."
    )
    assert replace(CLAIM, why="").sentence.endswith("here. lstm takes half as long.")
    assert replace(CLAIM, why="", figure="").sentence == "Attention trains faster than lstm: does not hold here."


@pytest.mark.parametrize("verdict", [HOLDS, FAILS, UNDECIDED])
def test_a_record_of_a_claim_has_all_of_it_and_gives_it_back(verdict: str) -> None:
    claim = replace(CLAIM, verdict=verdict, axes={"model": "lstm", "d_model": 64})
    record = claim.record("bench")
    assert (record.suite, record.metric, record.unit, record.better) == ("bench", "verdict", "text", "none")
    assert (record.text, record.axes) == (verdict, {"model": "lstm", "d_model": 64, "claim": "faster"})
    assert (record.median, record.samples, record.status) == (None, [], "ok")
    assert problem_of(record) == ""
    assert stored_claims([record]) == [claim]


def test_verdicts_that_were_stored_without_words_and_other_records_are_no_claims() -> None:
    record = CLAIM.record("scaling")
    old = replace(record, details={"text": HOLDS, "claimed": "2"})
    other = replace(record, metric="gradient_law")
    without = replace(record, axes={"model": "lstm"})
    assert stored_claims([old, other, without, record]) == [CLAIM]


def test_the_order_of_claims_is_kept() -> None:
    claims = [replace(CLAIM, key=key) for key in ("b", "c", "a")]
    assert stored_claims([claim.record("bench") for claim in claims]) == claims
