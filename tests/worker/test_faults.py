"""What an exception says of a case."""

from __future__ import annotations

import sys

import pytest
import torch

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.worker import faults

ASSERT = """CUDA error: device-side assert triggered
Search for `cudaErrorAssert' in the documentation of the CUDA runtime for more information.
CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect.
"""


class BackendCompilerFailed(RuntimeError):
    """As torch.compile raises what its backend raises."""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CaseFault("timeout", "no answer"), "timeout"),
        (MemoryError(), "out_of_memory"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."), "out_of_memory"),
        (RuntimeError("CUDA error: out of memory"), "out_of_memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "out_of_memory"),
        (NotImplementedError("no"), "unsupported"),
        (
            BackendCompilerFailed("raised: InvalidCxxCompiler: No working C++ compiler"),
            "unsupported",
        ),
        (
            BackendCompilerFailed(
                "backend='inductor' raised: RuntimeError: Failed to find C compiler. "
                "Please specify via CC environment variable or set triton.knobs.build.impl."
            ),
            "unsupported",
        ),
        (AssertionError("current kernel does not support head dimension larger than 256."), "unsupported"),
        (AssertionError("chunk_bwd_dv requires even K and V for torch.bfloat16, got K=15, V=15"), "unsupported"),
        (RuntimeError("out of resource: shared memory, Required: 294912, Hardware limit: 232448."), "unsupported"),
        (RuntimeError(ASSERT), "failed"),
        (ValueError("a shape"), "failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_the_status_is_that_of_what_happened(error: Exception, status: str) -> None:
    assert faults.fault(error)[0] == status


def test_a_gpu_without_triton_does_not_support_compiling() -> None:
    """In the words of torch itself."""
    from torch._inductor.exc import GPUTooOldForTriton, TritonMissing

    class Properties:
        name, major, minor = "Abacus", 6, 1

    frame = sys._getframe()
    for error in (TritonMissing(frame), GPUTooOldForTriton(Properties(), frame)):  # type: ignore[arg-type]
        assert faults.fault(error)[0] == "unsupported"


def test_the_first_error_of_cuda_is_told_and_not_what_it_led_to() -> None:
    """Putting settings back on a lost context raises too."""
    try:
        try:
            try:
                raise KeyError("before all of it")
            except KeyError:
                raise RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered") from None
        finally:
            torch.tensor(0)
            raise RuntimeError(ASSERT)
    except RuntimeError as error:
        said = faults.first_of_cuda(error)
    assert said == "RuntimeError: Triton Error [CUDA]: an illegal memory access was encountered"


def test_one_sentence_of_many_lines_is_told() -> None:
    assert faults.first_of_cuda(RuntimeError(ASSERT)) == "RuntimeError: CUDA error: device-side assert triggered"
    assert faults.first_of_cuda(ValueError("a shape")) == ""


def test_what_python_keeps_of_the_last_exception_is_dropped() -> None:
    for name in ("last_type", "last_value", "last_traceback"):
        setattr(sys, name, None)
    faults.forget_last()
    assert not any(name.startswith("last_") for name in vars(sys))
