"""Layers that compute with fewer digits somewhere on the gradient's way, and some that only do beside it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Deep(nn.Module):
    """3,200 operations, and a float32 among them at the depth that is given, counted from the input."""

    at = -1

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Tensor) -> Tensor:
        for i in range(3200):
            x = (x.float() if i == self.at else x).double() * self.scale
        return x.cumsum(1)


class DeepAtTheInput(Deep):
    at = 0


class DeepInTheMiddle(Deep):
    at = 1600


class LateInTheSequence(nn.Module):
    """From position 30 on."""

    def __init__(self, d_model: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x[:, :30], x[:, 30:].bfloat16().double()], dim=1).cumsum(1)


class _There(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return ((3 * x).float() / 3).double()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0] * 1


class _Back(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 1

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0].float().double()


class InAFunctionsForward(LateInTheSequence):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = _There.apply(x * 1)
        return y.cumsum(1)


class InAFunctionsBackward(LateInTheSequence):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = _Back.apply(x)
        return y.cumsum(1)


class RefusesFew(DeepInTheMiddle):
    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] < 20:
            raise ValueError("it takes 20 tokens at least")
        return super().forward(x)


class ByAHalfTransform(LateInTheSequence):
    """A Fourier transform in complex64."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.ifft(torch.fft.fft(x.float(), dim=2), dim=2).real.double().cumsum(1)


class Gated(nn.Module):
    """h_t = 0.9 h_(t-1) + g(x_t), g in float32 from a position on; a state with steps, and a forward of its own."""

    begins, least = 0, 1

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(d_model))

    def initial_state(self, batch_size: int) -> tuple[Tensor, int]:
        return self.scale.new_zeros(batch_size, len(self.scale)), 0

    def step(self, x_t: Tensor, state: tuple[Tensor, int]) -> tuple[Tensor, tuple[Tensor, int]]:
        h, position = state
        gate = torch.sigmoid(x_t.float()).double() if position >= self.begins else torch.sigmoid(x_t)
        h = 0.9 * h + gate * x_t * self.scale
        return h, (h, position + 1)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] < self.least:
            raise ValueError(f"it takes {self.least} tokens at least")
        outputs, state = [], self.initial_state(len(x))
        for x_t in x.unbind(1):
            y_t, state = self.step(x_t, state)
            outputs.append(y_t)
        return torch.stack(outputs, 1)


class GatedRefusesFew(Gated):
    least = 20


class GatedLate(Gated):
    begins = 30


REFUSED = (
    DeepAtTheInput, DeepInTheMiddle, LateInTheSequence, InAFunctionsForward, InAFunctionsBackward, RefusesFew,
    ByAHalfTransform, Gated, GatedRefusesFew, GatedLate,
)  # fmt: skip


class TableInFloat32(LateInTheSequence):
    """A table of positions that depends on no input."""

    def forward(self, x: Tensor) -> Tensor:
        return x.cumsum(1) * torch.arange(x.shape[1], dtype=torch.float32).div(1000).cos().double()[:, None]


class ChoosesInFloat32(LateInTheSequence):
    """Scores of few digits that only choose."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            chosen = x.float().argmax(-1, keepdim=True)
        return x.gather(-1, chosen).cumsum(1) + x


class GatedInFloat64(GatedRefusesFew):
    begins = 1 << 30


MEASURED = (Deep, TableInFloat32, ChoosesInFloat32, GatedInFloat64)
