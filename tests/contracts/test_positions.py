"""Every softmax attention of the registry that takes positions keeps its contracts with each of them."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from registry_models import layer
from torch import Tensor, nn

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.attention_kernels import candidates, only
from rnn_vs_attn.measure.conduct import batch_independence
from rnn_vs_attn.measure.conduct.batch_independence import Batch
from rnn_vs_attn.measure.conduct.layers import Conduct, renew_between_calls
from rnn_vs_attn.measure.memory import saved_bytes
from rnn_vs_attn.measure.timing.clock import PASSES
from rnn_vs_attn.measure.timing.decoding import state_bytes
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models.build import build, call, cast, count_parameters
from rnn_vs_attn.models.costs import ALIBI, NO_POSITIONS, ROTARY, Shape
from rnn_vs_attn.models.mixer import advance, initial_state
from rnn_vs_attn.models.registry import MODELS
from rnn_vs_attn.models.spec import POSITIONS, ModelSpec
from rnn_vs_attn.records.timing import Care
from rnn_vs_attn.suites import layer_passes
from rnn_vs_attn.suites.decode import measure
from rnn_vs_attn.suites.decode.case import DecodeCase

TAKING = [spec for spec in MODELS if POSITIONS in spec.traits.takes]
SHAPE = Shape(2, 21, 16, 4, 2, window=5)
EACH = pytest.mark.parametrize("spec", TAKING, ids=lambda spec: spec.name)
BOTH = pytest.mark.parametrize("kind", [ROTARY, ALIBI])


def with_positions(spec: ModelSpec, kind: str, shape: Shape = SHAPE) -> tuple[nn.Module, Tensor]:
    return layer(spec, dataclasses.replace(shape, positions=kind))


def test_all_softmax_attention_takes_positions_but_that_which_has_its_own() -> None:
    assert [spec.name for spec in TAKING] == ["attention", "attention-local", "attention-naive", "attention-gqa"]


@EACH
@BOTH
def test_order_makes_a_difference_with_positions_alone(spec: ModelSpec, kind: str) -> None:
    """The last output of one layer, with two tokens before it in the other order."""
    for positions in (NO_POSITIONS, kind):
        module, x = with_positions(spec, positions, Shape(1, 5, 16, 4, window=5))
        other = x[:, [0, 2, 1, 3, 4]]
        moved = (call(module, x) - call(module, other))[:, -1].abs().max()
        assert (moved < 1e-14) if positions == NO_POSITIONS else (moved > 1e-6)


@EACH
@BOTH
@pytest.mark.parametrize("causal", [True, False])
def test_the_future_is_seen_where_it_may_be(spec: ModelSpec, kind: str, causal: bool) -> None:
    module, x = with_positions(spec, kind, dataclasses.replace(SHAPE, causal=causal))
    other = x.clone()
    other[:, 9:] += 1.0
    moved = (call(module, x) - call(module, other)).abs().amax((0, 2))
    assert moved[9:].min() > 1e-6
    assert (moved[:9].max() < 1e-13) if causal or spec.always_causal else (moved[:9].min() > 1e-7)


@EACH
@BOTH
@pytest.mark.parametrize("length", [1, 21, 37])
def test_steps_and_two_pieces_are_the_whole(spec: ModelSpec, kind: str, length: int) -> None:
    module, x = with_positions(spec, kind, dataclasses.replace(SHAPE, seq_len=length))
    with torch.no_grad():
        whole, state, found = call(module, x), initial_state(module, 2), []
        for x_t in x.unbind(1):
            y_t, state = module.step(x_t, state)
            found.append(y_t)
        torch.testing.assert_close(torch.stack(found, 1), whole, rtol=0, atol=1e-11)
        cut = length // 3 + 1
        first, after = advance(module, x[:, :cut], initial_state(module, 2))
        second = advance(module, x[:, cut:], after)[0] if cut < length else x[:, :0]
        torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=1e-11)
    assert state_bytes(state) == spec.costs.state_size(dataclasses.replace(SHAPE, seq_len=length), 8)


@pytest.mark.long
@EACH
@BOTH
def test_a_loop_over_positions_is_the_whole_with_all_gradients(spec: ModelSpec, kind: str) -> None:
    module, x = with_positions(spec, kind)
    x.requires_grad_()
    whole = call(module, x)
    loop = torch.stack([call(module, x[:, : t + 1])[:, -1] for t in range(x.shape[1])], 1)
    torch.testing.assert_close(whole, loop, rtol=1e-9, atol=1e-9)
    grad, wanted = torch.randn_like(whole), (x, *module.parameters())
    for mine, theirs in zip(
        torch.autograd.grad(whole, wanted, grad), torch.autograd.grad(loop, wanted, grad), strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)


@EACH
@BOTH
def test_gradients_arrive_and_parameters_are_as_many_as_without(spec: ModelSpec, kind: str) -> None:
    module, x = with_positions(spec, kind)
    x.requires_grad_()
    call(module, x).backward(torch.randn_like(x))
    for tensor in (x, *module.parameters()):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
        assert tensor.grad.abs().max() > 0
    assert count_parameters(module) == spec.costs.num_params(SHAPE)


@pytest.mark.long
@EACH
@BOTH
@pytest.mark.parametrize("causal", [True, False])
def test_counted_flops_are_the_closed_form(spec: ModelSpec, kind: str, causal: bool) -> None:
    """A kernel with a bias multiplies what is masked too: of it the pairs are all."""
    shape = Shape(2, 37, 16, 4, 2, causal, window=37, positions=kind)
    found = layer_passes.count_operations(Workload.of(build(spec, shape), torch.randn(2, 37, 16)), None)
    sees_all = not causal and not spec.always_causal
    needed = 37 * 37 if sees_all or spec.name == "attention-naive" else 37 * 38 // 2
    masked = 37 * 37 - needed if kind == ALIBI else 0
    flops = spec.costs.flops(shape)
    assert flops.train == 3 * flops.forward
    assert spec.costs.mixing(shape).forward == 2 * 2 * 2 * 2 * needed * 16
    forward = flops.forward + 2 * 2 * 2 * 2 * masked * 16
    assert [of.flops for of in found] == [forward, 3 * forward]


@pytest.mark.long
@EACH
@BOTH
def test_no_pass_is_refused_for_memory_that_it_does_not_need(spec: ModelSpec, kind: str) -> None:
    kept, least = [], []
    for num_layers in (3, 4):
        shape = Shape(4, 24, 16, 4, num_layers, window=5, positions=kind)
        kept.append(saved_bytes(Workload.of(build(spec, shape), torch.randn(4, 24, 16))))
        least.append(spec.costs.least_memory(shape, 4, train=True))
    assert 0 < least[1] - least[0] <= kept[1] - kept[0]


@pytest.mark.long
@EACH
@BOTH
def test_nothing_is_to_be_said_of_them(spec: ModelSpec, kind: str) -> None:
    """Tables that the first call makes are no memory of what it was given."""
    torch.manual_seed(0)
    shape = Shape(3, 12, 8, 2, 2, window=4, positions=kind)
    made = Workload.of(build(spec, shape), torch.randn(3, 12, 8))
    assert [renew_between_calls(made, name) for name in PASSES] == [Conduct(Care())] * 2
    assert batch_independence.of(build(spec, shape).eval(), batch_size=4, seq_len=12, d_model=8) == Batch()
    small = {"d_model": 16, "num_heads": 2, "num_layers": 2, "device": "cpu", "threads": 1, "positions": kind}
    samples = list(measure.measure(DecodeCase(model=spec.name, seq_len=9, **small), Turn()))
    assert all(sample.warnings == [] for sample in samples)


@EACH
@BOTH
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_kernels_are_chosen_and_formats_kept(spec: ModelSpec, kind: str, dtype: torch.dtype) -> None:
    """In 16 bits a layer at a short length runs by any of the kernels, with its bias and its shared keys."""
    module, x = with_positions(spec, kind)
    module, x = cast(module, dtype), x.to(dtype)
    before = call(module, x)
    tried = candidates(module, x)
    assert bool(tried) == (dtype == torch.bfloat16 and spec.name in ("attention", "attention-gqa"))
    with only(tried[-1] if tried else None):
        after = call(module, x)
    assert after.dtype == before.dtype == dtype
    torch.testing.assert_close(after, before, rtol=0.05 if dtype.itemsize == 2 else 1e-5, atol=0.02)
