"""What an exception says of a case: the status and the reason of its row, and whether a GPU is behind it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import torch

from rnn_vs_attn.errors import CaseFault, first_line

LOST = "{}; this ended all that the process could do on the GPU: the cases after it are measured in another process"

_NO_MEMORY = (
    "allocate memory",
    "not enough memory",
    "out of memory",
    "bad_alloc",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
_UNSUPPORTED = (
    "not implemented for",
    "could not create a primitive",
    "No viable backend",
    "No available kernel",
    "does not support",
    "InvalidCxxCompiler",
    "No working C++ compiler",
    "Failed to find C compiler",  # Triton compiles the starters of its kernels
    "out of resource: ",  # Triton's, of a kernel that takes more shared memory than a GPU has
    "requires even K and V",  # fla's, of an odd head width in 16 bits
    "Cannot find a working triton installation",
    "too old to be supported by the triton GPU compiler",
)
_OF_CUDA = re.compile(
    r"CUDA (driver )?error|CUDA_ERROR_|Triton Error \[CUDA\]|cu(blas|dnn|fft|solver)\w* error|CU(BLAS|DNN)_STATUS_"
)


def fault(error: Exception) -> tuple[str, str]:
    """The status and reason that an exception gives a case."""
    if isinstance(error, CaseFault):
        return error.status, error.reason
    text = str(error)
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in text for words in _NO_MEMORY):
        return "out_of_memory", first_line(error)
    if isinstance(error, NotImplementedError) or any(words in text for words in _UNSUPPORTED):
        return "unsupported", first_line(error)
    return "failed", first_line(error)


def first_of_cuda(error: BaseException) -> str:
    """The first sentence of the first error of CUDA or its libraries in the chain of an exception, "" without one.

    What comes after it, while settings are put back, is its consequence: a lost context raises it at every call.
    """
    found = [each for each in _chain(error) if _OF_CUDA.search(str(each))]
    if not found:
        return ""
    lines = str(found[-1]).strip().splitlines()
    said = next(line for line in lines if _OF_CUDA.search(line))
    return f"{type(found[-1]).__name__}: {said.strip()[:200]}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, the one that it was raised after, and so on."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def forget_last() -> None:
    """Drop what Python keeps of the last exception that nobody caught, whose frames hold tensors."""
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):
        if hasattr(sys, name):
            delattr(sys, name)
