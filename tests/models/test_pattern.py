"""Patterns are models: their layers in order, sums of costs, a list of states; what is no pattern, and why."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from registry_models import layer
from steps import assert_decodes

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.measure.memory import saved_bytes
from rnn_vs_attn.measure.timing.decoding import state_bytes
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models.build import build, build_blocks, call, count_parameters, matched_shape
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.mixer import Block, has_state
from rnn_vs_attn.models.registry import MODELS, find
from rnn_vs_attn.models.spec import PATTERN, USER
from rnn_vs_attn.suites import layer_passes

NAMES = (
    "lstm+lstm+attention",
    "attention-local+mingru",
    "conv+attention-relative+attention-gqa",
    "rnn+attention-naive",
)
EACH = pytest.mark.parametrize("name", NAMES)
SHAPE = Shape(2, 13, 16, 4, 2, kernel_size=3, window=5)


def test_a_pattern_is_its_layers_in_order_as_often_as_there_are_layers() -> None:
    spec, expected = find("lstm+attention"), []
    assert (spec.name, spec.family) == ("lstm+attention", PATTERN)
    assert [part.name for part in spec.traits.layers] == ["lstm", "attention"]
    module, x = layer(spec, SHAPE)
    for part in module:
        expected.append(type(part).__name__)
    assert expected == ["LSTM", "Attention"] * 2
    y = x
    for part in module:
        y = call(part, y)
    assert torch.equal(call(module, x), y)


@EACH
@pytest.mark.parametrize("num_layers", [1, 3])
def test_costs_are_those_of_the_module(name: str, num_layers: int) -> None:
    """Parameters and state are counted; FLOPs and memory are the sums of closed forms that are."""
    spec, shape = find(name), dataclasses.replace(SHAPE, num_layers=num_layers)
    module, x = layer(spec, shape)
    assert count_parameters(module) == spec.costs.num_params(shape)
    state = module.initial_state(2)
    with torch.no_grad():
        for x_t in x.unbind(1):
            _, state = module.step(x_t, state)
    assert len(state) == num_layers * len(name.split("+"))
    assert state_bytes(state) == spec.costs.state_size(shape, 8)


@pytest.mark.long
@EACH
@pytest.mark.parametrize("num_layers", [1, 2])
def test_flops_are_those_that_are_counted(name: str, num_layers: int) -> None:
    spec, shape = find(name), dataclasses.replace(SHAPE, num_layers=num_layers, window=13)
    found = layer_passes.count_operations(Workload.of(build(spec, shape), torch.randn(2, 13, 16)), None)
    flops = spec.costs.flops(shape)
    assert [of.flops for of in found] == [flops.forward, flops.train]


@pytest.mark.long
@EACH
def test_no_pass_is_refused_for_memory_that_it_does_not_need(name: str) -> None:
    spec, kept, least = find(name), [], []
    for num_layers in (2, 3):
        shape = Shape(4, 24, 16, 2, num_layers, kernel_size=3, window=5)
        kept.append(saved_bytes(Workload.of(build(spec, shape), torch.randn(4, 24, 16))))
        least.append(spec.costs.least_memory(shape, 4, train=True))
    assert 0 < least[1] - least[0] <= kept[1] - kept[0]


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.name)
def test_costs_of_layers_of_one_kind_are_those_of_that_many_layers(spec: object, train: bool) -> None:
    """But of convolutions, which dilate each other within one model."""
    name, shape = spec.name, dataclasses.replace(SHAPE, num_layers=2)  # type: ignore[attr-defined]
    ours, theirs = find(f"{name}+{name}").costs, find(name).costs
    single = dataclasses.replace(SHAPE, num_layers=1)
    assert ours.num_params(single) == theirs.num_params(shape)
    assert ours.flops(single) == theirs.flops(shape)
    assert ours.least_memory(single, 4, train) == theirs.least_memory(shape, 4, train)
    if name != "conv":
        assert ours.state_size(single, 4) == theirs.state_size(shape, 4)


@pytest.mark.long
@EACH
def test_steps_are_the_whole_and_no_position_sees_the_future(name: str) -> None:
    module, x = layer(find(name), SHAPE)
    assert has_state(module)
    assert_decodes(module, x, 1e-10)
    other = x.clone()
    other[:, 6:] += 1.0
    moved = (call(module, x) - call(module, other)).abs().amax((0, 2))
    assert moved[:6].max() < 1e-13
    assert moved[6:].min() > 1e-8


@pytest.mark.long
def test_traits_are_those_of_the_layers_together() -> None:
    spec = find("lstm+attention-local+conv")
    assert (spec.uses_heads, spec.always_causal) == (True, False)
    assert spec.traits.takes == ("window", "positions", "kernel_size")
    assert spec.traits.kernel_of_its_own
    assert find("lstm+attention-local").always_causal
    assert not find("lstm+gru").uses_heads
    assert find("lstm+lstm-cell").traits.initialisations == find("lstm").traits.initialisations
    assert find("lstm+gru").traits.initialisations == ("orthogonal",)
    assert find("lstm+attention").traits.initialisations == ()
    assert find("lstm+gru").complexity == find("lstm").complexity
    assert find("lstm+attention").complexity is None


def test_blocks_hold_a_layer_each() -> None:
    made = build_blocks(find("lstm+attention"), SHAPE)
    assert [type(block) for block in made] == [Block] * 4
    assert [type(block.mixer).__name__ for block in made] == ["LSTM", "Attention"] * 2


@pytest.mark.parametrize("positions", ["none", "rotary"])
def test_a_matched_width_fits_the_heads_and_comes_near(positions: str) -> None:
    shape = Shape(2, 32, 64, 4, positions=positions)
    found = matched_shape(find("gru+attention"), shape, "params", lambda spec, shape: None)
    assert found.d_model % (8 if positions == "rotary" else 4) == 0
    ours, theirs = find("gru+attention").costs.num_params(found), find("attention").costs.num_params(shape)
    assert abs(ours / theirs - 1) < 0.25


# What is no pattern


def test_a_layer_that_is_unknown_is_named_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown layer 'atention'; did you mean 'attention'\? in the pattern"):
        find("lstm+atention")


@pytest.mark.parametrize("other", ["gpt", "albert", "my.py:Layer", "torch.nn:GRU(bias=False)"])
def test_models_of_token_ids_and_modules_of_the_users_own_are_in_none(other: str) -> None:
    with pytest.raises(UserError, match="patterns are of layers of the registry, and"):
        find(f"lstm+{other}")


@pytest.mark.parametrize("name", ["lstm+", "+lstm", "lstm++lstm"])
def test_a_layer_without_a_name_is_said(name: str) -> None:
    with pytest.raises(UserError, match="has a layer without a name"):
        find(name)


@pytest.mark.parametrize("name", ["a+b.py:Layer", "file.py:Layer(mode='a+b')"])
def test_a_path_may_have_a_plus(name: str) -> None:
    assert find(name).family == USER
