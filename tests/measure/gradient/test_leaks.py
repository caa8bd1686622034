"""No output that depends on a later input goes unseen, wherever it stands; and causal layers are never accused."""

from __future__ import annotations

import math

import flows
import gaps
import log_space
import pytest
import torch
from gradients import CPU, D, built, distance_between, flow, powers
from torch import nn

from rnn_vs_attn.measure.gradient.flow import without_dropout
from rnn_vs_attn.measure.gradient.leaks import leaking_output, ramps
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import MODELS, find

LAYERS = (
    lambda: built("attention"),
    lambda: built("conv"),
    lambda: flows.UniformAttention(D),
    lambda: log_space.InLogSpace(D),
    lambda: gaps.FarDelays(D),
)


@pytest.mark.long
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("output", "later"), [(0, 1), (17, 18), (191, 192), (200, 203), (298, 299), (3, 250)])
def test_a_leak_at_one_position_is_seen_wherever_it_is(layer: object, output: int, later: int) -> None:
    module = gaps.LeaksOnce(layer().double(), output, later)  # type: ignore[operator]
    assert leaking_output(module, torch.randn(1, 300, D), 32) == output


@pytest.mark.long
@pytest.mark.parametrize("output", range(40))
def test_every_position_of_a_short_sequence_is_asked(output: int) -> None:
    module = gaps.LeaksOnce(built("attention"), output, output + 1, part=0.3)
    assert leaking_output(module, torch.randn(1, 41, D), 8) == output


@pytest.mark.long
@pytest.mark.parametrize("part", [1.0, 0.1, 1e-9])
def test_a_leak_may_be_as_small_as_its_surroundings_are(part: float) -> None:
    """From output 60 to input 100, forty positions, it need not be large; to the next one a tenth is enough."""
    assert leaking_output(gaps.LeaksOnce(flows.LinearRNN(D), 60, 100, part), torch.randn(1, 130, D), 8) == 60
    if part >= 0.1:
        assert leaking_output(gaps.LeaksOnce(flows.LinearRNN(D), 60, 61, part), torch.randn(1, 130, D), 8) == 60


@pytest.mark.long
def test_beside_the_rounding_of_an_fft_a_leak_is_seen() -> None:
    x = torch.randn(1, 150, D)
    assert leaking_output(flows.ByFourier(D), x, 64) is None
    assert leaking_output(gaps.LeaksOnce(flows.ByFourier(D), 90, 91), x, 64) == 90


@pytest.mark.long
@pytest.mark.parametrize("name", [spec.name for spec in MODELS])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_no_causal_model_is_accused(name: str, num_layers: int) -> None:
    module = without_dropout(build.build(find(name), Shape(1, 210, D, 2, num_layers)).double())
    assert leaking_output(module, torch.randn(1, 210, D), 16) is None


@pytest.mark.parametrize("kind", [flows.Grows, flows.NonNormal, flows.Steep, flows.Window, gaps.Delay])
def test_no_causal_layer_of_strange_gradients_is_accused(kind: type[nn.Module]) -> None:
    assert leaking_output(kind(D), torch.randn(1, 250, D), 16) is None


def test_every_position_is_in_a_steep_and_in_a_flat_segment() -> None:
    for length in (2, 191, 192, 193, 1024, 1536, 1537, 3072):
        for kind in ramps(length):
            covered = torch.zeros(length, dtype=torch.bool)
            for ramp in kind:
                weights = ramp.weights(length, CPU)
                inside = slice(ramp.begin, ramp.begin + ramp.size)
                covered[inside] = True
                assert bool((weights[inside].diff() < 0).all())
                assert bool((weights[ramp.begin + ramp.size :] == 0).all())
                assert bool((weights[: ramp.begin] == weights[0]).all())
                assert float(weights[inside].min()) > 0
                assert float(weights.max()) < math.inf
            assert bool(covered.all())


def test_of_a_longer_sequence_other_positions_are_asked_each_time() -> None:
    begun = {tuple(ramp.begin for ramp in ramps(50_000)[0]) for _ in range(5)}
    assert len(begun) == 5
    assert {len(begins) for begins in begun} == {8}


@pytest.mark.long
def test_what_leaks_is_shown_for_the_output_that_leaks() -> None:
    found = flow(gaps.LeaksAt20(D), 64)
    assert "at position 20" in found.warnings[0]
    assert found.future.isfinite().tolist() == [True] + [False] * 42
    assert float(found.future[0]) == pytest.approx(0, abs=1e-9)
    assert distance_between(found.log10, powers(0.9, 64)) < 1e-9
