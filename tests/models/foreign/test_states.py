"""A state is carried on where two parts of a sequence give what the whole does, and said where they do not."""

from __future__ import annotations

import foreign_layers as layers
import pytest
import torch
from gradients import CPU, distance_between, jacobian_norms
from steps import assert_decodes
from torch import nn
from torch.testing import assert_close

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.measure.gradient.flow import cotangents, flow_of
from rnn_vs_attn.measure.timing import decoding
from rnn_vs_attn.models.foreign.calling import FittedWithState, fitted
from rnn_vs_attn.models.mixer import Block, Stack, has_state, refused_state

D = 8


@pytest.mark.parametrize("kind", layers.WITH_STATE)
def test_a_state_that_agrees_is_carried_on(kind: type[layers.Recurrence]) -> None:
    made = fitted(kind(D).double(), D)
    assert isinstance(made, FittedWithState)
    x = torch.randn(2, 9, D, dtype=torch.float64)
    first, state = made.advance(x[:, :4], made.initial_state(2))
    y_t, state = made.step(x[:, 4], state)
    last, _ = made.advance(x[:, 5:], state)
    assert_close(torch.cat([first, y_t.unsqueeze(1), last], dim=1), made(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [layers.StateDoesNotAgree, layers.StateIsNotRead])
def test_a_state_that_does_not_agree_is_not_used_and_said(kind: type[nn.Module]) -> None:
    made = fitted(kind(D), D)
    assert not has_state(made)
    assert "it offers a state (hx) that is not used" in made.refused_state


def test_a_plain_loop_and_a_layers_own_first_state_are_no_reason_to_say_anything() -> None:
    made = fitted(layers.TakesAnything(D), D)
    assert not has_state(made)
    assert made.refused_state == ""


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_a_layer_of_torch_decodes_what_its_forward_computes(kind: type[nn.Module]) -> None:
    made = fitted(kind(D, D, num_layers=2), D).double()
    assert_decodes(Stack(made, made), torch.randn(2, 12, D, dtype=torch.float64), 1e-12)


def test_why_it_cannot_decode_is_said() -> None:
    made = Stack(Block(fitted(layers.StateDoesNotAgree(D), D), D))
    assert refused_state(made).startswith("it offers a state (hx)")
    with pytest.raises(CaseFault, match=r"it cannot decode: it offers a state \(hx\)"):
        decoding.check(made, torch.randn(1, 8, D))


@pytest.mark.usefixtures("in_float64")
@pytest.mark.long
def test_a_gradient_is_taken_back_in_chunks_and_equals_torchs_jacobian() -> None:
    module = fitted(nn.GRU(D, D), D).double()
    x = torch.randn(1, 24, D)
    found = flow_of(module, x, cotangents(1, D, True, CPU))
    assert (found.route, found.warnings) == ("chunks", [])
    assert distance_between(found.log10, jacobian_norms(module, x)) < 1e-9
