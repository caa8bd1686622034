"""What `variants gpt` found, of costs that grow with a planted exponent."""

from __future__ import annotations

import pytest
from planted_variants import at, gpt

from rnn_vs_attn.records.claims import Claim
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.variants.gpt import analysis, claims
from rnn_vs_attn.suites.variants.gpt.suite import VARIANTS_GPT

SIZES = {"1x64": 1e6, "2x128": 1e7, "gpt2": 1e8}


def grown(metric: str, power: float, rounds: int = 6, **added: str) -> list[Record]:
    """A cost of three sizes that is a power of their parameters, in rounds that are slower and slower."""
    counts = [at(VARIANTS_GPT, "num_params", gpt(size), [params]) for size, params in SIZES.items()]
    values = {size: [(1 + r / 100) * params**power for r in range(rounds)] for size, params in SIZES.items()}
    return [*counts, *(at(VARIANTS_GPT, metric, gpt(size), each, **added) for size, each in values.items())]


def found(records: list[Record], key: str) -> Claim:
    (one,) = (each for each in claims.claims([*records, *analysis.exponents(records)]) if each.key == key)
    return one


@pytest.mark.parametrize(
    ("metric", "key", "added"),
    [
        ("step_time", "grows-step", {}),
        ("train_time", "grows-train", {}),
        ("forward_time", "grows-forward", {}),
        ("prefill_time", "grows-prefill", {}),
        ("flops_per_token", "grows-flops-per-token", {}),
        ("peak_memory", "grows-peak-memory", {"pass": "train"}),
    ],
)
@pytest.mark.parametrize(
    ("power", "word"), [(1.0, "holds"), (0.8, "does not hold here"), (1.3, "does not hold here"), (1.1, "holds")]
)
def test_an_exponent_decides_what_is_in_proportion(
    metric: str, key: str, added: dict[str, str], power: float, word: str
) -> None:
    said = found(grown(metric, power, **added), key)
    assert said.verdict == word
    assert said.figure.startswith(f"It grows as parameters^{power:.3g}".rstrip("0"))


@pytest.mark.parametrize(("name", "share", "said"), [("step", 1.0, True), ("step", 0.4, False), ("train", 1.0, False)])
def test_times_of_the_hosts_launches_are_said_to_be_that(name: str, share: float, said: bool) -> None:
    """Of the pass that the claim is about, in most of its steps."""
    bound = at(VARIANTS_GPT, "launch_bound", gpt("1x64"), [share], **{"pass": name})
    why = found([*grown("step_time", 0.2), bound], "grows-step").why
    assert why == "some of these times are those of the host's launches, not the GPU's" * said


def test_what_was_found_is_one_sentence() -> None:
    assert found(grown("step_time", 0.8), "grows-step").sentence == (
        "Generating a token with GPT takes time in proportion to its parameters: does not hold here. It grows as "
        "parameters^0.800 [0.800, 0.800] from 1x64 to gpt2."
    )


EXPLAINED = {  # the exponents about the one that counts as 1, and which of them each explanation is of
    ("step_time", "grows-step"): (1.0, "each token is multiplied with every weight once"),
    ("prefill_time", "grows-prefill"): (
        1.5,
        "only the last token meets the vocabulary, which is most of a small model",
    ),
    ("peak_memory", "grows-peak-memory"): (0.5, "gradients are as large as the weights, activations grow more slowly"),
}


@pytest.mark.parametrize("power", [0.5, 1.0, 1.5])
@pytest.mark.parametrize(("metric", "key"), EXPLAINED)
def test_an_explanation_stands_beside_what_it_explains_alone(metric: str, key: str, power: float) -> None:
    explained, why = EXPLAINED[metric, key]
    added = {"pass": "train"} if metric == "peak_memory" else {}
    assert found(grown(metric, power, **added), key).why == (why if power == explained else "")


def test_below_six_rounds_nothing_is_decided() -> None:
    said = found(grown("step_time", 1.0, rounds=3), "grows-step")
    assert said.verdict == "undecided"
    assert said.why.startswith("an interval takes 6 rounds: --rounds 6")


def test_the_share_of_embeddings_is_told_from_the_smallest_size_on() -> None:
    """51,281 rows of d_model of all parameters: 12 blocks of GPT-2 are 124,439,808 with them."""
    counts = {"gpt2": 124_439_808.0, "2x128": 6_960_768.0}
    records = [at(VARIANTS_GPT, "num_params", gpt(size), [count]) for size, count in counts.items()]
    said = found(records, "embeddings-share")
    assert said.verdict == "holds"
    assert said.figure.endswith("are 94% of 2x128, 32% of gpt2")
    assert claims.claims(records[:1]) == []
    odd = [at(VARIANTS_GPT, "num_params", gpt(size), [2 * n]) for size, n in (("2x128", 1e8), ("gpt2", 1.1e8))]
    assert found(odd, "embeddings-share").verdict == "does not hold here"


def test_of_no_records_nothing_is_claimed() -> None:
    assert claims.claims([]) == []
