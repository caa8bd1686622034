"""A recurrence that is computed in chunks, by this program's own kernel or by that of a package."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from rnn_vs_attn.errors import CaseFault, first_line
from rnn_vs_attn.models.backends import PACKAGES, TORCH, KernelPackage
from rnn_vs_attn.models.mixer import Recurrence, state_dtype


class ChunkedRecurrence(Recurrence):
    """backend: whose kernel it is. chunked: the kernel, over all positions at once. always_tf32: whether some of its
    products of float32 are in TF32, on a GPU that has it, whatever is asked. past_state: parameters by which an input
    reaches the output beside the state.
    """

    past_state: tuple[str, ...] = ()

    def __init__(self, backend: str, own: Callable[..., Any], name: str) -> None:
        """own: this program's. name: of the function that stands for it in the module that calls a package."""
        super().__init__()
        self.backend, self.chunked = backend, own
        self.always_tf32 = backend != TORCH and name in PACKAGES[backend].tf32
        if backend != TORCH:
            self.chunked = getattr(_caller(PACKAGES[backend]), name)

    def kernel_dtype(self, x: Tensor) -> torch.dtype:
        """In which the kernel is given what is made of x: that of states, or that of x where a package widens it."""
        return state_dtype(x.dtype) if self.backend == TORCH else x.dtype


def _caller(package: KernelPackage) -> ModuleType:
    """The module that calls a package. CaseFault where that is here and cannot be imported."""
    try:
        return importlib.import_module(f"rnn_vs_attn.models.kernels.{package.module}")
    except ImportError as error:  # such as one that was compiled for another torch
        raise CaseFault(
            "unsupported",
            f"{package.distribution} is here and cannot be imported: {first_line(error)}; install it again beside this "
            "torch, or use --backend torch",
        ) from error
