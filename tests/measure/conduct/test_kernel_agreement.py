"""Kernels of a package held against a layer's definition: what is right passes, and what is wrong never does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import played_kernels
import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.measure.conduct import kernel_agreement
from rnn_vs_attn.measure.conduct.kernel_agreement import BOUNDS, Agreement, error_of, held
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models.build import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.mixer import Stack
from rnn_vs_attn.models.registry import MODELS, find

BY_PACKAGE = [(spec.name, backend) for spec in MODELS for backend in spec.traits.backends]
SHAPE = Shape(3, 200, 16, 2)


def workload(
    name: str, backend: str, dtype: torch.dtype = torch.float32, num_layers: int = 1, length: int = 200
) -> Workload:
    torch.manual_seed(0)
    shape = Shape(3, length, 16, 2, num_layers, backend=backend)
    x = torch.randn(3, length, 16).to(dtype)
    return Workload.of(build(find(name), shape).to(dtype), x)


def changed(of: Callable[..., Any], how: Callable[..., Any]) -> Callable[..., Any]:
    """An operation whose output is changed before it is given out."""

    def operation(*args: Any, **kwargs: Any) -> Any:
        y, state = of(*args, **kwargs)
        return how(y), state

    operation.__name__ = of.__name__
    return operation


class OtherGradient(torch.autograd.Function):
    """The same value, and a gradient that is 5 % too large at the last position of each sequence alone."""

    @staticmethod
    def forward(ctx: Any, y: Tensor) -> Tensor:
        return y.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        gradient = gradients[0].clone()
        gradient[:, -1] *= 1.05
        return gradient


@pytest.mark.parametrize(("name", "backend"), BY_PACKAGE)
@pytest.mark.parametrize("dtype", BOUNDS)
def test_right_kernels_are_within_rounding(
    name: str, backend: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    played_kernels.play(monkeypatch)
    found = held(workload(name, backend, dtype))
    assert found is not None
    assert 0 < found.error < BOUNDS[dtype] / 2
    assert found.unknown == ""


def test_what_no_package_computes_is_not_held() -> None:
    assert held(workload("gated-deltanet", "torch")) is None
    assert held(workload("attention", "fla")) is None


def tenth_too_large(operation: Callable[..., Any]) -> Callable[..., Any]:
    return changed(operation, lambda y: 1.1 * y)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_what_rounding_to_16_bits_would_hide_is_seen_in_float32(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    played_kernels.play(monkeypatch, chunk_simple_gla=tenth_too_large(played_kernels.chunk_simple_gla))
    made = workload("linear-attention", "fla", dtype)
    assert max(error_of(made.module, made.x.detach()[:2, :160]).values()) < 0.1  # type: ignore[arg-type]
    with pytest.raises(
        CaseFault, match=r"LinearAttention is defined as: in (float32|float16) .* is off by 0\."
    ) as fault:
        held(made)
    assert fault.value.status == "failed"


def test_kernels_that_take_no_float32_are_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def narrow(q: Tensor, *others: Any, **kwargs: Any) -> Any:
        if q.dtype == torch.float32:
            raise AssertionError("float32 is not supported; use bfloat16")
        return played_kernels.chunk_simple_gla(q, *others, **kwargs)

    narrow.__name__ = "chunk_simple_gla"
    played_kernels.play(monkeypatch, chunk_simple_gla=narrow)
    found = held(workload("retention", "fla", torch.bfloat16))
    assert found is not None
    assert found.error > 1e-4
    assert found.unknown == "AssertionError: float32 is not supported; use bfloat16"


WRONG = {
    "twice as large": changed(played_kernels.chunk_gated_delta_rule, lambda y: 2 * y),
    "a position late": changed(played_kernels.chunk_gated_delta_rule, lambda y: y.roll(1, 1)),
    "another gradient at one position of 160": changed(played_kernels.chunk_gated_delta_rule, OtherGradient.apply),
    "not a number at one place": changed(
        played_kernels.chunk_gated_delta_rule,
        lambda y: y.masked_fill(torch.arange(y.numel()).view_as(y) == 7, torch.nan),
    ),
}


@pytest.mark.parametrize("which", WRONG)
def test_wrong_kernels_are_refused_with_what_is_off(which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    played_kernels.play(monkeypatch, chunk_gated_delta_rule=WRONG[which])
    if which == "twice as large":  # which the layer's norm takes back but for its epsilon
        monkeypatch.setattr("rnn_vs_attn.models.layers.gated_deltanet._EPS", 1.0)
    with pytest.raises(
        CaseFault, match="kernels of fla-core do not compute what GatedDeltaNet is defined as: "
    ) as fault:
        held(workload("gated-deltanet", "fla"))
    assert fault.value.status == "failed"
    assert "; use --backend torch" in str(fault.value)
    assert ("not a number" in str(fault.value)) == (which == "not a number at one place")


def test_a_wrong_layer_in_a_stack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    played_kernels.play(monkeypatch)
    made = workload("rwkv7", "fla", num_layers=2)
    assert isinstance(made.module, Stack)
    first, last = made.module
    errors = [max(error_of(part, made.x.detach()[:2, :160]).values()) for part in (first, last)]
    assert held(made) == Agreement(max(errors))
    last.chunked = lambda *given, kernel=last.chunked: (kernel(*given)[0] * 1.5, given[-1])
    with pytest.raises(CaseFault, match="RWKV7"):
        held(made)


def test_errors_are_those_of_the_difference_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The output times 1.25 is off by a quarter; of a parameter beside an average gradient, where that is larger."""
    played_kernels.play(monkeypatch)

    class Scaled(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * (1.25 if x.dtype == torch.float32 else 1.0)

    made = workload("linear-attention", "fla")
    made.module.out_proj.__class__ = Scaled
    errors = error_of(made.module, made.x.detach())  # type: ignore[arg-type]
    assert errors["the output"] == pytest.approx(0.25, rel=1e-4)
    assert errors["the gradient of the input"] == pytest.approx(0.25, rel=1e-4)
    exact, x = made.module.double(), made.x.detach().double()
    gradient = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y, weights = exact.sequential(x), dict(exact.named_parameters())  # type: ignore[operator]
    right = dict(zip(weights, torch.autograd.grad(y, list(weights.values()), gradient), strict=True))
    sums = sum(float(g.square().sum()) for g in right.values()), sum(g.numel() for g in right.values())
    for name, value in right.items():
        size, average = float(value.norm()), (sums[0] / sums[1] * value.numel()) ** 0.5
        assert errors[name] == pytest.approx(0.25 * size / max(size, average), rel=1e-3)
    assert errors["out_proj.weight"] < 0.24  # its gradient is a small one


def test_float64_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    played_kernels.play(monkeypatch)
    with pytest.raises(CaseFault, match="no more digits than float32; use --backend torch") as fault:
        held(workload("retention", "fla", torch.float64))
    assert fault.value.status == "unsupported"


@pytest.mark.parametrize(
    ("name", "backend", "length", "positions"),
    [("retention", "fla", 700, 160), ("retention", "fla", 70, 70), ("mamba2", "mamba-ssm", 700, 640)],
)
def test_two_sequences_and_two_and_a_half_chunks_are_asked_after_a_call_of_all(
    name: str, backend: str, length: int, positions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chunk of fla has 64 positions, one of mamba-ssm 256; the first call decides how Triton runs all others."""
    played_kernels.play(monkeypatch)
    asked: list[Any] = []
    made = workload(name, backend, length=length)
    monkeypatch.setattr(made, "both", lambda: asked.append("all"))
    monkeypatch.setattr(kernel_agreement, "error_of", lambda layer, x: asked.append(x.shape) or {"the output": 0.0})
    held(made)
    assert asked == ["all", torch.Size([2, positions, 16])]


@pytest.mark.parametrize(("name", "backend"), BY_PACKAGE)
@pytest.mark.parametrize("dtype", BOUNDS)
def test_a_state_that_is_not_handed_from_chunk_to_chunk_is_seen(
    name: str, backend: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunk = {"fla": 64, "mamba-ssm": 256}[backend]

    def forgetful(operation: Callable[..., Any]) -> Callable[..., Any]:
        def forgets(*args: Any, **kwargs: Any) -> Any:
            pieces = []
            for start in range(0, args[0].shape[1], chunk):
                given = [a[:, start : start + chunk] if isinstance(a, Tensor) and a.dim() > 2 else a for a in args]
                y, state = operation(*given, **kwargs)
                pieces.append(y)
            return torch.cat(pieces, 1), state

        return forgets

    wrong = {one.__name__: forgetful(one) for one in played_kernels.OPS.values()}
    played_kernels.play(monkeypatch, **wrong)
    made = workload(name, backend, dtype, length=chunk + 40)
    with pytest.raises(CaseFault, match="do not compute what"):
        held(made)


def test_a_gradient_that_is_missing_is_seen_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(q: Tensor, k: Tensor, v: Tensor, g: Tensor, *others: Any, **kwargs: Any) -> Any:
        return played_kernels.chunk_gated_delta_rule(q, k, v, g.detach(), *others, **kwargs)

    played_kernels.play(monkeypatch, chunk_gated_delta_rule=without)
    with pytest.raises(
        CaseFault, match="dt_bias is missing, or not a number where that is one; use --backend"
    ) as fault:
        held(workload("gated-deltanet", "fla"))
    assert fault.value.status == "failed"


def test_a_kernel_that_takes_tf32_by_itself_is_given_its_rounding_on_a_gpu_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class OnGpu:
        dtype, is_cuda = torch.float32, True

    played_kernels.play(monkeypatch)
    layers = {name: workload(name, "fla").module for name in ("gated-deltanet", "retention")}
    own = workload("gated-deltanet", "torch").module
    told = [kernel_agreement._in_tf32(layer, OnGpu()) for layer in (*layers.values(), own)]  # type: ignore[arg-type]
    assert told == [True, False, False]
    assert not kernel_agreement._in_tf32(layers["gated-deltanet"], torch.zeros(1))  # type: ignore[arg-type]


def test_tf32_that_is_allowed_changes_nothing_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    played_kernels.play(monkeypatch)
    part = 1 + 1e-3 * torch.linspace(-1, 1, 200).view(1, -1, 1, 1)
    off = changed(
        played_kernels.chunk_simple_gla, lambda y: y * (part[:, : y.shape[1]] if y.dtype == torch.float32 else 1)
    )
    played_kernels.play(monkeypatch, chunk_simple_gla=off)
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        with pytest.raises(CaseFault, match=r"rounding makes up to 0\.0001; "):
            held(workload("linear-attention", "fla"))
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False
