"""What `scaling` says in words beside its claims."""

from __future__ import annotations

import dataclasses

from planted_scaling import exact_records

from rnn_vs_attn.suites.scaling import remarks


def test_the_rule_and_the_kernels_of_the_largest_size_are_said() -> None:
    records = exact_records(["lstm"], [8, 16], [8])
    known = [
        dataclasses.replace(r, details=r.details | {"kernels": ["one", f"at {r.axes['seq_len']}"]})
        if r.metric == "flops"
        else r
        for r in records
    ]
    rule, _, kernels = remarks.remarks(known)
    assert "within 0.15 of the claimed one" in rule
    assert "above 1.15" in rule
    assert kernels == "Kernels that ran forward: lstm one + at 16."


def test_of_nothing_nothing_is_said() -> None:
    assert remarks.remarks([]) == []
