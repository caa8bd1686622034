"""Names, pairs and words that claims of several suites share."""

from __future__ import annotations

import dataclasses

import pytest
from fakes import bench_record
from planted_bench import planted, times

from rnn_vs_attn.report.curves import crossing, settled
from rnn_vs_attn.suites import findings
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.findings import Names, Pair
from rnn_vs_attn.suites.metrics import CROSSING

# Names


def test_a_case_is_called_by_its_model_and_by_what_tells_it_from_others() -> None:
    records = [bench_record("train_time", "lstm", n, [1.0], d_model=d, window=64) for n in (64, 128) for d in (16, 32)]
    names = Names.of(records, BenchCase, "seq_len")
    assert names.apart == ("d_model",)
    assert names.name(records[0].axes) == "lstm (d_model 16)"
    assert names.axes(records[0].axes) == {"d_model": 16}
    assert names.axes(records[0].axes, "model") == {"model": "lstm", "d_model": 16}
    assert Names.of(records, BenchCase).apart == ("seq_len", "d_model")
    assert Names.of(records[:1], BenchCase).name(records[0].axes) == "lstm"


def test_an_axis_that_some_models_do_not_have_tells_nothing_apart() -> None:
    plain = bench_record("train_time", "lstm", 64, [1.0], d_model=16)
    own = bench_record("train_time", "hf:gpt2", 64, [1.0], d_model=None)
    assert Names.of([plain, own], BenchCase).apart == ()
    wide = bench_record("train_time", "lstm", 64, [1.0], d_model=32)
    names = Names.of([plain, own, wide], BenchCase)
    assert names.apart == ("d_model",)
    assert names.name(own.axes) == "hf:gpt2"


# Pairs


def base(model: str, models: object) -> str:
    return "attention"


def test_a_pair_has_the_lengths_that_both_have() -> None:
    records = times(planted(200))
    (pair,) = findings.pairs([r for r in records if r.axes != records[-1].axes], base)
    assert (pair.model, pair.beside) == ("lstm", "attention")
    assert (pair.lengths, pair.longest) == ([64, 128, 256, 512], 512)
    assert pair.sides == ["above", "above", "below", "below"]
    assert [f"{ratio.median:.3f}" for ratio in pair.ratios if ratio] == ["1.768", "1.250", "0.884", "0.625"]


def test_models_without_a_length_in_common_are_no_pair() -> None:
    records = [*times(planted(200), models=["lstm"], lengths=[64]), *times(planted(200), lengths=[128])[1:]]
    assert list(findings.pairs(records, base)) == []


@pytest.mark.parametrize(
    ("models", "found"),
    [
        (["lstm", "attention"], "attention"),
        (["a.py:A", "gru", "lstm"], "gru"),
        (["a.py:A", "b.py:B"], "a.py:A"),
    ],
)
def test_what_others_stand_beside(models: list[str], found: str) -> None:
    assert findings.base_among(models, "attention") == found


@pytest.mark.parametrize(
    ("model", "found"), [("a.py:A", True), ("hf:gpt2", True), ("trained:lstm@copy", True), ("lstm", False)]
)
def test_what_a_user_typed_for_themselves(model: str, found: bool) -> None:
    assert findings.is_not_ours(model) is found


# Words


@pytest.mark.parametrize(
    ("length", "text"), [(64, "64"), (1024, "1,024"), (609.94, "610"), (1879.6, "1,880"), (9.97, "10")]
)
def test_lengths_in_words(length: float, text: str) -> None:
    assert findings.tokens(length) == text


def pair_of(crossing: float, rounds: int = 6) -> Pair:
    (pair,) = findings.pairs(times(planted(crossing), rounds=[1.0] * rounds), base)
    return pair


def test_where_which_is_faster() -> None:
    assert findings.where_faster(pair_of(256)) == "from 256 [256, 256] tokens on lstm is faster"
    assert findings.where_faster(pair_of(9000)) == "from 64 to 1,024 tokens attention is faster"
    assert findings.where_faster(pair_of(9000, rounds=1)) == "so far from 64 to 1,024 tokens attention is faster"
    (one,) = findings.pairs(times(planted(256), lengths=[64]), base)
    assert findings.where_faster(one) == ""


def test_where_it_is_settled_at_one_length_only() -> None:
    """lstm takes twice as long at 64 tokens; at 128 the rounds do not agree."""
    values = {64: [2.0] * 6, 128: [0.5, 2.0] * 3}
    records = [bench_record("train_time", "lstm", n, times) for n, times in values.items()]
    (pair,) = findings.pairs([*records, *(bench_record("train_time", "attention", n, [1.0] * 6) for n in values)], base)
    assert findings.where_faster(pair) == "at 64 tokens attention is faster"


def test_a_length_that_was_measured_is_told_in_all_of_its_digits() -> None:
    """What is settled at 4,096 tokens alone was told as from 4,100 on."""
    values = {512: [0.5, 2.0] * 3, 4096: [2.0] * 6}
    records = [bench_record("train_time", "lstm", n, times) for n, times in values.items()]
    (pair,) = findings.pairs([*records, *(bench_record("train_time", "attention", n, [1.0] * 6) for n in values)], base)
    assert findings.where_faster(pair) == "at 4,096 tokens attention is faster"
    record = crossing(CROSSING, pair.curve, pair.base)
    assert record is not None
    assert settled(record, "lstm") == "lstm is slower from 4096 on"
    (pair,) = findings.pairs(times(lambda m, n: n / 2048 if m == "lstm" else 1.0, lengths=[1024, 4096]), base)
    assert findings.where_faster(pair) == "from 2,050 [1,024, 4,096] tokens on attention is faster"


@pytest.mark.parametrize(
    ("status", "details", "word"),
    [
        ("timeout", {}, "timeout"),
        ("timeout", {"needed_seconds": 190}, "left out for want of time"),
        ("out_of_memory", {}, "out of memory"),
    ],
)
def test_a_case_that_was_not_begun_is_no_time_out(status: str, details: dict[str, int], word: str) -> None:
    lost = dataclasses.replace(bench_record("train_time", "lstm", 2048, [1.0]), status=status, details=details)
    assert findings.fault_of(lost) == word
    pair = pair_of(256)
    records = [dataclasses.replace(lost, axes={**pair.curve[0].axes, "seq_len": 2048})]
    assert findings.without_times(pair, records) == f"lstm has no time at 2,048: {word}"


def test_stretches_that_say_the_same_are_said_at_once() -> None:
    """lstm takes longer at short and at long sequences; between them the rounds do not agree."""
    values = {64: [2.0] * 6, 128: [2.0] * 6, 256: [0.5, 2.0] * 3, 512: [2.0] * 6, 1024: [2.0] * 6}
    records = [bench_record("train_time", "lstm", n, times) for n, times in values.items()]
    (pair,) = findings.pairs([*records, *(bench_record("train_time", "attention", n, [1.0] * 6) for n in values)], base)
    first, last = findings.where_faster(pair).split(" tokens and from ")
    assert first.startswith("up to 1")
    assert last.endswith(" tokens on attention is faster")


def test_every_stretch_of_curves_that_cross_more_than_once_is_told() -> None:
    slow = {64: 2.0, 128: 2.0, 256: 0.5, 512: 2.0, 1024: 2.0}
    (pair,) = findings.pairs(times(lambda model, n: n * (slow[n] if model == "lstm" else 1.0)), base)
    first, middle, last = findings.where_faster(pair).split(", ")
    assert first.startswith("up to 1")
    assert (first.endswith("attention is faster"), last.endswith("tokens on attention is faster")) == (True, True)
    assert middle.startswith("from ")
    assert " to " in middle
    assert middle.endswith(" tokens lstm is faster")
