"""Layers of transformers, called by what their signatures say, beside a call by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from rnn_vs_attn.models.foreign.calling import fitted

D, LENGTH = 16, 9
pytestmark = pytest.mark.long  # transformers takes seconds to import


def equal(module: nn.Module, by_hand: Tensor, x: Tensor) -> str:
    """How it is called, once its output is that of the call by hand."""
    made = fitted(module, D)
    assert_close(made(x), by_hand, rtol=0, atol=1e-12)
    called: str = made.called  # type: ignore[assignment]
    return called


def test_an_attention_with_rotary_positions() -> None:
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaAttention, LlamaRotaryEmbedding

    config = LlamaConfig(hidden_size=D, num_attention_heads=2, attn_implementation="eager")
    module, x = LlamaAttention(config, layer_idx=0).double(), torch.randn(2, LENGTH, D, dtype=torch.float64)
    angles = LlamaRotaryEmbedding(config).double()(x, torch.arange(LENGTH)[None])
    mask = torch.full((1, 1, LENGTH, LENGTH), -torch.inf, dtype=torch.float64).triu(1)
    exact = fitted(module, D)(x)
    assert_close(exact, module(x, position_embeddings=angles, attention_mask=mask)[0], rtol=0, atol=1e-6)  # in float32


def test_an_attention_that_adds_a_mask() -> None:
    from transformers import GPT2Config
    from transformers.models.gpt2.modeling_gpt2 import GPT2Attention

    config = GPT2Config(n_embd=D, n_head=2, attn_implementation="eager", attn_pdrop=0.0, resid_pdrop=0.0)
    module, x = GPT2Attention(config, layer_idx=0).double(), torch.randn(2, LENGTH, D, dtype=torch.float64)
    mask = torch.full((1, 1, LENGTH, LENGTH), -torch.inf, dtype=torch.float64).triu(1)
    assert "attention_mask=causal" in equal(module, module(x, attention_mask=mask)[0], x)


def test_a_state_space_mixer_in_float32() -> None:
    from transformers import MambaConfig
    from transformers.models.mamba.modeling_mamba import MambaMixer

    module, x = MambaMixer(MambaConfig(hidden_size=D, state_size=4), layer_idx=0), torch.randn(2, LENGTH, D)
    assert equal(module, module(x), x) == "forward(x)"
