"""Layers of other people, called: outputs are those of a call by hand, and gradients arrive."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import foreign_layers as layers
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from rnn_vs_attn.models.foreign.calling import fitted, has_own_conventions, wrapped_call
from rnn_vs_attn.models.layers.recurrent import LSTM

D = 8


def angles(length: int, width: int) -> tuple[Tensor, Tensor]:
    """(cos, sin) of Su et al. 2021, equation 34, element by element."""
    theta = [[t * 10_000 ** (-2 * (i % (width // 2)) / width) for i in range(width)] for t in range(length)]
    return torch.tensor(theta, dtype=torch.float64).cos()[None], torch.tensor(theta, dtype=torch.float64).sin()[None]


BY_HAND: list[tuple[type[nn.Module], Callable[[Any, Tensor], Tensor]]] = [
    (layers.TakesHx, lambda m, x: m(x)[0]),
    (layers.AsksForNextHidden, lambda m, x: m(x)),
    (layers.SequenceFirst, lambda m, x: m(x.transpose(0, 1))[0].transpose(0, 1)),
    (layers.BehindAClosedGate, lambda m, x: m(x.transpose(0, 1)).transpose(0, 1)),
    (layers.ReturnsADataclass, lambda m, x: m(x).last_hidden_state),
    (layers.KeywordsOnly, lambda m, x: m(hidden_states=x, attention_mask=None)["hidden_states"]),
    (layers.TakesAnything, lambda m, x: m(x)),
    (layers.NeedsPositions, lambda m, x: m(x, torch.arange(x.shape[1])[None])),
    (layers.WantsAngles, lambda m, x: m(x, angles(x.shape[1], 4))),
]


def assert_same_outputs_and_gradients(
    ours: nn.Module, module: nn.Module, by_hand: Callable[[Any, Tensor], Tensor]
) -> None:
    """In float64, of two lengths one after the other."""
    for length in (5, 11):
        x = torch.randn(2, length, D, dtype=torch.float64, requires_grad=True)
        cotangent = torch.randn_like(x)
        found, expected = ours(x), by_hand(module, x)
        assert_close(found, expected, rtol=0, atol=1e-12)
        leaves = [x, *module.parameters()]
        gradients = [torch.autograd.grad(y, leaves, cotangent, retain_graph=True) for y in (found, expected)]
        assert_close(*gradients, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("kind", "by_hand"), BY_HAND, ids=[kind.__name__ for kind, _ in BY_HAND])
def test_outputs_and_gradients_are_those_of_a_call_by_hand(kind: type[nn.Module], by_hand: Any) -> None:
    module = kind(D).double()
    before = [p.clone() for p in module.parameters()]
    ours = fitted(module, D)
    assert_same_outputs_and_gradients(ours, module, by_hand)
    assert all(map(torch.equal, before, module.parameters()))  # it was tried on a copy


def of_torch(kind: str) -> tuple[nn.Module, Callable[[Any, Tensor], Tensor]]:
    hidden = lambda x: torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)  # noqa: E731
    swapped = lambda f: lambda m, x: f(m, x.transpose(0, 1), hidden(x)).transpose(0, 1)  # noqa: E731
    return {
        "GRU": (nn.GRU(D, D), swapped(lambda m, x, _: m(x)[0])),
        "GRU batch_first": (nn.GRU(D, D, batch_first=True), lambda m, x: m(x)[0]),
        "LSTM": (nn.LSTM(D, D, num_layers=2), swapped(lambda m, x, _: m(x)[0])),
        "RNN": (nn.RNN(D, D), swapped(lambda m, x, _: m(x)[0])),
        "attention": (nn.MultiheadAttention(D, 2), swapped(lambda m, x, mask: m(x, x, x, attn_mask=mask)[0])),
        "encoder layer": (nn.TransformerEncoderLayer(D, 2, 16, 0.0), swapped(lambda m, x, mask: m(x, mask))),
        "encoder layer batch_first": (
            nn.TransformerEncoderLayer(D, 2, 16, 0.0, batch_first=True),
            lambda m, x: m(x, hidden(x)),
        ),
        "convolution": (nn.Conv1d(D, D, 3, padding=1), lambda m, x: m(x.transpose(1, 2)).transpose(1, 2)),
    }[kind]


@pytest.mark.long
@pytest.mark.parametrize(
    "kind",
    "GRU|GRU batch_first|LSTM|RNN|attention|encoder layer|encoder layer batch_first|convolution".split("|"),
)
def test_layers_of_torch_are_those_called_by_hand(kind: str) -> None:
    module, by_hand = of_torch(kind)
    assert_same_outputs_and_gradients(fitted(module.double(), D), module, by_hand)


def test_attention_weights_are_not_asked_for_and_the_mask_is_said() -> None:
    made = fitted(nn.MultiheadAttention(D, 2), D)
    assert wrapped_call(made) == (
        "forward(x, x, x, need_weights=False, attn_mask=causal, is_causal=True), x as (L, B, D), [0] of its result"
    )
    assert "attn_mask" not in wrapped_call(fitted(nn.MultiheadAttention(D, 2), D, causal=False))


def test_parameters_keep_their_names_and_are_counted_once() -> None:
    module = nn.GRU(D, D)
    made = fitted(module, D)
    assert [n for n, _ in made.named_parameters()] == [n for n, _ in module.named_parameters()]
    assert [id(p) for p in made.parameters()] == [id(p) for p in module.parameters()]
    stacked = nn.Sequential(made, made)
    assert [n for n, _ in stacked.named_parameters()] == [f"0.{n}" for n, _ in module.named_parameters()]


def test_a_layer_for_this_program_is_left_alone() -> None:
    class Mine(nn.Module):
        def __init__(self, d_model: int) -> None:
            super().__init__()

        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError("it is not tried")

    module = Mine(D)
    assert has_own_conventions(module)
    assert fitted(module, D) is module
    assert fitted(LSTM(D), D).__class__ is LSTM
    assert not has_own_conventions(nn.TransformerEncoderLayer(D, 2))


def test_it_can_be_copied_cast_and_called_where_no_gradient_is_kept() -> None:
    made = fitted(nn.MultiheadAttention(D, 2, batch_first=True), D)
    x = torch.randn(2, 6, D)
    other = copy.deepcopy(made).to(torch.bfloat16)
    assert other(x.bfloat16()).dtype == torch.bfloat16
    assert_close(other(x.bfloat16()).float(), made(x), rtol=0, atol=0.05)
    with torch.inference_mode():
        y = made(x)
    assert_close(made(x), y)
    made(x).sum().backward()


def test_drawn_numbers_go_on_as_if_nothing_had_been_tried() -> None:
    torch.manual_seed(3)
    module = nn.GRU(D, D)
    before = torch.get_rng_state()
    fitted(module, D)
    assert torch.equal(before, torch.get_rng_state())
    assert module.training


@pytest.mark.long
def test_a_layer_of_the_same_key_is_not_tried_again() -> None:
    tries = []

    class Counts(layers.TakesHx):
        def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
            tries.append(len(input))
            return super().forward(input, hx)

    first, second = (fitted(Counts(D), D, built_by="key") for _ in range(2))
    count = len(tries)
    third = fitted(Counts(D), D, built_by="key")
    assert len(tries) == count
    x = torch.randn(2, 5, D)
    assert_close(third(x), third.module(x)[0])  # type: ignore[operator]
    assert first.module is not second.module  # type: ignore[comparison-overlap]
    fitted(Counts(D), D, built_by="another key")
    assert len(tries) > count + 2


@pytest.mark.long
def test_it_is_compiled_in_one_graph() -> None:
    made = fitted(nn.MultiheadAttention(D, 2), D)
    x = torch.randn(2, 6, D)
    assert_close(torch.compile(made, backend="eager", fullgraph=True)(x), made(x))
