"""Counts of models of token ids by closed form, against published ones."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from planted_variants import albert, at, by_size, gpt
from torch import nn
from transformers_models import SMALL_GPT, tokens

from rnn_vs_attn.models.language.albert import Albert, MaskedLanguageModel
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.language.transformer_xl import TransformerXL
from rnn_vs_attn.models.shapes import ALBERT_SIZES, GPT_SIZES, TRANSFORMER_XL_SIZES, AlbertShape
from rnn_vs_attn.suites.variants.albert import analysis as albert_analysis
from rnn_vs_attn.suites.variants.albert.suite import VARIANTS_ALBERT
from rnn_vs_attn.suites.variants.gpt import analysis as gpt_analysis
from rnn_vs_attn.suites.variants.gpt.suite import VARIANTS_GPT


def test_published_sizes_of_gpt_have_the_published_parameters() -> None:
    """openai/gpt-2's README: 124M, 355M, 774M, 1.5B."""
    found = by_size(gpt_analysis.derive([at(VARIANTS_GPT, "num_params", gpt("1x64"), [3332224])]), "num_params")
    assert found == {
        "gpt2": 124_439_808,
        "gpt2-medium": 354_823_168,
        "gpt2-large": 774_030_080,
        "gpt2-xl": 1_557_611_200,
    }


def test_published_sizes_of_albert_have_the_counted_parameters() -> None:
    """Counted with another library at a vocabulary of 30,000, the pooler included."""
    found = by_size(
        albert_analysis.derive([at(VARIANTS_ALBERT, "forward_time", albert("bert-xlarge"), [1.0])]),
        "num_params",
    )
    assert found == {
        "albert-base": 11_683_584,
        "albert-large": 17_683_968,
        "albert-xlarge": 58_724_864,
        "albert-xxlarge": 222_595_584,
        "bert-base": 109_081_344,
        "bert-large": 334_607_360,
    }


GPT_COUNTS = {"gpt2": 124_439_808, "gpt2-medium": 354_823_168, "gpt2-large": 774_030_080, "gpt2-xl": 1_557_611_200}
ALBERT_COUNTS = {  # with pooler; masked language model without it
    "albert-base": (11_683_584, 11_221_680),
    "albert-large": (17_683_968, 16_795_824),
    "albert-xlarge": (58_724_864, 54_821_040),
    "albert-xxlarge": (222_595_584, 206_368_944),
    "bert-base": (109_482_240, 109_514_298),
    "bert-large": (335_141_888, 335_174_458),
}
TRANSFORMER_XL_COUNTS = {
    "transformer-xl-wt103-base": 151_107_538,
    "transformer-xl-wt103-large": 285_170_506,
    "transformer-xl-enwik8-base": 41_055_436,
    "transformer-xl-enwik8-large": 277_231_820,
}


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.long
@pytest.mark.parametrize("name", GPT_SIZES)
def test_every_size_of_gpt_has_the_published_count(name: str) -> None:
    with torch.device("meta"):
        model = GPT(GPT_SIZES[name])
    assert count(model) == GPT_SIZES[name].num_params == GPT_COUNTS[name]


@pytest.mark.long
@pytest.mark.parametrize("name", ALBERT_SIZES)
def test_every_size_of_albert_and_bert_has_the_published_count(name: str) -> None:
    shape = ALBERT_SIZES[name]
    with torch.device("meta"):
        encoder, whole = Albert(shape), MaskedLanguageModel(shape)
    assert (count(encoder), count(whole)) == ALBERT_COUNTS[name]
    assert (shape.num_params, shape.masked_lm_params) == ALBERT_COUNTS[name]


@pytest.mark.long
@pytest.mark.parametrize("name", TRANSFORMER_XL_SIZES)
def test_every_size_of_transformer_xl_has_the_released_count(name: str) -> None:
    for untied in (False, True):
        shape = dataclasses.replace(TRANSFORMER_XL_SIZES[name], untied_biases=untied)
        with torch.device("meta"):
            model = TransformerXL(shape)
        assert count(model) == shape.num_params
        more = (shape.num_layers - 1) * 2 * shape.num_heads * shape.head_dim if untied else 0
        assert shape.num_params == TRANSFORMER_XL_COUNTS[name] + more


@pytest.mark.long
def test_flops_are_those_of_torchs_counter() -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    shape = AlbertShape(3, 32, 4, 8, "attention", 71, 40)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        Albert(shape).eval()(tokens(shape, 2, 16))
    assert counter.get_total_flops() == shape.forward_flops(2, 16)
    small = SMALL_GPT[0]
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        GPT(small).eval()(tokens(small, 2, 16))
    all_pairs = 2 * small.num_layers * 2 * 16 * (16 - 1) * small.d_model  # that the unfused kernel also multiplies
    assert counter.get_total_flops() == small.forward_flops(2, 16) + all_pairs
