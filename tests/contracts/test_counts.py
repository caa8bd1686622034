"""Parameters, FLOPs, states and memory by closed form are the module's own, for every model of the registry."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from registry_models import LAYERS, OF_TOKENS, SHAPE, as_defined, layer, of_tokens, shape_of
from torch.utils.flop_counter import FlopCounterMode

from rnn_vs_attn.measure.memory import saved_bytes
from rnn_vs_attn.measure.timing.decoding import state_bytes
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models.build import build, call, count_parameters
from rnn_vs_attn.models.costs import Shape, default_kv_heads
from rnn_vs_attn.models.registry import MODELS, find
from rnn_vs_attn.models.shapes import LanguageShape
from rnn_vs_attn.models.spec import ModelSpec
from rnn_vs_attn.suites import layer_passes
from rnn_vs_attn.suites.decode import measure
from rnn_vs_attn.suites.decode.case import DecodeCase


@LAYERS
def test_parameters_follow_the_closed_form(spec: ModelSpec) -> None:
    module, _ = layer(spec)
    assert count_parameters(module) == spec.costs.num_params(SHAPE)


@pytest.mark.long
@LAYERS
@pytest.mark.parametrize("causal", [True, False])
def test_flops_equal_torchs_counter_on_the_sequential_form(spec: ModelSpec, causal: bool) -> None:
    """On the meta device no fused kernel hides a product; torch counts causal attention as full attention, as which
    restricted attention runs over its window.
    """
    shape = dataclasses.replace(SHAPE, causal=causal, window=SHAPE.seq_len)
    with torch.device("meta"):
        module = as_defined(build(spec, shape))
        x = torch.randn(shape.batch_size, shape.seq_len, shape.d_model, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        call(module, x)
    forward = counter.get_total_flops()
    with FlopCounterMode(display=False) as counter:
        call(module, x).backward(torch.randn_like(x))
    full = find("attention" if spec.name == "attention-local" else spec.name)
    asked = dataclasses.replace(shape, causal=False) if spec.uses_heads else shape
    assert forward == full.costs.flops(asked).forward
    assert counter.get_total_flops() == full.costs.flops(asked).train


EDGES = [
    Shape(1, 1, 6, 2),
    Shape(3, 7, 6, 2, num_layers=2, kernel_size=9, window=64),
    Shape(2, 9, 10, 5, causal=False, kernel_size=1, window=1),
    Shape(1, 6, 6, 1, num_layers=3, kernel_size=5, window=6),
    Shape(2, 12, 2, 2, num_layers=2, kernel_size=4, window=5),
]


PAIRWISE = (
    "attention",
    "attention-local",
    "attention-naive",
    "attention-gqa",
)  # by closed form, of the pairs that are needed


def needed_pairs(spec: ModelSpec, shape: Shape) -> int:
    """Of queries and keys, one by one; what is written out is multiplied whole."""
    if spec.name in ("attention-naive", "attention-relative") or (not shape.causal and not spec.always_causal):
        return shape.seq_len**2
    sees = shape.window if spec.name == "attention-local" else shape.seq_len
    return sum(0 <= i - j < sees for i in range(shape.seq_len) for j in range(shape.seq_len))


@pytest.mark.parametrize("shape", EDGES, ids=str)
@pytest.mark.parametrize("name", PAIRWISE)
def test_flops_of_attention_are_of_the_pairs_that_its_definition_needs(name: str, shape: Shape) -> None:
    """attention-local had the masked pairs at the edges of its blocks too, 9 % more at small lengths."""
    spec = find(name)
    shared = shape.d_model // shape.num_heads * default_kv_heads(shape.num_heads)
    width = shared if name == "attention-gqa" else shape.d_model
    projections = 2 * 2 * shape.tokens * shape.d_model * (shape.d_model + width)
    mixing = 2 * 2 * shape.batch_size * needed_pairs(spec, shape) * shape.d_model
    found = spec.costs.flops(shape)
    assert found.forward == shape.num_layers * (projections + mixing)
    assert found.train == 3 * found.forward
    assert spec.costs.mixing(shape).forward == shape.num_layers * mixing


@pytest.mark.long
@pytest.mark.parametrize("shape", EDGES, ids=str)
@pytest.mark.parametrize("name", [spec.name for spec in MODELS if spec.name not in PAIRWISE])
def test_flops_at_the_edges_equal_torchs_counter(name: str, shape: Shape) -> None:
    spec = find(name)
    with torch.device("meta"):
        module = as_defined(build(spec, shape))
        x = torch.randn(shape.batch_size, shape.seq_len, shape.d_model, requires_grad=True)
    with FlopCounterMode(display=False) as forward:
        call(module, x)
    with FlopCounterMode(display=False) as train:
        call(module, x).backward(torch.randn_like(x))
    assert (forward.get_total_flops(), train.get_total_flops()) == (
        spec.costs.flops(shape).forward,
        spec.costs.flops(shape).train,
    )


@LAYERS
@pytest.mark.parametrize("shape", EDGES, ids=str)
def test_parameters_and_state_at_the_edges(spec: ModelSpec, shape: Shape) -> None:
    """The state after the last token; attention's cache is held to what it needs."""
    module, x = layer(spec, shape)
    assert count_parameters(module) == spec.costs.num_params(shape)
    if not shape.causal and not spec.always_causal:
        return
    state = module.initial_state(shape.batch_size)
    with torch.no_grad():
        for x_t in x.unbind(1):
            _, state = module.step(x_t, state)
    assert state_bytes(state) == spec.costs.state_size(shape, 8)


@pytest.mark.long
@LAYERS
def test_no_pass_is_refused_for_memory_that_it_does_not_need(spec: ModelSpec) -> None:
    """A layer more takes at least what autograd keeps of it: attention-naive was said to take a tensor more."""
    shape = Shape(4, 24, 16, 2, kernel_size=3, window=5)
    kept, least = [], []
    for num_layers in (3, 4, 5):
        asked = dataclasses.replace(shape, num_layers=num_layers)
        x = torch.randn(4, 24, 16)
        kept.append(saved_bytes(Workload.of(build(spec, asked), x)))
        least.append(spec.costs.least_memory(asked, 4, train=True))
    assert least[1] - least[0] <= kept[1] - kept[0]
    assert least[2] - least[1] <= kept[2] - kept[1]


@LAYERS
def test_state_size_is_that_of_the_state_held(spec: ModelSpec) -> None:
    """After 16 tokens attention's cache is full to its capacity, so bytes held are bytes needed."""
    shape = dataclasses.replace(SHAPE, seq_len=16)
    module, x = layer(spec, shape)
    state = module.initial_state(shape.batch_size)
    with torch.no_grad():
        for x_t in x.unbind(1):
            _, state = module.step(x_t, state)
    assert bytes_in(state) == spec.costs.state_size(shape, 8)


def bytes_in(state: object) -> int:
    if isinstance(state, torch.Tensor):
        return state.nbytes
    if getattr(state, "limit", None) is not None:  # what it holds beyond its limit is room, and counts as none
        return state.nbytes
    if dataclasses.is_dataclass(state):
        return sum(bytes_in(value) for value in vars(state).values())
    return sum(map(bytes_in, state)) if isinstance(state, list | tuple) else 0


@OF_TOKENS
def test_parameters_of_models_of_tokens_are_counted_without_building_them(spec: ModelSpec) -> None:
    shape = LanguageShape(24, 3, 2, vocab_size=11, context_len=7, memory_len=5)
    assert count_parameters(of_tokens(spec, shape)[0]) == shape_of(spec, shape).num_params


@pytest.mark.long
@pytest.mark.parametrize("length", [1, 16, 17, 100])
@LAYERS
def test_states_of_layers_are_as_large_as_their_closed_form(spec: ModelSpec, length: int) -> None:
    small = {"d_model": 16, "num_heads": 2, "num_layers": 2, "vocab_size": 11, "device": "cpu", "threads": 1}
    made = measure.decoder(DecodeCase(model=spec.name, seq_len=length, batch_size=3, **small), 0)
    with torch.no_grad():
        found = state_bytes(made.prefill()[1])
    assert found == spec.costs.state_size(Shape(3, length, 16, 2, 2), 4)


@pytest.mark.long
@pytest.mark.parametrize("causal", [True, False])
@LAYERS
def test_counted_flops_equal_the_closed_form_on_the_devices_own_kernels(spec: ModelSpec, causal: bool) -> None:
    """Restricted attention over its window, chunks as a loop; else they multiply what no definition needs too."""
    shape = Shape(2, 37, 16, 4, 2, causal, window=37)
    workload = Workload.of(as_defined(build(spec, shape)), torch.randn(2, 37, 16))
    forward, train = layer_passes.count_operations(workload, None)
    assert forward.flops == spec.costs.flops(shape).forward
    assert train.flops == spec.costs.flops(shape).train
