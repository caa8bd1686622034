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
