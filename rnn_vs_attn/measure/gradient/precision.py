"""Whether a module computes with fewer digits than float64's anywhere between input and output, or going back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

from rnn_vs_attn.measure.dataflow.shadow_memory import tensors_of
from rnn_vs_attn.measure.gradient.passes import TooFewDigits, advance, gradient, initial_state, output
from rnn_vs_attn.measure.states import tensors

_FEW = 16  # positions of a first look
_LOW = (torch.float32, torch.float16, torch.bfloat16, torch.complex64)


def fewness(dtype: torch.dtype) -> tuple[float, bool]:
    """What a format of fewer digits has more of; of two of the same digits, the real one is named."""
    return torch.finfo(dtype).eps, not dtype.is_complex


def state_of_few_digits(module: nn.Module, x: Tensor) -> bool:
    """Whether the state of a module before or after x (1, C, D) holds tensors of fewer digits."""
    try:
        state = initial_state(module, 1)
        if any(t.dtype in _LOW for t in tensors(state)):
            return True
        with torch.no_grad():
            return any(t.dtype in _LOW for t in tensors(advance(module, x, state)[1]))
    except Exception:  # it was said before that its state cannot be used
        return False


def refuse_fewer_digits(module: nn.Module, x: Tensor) -> None:
    """CaseFault where an operation on the way of the gradient has fewer digits, at whatever depth, for x (1, L, D)."""
    found = fewest_digits(module, x)
    if found is not None:
        raise TooFewDigits(found)


def look_at_few(module: nn.Module, x: Tensor) -> None:
    """The same on few positions, which a module may refuse: a first look, as each way of the gradient has one of its
    own, on all that it runs of `forward`.
    """
    try:
        found = fewest_digits(module, x[:, :_FEW])
    except Exception:
        return
    if found is not None:
        raise TooFewDigits(found)


def fewest_digits(module: nn.Module, x: Tensor) -> torch.dtype | None:
    """The format of the fewest digits on the way of the gradient; None where all of it is in float64."""
    with Watch() as watch:
        inputs = x.detach().clone().requires_grad_()
        y = output(module, inputs)
        watch.going_back = True
        gradient(y, inputs, torch.ones_like(y))
    return watch.found


class Watch(TorchDispatchMode):
    """Sees every operation while active; `found` is a dtype of few digits that the gradient's way goes through.

    Where a gradient is kept, the way is what requires one. Within a function that has a backward pass of its own torch
    keeps none, so there what came of the input is followed; it counts once it is made float64 again, so scores that
    only choose do not. Going back, everything is the gradient's way.
    """

    def __init__(self) -> None:
        super().__init__()
        self._found: set[torch.dtype] = set()
        self.going_back = False
        self._of_input = WeakIdKeyDictionary()

    @property
    def found(self) -> torch.dtype | None:
        """The one of the fewest."""
        return max(self._found, key=fewness, default=None)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with torch._C.DisableTorchFunction():  # it is seen as it runs, whatever is lifted where it is asked for
            out = func(*args, **(kwargs or {}))
        given, made = tensors_of(args), tensors_of(out)
        low = [t.dtype for t in given if t.dtype in _LOW]
        if self.going_back:
            if any(t.dtype in _LOW for t in made) and any(t.dtype == torch.float64 for t in given):
                self._found.update(t.dtype for t in made if t.dtype in _LOW)
        elif any(t.requires_grad and t.dtype in _LOW for t in given):
            self._found.update(low)
        elif not torch.is_grad_enabled() and any(t.requires_grad or t in self._of_input for t in given):
            if low and any(t.dtype == torch.float64 for t in made):
                self._found.update(low)
            for tensor in made:
                self._of_input[tensor] = True
        return out
