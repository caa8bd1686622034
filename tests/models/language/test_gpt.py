"""GPT against transformers with the same weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers_models import SMALL_ALBERT, SMALL_GPT, assert_equal_logits_and_gradients, tokens, with_biases

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language import pretrained
from rnn_vs_attn.models.language.albert import Albert
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.shapes import GPT_SIZES, GPTShape

transformers = pytest.importorskip("transformers", reason="the extra [hf] is not installed")


def their_gpt(shape: GPTShape) -> Any:
    torch.manual_seed(1)
    config = transformers.GPT2Config(
        vocab_size=shape.vocab_size,
        n_positions=shape.context_len,
        n_embd=shape.d_model,
        n_layer=shape.num_layers,
        n_head=shape.num_heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    return with_biases(transformers.GPT2LMHeadModel(config))


# GPT


@pytest.mark.long
@pytest.mark.parametrize("shape", SMALL_GPT)
def test_gpt_is_theirs(shape: GPTShape, saved: Any) -> None:
    theirs = their_gpt(shape)
    ours = pretrained.load_gpt(saved(theirs))
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens(shape)), theirs(tokens(shape)).logits, rtol=1e-4, atol=1e-4)
    assert_equal_logits_and_gradients(ours, theirs, tokens(shape), pretrained.gpt_sources(shape))


@pytest.mark.slow
def test_gpt2_at_its_full_size_is_theirs(saved: Any) -> None:
    theirs = their_gpt(GPT_SIZES["gpt2"])
    ours = pretrained.load_gpt(saved(theirs))
    ids = tokens(GPT_SIZES["gpt2"], length=33)
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), theirs(ids).logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", SMALL_GPT)
def test_gpt_decodes_token_by_token_what_it_computes_at_once(shape: GPTShape) -> None:
    torch.manual_seed(0)
    model = GPT(shape).double().eval()
    ids = tokens(shape)
    with torch.no_grad():
        whole, state, found = model(ids), model.initial_state(2), []
        for t in range(ids.shape[1]):
            logits, state = model.step(ids[:, t], state)
            found.append(logits)
        torch.testing.assert_close(torch.stack(found, 1), whole, rtol=1e-10, atol=1e-10)
        state = model.initial_state(2)
        pieces = []
        for piece in ids.split([5, 1, 7, 4], dim=1):
            logits, state = model.advance(piece, state)
            pieces.append(logits)
        torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-10, atol=1e-10)


@pytest.mark.long
@pytest.mark.parametrize("shape", SMALL_GPT[:2])
def test_greedy_generation_is_theirs(shape: GPTShape, saved: Any) -> None:
    theirs = their_gpt(shape)
    ours = pretrained.load_gpt(saved(theirs))
    prompt = tokens(shape, length=6)
    expected = theirs.generate(prompt, max_new_tokens=12, do_sample=False, pad_token_id=0, eos_token_id=None)
    assert torch.equal(ours.generate(prompt, 12), expected)


def test_generation_draws_the_same_from_the_same_seed() -> None:
    torch.manual_seed(0)
    model, prompt = GPT(SMALL_GPT[0]).eval(), tokens(SMALL_GPT[0], length=4)
    drawn = [model.generate(prompt, 8, 1.0, 20, 0.9, torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert drawn[0].shape == (2, 12)


# Bad input


def test_a_context_beyond_the_position_table_is_refused() -> None:
    model = GPT(SMALL_GPT[1])
    with pytest.raises(UserError, match="position 25 is beyond context_len 24"):
        model(torch.zeros(1, 25, dtype=torch.long))
    with pytest.raises(UserError, match="position 25 is beyond context_len 24"):
        model.generate(torch.zeros(1, 20, dtype=torch.long), 10)
    with pytest.raises(UserError, match="41 tokens are more than context_len 40"):
        Albert(SMALL_ALBERT[0])(torch.zeros(1, 41, dtype=torch.long))
