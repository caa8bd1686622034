"""Sizes and FLOPs a token of models of token ids, against formulas and transformers' models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from rnn_vs_attn.models.shapes import AlbertShape, GPTShape
from rnn_vs_attn.records.types import Metric
from rnn_vs_attn.suites import sizes
from rnn_vs_attn.suites.metrics import FLOPS_PER_TOKEN, NUM_PARAMS, WEIGHTS_SIZE

B, L = 3, 10  # sequences, tokens of each
OF_GPT = GPTShape(2, 24, 3, 61, 40)
OF_ALBERT = AlbertShape(3, 32, 4, 12, "all", 71, 40)
OF_BERT = AlbertShape(3, 24, 3, None, "none", 50, 33)


@dataclass(frozen=True)
class CaseOf(sizes.SizedCase):
    """A case of any size: that of its `shape`."""

    shape: Any = None

    @property
    def definition(self) -> Any:
        return self.shape


def counts(shape: Any, dtype: str = "float32") -> dict[Metric, float]:
    return sizes.counts(CaseOf(model="any", batch_size=B, seq_len=L, dtype=dtype, shape=shape))


def flops_a_token(shape: Any) -> float:
    return counts(shape)[FLOPS_PER_TOKEN]


def test_flops_a_token_of_gpt_are_those_of_its_products() -> None:
    """Weights of 12 D^2 a layer and the embedding's once; scores and values of (L + 1) / 2 keys."""
    assert flops_a_token(OF_GPT) == 2 * (2 * (12 * 24**2 + 2 * 24 * (L + 1) / 2) + 61 * 24)


@pytest.mark.parametrize(("shape", "widening"), [(OF_ALBERT, 12 * 32), (OF_BERT, 0)])
def test_flops_a_token_of_albert_are_those_of_its_products(shape: AlbertShape, widening: int) -> None:
    """Of all layers, shared or not, over all keys."""
    width = shape.d_model
    assert flops_a_token(shape) == 2 * (3 * (12 * width**2 + 2 * width * L) + widening)


def test_a_weight_is_as_large_as_its_number_format() -> None:
    found = counts(OF_GPT, "bfloat16")
    assert found[WEIGHTS_SIZE] == 2 * found[NUM_PARAMS]


def theirs(shape: Any) -> Any:
    """The model of transformers with its unfused attention, which multiplies all pairs."""
    transformers = pytest.importorskip("transformers", reason="the extra [hf] is not installed")
    options: dict[str, Any] = {}
    if isinstance(shape, GPTShape):
        names = {"vocab_size": shape.vocab_size, "n_embd": shape.d_model, "n_layer": shape.num_layers}
        config = transformers.GPT2Config(n_positions=shape.context_len, n_head=shape.num_heads, **names)
        kind = transformers.GPT2LMHeadModel
    else:
        names = {"vocab_size": shape.vocab_size, "hidden_size": shape.d_model, "num_hidden_layers": shape.num_layers}
        names |= {"num_attention_heads": shape.num_heads, "intermediate_size": 4 * shape.d_model}
        if shape.embedding_dim is None:
            config, kind = transformers.BertConfig(**names), transformers.BertModel
        else:
            config = transformers.AlbertConfig(embedding_size=shape.embedding_dim, **names)
            kind = transformers.AlbertModel
        options = {"add_pooling_layer": False}
    config._attn_implementation = "eager"
    return kind(config, **options).eval()


@pytest.mark.parametrize("shape", [OF_GPT, OF_ALBERT, OF_BERT])
def test_flops_a_token_are_those_of_torchs_counter_on_transformers_models(shape: Any) -> None:
    model, ids = theirs(shape), torch.randint(1, shape.vocab_size, (B, L))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(ids)
    future = shape.num_layers * 4 * shape.d_model * (L - 1) / 2 if shape is OF_GPT else 0  # which a mask hides
    assert counter.get_total_flops() / (B * L) == flops_a_token(shape) + future
