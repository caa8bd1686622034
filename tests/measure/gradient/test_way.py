"""States of any make: what they hold is found, or named; never a zero where there is gradient."""

from __future__ import annotations

import math

import pytest
import states
import torch
from gradients import CPU, D, built, distance_between, flow, jacobian_norms, powers
from torch import nn

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.gradient import way
from rnn_vs_attn.measure.gradient.flow import by_chunks, cotangents, direct, flow_of, without_dropout
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import MODELS, find
from rnn_vs_attn.suites.gradflow import measure
from rnn_vs_attn.suites.gradflow.case import GradflowCase


@pytest.fixture
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 16, tried on 40 positions in chunks of 12."""
    for name, value in (("CHUNK", 16), ("_TRIED_CHUNK", 12), ("TRIED", 40)):
        monkeypatch.setattr(way, name, value)


# The built-in layers


@pytest.mark.long
@pytest.mark.parametrize("length", [48, 53])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("name", [spec.name for spec in MODELS])
def test_every_model_gives_torchs_whole_jacobian_beyond_a_chunk(
    name: str, num_layers: int, length: int, short_chunks: None
) -> None:
    shape = Shape(1, length, D, 2, num_layers, window=20)
    module = without_dropout(build.build(find(name), shape).double())
    x = torch.randn(1, length, D)
    found = flow_of(module, x, cotangents(1, D, True, CPU))
    assert found.warnings == []
    expected = jacobian_norms(module, x)
    assert bool(((found.log10 == -math.inf) == (expected == -math.inf)).all())
    near = expected > -math.inf
    assert distance_between(found.log10[near], expected[near]) < 1e-9


@pytest.mark.long
@pytest.mark.parametrize("name", ["gru", "mingru", "conv", "attention-local", "attention-relative"])
def test_the_same_over_chunks_as_long_as_they_are(name: str) -> None:
    module = without_dropout(build.build(find(name), Shape(1, 300, D, 2, 2, window=150)).double())
    x = torch.randn(1, 300, D)
    found, expected = flow_of(module, x, cotangents(1, D, True, CPU)), jacobian_norms(module, x)
    near = expected > -math.inf
    assert bool(((found.log10 > -math.inf) == near).all())
    assert distance_between(found.log10[near], expected[near]) < 1e-9


@pytest.mark.long
@pytest.mark.parametrize("window", [50, 64, 200])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_windows_reach_as_far_as_their_layers(window: int, num_layers: int) -> None:
    """31 and 63, 63 and 63, 127 and 127 were printed."""
    case = GradflowCase(
        model="attention-local", seq_len=512, d_model=8, num_heads=2, num_layers=num_layers, window=window,
        exact=True, device="cpu", threads=1,
    )  # fmt: skip
    values = {s.metric: s.value for s in measure.measure(case, Turn(0))}
    assert values["reach"] == num_layers * (window - 1)


@pytest.mark.long
def test_relative_attention_reaches_from_end_to_end() -> None:
    """43 was printed."""
    case = GradflowCase(model="attention-relative", seq_len=300, d_model=8, num_heads=2, device="cpu", threads=1)
    assert next(s.value for s in measure.measure(case, Turn(0)) if s.metric == "reach") == 299


@pytest.mark.long
@pytest.mark.parametrize("name", ["mingru", "conv"])
@pytest.mark.parametrize("chunk", [1, 7, 128])
def test_states_that_are_no_tensors_alone_give_the_same_in_chunks(name: str, chunk: int) -> None:
    module, x, probes = built(name, 2), torch.randn(1, 40, D), cotangents(3, D, False, CPU)
    in_chunks, in_one = by_chunks(module, x, probes, chunk), direct(module, x, probes)
    assert bool((in_chunks.log10.isfinite() == in_one.log10.isfinite()).all())
    near = in_one.log10.isfinite()
    assert distance_between(in_chunks.log10[near], in_one.log10[near]) < 1e-9


# Users' layers


@pytest.mark.long
@pytest.mark.parametrize("kind", states.FOLLOWED)
def test_a_state_of_any_make_is_followed(kind: type[nn.Module], short_chunks: None) -> None:
    found = flow(kind(D), 70)
    assert (found.route, found.warnings) == ("chunks", [])
    assert distance_between(found.log10, powers(0.9, 70)) < 1e-9


@pytest.mark.long
@pytest.mark.parametrize(("kind", "said"), states.NOT_FOLLOWED)
def test_what_a_gradient_cannot_be_followed_through_is_named_and_not_used(
    kind: type[nn.Module], said: str, short_chunks: None
) -> None:
    found = flow(kind(D), 70)
    assert found.route == "direct"
    (warning,) = found.warnings
    assert warning.startswith(said)
    assert warning.endswith("measured in one piece")
    assert distance_between(found.log10, powers(0.9, 70)) < 1e-9


@pytest.mark.long
def test_a_forward_that_forgets_its_gradient_is_the_one_that_counts() -> None:
    found = flow(states.ForwardDetaches(D), 100)
    assert found.route == "direct"
    assert "another gradient" in found.warnings[0]
    assert found.log10.isfinite().tolist() == [True] * 20 + [False] * 80


def test_a_state_that_is_laid_out_otherwise_in_parts_of_a_chunk_is_not_used() -> None:
    found = flow(states.LaidOutByCalls(D), 9)
    assert found.route == "direct"
    assert "another form after two parts of a chunk" in found.warnings[0]
    assert distance_between(found.log10[:9], powers(1e-30, 9)) < 1e-9
