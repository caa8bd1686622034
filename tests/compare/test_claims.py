"""Claims whose verdict is another one in the second of two runs."""

from __future__ import annotations

from dataclasses import replace

from planted_runs import run_of

from rnn_vs_attn.compare import claims
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED, Claim

FASTER = Claim("faster", "Attention trains faster than lstm", HOLDS, "0.5 of its time", axes={"model": "lstm"})
GROWS = Claim("grows", "Attention's memory grows as n²", UNDECIDED, "exponent 1.7", "more rounds")


def test_only_claims_of_both_with_another_verdict_are_said() -> None:
    baseline = run_of(FASTER.record("bench"), GROWS.record("bench"))
    now = replace(FASTER, verdict=FAILS, figure="1.2 of its time")
    candidate = run_of(
        now.record("bench"), GROWS.record("bench"), replace(FASTER, axes={"model": "gru"}).record("bench")
    )
    found = claims.changed(baseline, candidate)
    assert found == [(FASTER, now)]
    assert claims.said_of(found) == [
        "Attention trains faster than lstm: holds before, does not hold here now (1.2 of its time)"
    ]


def test_many_are_cut_off_with_their_number() -> None:
    pairs = [(GROWS, replace(GROWS, verdict=HOLDS))] * 10
    assert len(claims.said_of(pairs)) == 9
    assert claims.said_of(pairs)[-1] == "2 more claims have another verdict now"


def test_a_record_from_before_claims_had_words_is_none() -> None:
    old = GROWS.record("scaling")
    assert Claim.of(replace(old, details={"text": HOLDS, "claimed": "n"})) is None
    assert Claim.of(old) == GROWS
