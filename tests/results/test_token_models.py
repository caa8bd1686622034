"""Sizes, FLOPs and memory in the stored runs of `decode` and `variants`, against formulas that are written here."""

from __future__ import annotations

import json
from typing import Any

import pytest
from paths import REFERENCE

FLOAT32 = 4  # bytes
MIB = 1 << 20
GPT = {  # layers, width
    "2x128": (2, 128),
    "4x256": (4, 256),
    "6x384": (6, 384),
    "8x512": (8, 512),
    "gpt2": (12, 768),
    "gpt2-medium": (24, 1024),
    "gpt2-large": (36, 1280),
    "gpt2-xl": (48, 1600),
}
ALBERT = {"base": (12, 768), "large": (24, 1024), "xlarge": (24, 2048), "xxlarge": (12, 4096)}
VOCABULARY, POSITIONS = 50257, 1024  # of GPT-2
TOKENS = 64  # of a pass


def records(run: str, *metrics: str) -> list[dict[str, Any]]:
    lines = (REFERENCE / run / "records.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["metric"] in metrics]


def by_size(run: str, metric: str, **axes: Any) -> dict[str, float]:
    found = [r for r in records(run, metric) if "size" in r["axes"] and axes.items() <= r["axes"].items()]
    return {r["axes"]["size"]: r["median"] for r in found}


def layer_norm(width: int) -> int:
    return 2 * width


def linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def block(width: int, inner: int | None = None) -> int:
    """A transformer's block: Q, K, V and the output, a feed-forward, two norms."""
    inner = inner or 4 * width
    return 4 * linear(width, width) + linear(width, inner) + linear(inner, width) + 2 * layer_norm(width)


def gpt_params(layers: int, width: int, vocabulary: int = VOCABULARY, positions: int = POSITIONS) -> int:
    return (vocabulary + positions) * width + layers * block(width) + layer_norm(width)


def albert_params(size: str) -> int:
    """Tokens, positions and two segments, their norm, a layer to the model's width, blocks, and the pooler."""
    layers, width = ALBERT[size.partition("-")[2].partition("+")[0]]
    factorised = size.startswith("albert") or size.endswith("+factorised")
    shared = size.startswith("albert") or size.endswith("+shared")
    narrow = 128 if factorised else width
    embeddings = (30000 + 512 + 2) * narrow + layer_norm(narrow) + (linear(narrow, width) if factorised else 0)
    return embeddings + (1 if shared else layers) * block(width) + linear(width, width)


def block_flops(width: int, keys: float) -> float:
    """A token in one block: 12 D^2 weights, two products of width D with each of its keys; a multiply-add is two."""
    return 2 * (12 * width**2 + 2 * keys * width)


def test_sizes_of_gpt_follow_from_its_definition() -> None:
    assert by_size("full/gpt", "num_params") == {size: gpt_params(*shape) for size, shape in GPT.items()}
    weights = by_size("full/gpt", "weights_size")
    assert weights == {size: FLOAT32 * gpt_params(*shape) for size, shape in GPT.items()}


def test_flops_a_token_of_gpt_follow_from_its_definition() -> None:
    """Half of all pairs of 64 tokens and the diagonal; the output layer is one product with the embedding."""
    keys = (TOKENS + 1) / 2
    expected = {
        size: layers * block_flops(width, keys) + 2 * VOCABULARY * width for size, (layers, width) in GPT.items()
    }
    assert by_size("full/gpt", "flops_per_token") == expected


def test_sizes_of_albert_follow_from_its_definition() -> None:
    sizes = by_size("full/albert", "num_params")
    assert len(sizes) == 8
    assert sizes == {size: albert_params(size) for size in sizes}
    assert by_size("full/albert", "weights_size") == {size: FLOAT32 * albert_params(size) for size in sizes}


def test_flops_a_token_of_albert_follow_from_its_definition() -> None:
    """Of every layer, shared or not, over all pairs; of factorised embeddings also the layer to the model's width."""
    found = by_size("full/albert", "flops_per_token")
    assert len(found) == 8
    for size, value in found.items():
        layers, width = ALBERT[size.partition("-")[2].partition("+")[0]]
        factorised = size.startswith("albert") or size.endswith("+factorised")
        assert value == layers * block_flops(width, TOKENS) + 2 * 128 * width * factorised, size


def test_rows_of_the_papers_tables_follow_from_the_definition() -> None:
    """Lan et al. 2020, tables 3 and 4: embeddings of each width, and what is shared."""
    rows = [r for r in records("full/albert", "num_params") if "table" in r["axes"]]
    assert len(rows) == 16
    width = 768
    attention = 4 * linear(width, width) + layer_norm(width)
    for row in rows:
        narrow, sharing = row["axes"]["embedding_dim"], row["axes"]["sharing"]
        widening = linear(narrow, width) if narrow != width else 0
        embeddings = (30000 + 512 + 2) * narrow + layer_norm(narrow) + widening
        attentions, others = (1 if sharing in ("all", part) else 12 for part in ("attention", "feed-forward"))
        layers = attentions * attention + others * (block(width) - attention)
        assert row["median"] == embeddings + layers + linear(width, width), row


# Memory


def test_the_peak_of_a_forward_pass_of_gpt_is_that_of_its_logits() -> None:
    """All of them; whatever a block makes is smaller, and gone by then."""
    logits = FLOAT32 * TOKENS * VOCABULARY
    found = by_size("full/gpt", "peak_memory", **{"pass": "forward"})
    assert len(found) == 5
    assert found == {size: pytest.approx(logits, rel=0.02) for size in found}


def test_the_peak_of_a_training_pass_of_gpt_is_that_of_its_gradients() -> None:
    """Of all weights and of the logits; and twice more of the embedding's, which is added up from the output's and the
    input's.
    """
    found = by_size("full/gpt", "peak_memory", **{"pass": "train"})
    assert len(found) == 5
    for size, value in found.items():
        layers, width = GPT[size]
        floats = gpt_params(layers, width) + 2 * VOCABULARY * width + TOKENS * VOCABULARY
        assert value == pytest.approx(FLOAT32 * floats, rel=0.02), size


def test_the_peak_of_a_training_pass_of_bert_is_that_of_its_gradients() -> None:
    """Of all weights but the pooler's, which nothing asks for; of what is shared, activations count beside them."""
    found = by_size("full/albert", "peak_memory", **{"pass": "train"})
    gradients = {size: FLOAT32 * (albert_params(size) - linear(768, 768)) for size in found}
    for size in ("bert-base", "bert-base+factorised", "bert-base+shared"):
        assert found[size] == pytest.approx(gradients[size], rel=0.01)
    kept = 12 * TOKENS * 768 * FLOAT32 * 25  # what a layer keeps for its backward pass is some 25 vectors a token
    assert gradients["albert-base"] < found["albert-base"] < gradients["albert-base"] + 1.2 * kept


# Generation and evaluation

LAYERS, BYTES, DECODED = 4, 256, 67  # of both runs; token ids; tokens that are decoded after a context


def transformer_xl_params(width: int) -> int:
    """A block whose projections have no bias and one for positions more; the embedding, the output's bias, u and v."""
    return LAYERS * (block(width) - 4 * width + width**2) + BYTES * (width + 1) + 2 * width


def decoded(model: str, context: int) -> tuple[int, int]:
    """Parameters, and bytes after a context, at width 256; Transformer-XL remembers 256 positions."""
    width = 256
    lstm, recurrent = LAYERS * 8 * (width**2 + width), LAYERS * 2 * width
    cache = LAYERS * 2 * width * context
    found = {
        "lstm": (lstm, recurrent),
        "attention": (LAYERS * 4 * linear(width, width), cache),
        "attention-relative": (LAYERS * (5 * width**2 + 2 * width), cache * 3 // 2),
        "lstm-lm": (lstm + BYTES * (width + 1), recurrent),
        "gpt": (gpt_params(LAYERS, width, BYTES, context + DECODED), cache),
        "transformer-xl": (transformer_xl_params(width), LAYERS * 3 * width * min(context, 256)),
    }
    params, floats = found[model]
    return params, FLOAT32 * floats


def test_sizes_and_states_of_decode_follow_from_the_definitions() -> None:
    found = records("full/decode", "num_params", "state_size")
    assert len(found) == 48
    for record in found:
        params, state = decoded(record["axes"]["model"], record["axes"]["seq_len"])
        assert record["median"] == (params if record["metric"] == "num_params" else state), record


def test_sizes_of_windows_and_memories_follow_from_the_definitions() -> None:
    """GPT has a position for each token of a window or a cache, and for those that are evaluated after a cache."""
    more = {"window-1": 0, "window-half": 0, "cache": DECODED, "cache-segment": 128}
    found = [r for r in records("full/transformer-xl", "num_params") if "method" in r["axes"]]
    assert len(found) == 20
    for record in found:
        method, length = record["axes"]["method"], record["axes"]["seq_len"]
        expected = transformer_xl_params(128)
        if method != "memory":
            expected = gpt_params(LAYERS, 128, BYTES, length + more[method])
        assert record["median"] == expected, record


def test_the_receptive_field_is_the_position_and_what_each_layer_remembers() -> None:
    """Dai et al. 2019, section 3.2."""
    fields = records("full/transformer-xl", "reach", "receptive_field")
    assert len(fields) == 8
    for record in fields:
        axes = record["axes"]
        assert record["median"] == axes["position"] + axes["num_layers"] * axes["memory_len"]
