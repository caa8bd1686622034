"""Whether a call does less for an input that it has seen before: by the operations that it runs, not by a clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from rnn_vs_attn.isolation.seeds import same_draws

Operations = Counter[tuple[Any, ...]]


class _Recorder(TorchDispatchMode):
    """Counts operations by name and shape of what they return."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Operations = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.seen[func, out.shape if isinstance(out, Tensor) else None] += 1
        return out


def operations(call: Callable[[], Any], seed: int = 0) -> tuple[Operations, Any]:
    """What a call runs, and what it returns; an error that it ends with is one of its operations, and returns None."""
    recorder = _Recorder()
    made = None
    try:
        with same_draws(seed), recorder:
            made = call()
    except Exception as error:
        recorder.seen[type(error),] += 1
    return recorder.seen, made


def remembers(call: Callable[[Tensor], Any], inputs: Sequence[Tensor]) -> bool:
    """Whether `call` runs other operations on an input that it has just had. inputs: three that it has not seen.

    The order is a a b b c c c. No layer that merely does something at every n-th call fits it.
    """
    a, b, c = inputs
    once, again = _twice(call, a)
    if once == again:
        return False
    once, again = _twice(call, b)
    if once == again:
        return False
    once, again = _twice(call, c)
    return once != again == operations(lambda: call(c))[0]


def _twice(call: Callable[[Tensor], Any], x: Tensor) -> tuple[Operations, Operations]:
    return operations(lambda: call(x))[0], operations(lambda: call(x))[0]
