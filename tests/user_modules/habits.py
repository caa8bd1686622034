"""Layers that work in place, keep what they computed, draw numbers, run over the batch, or give what is not finite."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn


class Plain(nn.Module):
    """A projection and a nonlinearity: nothing to be said of it."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def computed(self, x: Tensor) -> Tensor:
        return torch.tanh(self.project(x)).cumsum(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.computed(x)


# In place


class InPlace(Plain):
    """Writes to its input, in training too, as a layer inside a model may."""

    def forward(self, x: Tensor) -> Tensor:
        return self.computed(x.mul_(1.5))


class InPlaceInside(Plain):
    """Writes to a view of its input, through what autograd does not see."""

    def forward(self, x: Tensor) -> Tensor:
        x.data[:, 0] += 1
        return self.computed(x)


class InPlaceInEval(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return self.computed(x if self.training else x.add_(1))


class Unchanged(Plain):
    """Writes what is there already, which autograd refuses on a leaf all the same."""

    def forward(self, x: Tensor) -> Tensor:
        return self.computed(x.mul_(1))


class _Doubles(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient.mul_(2)


class GradientInPlace(Plain):
    """Its backward pass writes to the gradient that it is given."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = _Doubles.apply(self.computed(x))
        return y


class WritesToThePrevious(Plain):
    """Writes to what the call before was given."""

    last: Any = None

    def forward(self, x: Tensor) -> Tensor:
        if self.last is not None:
            self.last.data.mul_(0.5)
        self.last = x.detach()
        return self.computed(x)


class ShrinksWeights(Plain):
    """Multiplies its weights by 0.9 at each call: after some hundred they are denormal, after a thousand 0."""

    def forward(self, x: Tensor) -> Tensor:
        self.project.weight.data.mul_(0.9)
        return self.computed(x)


class FastWeights(Plain):
    """A buffer that each call doubles."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.register_buffer("memory", torch.ones(d_model))

    def forward(self, x: Tensor) -> Tensor:
        self.memory = self.memory * 2
        return self.computed(x) + self.memory


class Carries(Plain):
    """A plain attribute that goes from call to call."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.h = torch.zeros(d_model)

    def forward(self, x: Tensor) -> Tensor:
        self.h = 2 * self.h.to(x) + x.detach().mean((0, 1))
        return self.computed(x) + self.h


class CarriesInAList(Plain):
    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.states = [torch.zeros(d_model)]

    def forward(self, x: Tensor) -> Tensor:
        self.states = [2 * self.states[0].to(x) + 1]
        return self.computed(x) + self.states[0]


class Spectral(Plain):
    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.project = nn.utils.parametrizations.spectral_norm(self.project)


class Normalised(Plain):
    """Statistics over the batch in training, running ones otherwise."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.norm = nn.BatchNorm1d(d_model)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.computed(x).transpose(1, 2)).transpose(1, 2)
        return y


class Counts(Plain):
    """Counts its calls, in a buffer."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.computed(x)


class Tabled(Plain):
    """Makes a table of positions at its first call, in a buffer, and keeps as a number how long it is."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.register_buffer("table", torch.zeros(1024, 1), persistent=False)
        self.known = 0

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        if length > self.known:
            self.table[:length, 0] = torch.arange(1, length + 1)
            self.known = length
        return self.computed(x * self.table[:length])


class ByTheCall(Plain):
    """What it gives depends on a number of Python's that each call changes."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.computed(x) * self.calls


# Outputs that are the input, or the module's own memory


class Same(nn.Module):
    def __init__(self, d_model: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x


class View(Same):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).transpose(1, 2)


class OwnMemory(Plain):
    """Hands out the same memory at every call."""

    out: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        y = self.computed(x)
        if torch.is_grad_enabled():
            return y
        if self.out is None or self.out.shape != y.shape:
            self.out = torch.empty_like(y)
        return self.out.copy_(y)


# What is kept between calls


class KeepsOutput(Plain):
    """Knows the last input by what it is."""

    last: Any = None
    kept: Any = None

    def forward(self, x: Tensor) -> Tensor:
        if self.last is not x:
            self.last, self.kept = x, self.computed(x)
        return self.kept


class KeepsByValue(Plain):
    """Knows the last input by its values."""

    last: Any = None
    kept: Any = None

    def forward(self, x: Tensor) -> Tensor:
        if self.last is None or not torch.equal(self.last, x):
            self.last, self.kept = x.detach().clone(), self.computed(x)
        return self.kept.clone()


class KeepsProjection(Plain):
    """Keeps a part only, and only where no gradient is asked for."""

    last: Any = None
    kept: Any = None

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return self.computed(x)
        if self.last is None or not torch.equal(self.last, x):
            self.last, self.kept = x.clone(), self.project(x)
        return torch.tanh(self.kept).cumsum(1)


class KeepsMany(Plain):
    """Remembers 128 inputs by their place."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.by_place: dict[int, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        place = x.data_ptr()
        if place not in self.by_place:
            if len(self.by_place) >= 128:
                self.by_place.pop(next(iter(self.by_place)))
            self.by_place[place] = self.computed(x)
        return self.by_place[place]


class KeepsAll(Plain):
    """functools' cache, which knows tensors by identity."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.cached = lru_cache(maxsize=None)(self.computed)

    def forward(self, x: Tensor) -> Tensor:
        return self.cached(x)


class KeepsInTheClass(Plain):
    """Remembers by content, in a dictionary that all of its kind share."""

    kept: dict[bytes, Tensor] = {}  # noqa: RUF012

    def forward(self, x: Tensor) -> Tensor:
        name = x.detach().numpy().tobytes()
        if name not in self.kept:
            self.kept[name] = self.computed(x).detach()
        return self.kept[name] + 0 * x


class KeepsInTraining(Plain):
    last: Any = None
    kept: Any = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.computed(x)
        if self.last is not x:
            self.last, self.kept = x, torch.tanh(self.project(x)).detach()
        return self.kept.cumsum(1) + x


class KeepsRows(Plain):
    """Remembers each sequence by itself."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.rows: dict[bytes, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for row in x:
            name = row.detach().numpy().tobytes()
            if name not in self.rows:
                self.rows[name] = self.computed(row[None]).detach()
            found.append(self.rows[name])
        return torch.cat(found) + 0 * x


class KeepsByFirstNumber(Plain):
    """Knows an input by its first number."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.by_number: dict[float, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return self.computed(x)
        number = float(x[0, 0, 0])
        if number not in self.by_number:
            self.by_number[number] = self.computed(x)
        return self.by_number[number]


class KeepsByStorage(Plain):
    """Takes whatever lies in the same storage for the same input."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.by_storage: dict[int, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        place = x.untyped_storage().data_ptr()
        if place not in self.by_storage:
            self.by_storage[place] = self.computed(x)
        return self.by_storage[place]


class KeepsByShape(Plain):
    """A mask and a table by length, as attention and rotary embeddings keep them."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.masks: dict[int, Tensor] = {}
        self.register_buffer("table", torch.zeros(0, d_model), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        if length not in self.masks:
            self.masks[length] = torch.ones(length, length, device=x.device).tril()
        if len(self.table) < length:
            self.table = torch.arange(length).to(x)[:, None].expand(-1, x.shape[2]).sin()
        weights = self.masks[length].to(x) / length
        return weights @ self.project(x) + self.table[:length]


class StaleOutput(Plain):
    """Gives what it computed first, whatever it is given."""

    kept: Any = None

    def forward(self, x: Tensor) -> Tensor:
        if self.kept is None or self.kept.shape != x.shape:
            self.kept = self.computed(x).detach()
        return self.kept + 0 * self.project.weight.sum()


class Experts(Plain):
    """Runs as many products as there are experts chosen: by the values of the input, and nothing else."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.experts = nn.ModuleList(nn.Linear(d_model, d_model) for _ in range(16))

    def forward(self, x: Tensor) -> Tensor:
        chosen = (x.detach().mean((1, 2)).abs() * 1000).long() % 16
        y = torch.zeros_like(x)
        for number in chosen.unique().tolist():
            y = y + (chosen == number)[:, None, None] * self.experts[number](x)
        return y


class EveryOther(Plain):
    """Does more at every second call, whatever it is given."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.computed(x) if self.calls % 2 else self.computed(self.computed(x))


class SkipsAtRandom(Plain):
    """Leaves its projection out at random in training."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and float(torch.rand(())) < 0.5:
            return x * 1.0
        return self.computed(x)


# Not finite


class InfiniteGradient(Plain):
    """A finite output and a gradient that is not: the root of 0."""

    def forward(self, x: Tensor) -> Tensor:
        return self.computed(x) + (x * 0).abs().sqrt()


class NotFinite(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return self.computed(x) / 0


class NotFiniteInTraining(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return self.computed(x) * (float("nan") if self.training else 1.0)


# The batch


class OverTheBatch(nn.Module):
    """torch's GRU as it is built without batch_first."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.inner = nn.GRU(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(x)[0]
        return y


class BothWaysOverTheBatch(nn.Module):
    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.inner = nn.LSTM(d_model, d_model // 2, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(x)[0]
        return y


class BackwardOverTheBatch(OverTheBatch):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flip(0)).flip(0)


class EncoderOverTheBatch(nn.Module):
    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.inner = nn.TransformerEncoderLayer(d_model, 2, 2 * d_model, dropout=0.0)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(x)
        return y


class OverTheBatchInBlocks(OverTheBatch):
    """The same, and it takes multiples of 64 positions only."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] % 64:
            raise ValueError("give a multiple of 64")
        return super().forward(x)


class OverTheBatchOfTwo(OverTheBatch):
    def forward(self, x: Tensor) -> Tensor:
        if len(x) != 2:
            raise ValueError("give two sequences")
        return super().forward(x)


class OneSequence(Plain):
    def forward(self, x: Tensor) -> Tensor:
        if len(x) != 1:
            raise ValueError("give one sequence")
        return super().forward(x)


class Transposed(Plain):
    """Puts the sequence first and leaves it there."""

    def forward(self, x: Tensor) -> Tensor:
        return self.computed(x).transpose(0, 1)


class Centred(Plain):
    """Attends to all positions and takes the mean of the batch off."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.computed(x)
        return y - y.mean(0, keepdim=True)


class LastSees(Plain):
    """The last sequence alone depends on the others."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.computed(x)
        return torch.cat([y[:-1], y[-1:] + y[:-1].sum(0, keepdim=True)])


class BothWays(Plain):
    """A sum from the end beside the one from the beginning."""

    def forward(self, x: Tensor) -> Tensor:
        return self.computed(x) + self.project(x).flip(1).cumsum(1).flip(1)


class ByFourier(Plain):
    """A causal convolution whose kernel rises from 0, so its first outputs are as small as the rounding of its last."""

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        kernel = torch.arange(0.0, length, dtype=x.dtype)[:, None]
        found = torch.fft.rfft(self.project(x), 2 * length, 1) * torch.fft.rfft(kernel, 2 * length, 0)
        return torch.fft.irfft(found, 2 * length, 1)[:, :length]


class Random(Plain):
    """Draws numbers outside of training too."""

    def forward(self, x: Tensor) -> Tensor:
        return self.computed(x) + torch.randn_like(x)


class RandomOfNumPy(Plain):
    def forward(self, x: Tensor) -> Tensor:
        import numpy

        return self.computed(x) + float(numpy.random.rand())


# Decoding


class Decodes(Plain):
    """A decaying sum with a step."""

    def computed(self, x: Tensor) -> Tensor:
        h, found = torch.zeros_like(x[:, 0]), []
        for x_t in self.project(x).unbind(1):
            h = 0.5 * h + x_t
            found.append(h)
        return torch.stack(found, dim=1)

    def initial_state(self, batch_size: int) -> Tensor:
        return self.project.weight.new_zeros(batch_size, len(self.project.weight))

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = 0.5 * state + self.project(x_t)
        return h, h


class DecodesByATable(Decodes):
    """Its first call fills a table, in a buffer, and notes as a truth value that it is there."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.register_buffer("table", torch.zeros(1), persistent=False)
        self.filled = False

    def scaled(self, x: Tensor) -> Tensor:
        if not self.filled:
            self.table.fill_(2)
            self.filled = True
        return x * self.table

    def forward(self, x: Tensor) -> Tensor:
        return self.computed(self.scaled(x))

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return super().step(self.scaled(x_t), state)


class StepHandsOutItsState(Decodes):
    """Works in place on the state, and hands the state itself out as its output."""

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state.mul_(0.5).add_(self.project(x_t))
        return state, state


class StepInPlaceOnInput(Decodes):
    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = 0.5 * state + self.project(x_t)
        x_t.mul_(3)
        return h, h


class KeepsItsStart(Decodes):
    """Its first state is a buffer of its own, which steps write to."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.register_buffer("start", torch.zeros(1, d_model))

    def initial_state(self, batch_size: int) -> Tensor:
        return self.start.expand(batch_size, -1) if batch_size > 1 else self.start

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        if len(state) > 1:
            return super().step(x_t, state)
        state.mul_(0.5).add_(self.project(x_t))
        return state.clone(), state


class StepKeepsProjection(Decodes):
    """Knows the input of the step before, and does not project it again."""

    last: Any = None
    kept: Any = None

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        if self.last is None or not torch.equal(self.last, x_t):
            self.last, self.kept = x_t.clone(), self.project(x_t)
        h = 0.5 * state + self.kept
        return h, h


class DecodesInfinity(Decodes):
    """Not finite, and its steps are its forward all the same."""

    def forward(self, x: Tensor) -> Tensor:
        return self.computed(x) / 0

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h, state = super().step(x_t, state)
        return h / 0, state


class RandomStep(Decodes):
    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h, _ = super().step(x_t, state)
        return h + 0.1 * torch.randn_like(h), h

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y + 0.1 * torch.randn_like(y)
