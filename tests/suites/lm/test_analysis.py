"""What `lm` derives: how far models see; and which rates later seeds have."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from planted_lm import RATES, case, contexts, failed, grid, record, trained

from rnn_vs_attn.records.checks import problems
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.lm.analysis import PARTS, derive, of_round
from rnn_vs_attn.suites.lm.suite import LM

LOW = [2.0, 2.0, 2.0]


# Gains from context


def test_gains_from_context_are_derived_within_seeds() -> None:
    tested = contexts("mingru", {16: [2.0, 3.0, 4.0], 64: [1.9, None, 3.8]})
    records = derive([*trained("mingru", [2.0] * 3), *tested])
    (found,) = [r for r in records if r.metric == "context_gain"]
    assert (found.axes["from"], found.axes["to"]) == (16, 64)
    assert found.samples == pytest.approx([0.1, 0.2])
    assert "text" not in found.details  # its verdict is that of the claim


# Effective lengths

NEAR = {16: [[1.0, 1.0]], 32: [[1.0, 1.0]], 64: [[1.0, 1.0]]}
FAR = {16: [[3.0, 1.5]], 32: [[0.5, 0.5]], 64: [[0.0, 0.5]]}


def lengths(records: Sequence[Record], part: float = 1.0) -> dict[str, list[float | None]]:
    found = [r for r in derive(records) if r.metric == "recl" and r.axes["part"] == part]
    return {str(r.axes["model"]): r.samples for r in found}


def after(model: str, nats: dict[int, list[list[float]]]) -> list[Record]:
    seeds = max(len(each) for each in nats.values())
    bits = {context: [1.0] * len(each) for context, each in nats.items()}
    return [*trained(model, [2.0] * seeds), *contexts(model, bits, nats=nats)]


def test_effective_lengths_are_those_of_the_group() -> None:
    records = [*after("gpt", NEAR), *after("mingru", FAR)]
    for part in PARTS:
        assert lengths(records, part) == {"gpt": [16], "mingru": [64]}


def test_a_model_alone_is_no_group() -> None:
    assert lengths(after("mingru", FAR)) == {}
    assert lengths([*after("mingru", {16: FAR[16]}), *after("gpt", {16: NEAR[16]})]) == {}
    assert lengths([*after("gpt", NEAR), *trained("mingru", [2.0], seq_len=32)]) == {}


def test_each_seed_has_a_length_where_all_models_have_that_seed() -> None:
    """Where the second seed of one was lost, its third was beside the second of the others."""
    flat = {n: [[1.0, 1.0]] * 3 for n in NEAR}
    steep = {16: [[3.0, 1.5]] * 3, 32: [[0.5, 0.5], [0.5, 0.5], [1.0, 1.0]], 64: [[0.0, 0.5], [0.0, 0.5], [1.0, 1.0]]}
    gpt = [*trained("gpt", [2.0, None, 2.0]), *contexts("gpt", {n: [1.0, None, 1.0] for n in NEAR}, nats=flat)]
    mingru = [*trained("mingru", [2.0] * 3), *contexts("mingru", {n: [1.0] * 3 for n in NEAR}, nats=steep)]
    assert lengths([*gpt, *mingru]) == {"gpt": [16, 16], "mingru": [64, 16]}


def test_a_model_that_takes_no_longer_context_has_no_length_and_leaves_those_of_others() -> None:
    """A layer of the user's own that ends at 32 tokens made all others end there."""
    own = {n: NEAR[n] for n in (16, 32)}
    assert lengths([*after("gpt", NEAR), *after("mingru", FAR), *after("lstm-lm", own)]) == {
        "gpt": [16],
        "mingru": [64],
    }
    assert lengths([*after("gpt", NEAR), *after("lstm-lm", own)]) == {}


def test_what_is_derived_can_be_stored() -> None:
    """No line twice, with several memories, lengths and models."""
    records = [
        each
        for n in (16, 32)
        for model, memory in (("gpt", 0), ("mingru", 0), *(("transformer-xl", m) for m in (0, 8, 32)))
        for each in [
            *trained(model, LOW, seq_len=n, memory_len=memory),
            *contexts(model, {n: LOW, 4 * n: LOW}, nats={n: [[1.0]], 4 * n: [[1.0]]}, seq_len=n, memory_len=memory),
        ]
    ]
    found = LM.analysis.stored(records)
    assert {r.metric for r in found} == {"verdict", "context_gain", "recl"}
    assert list(problems([*records, *found])) == []


# Which cases later rounds have


def test_later_rounds_have_each_models_best_rate_by_its_first_seed() -> None:
    cases = [case(model, rate) for model in ("gpt", "mingru") for rate in RATES]
    records = [*grid("gpt", [2.0, 9.0]), *grid("mingru", [2.0], (1.5, None))]
    assert of_round(0, cases, records) == cases
    assert of_round(1, cases, records) == of_round(2, cases, records) == [cases[1], cases[3]]


def test_a_rate_that_diverged_is_never_the_best_and_a_loss_of_0_is() -> None:
    cases = [case("gpt", rate) for rate in RATES]
    assert of_round(1, cases, [failed("gpt", RATES[0]), record("gpt", "bits_per_byte", [9.0], rate=RATES[2])]) == [
        cases[2]
    ]
    zero = [
        record("gpt", "bits_per_byte", [bits], rate=rate) for rate, bits in zip(RATES, (0.1, 0.0, 0.2), strict=True)
    ]
    assert of_round(1, cases, zero) == [cases[1]]
    assert of_round(1, cases, []) == []
