"""Generated tokens against a plain call on what the model may see, at every token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import pytest
import torch
from registry_models import SHAPE as LAYER
from scipy.stats import chisquare
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.costs import ROTARY
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.language.next_token import choose
from rnn_vs_attn.models.mixer import output_of
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.shapes import GPTShape
from rnn_vs_attn.training.choice import Choice
from rnn_vs_attn.training.generation import tokens_after
from rnn_vs_attn.training.language_model import language_model
from rnn_vs_attn.training.language_shape import LanguageModelShape
from rnn_vs_attn.training.token_shape import NONE

VOCABULARY, SEGMENT = 29, 13
SHAPE = LanguageModelShape(replace(LAYER, seq_len=SEGMENT), VOCABULARY, inner_width=48, memory_len=60)
PROMPT = [3, 1, 4, 15, 9]
GREEDY = Choice(temperature=0.0)


def made(name: str, shape: LanguageModelShape = SHAPE) -> nn.Module:
    """A model with weights that let tokens differ."""
    model = language_model(find(name), shape).double()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def generated(model: nn.Module, number: int, choice: Choice = GREEDY, seed: int = 0) -> list[int]:
    return list(islice(tokens_after(model, PROMPT, choice, seed, SEGMENT), number))


Seen = Callable[[list[int]], list[int]]  # of all ids so far those that the model sees


@torch.no_grad()
def by_calls(model: nn.Module, number: int, seen: Seen, prompt: list[int], choice: Choice = GREEDY) -> list[int]:
    """By a call on all that is seen before each token."""
    model.eval()
    ids, random = list(prompt), torch.Generator().manual_seed(0)
    for _ in range(number):
        logits = output_of(model(torch.tensor([seen(ids)])))[:, -1]
        ids.append(int(choose(logits, choice.temperature, choice.top_k, choice.top_p, random)))
    return ids[len(prompt) :]


def assert_generated(model: nn.Module, number: int, seen: Callable[[], Seen], prompt: list[int] = PROMPT) -> None:
    """The likeliest tokens, and those that are drawn, are those of calls on what is seen."""
    for choice in (GREEDY, Choice(0.9, top_k=20, top_p=0.95)):
        found = list(islice(tokens_after(model, prompt, choice, 0, SEGMENT), number))
        assert found == by_calls(model, number, seen(), prompt, choice)
    assert len(set(found)) > 5


def everything() -> Seen:
    return lambda ids: ids


def the_last() -> Seen:
    return lambda ids: ids[-SEGMENT:]


def anew() -> Seen:
    """At most a segment; once it is full it begins anew with its later half."""
    begin: int | None = None

    def seen(ids: list[int]) -> list[int]:
        nonlocal begin
        if begin is None:
            begin = max(0, len(ids) - SEGMENT)
        elif len(ids) - begin > SEGMENT:
            begin = len(ids) - SEGMENT // 2
        return ids[begin:]

    return seen


@pytest.mark.parametrize("name", ["lstm-lm", "transformer-xl", "mingru", "lstm", "gated-deltanet", "gru+mingru"])
def test_what_carries_a_state_sees_all_before(name: str) -> None:
    assert_generated(made(name), 50, everything)


@pytest.mark.parametrize("name", ["gpt", "attention", "attention-relative", "lstm+attention", "conv"])
def test_others_see_a_segment_and_then_its_later_half_anew(name: str) -> None:
    assert_generated(made(name), 40, anew)


def test_attention_with_rotary_positions_sees_no_more_than_it_was_trained_on() -> None:
    assert_generated(made("attention", replace(SHAPE, layer=replace(SHAPE.layer, positions=ROTARY))), 40, anew)


@pytest.mark.parametrize("name", ["layers:Heads", "layers:RunningMean", "foreign_layers:StateDoesNotAgree"])
def test_a_users_layer_without_a_state_that_agrees_sees_the_last_tokens(name: str) -> None:
    assert_generated(made(name), 30, the_last)


def test_a_users_layer_carries_a_state_that_agrees() -> None:
    assert_generated(made("carrying:Mean", replace(SHAPE, token_positions=NONE)), 30, everything)


def test_transformer_xl_without_a_memory_sees_the_last_tokens() -> None:
    assert_generated(made("transformer-xl", replace(SHAPE, memory_len=0)), 30, the_last)


def test_of_a_prompt_beyond_the_context_its_end_is_seen() -> None:
    assert_generated(made("gpt"), 20, anew, [i % VOCABULARY for i in range(40)])


def test_a_long_prompt_is_taken_in_whole_by_a_state() -> None:
    assert_generated(made("gru"), 10, everything, [i * i % VOCABULARY for i in range(600)])


def test_greedy_generation_is_that_of_transformers(tmp_path: Path) -> None:
    hf_folders = pytest.importorskip("hf_folders", reason="the extra [hf] is not installed")
    theirs = hf_folders.made("gpt2", tmp_path)
    ours = hf_folders.LOAD["gpt2"](tmp_path)
    found = list(islice(tokens_after(ours, PROMPT, GREEDY, 0, 11), 6))
    expected = theirs.generate(
        torch.tensor([PROMPT]), max_new_tokens=6, do_sample=False, pad_token_id=0, eos_token_id=None
    )
    assert [*PROMPT, *found] == expected[0].tolist()


# Chance


def test_one_token_to_choose_from_is_the_likeliest() -> None:
    model = made("mingru")
    assert generated(model, 30, Choice(top_k=1)) == generated(model, 30)
    assert generated(model, 30, Choice(top_p=1e-6)) == generated(model, 30)


def test_a_seed_draws_the_same_and_another_seed_other_tokens() -> None:
    model = made("gpt")
    torch.manual_seed(5)
    first = generated(model, 40, Choice(), seed=1)
    torch.rand(3)
    assert generated(model, 40, Choice(), seed=1) == first
    assert generated(model, 40, Choice(), seed=2) != first


class Bigrams(nn.Module):
    """Logits of known probabilities after each id: (B, L) -> (B, L, 3)."""

    SHARES = ((0.2, 0.5, 0.3), (0.6, 0.1, 0.3), (0.25, 0.25, 0.5))

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.tensor(self.SHARES).log())

    def forward(self, ids: Tensor) -> Tensor:
        return self.table[ids]


def test_tokens_follow_each_other_as_often_as_the_model_says() -> None:
    ids = list(islice(tokens_after(Bigrams(), [0], Choice(), 0, 4), 6000))
    for before, shares in enumerate(Bigrams.SHARES):
        after = torch.tensor([second for first, second in pairwise(ids) if first == before])
        counts = after.bincount(minlength=3)
        assert chisquare(counts, [len(after) * share for share in shares]).pvalue > 0.001


def test_nothing_is_dropped_and_gradients_are_left_as_they_were() -> None:
    model = GPT(GPTShape(2, 24, 3, VOCABULARY, SEGMENT, dropout=0.5)).double().train()
    found = tokens_after(model, PROMPT, GREEDY, 0, SEGMENT)
    ids = [next(found)]
    assert torch.is_grad_enabled()
    ids += islice(found, 7)
    assert ids == by_calls(model, 8, everything(), PROMPT)


# Bad input


def test_what_cannot_be_gone_on_from_is_one_sentence() -> None:
    with pytest.raises(UserError, match="a prompt of no token gives nothing to go on from"):
        tokens_after(made("gpt"), [], GREEDY, 0, SEGMENT)
    for name in ("gpt", "lstm-lm", "transformer-xl", "gru", "attention", "layers:Heads"):
        with pytest.raises(UserError, match="token id 29 is out of range: the vocabulary has ids 0 to 28"):
            next(tokens_after(made(name), [1, 29], GREEDY, 0, SEGMENT))


def test_a_model_that_went_astray_says_so() -> None:
    model = made("gru")
    nn.init.constant_(model.head.weight, float("nan"))
    with pytest.raises(UserError, match="the model's logits are not finite"):
        next(tokens_after(model, PROMPT, Choice(), 0, SEGMENT))
