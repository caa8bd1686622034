"""The weights of torch's recurrent modules in one piece of memory, as cuDNN reads them.

torch lays them so where a module comes to a GPU, for the dtypes of a list (torch.backends.cudnn) that has no bfloat16;
of others, and of a copy of a module, cuDNN is handed weights that lie apart, and they are copied in every call.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.backends.cudnn import rnn
from torch.utils._python_dispatch import TorchDispatchMode

KERNEL = "_cudnn_rnn"
_FLATTENED_HERE = ("rnn_vs_attn", "torch")  # packages; a module of any other class is measured as it is


def flatten(module: nn.Module) -> bool:
    """Whether weights that torch leaves apart were laid in one piece, of recurrences that cuDNN runs.

    Those within a module of the user's own are left as they are.
    """
    found = [each for each in _reached(module) if apart(each) and runs_in_cudnn(*_place(each))]
    for recurrence in found:
        _flatten(recurrence)
    return bool(found)


def recurrences(module: nn.Module) -> list[nn.RNNBase]:
    """torch's nn.RNN, nn.GRU and nn.LSTM anywhere within a module."""
    return [part for part in module.modules() if isinstance(part, nn.RNNBase)]


def apart(recurrence: nn.RNNBase) -> bool:
    """Whether its weights, on a GPU and each with memory of its own, lie in several pieces of it."""
    weights: list[Any] = recurrence._flat_weights
    if not all(isinstance(weight, torch.Tensor) and weight.is_cuda for weight in weights):
        return False
    tied = len({weight.data_ptr() for weight in weights}) < len(weights)
    return not tied and len({weight.untyped_storage().data_ptr() for weight in weights}) > 1


def laid_here(recurrence: nn.RNNBase) -> bool:
    """Whether its weights lie in one piece although torch, which has not its dtype in the list, leaves them apart."""
    first: Any = recurrence._flat_weights[0]
    return bool(first.is_cuda) and not apart(recurrence) and not torch.backends.cudnn.is_acceptable(first)


def _reached(module: nn.Module) -> Iterator[nn.RNNBase]:
    """The recurrences that stand in modules of this program and of torch alone."""
    if type(module).__module__.partition(".")[0] not in _FLATTENED_HERE:
        return
    if isinstance(module, nn.RNNBase):
        yield module
    for child in module.children():
        yield from _reached(child)


def _place(recurrence: nn.RNNBase) -> tuple[torch.device, torch.dtype]:
    weight: Any = recurrence._flat_weights[0]
    return weight.device, weight.dtype


class Names(TorchDispatchMode):
    """The operations that run while it is active."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.found.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@cache
def runs_in_cudnn(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether torch hands an LSTM of this dtype to cuDNN, asked by a call of a small one: it has no other way to tell.

    False where none runs at all, as of bfloat16 in some versions; what is measured then says so itself.
    """
    with torch.random.fork_rng(devices=[device]), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the weights of this one lie apart too
        small = nn.LSTM(8, 8, device=device, dtype=dtype)
        try:
            with Names() as names:
                small(torch.zeros(1, 1, 8, device=device, dtype=dtype))
        except (RuntimeError, NotImplementedError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            return False
    return KERNEL in names.found


def _flatten(recurrence: nn.RNNBase) -> None:
    """What `flatten_parameters` does, without the list; the parameters stay the objects that they are."""
    each = (4 if recurrence.bias else 2) + (recurrence.proj_size > 0)  # weights of a layer in one direction
    with torch.cuda.device_of(recurrence._flat_weights[0]), torch.no_grad():
        torch._cudnn_rnn_flatten_weight(
            recurrence._flat_weights,
            each,
            recurrence.input_size,
            rnn.get_cudnn_mode(recurrence.mode),
            recurrence.hidden_size,
            recurrence.proj_size,
            recurrence.num_layers,
            recurrence.batch_first,
            bool(recurrence.bidirectional),
        )
