"""What is a layer's own rounding is absent, and what is left is right: against other forms, closed forms and mpmath."""

from __future__ import annotations

import math

import flows
import log_space
import mpmath
import pytest
import torch
from gradients import CPU, built, distance_between
from torch import Tensor, nn

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.gradient import flow, rounding
from rnn_vs_attn.measure.gradient.passes import one_hot
from rnn_vs_attn.measure.gradient.whole import back
from rnn_vs_attn.suites.gradflow import measure, samples
from rnn_vs_attn.suites.gradflow.case import GradflowCase

SAID = "this module's own rounding"


def pair(kind: type[log_space.InLogSpace], d_model: int, gate: float) -> tuple[nn.Module, nn.Module]:
    """A layer in log space and the same one token after another, with the same weights."""
    module, other = kind(d_model), log_space.OneByOne(d_model)
    other.load_state_dict(module.state_dict())
    module.gate = other.gate = gate  # type: ignore[assignment]
    return module, other


def truth(other: nn.Module, x: Tensor, cotangents: Tensor) -> Tensor:
    """log10 of G as computed in one piece, which is right where gradients are products."""
    return back(other, x, cotangents, len(cotangents)).log10


@pytest.mark.long
def test_the_same_layer_token_by_token_is_right_to_50_digits() -> None:
    """One channel, its derivative by mpmath's own differences."""
    module = log_space.OneByOne(1)
    x = torch.randn(1, 61, 1)
    found = truth(module, x, torch.ones(1, 1))
    with mpmath.workdps(50):
        (wk, wn), (bk, bn) = ([mpmath.mpf(v) for v in p.flatten().tolist()] for p in module.parameters())
        tokens = [mpmath.mpf(v) for v in x.flatten().tolist()]

        def sigmoid(v: mpmath.mpf) -> mpmath.mpf:
            return 1 / (1 + mpmath.exp(-v))

        def last(changed: mpmath.mpf, place: int) -> mpmath.mpf:
            h = mpmath.mpf(0)
            for t, token in enumerate(tokens):
                value = changed if t == place else token
                z, n = sigmoid(wk * value + bk), wn * value + bn
                h = (1 - z) * h + z * (n + mpmath.mpf(0.5) if n >= 0 else sigmoid(n))
            return h

        for distance in (0, 1, 7, 30, 60):
            place = 60 - distance
            expected = mpmath.log10(abs(mpmath.diff(lambda v, place=place: last(v, place), tokens[place])))
            assert float(found[distance]) == pytest.approx(float(expected), abs=1e-10)


@pytest.mark.long
@pytest.mark.parametrize("d_model", [1, 8, 40])
@pytest.mark.parametrize("gate", [-5.0, -2.0, 0.0, 3.0])
@pytest.mark.parametrize("length", [40, 300])
def test_in_log_space_what_is_printed_is_true_and_the_rest_is_absent(d_model: int, gate: float, length: int) -> None:
    module, other = pair(log_space.InLogSpace, d_model, gate)
    x, probes = torch.randn(1, length, d_model), flow.cotangents(2, d_model, False, CPU)
    found, expected = flow.flow_of(module, x, probes), truth(other, x, probes)
    lost = found.log10.isnan()
    assert distance_between(found.log10[~lost], expected[~lost]) < 1e-3
    assert bool((found.most[lost] > expected[lost]).all())
    assert not bool(lost[expected > expected[0] - 9].any())
    assert bool(lost[expected < expected[0] - 17].all())
    assert any(SAID in warning for warning in found.warnings) == bool(lost.any())


@pytest.mark.long
def test_a_decay_of_a_half_is_not_printed_as_one_of_nine_tenths() -> None:
    """0.88 a token was printed, undecided, and 2.5e-15 at distance 255."""
    words = {"seq_len": 256, "d_model": 16, "device": "cpu", "threads": 1}
    fast, slow = (
        {
            s.axes.get("distance"): s.value
            for s in measure.measure(GradflowCase(model=f"log_space:{name}", **words), Turn(0))
        }
        for name in ("InLogSpace", "OneByOne")
    )
    assert fast[255] is fast[128] is fast[64] is None
    assert slow[255] < -60
    assert [fast[k] for k in (0, 1, 2, 4, 8, 16, 32)] == pytest.approx(
        [slow[k] for k in (0, 1, 2, 4, 8, 16, 32)], abs=1e-4
    )


@pytest.mark.long
@pytest.mark.parametrize("kind", [log_space.WithRightStep, log_space.FromAState])
@pytest.mark.parametrize("gate", [-2.0, 0.0, 3.0])
@pytest.mark.parametrize("length", [2, 90, 300])
def test_a_right_state_is_used_where_forward_is_rounding(
    kind: type[log_space.InLogSpace], gate: float, length: int
) -> None:
    """It was called detached, or under no_grad."""
    module, other = pair(kind, 8, gate)
    x, probes = torch.randn(1, length, 8), flow.cotangents(2, 8, False, CPU)
    found, expected = flow.flow_of(module, x, probes), truth(other, x, probes)
    assert (found.route, found.warnings) == ("chunks", [])
    carried = expected > -280
    assert distance_between(found.log10[carried], expected[carried]) < 1e-8


@pytest.mark.long
@pytest.mark.parametrize("length", [2, 90, 300])
def test_a_detached_state_is_seen_where_forward_is_rounding(length: int) -> None:
    module, other = pair(log_space.WithDetachedStep, 8, 0.0)
    x, probes = torch.randn(1, length, 8), flow.cotangents(2, 8, False, CPU)
    found, expected = flow.flow_of(module, x, probes), truth(other, x, probes)
    assert found.route == "direct"
    assert "another gradient" in found.warnings[0]
    lost = found.log10.isnan()
    assert distance_between(found.log10[~lost], expected[~lost]) < 1e-3


# What is no rounding


class Chaotic(nn.Module):
    """A tanh recurrence of gain 3, without a state: its path is another one after some tens of tokens."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.recurrence = nn.RNN(d_model, d_model, batch_first=True)
        with torch.no_grad():
            self.recurrence.weight_hh_l0.copy_(3 * torch.linalg.qr(torch.randn(d_model, d_model))[0])

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.recurrence(x)[0]
        return y


@pytest.mark.long
def test_a_chaotic_layer_keeps_all_distances_and_is_called_sensitive() -> None:
    found = flow.direct(Chaotic(32), torch.randn(1, 200, 32), flow.cotangents(2, 32, False, CPU))
    assert bool(found.log10.isfinite().all())
    assert float(found.log10[-1]) > 8
    assert [w.split(":")[0] for w in found.warnings] == ["sensitive"]


class Steep(nn.Module):
    """A sine a million times as fast as its input: its gradient changes by a part in 1e7."""

    def __init__(self, d_model: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return (1e6 * x).sin().cumsum(1)


@pytest.mark.parametrize(
    "module",
    [
        flows.LinearRNN(8),
        flows.NonNormal(8),
        flows.Grows(8),
        flows.Window(8),
        flows.UniformWithResidual(8),
        flows.Halves(8),
        Steep(8),
        built("attention", 2),
        built("attention-naive"),
        built("conv", 2),
        built("attention-relative"),
        built("rnn"),
    ],
    ids=lambda module: type(module).__name__,
)
def test_no_distance_is_taken_from_a_layer_that_is_right(module: nn.Module) -> None:
    x = torch.randn(1, 150, 8)
    (seen,) = rounding.look(module.double(), x, [one_hot(150, -1, CPU)], 4).gradients
    assert not bool(seen.lost.any())
    assert float(seen.part.max()) < 1e-6


def test_parameters_are_what_they_were_bit_by_bit() -> None:
    module = built("gru")
    before = [p.clone() for p in module.parameters()]
    rounding.look(module, torch.randn(1, 20, 8), [one_hot(20, -1, CPU)], 4)
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


class RandomGates(nn.Module):
    """Draws in every call; the layer is the same for the same draws."""

    def __init__(self, d_model: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return (x * torch.rand_like(x)).cumsum(1)


def test_a_layer_that_draws_is_no_rounding() -> None:
    (seen,) = rounding.look(RandomGates(8), torch.randn(1, 30, 8), [one_hot(30, -1, CPU)], 4).gradients
    assert not bool(seen.lost.any())


def test_what_is_left_of_the_identity_is_absent_where_it_is_rounding() -> None:
    def of(beside: float) -> dict[str, float | None]:
        return {s.metric: s.value for s in samples.identity(beside, [])}

    assert of(-3.0) == {"beside_identity_log10": -3.0, "identity_share": pytest.approx(1 / (1 + 1e-6))}
    assert of(-15.5) == {"beside_identity_log10": None, "identity_share": 1.0}
    assert of(math.nan) == {"beside_identity_log10": None, "identity_share": None}
    assert of(170.0) == {"beside_identity_log10": 170.0, "identity_share": pytest.approx(0.0, abs=1e-290)}
    (none, _) = samples.identity(-math.inf, [])
    assert none.zero
