"""Activation functions by the names that config.json files give them (transformers' ACT2FN), element by element.

`gelu` is GELU itself, `gelu_new` its tanh form (Hendrycks and Gimpel 2016), under several names. What has parameters of
its own (prelu, xielu) is not here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.errors import unknown

Activation = Callable[[Tensor], Tensor]


def activation(name: str) -> Activation:
    """The function of that name. UserError where there is none."""
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]


def _clipped_gelu(x: Tensor) -> Tensor:
    return F.gelu(x).clip(-10, 10)


def _fast_gelu(x: Tensor) -> Tensor:
    """The tanh form with ten digits of sqrt(2 / pi)."""
    return 0.5 * x * (1 + torch.tanh(0.7978845608 * x * (1 + 0.044715 * x * x)))


def _quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


def _laplace(x: Tensor) -> Tensor:
    """Ma et al. 2023 (Mega), section 3.2: the normal distribution's cumulative function, with six digits."""
    return 0.5 * (1 + torch.erf((x - 0.707107) / (0.282095 * math.sqrt(2))))


def _squared_relu(x: Tensor) -> Tensor:
    return F.relu(x).square()


def _root_of_softplus(x: Tensor) -> Tensor:
    return F.softplus(x).sqrt()


def _linear(x: Tensor) -> Tensor:
    return x


_TANH_GELU: Activation = partial(F.gelu, approximate="tanh")

ACTIVATIONS: dict[str, Activation] = {
    "gelu": F.gelu,
    "gelu_python": F.gelu,
    "gelu_new": _TANH_GELU,
    "gelu_accurate": _TANH_GELU,
    "gelu_python_tanh": _TANH_GELU,
    "gelu_pytorch_tanh": _TANH_GELU,
    "gelu_10": _clipped_gelu,
    "gelu_fast": _fast_gelu,
    "quick_gelu": _quick_gelu,
    "hardswish": F.hardswish,
    "laplace": _laplace,
    "leaky_relu": F.leaky_relu,
    "linear": _linear,
    "mish": F.mish,
    "relu": F.relu,
    "relu2": _squared_relu,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "sqrtsoftplus": _root_of_softplus,
    "swish": F.silu,
    "tanh": torch.tanh,
}
