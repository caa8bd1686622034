"""Causal convolutions over the sequence, stacked with dilation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.models.kernels.linear import linear
from rnn_vs_attn.models.mixer import SequenceMixer


@dataclass
class Inputs:
    """The last inputs of a layer (B, R, D), R its reach, as a ring; the oldest one stands at `oldest`."""

    ring: Tensor
    oldest: int = 0

    def in_order(self) -> Tensor:
        """The ring from its oldest input to its newest."""
        return self.ring.roll(-self.oldest, dims=1)


class Convolution(nn.Module):
    """y_t = bias + sum over j < k of W_j x_(t - j dilation), zeros before the sequence; all channels to all."""

    def __init__(self, d_model: int, kernel_size: int, dilation: int, causal: bool) -> None:
        super().__init__()
        self.dilation = dilation
        self.reach = (kernel_size - 1) * dilation
        self.padding = (self.reach, 0) if causal else (self.reach - self.reach // 2, self.reach // 2)
        bound = 1 / math.sqrt(kernel_size * d_model)
        self.weight = nn.Parameter(torch.empty(d_model, kernel_size, d_model).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(d_model).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        return self.convolve(F.pad(x, (0, 0, *self.padding)))

    def convolve(self, x: Tensor) -> Tensor:
        """(B, R + L, D) -> (B, L, D), R the reach.

        As a convolution of images one pixel high, whose channels lie last, as they do here: x and the weights are read
        where they are. Over conv1d everything would be copied first, which takes up to twice as long.
        """
        image = x.transpose(1, 2).unsqueeze(2)
        kernel = self.weight.transpose(1, 2).unsqueeze(2)
        return F.conv2d(image, kernel, self.bias, dilation=(1, self.dilation)).squeeze(2).transpose(1, 2)

    def step(self, x_t: Tensor, state: Inputs) -> Tensor:
        """(B, D), state -> (B, D); the state is one input further."""
        reach = self.reach
        taken = [state.ring[:, (state.oldest + i) % reach] for i in range(0, reach, self.dilation)]
        y = linear(torch.cat([*taken, x_t], dim=-1), self.weight.flatten(1), self.bias)
        if reach:
            state.ring[:, state.oldest] = x_t
            state.oldest = (state.oldest + 1) % reach
        return y

    def advance(self, x: Tensor, state: Inputs) -> Tensor:
        """(B, C, D), state -> (B, C, D); the state is C inputs further."""
        seen = torch.cat([state.in_order(), x], dim=1)
        state.ring, state.oldest = seen[:, seen.shape[1] - self.reach :].clone(), 0
        return self.convolve(seen)


class StackedConvolution(SequenceMixer):
    """num_layers convolutions, layer i with dilation kernel_size^i: together they reach kernel_size^num_layers tokens.

    Source: Vaswani et al. 2017, table 1 and section 4; van den Oord et al. 2016 (WaveNet), section 2.1. Not causal, a
    layer reaches as far to both sides together.
    """

    def __init__(self, d_model: int, kernel_size: int, num_layers: int = 1, causal: bool = True) -> None:
        super().__init__()
        dilations = (kernel_size**i for i in range(num_layers))
        self.layers = nn.ModuleList(Convolution(d_model, kernel_size, d, causal) for d in dilations)
        self.causal = causal

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x

    def initial_state(self, batch_size: int) -> list[Inputs]:
        """Zeros for the inputs before the first one, of each layer. ValueError where it is not causal."""
        if not self.causal:
            raise ValueError("a convolution that sees the future cannot decode; build it with causal=True")
        weight = self.layers[0].weight
        return [Inputs(weight.new_zeros(batch_size, layer.reach, weight.shape[2])) for layer in self.layers]

    def step(self, x_t: Tensor, state: list[Inputs]) -> tuple[Tensor, list[Inputs]]:
        for layer, inputs in zip(self.layers, state, strict=True):
            x_t = layer.step(x_t, inputs)
        return x_t, state

    def advance(self, x: Tensor, state: list[Inputs]) -> tuple[Tensor, list[Inputs]]:
        for layer, inputs in zip(self.layers, state, strict=True):
            x = layer.advance(x, inputs)
        return x, state
