"""Gradient norms against answers known from outside: closed forms, autograd's Jacobian, and the predicted error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import flows
import pytest
import torch
from gradients import CPU, D, built, distance_between, flow, jacobian_norms, powers
from torch import nn

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.gradient.flow import by_chunks, cotangents, direct, float64, flow_of, without_dropout
from rnn_vs_attn.measure.gradient.norms import carried
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.mixer import Block, Stack
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites.gradflow import measure, samples
from rnn_vs_attn.suites.gradflow.case import GradflowCase

RECURRENT = ("rnn", "gru", "lstm", "lstm-cell")


@pytest.fixture(autouse=True)
def _in_float64() -> Iterator[None]:
    torch.manual_seed(0)
    with float64():
        yield


# Closed forms


@pytest.mark.parametrize("kind", [flows.LinearRNN, flows.KeepsLength, flows.Grows])
def test_a_gain_times_an_orthogonal_matrix_is_the_gain_to_the_distance(kind: type[flows.LinearRNN]) -> None:
    found = flow(kind(D), 2001)
    assert found.route == "direct"
    assert distance_between(found.log10, powers(kind.gain, 2001)) < 1e-9


@pytest.mark.parametrize("kind", [flows.WithStep, flows.StepInPlace, flows.WithStateArgument])
def test_a_state_in_any_form_gives_the_same(kind: type[flows.LinearRNN]) -> None:
    found = flow(kind(D), 400)
    assert found.route == "chunks"
    assert distance_between(found.log10, powers(0.9, 400)) < 1e-9


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


@pytest.mark.parametrize(("bias", "forget"), [(0.0, 0.5), (1.0, 0.7310585786300049), (math.log(99), 0.99)])
def test_an_lstm_of_zero_weights_decays_by_its_forget_gate(bias: float, forget: float) -> None:
    """At x = 0 every cell is 0, and dy_T / dx_(T-k) = 0.5 * 0.5 * forget^k: output gate, input gate, forget gates."""
    module = built("lstm")
    only_the_cell_reads_its_input(module.recurrence, gate=2, forget_bias=bias)
    found = flow_of(module, torch.zeros(1, 2000, D), cotangents(2, D, False, CPU))
    assert distance_between(found.log10, math.log10(0.25) + powers(forget, 2000)) < 1e-9


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


@pytest.mark.parametrize("name", [*RECURRENT, "attention", "attention-naive"])
@pytest.mark.parametrize("in_blocks", [False, True])
def test_all_cotangents_give_torchs_jacobian(name: str, in_blocks: bool) -> None:
    make = build.build_blocks if in_blocks else build.build
    module = without_dropout(make(find(name), Shape(1, 24, D, 2, 2)).double())
    x = torch.randn(1, 24, D)
    found = flow_of(module, x, cotangents(1, D, True, CPU))
    assert found.route == ("chunks" if name in RECURRENT else "direct")
    assert distance_between(found.log10, jacobian_norms(module, x)) < 1e-9


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("chunk", [1, 7, 128])
def test_chunks_and_one_piece_agree(name: str, chunk: int) -> None:
    module, x = built(name, num_layers=2), torch.randn(1, 100, D)
    probes = cotangents(4, D, False, CPU)
    in_chunks, in_one = by_chunks(module, x, probes, chunk), direct(module, x, probes)
    assert distance_between(in_chunks.log10, in_one.log10) < 1e-9
    assert in_chunks.beside_identity == pytest.approx(in_one.beside_identity, abs=1e-9)


@pytest.mark.parametrize("module", [flows.WithStep(D), flows.WithStateArgument(D)])
def test_stacks_and_blocks_of_users_layers_keep_their_state(module: nn.Module) -> None:
    stacked = without_dropout(Stack(Block(module, D), Block(flows.WithStep(D), D)).double())
    x = torch.randn(1, 40, D)
    found = flow_of(stacked, x, cotangents(1, D, True, CPU))
    assert found.route == "chunks"
    assert distance_between(found.log10, jacobian_norms(stacked, x)) < 1e-9


def test_many_cotangents_in_several_groups_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = built("gru"), torch.randn(1, 60, D)
    probes = cotangents(7, D, False, CPU)
    whole = [by_chunks(module, x, probes).log10, direct(module, x, probes).log10]
    for name in ("chunks", "whole"):
        monkeypatch.setattr(f"rnn_vs_attn.measure.gradient.{name}.AT_ONCE", 128)
    parts = [by_chunks(module, x, probes).log10, direct(module, x, probes).log10]
    assert distance_between(torch.stack(whole), torch.stack(parts)) < 1e-12


# Probes


def test_probes_scatter_about_the_exact_norm_by_the_predicted_error() -> None:
    """Var of v^T S v for Rademacher v is 2 (||S||_F^2 - sum S_ii^2), S = J J^T (Avron and Toledo 2011, lemma 9)."""
    module, x = built("lstm"), torch.randn(1, 6, D)
    whole = torch.autograd.functional.jacobian(lambda inputs: build.call(module, inputs)[0, -1], x)
    s = whole[:, 0, 4] @ whole[:, 0, 4].T  # distance 1
    predicted = math.sqrt(2 * (s.square().sum() - s.diagonal().square().sum()).item() / 16)
    squares = []
    for seed in range(300):
        torch.manual_seed(seed)
        found = by_chunks(module, x, cotangents(16, D, False, CPU))
        squares.append(D * 10 ** (2 * float(found.log10[1])))
    errors = torch.tensor(squares) - s.trace()
    assert abs(float(errors.mean())) < 4 * predicted / math.sqrt(300)
    assert float(errors.std()) == pytest.approx(predicted, rel=0.2)


def test_cotangents_are_signs_of_equal_weight() -> None:
    probes = cotangents(5, D, False, CPU)
    assert probes.shape == (5, D)
    assert torch.allclose(probes.abs(), torch.full((5, D), 1 / math.sqrt(5 * D)))
    assert 0 < int((probes > 0).sum()) < 5 * D


# What there is not


def test_beyond_a_window_the_gradient_is_exactly_zero() -> None:
    found = flow(flows.Window(D), 40)
    assert distance_between(found.log10[:8], torch.full((8,), -math.log10(8))) < 1e-9
    assert bool((found.log10[8:] == -math.inf).all())
    assert found.warnings == []


def test_what_float64_does_not_carry_is_absent_and_said() -> None:
    found = flow(flows.Halves(D), 1200)
    first = int(found.log10.isnan().nonzero()[0])
    assert first == pytest.approx(290 / math.log10(2), abs=1)
    assert bool(found.log10[first:].isnan().all())
    assert f"from distance {first} on" in found.warnings[0]
    assert distance_between(found.log10[:first], powers(0.5, first)) < 1e-9


def test_a_gradient_that_overflows_is_absent_and_said() -> None:
    found, most, warnings = carried(torch.tensor([0.0, 250.0, math.inf, math.nan]))
    assert found.isnan().tolist() == [False, False, True, True]
    assert most.tolist() == [0.0, 250.0, math.inf, math.inf]
    assert "above what float64 can carry" in warnings[0]


def test_a_gradient_that_is_nan_without_a_reason_is_a_fault() -> None:
    with pytest.raises(CaseFault, match="gradient holds NaN"):
        carried(torch.tensor([0.0, -1.0, math.nan]))


def test_gradient_from_the_future_is_measured() -> None:
    found = flow(flows.SeesTheFuture(D), 32)
    assert distance_between(found.log10, torch.full((32,), -math.log10(32))) < 1e-9
    assert distance_between(found.future, torch.full((15,), -math.log10(32))) < 1e-9


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


@pytest.mark.parametrize(
    ("kind", "said"),
    [(flows.WrongStep, "differs from its forward"), (flows.BrokenStep, "no step today")],
)
def test_a_step_that_cannot_be_used_is_said_and_not_used(kind: type[flows.LinearRNN], said: str) -> None:
    found = flow(kind(D), 50)
    assert found.route == "direct"
    assert said in found.warnings[0]
    assert distance_between(found.log10, powers(0.9, 50)) < 1e-9


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


# One round of the suite


def test_a_round_has_weights_and_input_of_its_seed() -> None:
    case = GradflowCase(model="gru", seq_len=33, d_model=D, device="cpu", threads=1)
    first, again, other = ([s.value for s in measure.measure(case, Turn(seed))] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_round_samples_distances_that_double_and_the_last() -> None:
    case = GradflowCase(model="rnn", seq_len=33, d_model=D, device="cpu", threads=1)
    samples = list(measure.measure(case, Turn(0)))
    assert [s.axes["distance"] for s in samples if "distance" in s.axes] == [0, 1, 2, 4, 8, 16, 32]
    assert [s.metric for s in samples[-3:]] == ["reach", "spectral_radius", "largest_singular_value"]


@pytest.mark.parametrize(("last", "expected"), [(0, [0]), (1, [0, 1]), (2, [0, 1, 2]), (9, [0, 1, 2, 4, 8, 9])])
def test_the_grid(last: int, expected: list[int]) -> None:
    assert samples.grid(last) == expected


@pytest.mark.parametrize(
    ("log10", "threshold", "expected"),
    [
        ([0, -1, -2, -3.9, -4, -5], 1e-3, 4),
        ([0, -1, -5, -3, -6], 1e-3, 3),  # the largest, even where it was lower in between
        ([0, -1, -1, -1], 1e-3, 3),
        ([0, -math.inf, -math.inf], 1e-3, 0),
        ([0, *[-math.inf] * 4, 0, *[-math.inf] * 4], 1e-3, 5),  # a delay; nothing at distance 1
        ([0, -30, -30, 0, -2, -30], 1e-3, 4),  # a trace at distance 1 is no measure
        ([0, 2, 1, -0.9, -1.1], 1e-3, 3),
    ],
)
def test_reach(log10: list[float], threshold: float, expected: int) -> None:
    assert samples.reach(log10, log10, threshold).value == expected


@pytest.mark.parametrize(
    ("log10", "most", "expected"),
    [
        ([0, -100, -289, math.nan, math.nan], [0, -100, -289, -290, -290], 1),
        ([0, 100, 250, math.nan], [0, 100, 250, math.inf], None),
        ([0, -1, -9, math.nan], [0, -1, -9, -14], 1),  # rounding, far below what counts
        ([0, -1, -9, math.nan], [0, -1, -9, -3], None),  # it may be the largest distance
        ([0, -1, math.nan, -2], [0, -1, -3, -2], 3),
        ([0, -1, math.nan, -2], [0, -1, 4, -2], None),  # it may be the largest norm
        ([0, math.nan, math.nan], [0, -14, -14], None),
    ],
)
def test_reach_is_absent_where_an_absent_distance_may_be_it(
    log10: list[float], most: list[float], expected: int | None
) -> None:
    found = samples.reach(log10, most, 1e-3)
    assert (found.value, found.zero) == (expected, False)


@pytest.mark.parametrize(
    ("nonzero", "length", "expected"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 10, []),
        ([0, 1, 2, 3], 40, []),
        ([5], 40, [5]),
        ([5, 6, 7], 40, [5]),
        ([3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36], 40, [3, 6, 9, 18, 33]),
        ([0, 8, 39], 40, []),
        ([38], 40, [38]),
    ],
)
def test_distances_at_which_a_zero_ends_are_shown(nonzero: list[int], length: int, expected: list[int]) -> None:
    assert samples.ends_of_zeros([0.0 if k in nonzero else -math.inf for k in range(length)]) == expected


def of_case(model: str, seed: int = 0, **fields: Any) -> dict[Any, Sample]:
    """Samples of one round, by distance or by metric."""
    case = GradflowCase(model=model, seq_len=40, d_model=D, device="cpu", threads=1, **fields)
    return {s.axes.get("distance", s.metric): s for s in measure.measure(case, Turn(seed))}


def test_all_gradient_at_distance_5_shows_there() -> None:
    """0 was printed at every distance, and reach 0."""
    found = of_case("gaps:Delay")
    assert [k for k in found if isinstance(k, int)] == [0, 1, 2, 4, 5, 8, 16, 32, 39]
    assert [k for k in found if isinstance(k, int) and not found[k].zero] == [5]
    assert found[5].value == pytest.approx(0, abs=1e-12)
    assert found["reach"].value == 5


@pytest.mark.parametrize("model", ["gaps:FarDelays", "gaps:AlmostOnlyFar", "gaps:DelayWithStep"])
def test_the_last_that_arrives_is_the_reach(model: str) -> None:
    found = of_case(model)
    last = {"gaps:FarDelays": 23, "gaps:AlmostOnlyFar": 9, "gaps:DelayWithStep": 5}[model]
    assert found["reach"].value == last
    assert not found[last].zero


def test_all_rounds_have_the_distances_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = list(of_case("gaps:RandomDelay"))
    monkeypatch.setattr(measure, "_BESIDE_GRID", {})  # as in a process that goes on with a run
    for seed in (3, 4):
        assert list(of_case("gaps:RandomDelay", seed)) == expected


def test_distances_beside_the_grid_that_a_resumed_run_could_not_find_were_left_out_unsaid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its first round is taken again in the new process, and may fail there."""
    take = measure._round

    def fails_at_first(case: GradflowCase, seed: int) -> Any:
        if seed == 0:
            raise ValueError("not today")
        return take(case, seed)

    monkeypatch.setattr(measure, "_BESIDE_GRID", {})
    monkeypatch.setattr(measure, "_round", fails_at_first)
    reason = "which failed (ValueError: not today)"
    said = f"no distances beside the grid are shown: they are those of the first round, {reason}"
    for seed in (3, 4):
        found = of_case("gaps:Delay", seed)
        assert 5 not in found
        assert said in found[4].warnings


def test_a_delay_in_a_block_is_beside_the_identity() -> None:
    found = of_case("gaps:Delay", block=True)
    assert found["reach"].value == 5
    assert not found[0].zero


def test_the_spectrum_is_that_of_the_recurrent_matrix() -> None:
    case = GradflowCase(model="rnn", seq_len=8, d_model=D, init="orthogonal:0.7", device="cpu", threads=1)
    values = {s.metric: s.value for s in measure.measure(case, Turn(0))}
    assert values["spectral_radius"] == pytest.approx(0.7, abs=1e-12)
    assert values["largest_singular_value"] == pytest.approx(0.7, abs=1e-12)


def test_a_block_shows_the_identitys_share_apart() -> None:
    case = GradflowCase(model="lstm", seq_len=8, d_model=D, block=True, device="cpu", threads=1)
    values = {s.metric: s.value for s in measure.measure(case, Turn(0))}
    rest = 10 ** (2 * values["beside_identity_log10"])
    assert values["identity_share"] == pytest.approx(1 / (1 + rest))


@pytest.mark.cuda
@pytest.mark.parametrize("name", [*RECURRENT, "attention", "attention-naive"])
def test_a_gpu_gives_the_same(name: str) -> None:
    module, x = built(name, num_layers=1), torch.randn(1, 200, D)
    probes = cotangents(4, D, False, CPU)
    on_cpu = flow_of(module, x, probes)
    on_cuda = flow_of(module.cuda(), x.cuda(), probes.cuda())
    assert on_cuda.route == on_cpu.route
    assert distance_between(on_cuda.log10.cpu(), on_cpu.log10) < 1e-9


# What a user's module may hide


@pytest.mark.parametrize("kind", [flows.NoGradStep, flows.DetachedState])
def test_a_state_without_gradient_is_said_and_not_used(kind: type[flows.LinearRNN]) -> None:
    found = flow(kind(D), 100)
    assert found.route == "direct"
    assert found.warnings
    assert distance_between(found.log10, powers(0.9, 100)) < 1e-9


def test_a_state_that_differs_late_is_said_and_not_used() -> None:
    found = flow(flows.DiffersLate(D), 400)
    assert "differs from its forward" in found.warnings[0]
    assert found.route == "direct"
    assert bool((found.log10[200:] == -math.inf).all())


def test_what_is_lost_beside_another_part_of_the_state_is_absent_and_no_zero() -> None:
    found = flow(flows.Outlived(D), 1200)
    assert found.route == "chunks"
    lost = found.log10.isnan()
    first = int(lost.nonzero()[0])
    assert "outlives it" in found.warnings[0]
    assert bool(lost[first:].all())
    assert first > 400
    assert distance_between(found.log10[:first], powers(0.4, first)) < 1e-6


@pytest.mark.parametrize("kind", [flows.InFloat32, flows.ReturnsHalf])
def test_fewer_digits_inside_are_refused(kind: type[nn.Module]) -> None:
    with pytest.raises(CaseFault, match="let it follow its input's dtype"):
        flow(kind(D), 50)


def test_a_batch_that_is_mixed_is_taken_one_sequence_at_a_time() -> None:
    module, x = flows.MixesTheBatch(D).double(), torch.randn(1, 20, D)
    found = flow_of(module, x, cotangents(4, D, True, CPU))
    assert "mixes the sequences" in found.warnings[0]
    assert distance_between(found.log10, jacobian_norms(module, x)) < 1e-9


@pytest.mark.parametrize("length", [63, 64, 65, 127, 128])
def test_the_future_is_seen_wherever_blocks_end(length: int) -> None:
    assert any("not causal" in warning for warning in flow(flows.FutureInBlocks(D), length).warnings)


def test_rounding_is_no_future_and_no_gradient() -> None:
    found = flow(flows.ByFourier(D), 200)
    assert len(found.future) == 0
    assert "own rounding" in found.warnings[0]
    kept = ~found.log10.isnan()
    assert 30 < int(kept.sum()) < 70
    assert distance_between(found.log10[kept], powers(0.5, 200)[kept]) < 0.1


def test_a_jump_below_float64_is_no_zero() -> None:
    found = flow(flows.Steep(D), 4)
    assert found.log10.isnan().tolist() == [False, False, True, True]


def test_a_module_may_take_gradients_itself() -> None:
    assert distance_between(flow(flows.TakesGradients(D), 50).log10, powers(0.9, 50)) < 1e-9


def test_a_module_that_turns_gradients_off_is_measured() -> None:
    case = GradflowCase(model="flows:TurnsGradientsOff", seq_len=20, d_model=D, device="cpu", threads=1)
    values = [s.value for s in measure.measure(case, Turn(0)) if "distance" in s.axes]
    assert values[1] == pytest.approx(math.log10(0.9))
    assert torch.is_grad_enabled()
    values = [s.value for s in measure.measure(case, Turn(0)) if "distance" in s.axes]
    assert values[1] == pytest.approx(math.log10(0.9))
