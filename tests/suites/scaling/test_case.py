"""Which cells of Table 1 are measured."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from paths import SCALES

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.run import cases
from rnn_vs_attn.suites.case import OF_FEW_MODELS
from rnn_vs_attn.suites.scaling.case import GRAPH, LAYER, MIXING, ROUTE, ScalingCase, check, select
from rnn_vs_attn.suites.scaling.suite import SCALING

# Which cells are measured


def chosen(**options: Any) -> list[ScalingCase]:
    given = {
        f.name: [str(f.metadata["typed"] or f.default)]
        for f in dataclasses.fields(ScalingCase)
        if f.metadata.get("help") and not isinstance(f.default, bool)
    }
    axes = cases.parse(SCALING, given | {"causal": True} | {k: [v] for k, v in options.items()})
    axes["device"] = ["cpu"]
    return cases.cases_of(SCALING, axes)


def test_only_the_cells_that_a_claim_needs_are_measured() -> None:
    found = chosen(threads="1,2")
    layers = [c for c in found if c.part == LAYER and c.threads == 1]
    assert (
        len([c for c in layers if c.model == "conv"]) == 8
    )  # six lengths at the middle width, two others at the longest
    assert len([c for c in layers if c.model == "lstm"]) == 18
    assert [(c.seq_len, c.d_model) for c in found if c.threads == 2] == [(2048, 256)] * 5
    assert {c.model for c in found if c.part == MIXING} == {"attention", "attention-local"}
    assert len([c for c in found if c.part == ROUTE]) == 5
    assert {c.seq_len for c in found if c.part == GRAPH} == {1 << i for i in range(4, 12)}
    assert not any(SCALING.times(c) for c in found if c.part in (GRAPH, ROUTE))
    assert len({dataclasses.astuple(c) for c in found}) == len(found)


def test_threads_double_up_to_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_vs_attn.machine.environment.usable_cores", lambda: 6)
    assert list(dict.fromkeys(c.threads for c in chosen())) == [1, 2, 4, 6]


@pytest.mark.long
def test_a_users_module_is_measured_at_every_cell() -> None:
    found = chosen(model=f"{SCALES}:Loop", threads="1")
    assert len([c for c in found if c.part == LAYER]) == 18
    assert {c.d_model for c in found if c.part in (GRAPH, ROUTE)} == {64}


@pytest.mark.parametrize("name", ["batch_size", "num_layers", "dtype", *OF_FEW_MODELS])
def test_what_no_table_tells_apart_takes_one_value(name: str) -> None:
    values = {n: [1] for n in ("batch_size", "num_heads", "num_layers", "dtype", "device", *OF_FEW_MODELS)}
    check(values)
    with pytest.raises(UserError, match=f"--{name.replace('_', '-')} 1,3 is several values"):
        check(values | {name: [1, 3]})


# Tables and figures


def test_threads_are_not_varied_on_cuda() -> None:
    both = [ScalingCase("lstm", 128, device="cuda:0", threads=t) for t in (1, 2)]
    assert {c.threads for c in select(both)} == {1}
