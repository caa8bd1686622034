"""Gradient norms against answers known from outside: closed forms, autograd's Jacobian, and the predicted error."""

from __future__ import annotations

import math

import flows
import pytest
import torch
from gradients import CPU, RECURRENT, D, built, distance_between, flow, jacobian_norms, powers
from torch import nn

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.gradient.flow import cotangents, direct, flow_of, without_dropout
from rnn_vs_attn.measure.gradient.norms import carried
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.suites.gradflow import measure
from rnn_vs_attn.suites.gradflow.case import GradflowCase

# Closed forms


@pytest.mark.long
@pytest.mark.parametrize("kind", [flows.LinearRNN, flows.KeepsLength, flows.Grows])
def test_a_gain_times_an_orthogonal_matrix_is_the_gain_to_the_distance(kind: type[flows.LinearRNN]) -> None:
    found = flow(kind(D), 2001)
    assert found.route == "direct"
    assert distance_between(found.log10, powers(kind.gain, 2001)) < 1e-9


@pytest.mark.long
@pytest.mark.parametrize("kind", [flows.WithStep, flows.StepInPlace, flows.WithStateArgument])
def test_a_state_in_any_form_gives_the_same(kind: type[flows.LinearRNN]) -> None:
    found = flow(kind(D), 400)
    assert found.route == "chunks"
    assert distance_between(found.log10, powers(0.9, 400)) < 1e-9


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "length"), [(flows.StrongDecay, 300), (flows.StrongGrowth, 10), (flows.WithStep, 8000)]
)
def test_no_distance_underflows_or_overflows(kind: type[flows.LinearRNN], length: int) -> None:
    found = flow(kind(D), length)
    assert found.warnings == []
    assert distance_between(found.log10, powers(kind.gain, length)) < 1e-8


def only_the_cell_reads_its_input(layer: nn.RNNBase, gate: int, forget_bias: float = 0.0) -> None:
    """All weights and biases 0 but for the identity from the input to one gate."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.weight_ih_l0[gate * D : (gate + 1) * D] = torch.eye(D)
        layer.bias_ih_l0[D : 2 * D] = forget_bias if isinstance(layer, nn.LSTM) else 0.0


@pytest.mark.long
@pytest.mark.parametrize(("bias", "forget"), [(0.0, 0.5), (1.0, 0.7310585786300049), (math.log(99), 0.99)])
def test_an_lstm_of_zero_weights_decays_by_its_forget_gate(bias: float, forget: float) -> None:
    """At x = 0 every cell is 0, and dy_T / dx_(T-k) = 0.5 * 0.5 * forget^k: output gate, input gate, forget gates."""
    module = built("lstm")
    only_the_cell_reads_its_input(module.recurrence, gate=2, forget_bias=bias)
    found = flow_of(module, torch.zeros(1, 2000, D), cotangents(2, D, False, CPU))
    assert distance_between(found.log10, math.log10(0.25) + powers(forget, 2000)) < 1e-9


@pytest.mark.long
def test_a_gru_of_zero_weights_halves() -> None:
    module = built("gru")
    only_the_cell_reads_its_input(module.recurrence, gate=2)
    found = flow_of(module, torch.zeros(1, 2000, D), cotangents(2, D, False, CPU))
    assert distance_between(found.log10, math.log10(0.5) + powers(0.5, 2000)) < 1e-9


def test_uniform_attention_is_flat() -> None:
    found = flow(flows.UniformAttention(D), 100)
    assert distance_between(found.log10, torch.full((100,), -2.0)) < 1e-9


def test_a_residual_path_adds_the_identity_at_distance_0_only() -> None:
    found = flow(flows.UniformWithResidual(D), 100)
    assert distance_between(found.log10[1:], torch.full((99,), -2.0)) < 1e-9
    assert float(found.log10[0]) == pytest.approx(math.log10(1.01), abs=1e-9)
    assert found.beside_identity == pytest.approx(-2, abs=1e-9)


@pytest.mark.long
def test_a_non_normal_matrix_grows_before_it_decays() -> None:
    module = flows.NonNormal(D).double()
    found = flow(module, 60, exact=True).log10
    expected = [torch.linalg.matrix_power(module.w, k).norm().item() / math.sqrt(D) for k in range(60)]
    assert distance_between(found, torch.tensor(expected).log10()) < 1e-9
    assert found[1] > found[0] > found[8] > found[16]


def test_attentions_built_from_zeros_is_uniform_too() -> None:
    module = built("attention")
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.in_proj.weight[2 * D :] = torch.eye(D)
        module.out_proj.weight.copy_(torch.eye(D))
    found = flow(module, 50)
    assert distance_between(found.log10, torch.full((50,), -math.log10(50))) < 1e-9


# Against autograd


@pytest.mark.long
@pytest.mark.parametrize("name", [*RECURRENT, "attention", "attention-naive"])
@pytest.mark.parametrize("in_blocks", [False, True])
def test_all_cotangents_give_torchs_jacobian(name: str, in_blocks: bool) -> None:
    make = build.build_blocks if in_blocks else build.build
    module = without_dropout(make(find(name), Shape(1, 24, D, 2, 2)).double())
    x = torch.randn(1, 24, D)
    found = flow_of(module, x, cotangents(1, D, True, CPU))
    assert found.route == ("chunks" if name in RECURRENT else "direct")
    assert distance_between(found.log10, jacobian_norms(module, x)) < 1e-9


# What there is not


def test_beyond_a_window_the_gradient_is_exactly_zero() -> None:
    found = flow(flows.Window(D), 40)
    assert distance_between(found.log10[:8], torch.full((8,), -math.log10(8))) < 1e-9
    assert bool((found.log10[8:] == -math.inf).all())
    assert found.warnings == []


def test_a_gradient_that_is_nan_without_a_reason_is_a_fault() -> None:
    with pytest.raises(CaseFault, match="gradient holds NaN"):
        carried(torch.tensor([0.0, -1.0, math.nan]))


def test_gradient_from_the_future_is_measured() -> None:
    found = flow(flows.SeesTheFuture(D), 32)
    assert distance_between(found.log10, torch.full((32,), -math.log10(32))) < 1e-9
    assert distance_between(found.future, torch.full((15,), -math.log10(32))) < 1e-9


@pytest.mark.long
@pytest.mark.parametrize("name", [*RECURRENT, "attention", "attention-naive"])
def test_causal_models_have_no_future(name: str) -> None:
    assert len(direct(built(name), torch.randn(1, 20, D), cotangents(2, D, False, CPU)).future) == 0


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (flows.Detached, "not differentiable"),
        (flows.WithoutGradient, "not differentiable"),
        (flows.ReturnsNaN, "output holds NaN"),
        (flows.NaNFromFar, "output holds NaN"),
    ],
)
def test_a_module_without_a_gradient_is_a_fault_with_its_reason(kind: type[nn.Module], said: str) -> None:
    with pytest.raises(CaseFault, match=said):
        flow(kind(D), 40)


# Which way


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "said"),
    [(flows.WrongStep, "differs from its forward"), (flows.BrokenStep, "no step today")],
)
def test_a_step_that_cannot_be_used_is_said_and_not_used(kind: type[flows.LinearRNN], said: str) -> None:
    found = flow(kind(D), 50)
    assert found.route == "direct"
    assert said in found.warnings[0]
    assert distance_between(found.log10, powers(0.9, 50)) < 1e-9


@pytest.mark.long
def test_a_state_that_grows_is_measured_in_one_piece() -> None:
    found = flow(flows.GrowingState(D), 50)
    assert (found.route, found.warnings) == ("direct", [])
    assert distance_between(found.log10, powers(0.9, 50)) < 1e-9


def test_dropout_is_off() -> None:
    assert distance_between(flow(flows.Dropping(D), 50).log10, powers(0.9, 50)) < 1e-9


def test_parameters_get_no_gradient() -> None:
    module = flows.LinearRNN(D)
    flow(module, 20)
    assert module.w.grad is None


# What a user's module may hide


@pytest.mark.long
@pytest.mark.parametrize("kind", [flows.NoGradStep, flows.DetachedState])
def test_a_state_without_gradient_is_said_and_not_used(kind: type[flows.LinearRNN]) -> None:
    found = flow(kind(D), 100)
    assert found.route == "direct"
    assert found.warnings
    assert distance_between(found.log10, powers(0.9, 100)) < 1e-9


@pytest.mark.long
def test_a_state_that_differs_late_is_said_and_not_used() -> None:
    found = flow(flows.DiffersLate(D), 400)
    assert "differs from its forward" in found.warnings[0]
    assert found.route == "direct"
    assert bool((found.log10[200:] == -math.inf).all())


@pytest.mark.long
def test_what_is_lost_beside_another_part_of_the_state_is_absent_and_no_zero() -> None:
    found = flow(flows.Outlived(D), 1200)
    assert found.route == "chunks"
    lost = found.log10.isnan()
    first = int(lost.nonzero()[0])
    assert "outlives it" in found.warnings[0]
    assert bool(lost[first:].all())
    assert first > 400
    assert distance_between(found.log10[:first], powers(0.4, first)) < 1e-6


@pytest.mark.long
def test_a_batch_that_is_mixed_is_taken_one_sequence_at_a_time() -> None:
    module, x = flows.MixesTheBatch(D).double(), torch.randn(1, 20, D)
    found = flow_of(module, x, cotangents(4, D, True, CPU))
    assert "mixes the sequences" in found.warnings[0]
    assert distance_between(found.log10, jacobian_norms(module, x)) < 1e-9


@pytest.mark.long
def test_rounding_is_no_future_and_no_gradient() -> None:
    found = flow(flows.ByFourier(D), 200)
    assert len(found.future) == 0
    assert "own rounding" in found.warnings[0]
    kept = ~found.log10.isnan()
    assert 30 < int(kept.sum()) < 70
    assert distance_between(found.log10[kept], powers(0.5, 200)[kept]) < 0.1


@pytest.mark.long
def test_a_module_may_take_gradients_itself() -> None:
    assert distance_between(flow(flows.TakesGradients(D), 50).log10, powers(0.9, 50)) < 1e-9


@pytest.mark.long
def test_a_module_that_turns_gradients_off_is_measured() -> None:
    case = GradflowCase(model="flows:TurnsGradientsOff", seq_len=20, d_model=D, device="cpu", threads=1)
    values = [s.value for s in measure.measure(case, Turn(0)) if "distance" in s.axes]
    assert values[1] == pytest.approx(math.log10(0.9))
    assert torch.is_grad_enabled()
    values = [s.value for s in measure.measure(case, Turn(0)) if "distance" in s.axes]
    assert values[1] == pytest.approx(math.log10(0.9))
