"""Modules whose gradient over the distance is known beforehand, and some that have none to give."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LinearRNN(nn.Module):
    """h_t = h_(t-1) W^T + x_t with W = gain * Q, Q orthogonal: the norm at distance k is gain^k."""

    gain = 0.9

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.w = nn.Parameter(self.gain * torch.linalg.qr(torch.randn(d_model, d_model))[0])

    def forward(self, x: Tensor) -> Tensor:
        h, outputs = torch.zeros_like(x[:, 0]), []
        for x_t in x.unbind(1):
            h = h @ self.w.T + x_t
            outputs.append(h)
        return torch.stack(outputs, dim=1)


class KeepsLength(LinearRNN):
    gain = 1.0


class Grows(LinearRNN):
    gain = 1.1


class WithStep(LinearRNN):
    """The same with a state."""

    def initial_state(self, batch_size: int) -> Tensor:
        return self.w.new_zeros(batch_size, len(self.w))

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = state @ self.w.T + x_t
        return h, h


class StepInPlace(WithStep):
    """Changes the state that it is given, and counts."""

    def initial_state(self, batch_size: int) -> dict[str, Tensor | int]:  # type: ignore[override]
        return {"h": super().initial_state(batch_size), "count": 0}

    def step(self, x_t: Tensor, state: dict[str, Tensor | int]) -> tuple[Tensor, dict[str, Tensor | int]]:  # type: ignore[override]
        h = state["h"]
        assert isinstance(h, Tensor)
        h.copy_(h @ self.w.T + x_t)
        return h.clone(), {"h": h, "count": state["count"] + 1}  # type: ignore[operator]


class WithStateArgument(LinearRNN):
    """The same with a state that `forward` takes."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        h, outputs = torch.zeros_like(x[:, 0]) if state is None else state, []
        for x_t in x.unbind(1):
            h = h @ self.w.T + x_t
            outputs.append(h)
        return torch.stack(outputs, dim=1), h


class StrongDecay(WithStep):
    """1e-30 a token: within one chunk float64 would end."""

    gain = 1e-30


class StrongGrowth(WithStateArgument):
    gain = 1e30


class WrongStep(WithStep):
    """Its step is not its forward."""

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = state + x_t
        return h, h


class NonNormal(LinearRNN):
    """W = [[1/2, 10], [0, 1/2]] on each pair: both eigenvalues are 1/2, and the norm grows before it decays."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        pair = torch.tensor([[0.5, 10.0], [0.0, 0.5]])
        self.w = nn.Parameter(torch.block_diag(*[pair] * (d_model // 2)))


class Window(nn.Module):
    """The mean of the last 8 inputs: exactly 0 further back."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Tensor) -> Tensor:
        padded = torch.cat([x.new_zeros(x.shape[0], 7, x.shape[2]), x], dim=1)
        return padded.unfold(1, 8, 1).mean(-1) * self.scale


class SeesTheFuture(nn.Module):
    """Every output is the mean of all inputs: 1 / L in both directions."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1, keepdim=True).expand_as(x) * self.scale


class Detached(SeesTheFuture):
    """Not differentiable with respect to its input."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.detach())


class WithoutGradient(SeesTheFuture):
    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


class ReturnsNaN(SeesTheFuture):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * float("nan")


class NaNFromFar(SeesTheFuture):
    """Fails at long sequences only."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (float("nan") if x.shape[1] > 16 else 1.0)


class UniformAttention(nn.Module):
    """Causal attention with W_q = W_k = 0 and W_v = W_o = I: I / L at every distance."""

    residual = False

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.zero = nn.Parameter(torch.zeros(d_model, d_model))

    def forward(self, x: Tensor) -> Tensor:
        q = x @ self.zero
        y = nn.functional.scaled_dot_product_attention(q, q, x, is_causal=True)
        return x + y if self.residual else y


class UniformWithResidual(UniformAttention):
    residual = True


class Halves(LinearRNN):
    """Without a state, 1/2 a token: after 1,000 tokens it is beyond float64."""

    gain = 0.5


class Dropping(LinearRNN):
    """Dropout and a batch norm, which are not part of what is measured."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.drop(x))


class GrowingState(LinearRNN):
    """Keeps all inputs as its state."""

    def initial_state(self, batch_size: int) -> Tensor:
        return self.w.new_zeros(batch_size, 0, len(self.w))

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        seen = torch.cat([state, x_t[:, None]], dim=1)
        return self(seen)[:, -1], seen


class BrokenStep(WithStep):
    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        raise ValueError("no step today")


class NoGradStep(WithStep):
    """Its step decodes under no_grad: right values, no gradient."""

    step = torch.no_grad()(WithStep.step)


class DetachedState(WithStep):
    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h, _ = super().step(x_t, state)
        return h, h.detach()


class DiffersLate(WithStateArgument):
    """Its forward forgets what is more than 200 tokens back; its state does not."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, h = super().forward(x, state)
        if state is None and x.shape[1] > 200:
            y = torch.cat([y[:, :200], super().forward(x[:, 200:])[0]], dim=1)
        return y, h


class Outlived(WithStep):
    """A counter in the state keeps its gradient while that of the rest fades, until float64 has lost it beside it."""

    gain = 0.4

    def forward(self, x: Tensor) -> Tensor:
        counts = torch.arange(1, x.shape[1] + 1).to(x.dtype)
        return super().forward(x) + counts[:, None].div(10).sin()

    def initial_state(self, batch_size: int) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return super().initial_state(batch_size), self.w.new_zeros(batch_size, 1)

    def step(self, x_t: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:  # type: ignore[override]
        h, n = super().step(x_t, state[0])[0], state[1] + 1
        return h + n.div(10).sin(), (h, n)


class InFloat32(LinearRNN):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward((2 * x.float()).to(x.dtype))


class ReturnsHalf(UniformAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).half()


class MixesTheBatch(UniformAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x.mean(0, keepdim=True)


class FutureInBlocks(nn.Module):
    """Every output is the mean of its block of 16 inputs."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([b.mean(1, keepdim=True).expand_as(b) for b in x.split(16, dim=1)], dim=1) * self.scale


class ByFourier(nn.Module):
    """Causal convolution with 2^-k by FFT: rounding from everywhere, at 1e-16 or so."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        kernel = 0.5 ** torch.arange(length).to(x.dtype)
        both = torch.fft.rfft(x, 2 * length, dim=1) * torch.fft.rfft(kernel, 2 * length)[:, None]
        return torch.fft.irfft(both, 2 * length, dim=1)[:, :length] * self.scale


class TakesGradients(LinearRNN):
    """Takes a gradient of its own parameters inside, as test-time training does."""

    def forward(self, x: Tensor) -> Tensor:
        inner = (x @ self.w.T).square().sum()
        (gradient,) = torch.autograd.grad(inner, self.w, create_graph=True)
        return super().forward(x) + 0 * gradient.sum()


class TurnsGradientsOff(WithStep):
    """Leaves torch without gradients, as a file for inference does."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        torch.set_grad_enabled(False)


class Steep(LinearRNN):
    """1e-200 a token."""

    gain = 1e-200
