"""Lines about Transformer-XL, ALBERT and GPT, on planted records."""

from __future__ import annotations

import dataclasses

import pytest
from planted_lesson import of_albert, of_gpt, readings, transformer_xl

from rnn_vs_attn.lesson import of_variants
from rnn_vs_attn.lesson.readings import Lacking
from rnn_vs_attn.records.claims import FAILS, HOLDS


@pytest.mark.parametrize(("memory", "verdict"), [(19.0, HOLDS), (3.0, FAILS)])
def test_a_memory_is_seen_beyond_the_segment(memory: float, verdict: str) -> None:
    found = of_variants.beyond_the_segment(readings(transformer_xl=transformer_xl(memory=memory)))
    assert found.verdict == verdict
    assert found.figure == f"{memory:.0f} tokens back with a memory of 8, 3 without one"


@pytest.mark.parametrize(("window", "verdict"), [(80.0, HOLDS), (0.5, FAILS)])
def test_a_window_costs_more_than_segments_with_a_memory(window: float, verdict: str) -> None:
    found = of_variants.cheaper_evaluation(readings(transformer_xl=transformer_xl(window=window)))
    assert found.verdict == verdict
    assert "keeps its keys and values takes 0.500 [0.500, 0.500] times as long" in found.why


def test_albert_has_a_tenth_of_the_parameters_and_all_of_the_operations() -> None:
    runs = readings()
    assert of_variants.fewer_parameters(runs).verdict == HOLDS
    assert of_variants.fewer_parameters(runs).figure == (
        "albert-base 12,000,000, bert-base 120,000,000: 0.100 times as many"
    )
    assert of_variants.less_computation(runs).verdict == FAILS


def test_half_of_the_operations_would_be_less_computation() -> None:
    assert of_variants.less_computation(readings(albert=of_albert(flops=0.5))).verdict == HOLDS


@pytest.mark.parametrize(("exponent", "verdict"), [(1.0, HOLDS), (1.5, FAILS)])
def test_the_cost_of_a_token_by_its_exponent_in_parameters(exponent: float, verdict: str) -> None:
    found = of_variants.growth_with_size(readings(gpt=of_gpt(exponent)))
    assert found.verdict == verdict
    assert "12.5 times the parameters of gpt2" in found.figure


def test_fields_that_were_not_measured_are_lacking() -> None:
    with pytest.raises(Lacking, match="receptive field"):
        of_variants.beyond_the_segment(
            readings(transformer_xl=[r for r in transformer_xl() if r.metric != "receptive_field"])
        )


def test_bert_is_counted_beside_an_albert_that_was_measured_alone() -> None:
    alone = [record for record in of_albert() if record.axes["size"] == "albert-base"]
    found = of_variants.fewer_parameters(readings(albert=alone))
    assert found.verdict == HOLDS
    assert "bert-base 109,081,344" in found.figure  # Lan et al. 2020, table 1: 108 M, with BERT's own vocabulary


def test_a_window_that_was_timed_decides_whatever_became_of_the_cache() -> None:
    timed = [r for r in transformer_xl() if r.axes.get("method") != "cache-segment"]
    found = of_variants.cheaper_evaluation(readings(transformer_xl=timed))
    assert (found.verdict, found.why) == (HOLDS, "")


def test_sizes_that_an_exponent_is_of_are_told_where_nothing_was_timed() -> None:
    counted = [r for r in of_gpt() if r.metric != "step_time"]
    assert of_variants.growth_with_size(readings(gpt=counted)).why == (
        "counted: FLOPs grow by parameters^1.00 from 2x128 to 4x256"
    )


def test_a_count_that_somebody_has_edited_decides_nothing() -> None:
    none = [dataclasses.replace(r, samples=[0.0], median=0.0, low=0.0, high=0.0) for r in of_albert()]
    for line in (of_variants.fewer_parameters, of_variants.less_computation):
        with pytest.raises(Lacking, match="cannot be 0"):
            line(readings(albert=none))
