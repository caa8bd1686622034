"""The sequences of a batch are apart, in every model of the registry."""

from __future__ import annotations

import torch
from registry_models import LANGUAGE_SHAPE, LAYERS, OF_TOKENS, of_tokens

from rnn_vs_attn.measure.conduct import batch_independence
from rnn_vs_attn.measure.conduct.batch_independence import Batch
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.spec import ModelSpec

APART = Batch()


@LAYERS
def test_the_layers_of_this_program_keep_sequences_apart(spec: ModelSpec) -> None:
    torch.manual_seed(0)
    module = build.build(spec, Shape(3, 12, 8, 2, 2, window=4)).eval()
    assert batch_independence.of(module, batch_size=4, seq_len=12, d_model=8) == APART


@OF_TOKENS
def test_the_language_models_of_this_program_do_too(spec: ModelSpec) -> None:
    module, _ = of_tokens(spec)
    found = batch_independence.of_ids(module.float(), LANGUAGE_SHAPE.vocab_size, LANGUAGE_SHAPE.context_len)
    assert found == APART
