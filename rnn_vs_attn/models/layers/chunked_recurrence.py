"""A recurrence that is computed in chunks, by this program's own kernel or by that of a package."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rnn_vs_attn.models.backends import PACKAGES, TORCH
from rnn_vs_attn.models.mixer import Recurrence, state_dtype


class ChunkedRecurrence(Recurrence):
    """backend: whose kernel it is. chunked: the kernel, over all positions at once."""

    def __init__(self, backend: str, own: Callable[..., Any], name: str) -> None:
        """own: this program's. name: of the function that stands for it in the module that calls a package."""
        super().__init__()
        self.backend, self.chunked = backend, own
        if backend != TORCH:
            module = importlib.import_module(f"rnn_vs_attn.models.kernels.{PACKAGES[backend].module}")
            self.chunked = getattr(module, name)

    def kernel_dtype(self, x: Tensor) -> torch.dtype:
        """In which the kernel is given what is made of x: that of states, or that of x where a package widens it."""
        return state_dtype(x.dtype) if self.backend == TORCH else x.dtype
