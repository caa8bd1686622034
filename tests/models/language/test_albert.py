"""ALBERT and BERT against transformers with the same weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers_models import SMALL_ALBERT, assert_equal_logits_and_gradients, tokens, with_biases

from rnn_vs_attn.models.language import pretrained
from rnn_vs_attn.models.language.albert import Albert, MaskedLanguageModel
from rnn_vs_attn.models.shapes import SHARINGS, AlbertShape

transformers = pytest.importorskip("transformers", reason="the extra [hf] is not installed")
SMALL_BERT = (
    AlbertShape(2, 32, 4, None, "none", 71, 40, activation="gelu"),
    AlbertShape(3, 24, 3, None, "none", 50, 33, activation="gelu"),
)


def their_albert(shape: AlbertShape) -> Any:
    torch.manual_seed(1)
    rest = {
        "vocab_size": shape.vocab_size,
        "hidden_size": shape.d_model,
        "num_hidden_layers": shape.num_layers,
        "num_attention_heads": shape.num_heads,
        "intermediate_size": 4 * shape.d_model,
        "max_position_embeddings": shape.context_len,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    if shape.embedding_dim is None:
        return with_biases(transformers.BertForMaskedLM(transformers.BertConfig(**rest)))
    config = transformers.AlbertConfig(embedding_size=shape.embedding_dim, classifier_dropout_prob=0.0, **rest)
    return with_biases(transformers.AlbertForMaskedLM(config))


@pytest.mark.long
@pytest.mark.parametrize("shape", [*SMALL_ALBERT, *SMALL_BERT])
def test_albert_and_bert_are_theirs(shape: AlbertShape, saved: Any) -> None:
    theirs = their_albert(shape)
    ours = pretrained.load_masked_lm(saved(theirs))
    ids = tokens(shape)
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), theirs(ids).logits, rtol=1e-4, atol=1e-4)
    sources = {f"encoder.{name}": source for name, source in pretrained._encoder_sources(shape).items()}
    sources |= pretrained._head_sources(shape)
    assert_equal_logits_and_gradients(ours, theirs, ids, sources)


@pytest.mark.long
@pytest.mark.parametrize("shape", [SMALL_ALBERT[0], SMALL_BERT[0]])
def test_masks_segments_and_the_pooler_are_theirs(shape: AlbertShape, tmp_path: Path) -> None:
    theirs = their_albert(shape)
    kind = transformers.BertModel if shape.embedding_dim is None else transformers.AlbertModel
    encoder = kind(theirs.config).eval().double()
    full = theirs.state_dict() | {
        f"{theirs.base_model_prefix}.{name}": tensor for name, tensor in encoder.state_dict().items()
    }
    from safetensors.torch import save_file

    theirs.config.save_pretrained(tmp_path)
    save_file({name: tensor.clone().contiguous() for name, tensor in full.items()}, tmp_path / "model.safetensors")
    ours = pretrained.load_albert(tmp_path).double()
    ids = tokens(shape)
    segments, mask = (ids % 2), torch.ones_like(ids)
    mask[1, 9:] = 0
    expected = encoder(ids, token_type_ids=segments, attention_mask=mask)
    hidden = ours(ids, segments, mask)
    torch.testing.assert_close(hidden[0], expected.last_hidden_state[0], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(hidden[1, :9], expected.last_hidden_state[1, :9], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours.pooled(hidden), expected.pooler_output, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("embedding_dim", [None, 8])
def test_the_two_switches_are_independent(sharing: str, embedding_dim: int | None) -> None:
    shape = AlbertShape(4, 32, 4, embedding_dim, sharing, 71, 40)
    model = MaskedLanguageModel(shape)
    assert sum(p.numel() for p in model.parameters()) == shape.masked_lm_params
    model(tokens(shape)).sum().backward()
    shared = {"all": (1, 1), "attention": (1, 4), "feed-forward": (4, 1), "none": (4, 4)}[sharing]
    assert (len(model.encoder.attention), len(model.encoder.feed_forward)) == shared


def test_shared_layers_compute_what_equal_ones_compute() -> None:
    """Sharing saves parameters and changes nothing else."""
    shared = AlbertShape(3, 32, 4, 8, "all", 71, 40)
    a, b = Albert(shared).double(), Albert(dataclasses.replace(shared, sharing="none")).double()
    state = a.state_dict()
    spread = {n.replace(".0.", f".{i}.", 1): v for n, v in state.items() for i in range(3) if ".0." in n}
    b.load_state_dict({n: v for n, v in state.items() if ".0." not in n} | spread)
    torch.testing.assert_close(a(tokens(shared)), b(tokens(shared)), rtol=0, atol=0)
    assert shared.forward_flops(2, 17) == dataclasses.replace(shared, sharing="none").forward_flops(2, 17)
