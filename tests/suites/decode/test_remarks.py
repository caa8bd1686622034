"""What `decode` says in words."""

from __future__ import annotations

from planted_decode import at, records_of

from rnn_vs_attn.suites.decode import remarks
from rnn_vs_attn.suites.decode.analysis import derive


def test_what_is_carried_is_said_of_what_no_claim_says_it_of() -> None:
    records = records_of(lambda n: 1e-3, 5e-3)
    assert remarks.remarks([*records, *derive(records)]) == []
    records += [at("state_size", "attention", n, [100.0 * n]) for n in (64, 256)]
    records += [at("state_size", "attention-relative", n, [150.0 * n]) for n in (64, 256)]
    assert remarks.remarks(records) == [
        "What is carried from token to token: attention 100 B more with each token; "
        "attention-relative 150 B more with each token."
    ]


def test_a_run_without_numbers_says_nothing() -> None:
    assert remarks.remarks([]) == []


def test_a_state_that_no_claim_tells_of_has_its_size_where_it_is_bounded() -> None:
    """Of one model alone: "lstm whatever the context" was said to be carried."""
    records = [at("state_size", "lstm", n, [700.0]) for n in (64, 256)]
    assert remarks.remarks(records) == ["What is carried from token to token: lstm 700 B, whatever the context."]
    records = [at("state_size", "transformer-xl", n, [300.0 * min(n, 256)]) for n in (64, 256, 1024)]
    assert remarks.remarks(records) == [
        "What is carried from token to token: transformer-xl 75.0 KiB, and no more from 256 tokens on."
    ]
