"""Modules whose chains, routes and costs are known by construction."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Loop(nn.Module):
    """A recurrence in a Python loop; nothing but forward."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.read, self.carry = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(x.shape[0], x.shape[2], dtype=x.dtype)
        found = []
        for x_t in x.unbind(1):
            h = torch.tanh(self.read(x_t) + self.carry(h))
            found.append(h)
        return torch.stack(found, dim=1)


class Wrapped(nn.Module):
    """torch's fused LSTM and a residual."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.inner = nn.LSTM(d_model, d_model, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)[0]


class Dilated(nn.Module):
    """Convolutions of kernel size 3, padded on both sides and cut, dilation 3^i."""

    def __init__(self, d_model: int, num_layers: int = 1) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv1d(d_model, d_model, 3, padding=2 * 3**i, dilation=3**i) for i in range(num_layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        for layer in self.layers:
            x = F.relu(layer(x)[:, :, : x.shape[2]])
        return x.transpose(1, 2)


class Masked(nn.Module):
    """Attention within the last three positions, by a mask."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        i = torch.arange(x.shape[1])
        seen = (i[:, None] >= i) & (i[:, None] - i < 3)
        weights = (x @ x.transpose(1, 2)).masked_fill(~seen, float("-inf")).softmax(-1)
        return weights @ self.project(x)


class Attending(nn.Module):
    """torch's own attention, which has a fast path of its own."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(d_model, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attend(x, x, x)[0]


class Summing(nn.Module):
    """A cumulative sum: a scan in one operation."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(x).cumsum(1)


class TakesFew(Masked):
    """Attention over all positions, of which it takes no more than a hundred."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] > 100:
            raise ValueError("at most 100 tokens")
        seen = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        weights = (x @ x.transpose(1, 2)).masked_fill(~seen, float("-inf")).softmax(-1)
        return weights @ self.project(x)


class Pointwise(nn.Module):
    """No position sees another."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(x).relu()


class Outside(nn.Module):
    """What it computes, torch does not see."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(x.detach().numpy().cumsum(1).copy()) * self.weight


class PowerOfLength(nn.Module):
    """seq_len^1.5 units of work and hardly anything else: one unit is the same matrix product."""

    SIDE = 96
    UNIT = 64  # tokens^1.5

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((d_model,), 1.0))
        self.register_buffer("a", torch.ones(self.SIDE, self.SIDE) / self.SIDE)

    def forward(self, x: Tensor) -> Tensor:
        a = self.a
        for _ in range(round(x.shape[1] ** 1.5 / self.UNIT)):
            a = a @ self.a
        return x * self.weight + a[0, 0].detach()


class Rotating(nn.Module):
    """A recurrence of complex numbers."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.angle, self.read = nn.Parameter(torch.ones(d_model)), nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        turn = torch.polar(torch.full_like(self.angle, 0.9), self.angle)
        h = torch.zeros(x.shape[0], x.shape[2], dtype=turn.dtype)
        found = []
        for x_t in self.read(x).unbind(1):
            h = turn * h + x_t
            found.append(h.real)
        return torch.stack(found, dim=1)


class Linearised(nn.Module):
    """Linear attention by a cumulative sum."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, 3 * d_model)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.project(x).chunk(3, dim=-1)
        return torch.einsum("bld,blde->ble", q.exp(), torch.einsum("bld,ble->blde", k.exp(), v).cumsum(1))


class Particular(nn.Module):
    """It refuses short sequences, and float64."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] < 20 or x.dtype == torch.float64:
            raise ValueError("not this one")
        return (x * self.weight).cumsum(1)


class HalfOutside(nn.Module):
    """A product that torch sees, and a sum that it does not."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(x).cumsum(1) + torch.from_numpy(x.detach().numpy().cumsum(1).copy())


class ByItem(nn.Module):
    """A state that goes through Python."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        state, found = 0.0, []
        for x_t in self.project(x).unbind(1):
            state = (x_t.mean() + 0.5 * state).item()
            found.append(x_t + state)
        return torch.stack(found, dim=1)


class Solving(nn.Module):
    """A recurrence as a linear system, solved by a factorisation that no definition is known of."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        lower = torch.eye(x.shape[1], dtype=x.dtype) + 0.1 * (x @ x.transpose(1, 2)).tril(-1)
        return torch.linalg.solve(lower, self.project(x))


class Powers(nn.Module):
    """n powers of a matrix one after the other, from parameters alone; then a product with all positions."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.carry, self.read = nn.Parameter(0.5 * torch.eye(d_model)), nn.Parameter(torch.ones(d_model))

    def forward(self, x: Tensor) -> Tensor:
        power, found = self.read, []
        for _ in range(x.shape[1]):
            found.append(power)
            power = self.carry @ power
        return torch.einsum("bld,ld->bd", x, torch.stack(found))[:, None] + x


class RunningMaximum(nn.Module):
    """A recurrence that the larger one of two values goes through."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        found = [self.project(x[:, 0])]
        for x_t in self.project(x[:, 1:]).unbind(1):
            found.append(torch.maximum(found[-1] - 0.001, x_t))
        return torch.stack(found, dim=1)


class Experts(nn.Module):
    """Two layers on each position by itself, added up in a buffer of zeros; then attention."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(d_model, d_model) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        mixed = torch.zeros_like(x)
        for layer in self.layers:
            mixed = mixed + layer(x)
        return F.scaled_dot_product_attention(mixed, mixed, mixed, is_causal=True)


class BothWays(nn.Module):
    """A recurrence from the end, then one from the beginning: all states of the first depend on the last position."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.back, self.forth = (nn.GRU(d_model, d_model, batch_first=True) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.forth(self.back(x.flip(1))[0].flip(1))[0]


class Blocks(nn.Module):
    """Linear attention in blocks of 64: attention within one, and a state from block to block."""

    BLOCK = 64

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, 3 * d_model)

    def forward(self, x: Tensor) -> Tensor:
        state, found = None, []
        for block in self.project(x).split(self.BLOCK, dim=1):
            q, k, v = block.chunk(3, dim=-1)
            y = (q @ k.transpose(1, 2)).tril() @ v
            found.append(y if state is None else y + q @ state)
            written = k.transpose(1, 2) @ v
            state = written if state is None else state + written
        return torch.cat(found, dim=1)


class Window(nn.Module):
    """Attention over the last 256 positions, whatever is asked for."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        i = torch.arange(x.shape[1])
        seen = (i[:, None] >= i) & (i[:, None] - i < 256)
        return F.scaled_dot_product_attention(x, x, self.project(x), attn_mask=seen)


class WholeBlocks(nn.Module):
    """A cumulative sum; it takes multiples of 8 positions."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] % 8:
            raise ValueError("give a multiple of 8")
        return self.project(x).cumsum(1)


class ByNumbers(nn.Module):
    """A state that goes through a list of Python's."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        state, found = torch.zeros(x.shape[2]), []
        for x_t in self.project(x).unbind(1):
            state = torch.tensor([0.5 * s for s in (x_t[0] + state).tolist()], dtype=x.dtype)
            found.append(x_t + state)
        return torch.stack(found, dim=1)


class Unwritten(nn.Module):
    """It reads memory that nothing wrote, as after a kernel that torch does not see."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(x).cumsum(1) + torch.empty_like(x).nan_to_num(0.0)


class Growing(nn.Module):
    """Its buffer grows in place."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(x)
        found = torch.zeros(1, x.shape[2])
        for t in range(1, x.shape[1]):
            found.resize_(t + 1, x.shape[2])
            found[t] = found[t - 1] + y[0, t]
        return found[None] + y


class PackedGRU(nn.Module):
    """torch's GRU over a packed sequence."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.recurrence = nn.GRU(d_model, d_model, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        lengths = [x.shape[1]] * x.shape[0]
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(self.recurrence(packed)[0], batch_first=True)[0]
