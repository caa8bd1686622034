"""Layers that cast to fewer digits inside as packages do, each beside its twin, which does not and is exact."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """RMSNorm, then causal attention of one head with a bias from a table of positions."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(d_model) + 0.5)
        self.q, self.k = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.table: Tensor | None = None

    def few(self, x: Tensor) -> Tensor:
        return x

    def normed(self, x: Tensor) -> Tensor:
        h = self.few(x)
        return (h * h.square().mean(-1, keepdim=True).add(0.125).rsqrt()).to(x.dtype) * self.scale

    def positions(self, length: int) -> Tensor:
        if self.table is None:
            self.table = torch.arange(length) / 3
        return self.table

    def softmax(self, scores: Tensor) -> Tensor:
        return F.softmax(scores, dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        u, length = self.normed(x), x.shape[1]
        distance = self.positions(length)[:, None] - self.positions(length)
        scores = self.q(u) @ self.k(u).transpose(1, 2) - self.few(distance)
        mask = torch.ones(length, length, dtype=torch.bool).triu(1)
        return self.softmax(scores.masked_fill(mask, torch.finfo(torch.float32).min)).to(x.dtype) @ x


class AttentionInFloat32(Attention):
    """A norm by `.float()`, a softmax by its dtype, and a table that is registered as float32 at the first call."""

    def few(self, x: Tensor) -> Tensor:
        return x.float()

    def positions(self, length: int) -> Tensor:
        if self.table is None:
            del self.table
            self.register_buffer("table", torch.arange(length, dtype=torch.float32) / 3)
        return self.table  # type: ignore[return-value]

    def softmax(self, scores: Tensor) -> Tensor:
        return F.softmax(scores, dim=-1, dtype=torch.float32)


class AttentionInHalf(Attention):
    def few(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return x.to(torch.bfloat16)


class Recurrence(nn.Module):
    """h_t = a h_(t-1) + b_t x_t, a = exp(-exp(A)), b_t = softplus(W x_t): a selective scan."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.a_log = nn.Parameter(torch.rand(d_model) - 1)
        self.gate = nn.Linear(d_model, d_model)

    def few(self, x: Tensor) -> Tensor:
        return x

    def zeros(self, batch_size: int) -> Tensor:
        return torch.zeros(batch_size, len(self.a_log))

    def forward(self, x: Tensor) -> Tensor:
        a = torch.exp(-torch.exp(self.few(self.a_log)))
        h, outputs = self.zeros(len(x)), []
        for u_t in self.few(F.softplus(self.gate(x)) * x).unbind(1):
            h = a * h + u_t
            outputs.append(h)
        return torch.stack(outputs, 1).to(x.dtype)


class ByFloat(Recurrence):
    def few(self, x: Tensor) -> Tensor:
        return x.float()

    def zeros(self, batch_size: int) -> Tensor:
        return torch.zeros(batch_size, len(self.a_log), dtype=torch.float32)


class ByTo(ByFloat):
    def few(self, x: Tensor) -> Tensor:
        return x.to(dtype=torch.float32, copy=True)


class ByType(ByFloat):
    def few(self, x: Tensor) -> Tensor:
        return x.type("torch.FloatTensor")


class ByTypeOfClass(ByFloat):
    def few(self, x: Tensor) -> Tensor:
        return x.type(torch.FloatTensor)


class ByTypeAs(ByFloat):
    def few(self, x: Tensor) -> Tensor:
        return x.type_as(self.zeros(1))


class ByNew(ByFloat):
    """Written into memory that was made as float32."""

    def few(self, x: Tensor) -> Tensor:
        return x.new_empty(x.shape, dtype=torch.float32).copy_(x)


class InPlace(ByFloat):
    """A cast is memory of its own, that may be changed; reading x afterwards gives x."""

    def few(self, x: Tensor) -> Tensor:
        h = x.float()
        return h.mul_(2) - x.to(torch.float32)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        x, y = x.float(), y.float()
        ctx.save_for_backward(x, y)
        return (x * y).double()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        gradient = gradients[0].float()
        return (gradient * y).double(), (gradient * x).double()


class InAFunction(Recurrence):
    """A function with a backward pass of its own, both of them in float32."""

    def few(self, x: Tensor) -> Tensor:
        product: Tensor = _Product.apply(x, torch.ones_like(x))
        return product


class ComputedAgain(Recurrence):
    """What is cast is computed a second time on the way back."""

    def forward(self, x: Tensor) -> Tensor:
        twice: Tensor = torch.utils.checkpoint.checkpoint(lambda t: t.float().double(), x, use_reentrant=False)
        return super().forward(twice)


CASTS = (ByFloat, ByTo, ByType, ByTypeOfClass, ByTypeAs, ByNew, InPlace, InAFunction, ComputedAgain)


class WithState(Recurrence):
    """The same with a state."""

    def initial_state(self, batch_size: int) -> Tensor:
        return self.zeros(batch_size)

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        a = torch.exp(-torch.exp(self.few(self.a_log)))
        h = a * state + self.few(F.softplus(self.gate(x_t)) * x_t)
        return h.to(x_t.dtype), h


class StateInFloat32(WithState):
    """All of it in float32."""

    few, zeros = ByFloat.few, ByFloat.zeros


class OnlyItsStateInFloat32(WithState):
    """Its forward has float64 throughout."""

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y_t, h = super().step(x_t, state)
        return y_t, h.float()


class MixesFormats(Recurrence):
    """Weights of float32 that `double()` does not see, so that torch refuses the product in float64."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.weights = torch.eye(d_model, dtype=torch.float32)

    def few(self, x: Tensor) -> Tensor:
        return x @ self.weights


# It cannot work


class OutOfSight(Recurrence):
    """A cast that no mode over torch's functions sees, as that of a compiled extension."""

    def few(self, x: Tensor) -> Tensor:
        with torch._C.DisableTorchFunction():
            return x.float().double()


class AnotherInFloat64(Recurrence):
    def few(self, x: Tensor) -> Tensor:
        h = x.float()
        return h if h.dtype == torch.float32 else 1.001 * h


class AnotherGradientInFloat64(Recurrence):
    def few(self, x: Tensor) -> Tensor:
        h = x.float()
        return h if h.dtype == torch.float32 else h.detach() + 1.01 * (h - h.detach())


class RefusesFloat64(Recurrence):
    def few(self, x: Tensor) -> Tensor:
        h = x.float()
        if h.dtype != torch.float32:
            raise ValueError("it takes float32 alone")
        return h


REFUSED = {
    OutOfSight: "also where its casts are lifted to float64",
    AnotherInFloat64: r"\(its outputs differ by 0.001 of the largest, more than by float32's rounding\)",
    AnotherGradientInFloat64: r"\(its gradients differ by 0.01 of the largest, more than by float32's rounding\)",
    RefusesFloat64: r"lifted to float64 it fails \(ValueError: it takes float32 alone\)",
}
