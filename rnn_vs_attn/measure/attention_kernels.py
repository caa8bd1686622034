"""Which of the device's attention kernels runs a module: it is entered around calls, and never within one.

A layer calls torch's scaled_dot_product_attention and leaves the kernel to torch, whose order of preference is fixed
and is not the fastest everywhere. What runs a module may narrow it down, by one context around many calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.backends.cuda import cudnn_sdp_enabled, enable_cudnn_sdp
from torch.nn.attention import SDPBackend, sdpa_kernel

Kernel: TypeAlias = SDPBackend | None  # None: torch's own choice

_ON_CUDA = (None, SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION)
_ON_CPU = (None, SDPBackend.MATH)
_LONGEST_UNFUSED = 256  # above it the unfused form is slower in every dtype
# An earlier candidate is given up only for one that takes less than this part of its time.
_MARGIN, _MARGIN_OF_HOST = 0.97, 0.9
UNDOUBTED = 0.1  # seconds of a call, of which noise is a small part


def only(kernel: Kernel) -> AbstractContextManager[object]:
    """Within, fused attention runs by this kernel alone; None leaves it to torch."""
    return nullcontext() if kernel is None else sdpa_kernel(kernel)


@contextmanager
def growing_lengths() -> Iterator[None]:
    """Within, cuDNN's attention does not run: it plans anew for each length of the keys, at the cost of many steps."""
    before = cudnn_sdp_enabled()
    enable_cudnn_sdp(False)
    try:
        yield
    finally:
        enable_cudnn_sdp(before)


def candidates(module: nn.Module, x: Tensor) -> Sequence[Kernel]:
    """Those that may be the fastest for x (B, L, ...), torch's own choice first; none where there is nothing to choose.

    There is something in 16 bits alone. On a GPU all but one of the fused kernels take no others. On a CPU the fused
    one's backward pass is then the slower one at short lengths; in 32 and 64 bits it is nowhere
    slower by more than noise, so there is no choice that noise could make.
    """
    if not any(getattr(part, "several_kernels", False) for part in module.modules()):
        return ()
    if next(module.parameters(), x).dtype.itemsize != 2:
        return ()
    if x.device.type == "cuda":
        return _ON_CUDA
    return _ON_CPU if x.shape[1] <= _LONGEST_UNFUSED else ()


def fastest(
    tried: Sequence[Kernel], seconds: Callable[[Kernel], float], device: torch.device, turns: int = 1
) -> Kernel:
    """The one that takes the least time, in turns; one that cannot run what is timed is none of them.

    Where none can, torch's own choice is left to say why. One turn is enough of what takes UNDOUBTED seconds.
    """
    least: dict[Kernel, float] = {}
    for kernel in tried:
        try:
            least[kernel] = seconds(kernel)
        except Exception:  # of this shape, or not in this memory
            continue
    again = turns - 1 if len(least) > 1 and max(least.values()) < UNDOUBTED else 0
    for kernel in list(least) * again:
        least[kernel] = min(least[kernel], seconds(kernel))
    margin = _MARGIN if device.type == "cuda" else _MARGIN_OF_HOST
    best = next(iter(least), None)
    for kernel, value in least.items():
        if value < margin * least[best]:
            best = kernel
    return best
