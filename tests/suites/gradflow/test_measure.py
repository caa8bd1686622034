"""One round of `gradflow`: weights and inputs of its seed, reach, the spectrum."""

from __future__ import annotations

import math

import pytest
import torch
from gradients import CPU, RECURRENT, D, built, distance_between, of_case

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.gradient.flow import cotangents, flow_of
from rnn_vs_attn.suites.gradflow import measure, samples
from rnn_vs_attn.suites.gradflow.case import GradflowCase

pytestmark = pytest.mark.usefixtures("in_float64")


@pytest.mark.long
def test_a_round_has_weights_and_input_of_its_seed() -> None:
    case = GradflowCase(model="gru", seq_len=33, d_model=D, device="cpu", threads=1)
    first, again, other = ([s.value for s in measure.measure(case, Turn(seed))] for seed in (1, 1, 2))
    assert first == again
    assert first != other


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


@pytest.mark.long
def test_all_gradient_at_distance_5_shows_there() -> None:
    """0 was printed at every distance, and reach 0."""
    found = of_case("gaps:Delay")
    assert [k for k in found if isinstance(k, int)] == [0, 1, 2, 4, 5, 8, 16, 32, 39]
    assert [k for k in found if isinstance(k, int) and not found[k].zero] == [5]
    assert found[5].value == pytest.approx(0, abs=1e-12)
    assert found["reach"].value == 5


@pytest.mark.long
@pytest.mark.parametrize("model", ["gaps:FarDelays", "gaps:AlmostOnlyFar", "gaps:DelayWithStep"])
def test_the_last_that_arrives_is_the_reach(model: str) -> None:
    found = of_case(model)
    last = {"gaps:FarDelays": 23, "gaps:AlmostOnlyFar": 9, "gaps:DelayWithStep": 5}[model]
    assert found["reach"].value == last
    assert not found[last].zero


@pytest.mark.long
def test_a_delay_in_a_block_is_beside_the_identity() -> None:
    found = of_case("gaps:Delay", block=True)
    assert found["reach"].value == 5
    assert not found[0].zero


def test_the_spectrum_is_that_of_the_recurrent_matrix() -> None:
    case = GradflowCase(model="rnn", seq_len=8, d_model=D, init="orthogonal:0.7", device="cpu", threads=1)
    values = {s.metric: s.value for s in measure.measure(case, Turn(0))}
    assert values["spectral_radius"] == pytest.approx(0.7, abs=1e-12)
    assert values["largest_singular_value"] == pytest.approx(0.7, abs=1e-12)


def test_the_spectrum_is_computed_of_what_was_brought_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the weights, as a stand-in for a GPU brings them; each layer's for itself."""
    monkeypatch.setattr(torch.Tensor, "cpu", lambda weight: 2 * weight)
    module = torch.nn.RNN(3, 3, num_layers=2)
    for name, weight in module.named_parameters():
        if name.startswith("weight_hh"):
            torch.nn.init.eye_(weight.data)
    found = {sample.metric: sample.value for sample in samples.spectrum(module)}
    assert found == {"spectral_radius": 2.0, "largest_singular_value": 2.0}


@pytest.mark.cuda
def test_the_spectrum_of_weights_on_a_gpu_is_computed_on_the_cpu() -> None:
    """MAGMA, which torch asks for eigenvalues on a GPU, may be missing or fail, and cost the case."""
    case = GradflowCase(model="rnn", seq_len=8, d_model=D, init="orthogonal:0.7", device="cuda", threads=1)
    values = {s.metric: s.value for s in measure.measure(case, Turn(0))}
    assert values["spectral_radius"] == pytest.approx(0.7, abs=1e-12)
    assert values["largest_singular_value"] == pytest.approx(0.7, abs=1e-12)


@pytest.mark.long
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
