"""What `variants albert` found, of ratios that are planted and of counts."""

from __future__ import annotations

import dataclasses

import pytest
from planted_variants import albert, at

from rnn_vs_attn.records.claims import Claim
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.variants.albert import analysis, claims
from rnn_vs_attn.suites.variants.albert.suite import VARIANTS_ALBERT

ROUNDS = [1.0, 2.0, 1.0, 4.0, 3.0, 1.0]  # a machine that is slower in some, for both


def beside_bert(size: str, metric: str, ratio: float, rounds: int = 6, **added: str) -> list[Record]:
    """A size that takes `ratio` of what bert-base takes in every round."""
    slow = ROUNDS[:rounds]
    return [
        at(VARIANTS_ALBERT, metric, albert("bert-base"), slow, **added),
        at(VARIANTS_ALBERT, metric, albert(size), [ratio * value for value in slow], **added),
    ]


def found(records: list[Record], key: str) -> list[Claim]:
    return [each for each in claims.claims([*records, *analysis.derive(records)]) if each.key == key]


@pytest.mark.parametrize(("ratio", "word"), [(0.9, "holds"), (1.1, "does not hold here"), (1.0, "does not hold here")])
def test_times_within_rounds_decide_what_trains_faster(ratio: float, word: str) -> None:
    (said,) = found(beside_bert("albert-base", "train_time", ratio), "trains-faster")
    assert (said.text, said.verdict) == ("albert-base trains faster than bert-base", word)
    assert said.axes["size"] == "albert-base"
    assert said.figure.startswith("albert-base takes ")


@pytest.mark.parametrize(
    ("size", "name", "said"),
    [("albert-base", "train", True), ("bert-base", "forward", True), ("albert-large", "train", False)],
)
def test_times_of_the_hosts_launches_are_said_to_be_that(size: str, name: str, said: bool) -> None:
    """Those of either of the two that are compared."""
    bound = at(VARIANTS_ALBERT, "launch_bound", albert(size), [1.0], **{"pass": name})
    whole = beside_bert("albert-base", "train_time", 0.9)
    shared = beside_bert("bert-base+shared", "train_time", 0.9)
    flops = [at(VARIANTS_ALBERT, "flops_per_token", albert(each), [1e6]) for each in ("bert-base", "bert-base+shared")]
    claims_of = [found([*whole, bound], "trains-faster"), found([*shared, *flops, bound], "saves-computation")]
    told = "some of these times are those of the host's launches, not the GPU's"
    assert [told in claim.why for (claim,) in claims_of] == [said, said and size == "bert-base"]


def test_below_six_rounds_nothing_is_decided() -> None:
    (said,) = found(beside_bert("albert-base", "train_time", 0.5, rounds=5), "trains-faster")
    assert said.verdict == "undecided"
    assert said.why.startswith("an interval takes 6 rounds: --rounds 6")


@pytest.mark.parametrize(("ratio", "word"), [(1.0, "does not hold here"), (0.5, "holds")])
def test_flops_decide_whether_sharing_saves_computation(ratio: float, word: str) -> None:
    records = [
        at(VARIANTS_ALBERT, "flops_per_token", albert("bert-base"), [172e6]),
        at(VARIANTS_ALBERT, "flops_per_token", albert("bert-base+shared"), [172e6 * ratio]),
        *beside_bert("bert-base+shared", "train_time", 0.8),
    ]
    (said,) = found(records, "saves-computation")
    assert said.verdict == word
    assert said.figure.endswith("of bert-base's FLOPs, 0.800 [0.800, 0.800] of its training time")
    assert found(records, "trains-faster") == []  # what sharing saves of time stands there


def test_parameters_and_memory_have_a_claim_of_each_size() -> None:
    sizes = {"albert-base": 12e6, "bert-base+factorised": 90e6, "bert-base+shared": 31e6, "bert-base": 108e6}
    records = [at(VARIANTS_ALBERT, "num_params", albert(size), [count]) for size, count in sizes.items()]
    records += beside_bert("albert-base", "peak_memory", 0.2, **{"pass": "train"})
    said = found(records, "fewer-parameters")
    assert [each.axes["size"] for each in said] == ["albert-base", "bert-base+shared", "bert-base+factorised"]
    assert {each.verdict for each in said} == {"holds"}
    assert said[0].figure == "albert-base has 0.111 of bert-base's 108.0 M"
    (memory,) = found(records, "less-memory")
    assert memory.verdict == "holds"


def test_a_size_without_its_bert_has_no_claim_but_its_count() -> None:
    records = [at(VARIANTS_ALBERT, "train_time", albert("albert-large"), ROUNDS)]
    said = claims.claims([*records, *analysis.derive(records)])
    assert [each.key for each in said] == ["published-sizes"]
    assert "albert-xxlarge has 222.6 M (paper: 235 M)" in said[0].figure  # Lan et al. 2020, table 1
    assert "albert-base has" not in said[0].figure


def test_a_forward_pass_does_not_say_what_trains_faster() -> None:
    """As where training had no room in memory."""
    assert found(beside_bert("albert-base", "forward_time", 0.5), "trains-faster") == []


@pytest.mark.parametrize(
    ("size", "told"),
    [("albert-base", "1.19 times as fast"), ("albert-large", "1.7 times as fast"), ("albert-xlarge", "")],
)
def test_the_papers_speed_up_is_that_of_the_size(size: str, told: str) -> None:
    """Lan et al. 2020, table 2: 5.6 beside 4.7, and 1.7 beside 1.0; of the larger ones there is no BERT."""
    slow = [at(VARIANTS_ALBERT, "train_time", albert(claims.bert_of(size)), ROUNDS)]
    (said,) = found([*slow, at(VARIANTS_ALBERT, "train_time", albert(size), ROUNDS)], "trains-faster")
    assert said.why == (f"the paper's trained {told}, on many TPUs" if told else "")


def test_why_memory_is_saved_is_not_told_where_it_is_not() -> None:
    for ratio, why in ((0.5, "gradients of shared weights are stored once"), (1.5, "")):
        (said,) = found(beside_bert("albert-base", "peak_memory", ratio, **{"pass": "train"}), "less-memory")
        assert said.why == why


def test_a_ratio_without_a_value_has_no_claim() -> None:
    """As one whose record somebody has edited."""
    ratios = [r for r in analysis.derive(beside_bert("albert-base", "train_time", 0.5)) if r.metric == "ratio"]
    edited = [dataclasses.replace(r, status="crashed", median=None, low=None, high=None) for r in ratios]
    assert [each.key for each in claims.claims(edited)] == []
