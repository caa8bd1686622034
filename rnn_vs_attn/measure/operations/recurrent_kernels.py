"""What a row says of the kernels that torch's recurrent modules ran in on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn

from rnn_vs_attn.models.kernels.cudnn_weights import KERNEL, Names, apart, laid_here, recurrences

_APART = "the weights of its recurrence lie apart, so cuDNN is handed a copy of them in every call"
_LAID = "the weights of its recurrence were laid in one piece for cuDNN, as torch leaves those of this dtype apart"
_NONE = "none that is known"


def said(module: nn.Module, kernels: Iterable[str], device: torch.device) -> list[str]:
    """Sentences on a module with recurrences of torch's that did not run in cuDNN, or whose weights it must copy, or
    need not as they were laid in one piece here.

    kernels: those that ran, by name. Nothing on a device that has no cuDNN.
    """
    found = recurrences(module)
    if device.type != "cuda" or not found:
        return []
    names = sorted(set(kernels))
    if KERNEL not in names:
        return [f"its recurrence did not run in cuDNN: {', '.join(names) or _NONE}"]
    if any(map(apart, found)):
        return [_APART]
    return [_LAID] if any(map(laid_here, found)) else []


def said_of_call(module: nn.Module, call: Callable[[], object], device: torch.device) -> list[str]:
    """The same by the operations of one call, which is made where there is something to say."""
    if device.type != "cuda" or not recurrences(module):
        return []
    with Names() as names:
        call()
    return said(module, names.found, device)
