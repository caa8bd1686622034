"""Peak memory of one call above its start, and the bytes that autograd keeps for the backward pass.

On a CPU the peak is the kernel's own high-water mark of resident memory (VmHWM), reset before the call. It is good
to a fraction of a MiB once two habits of the allocator are taken from it: `precise_allocator` makes it give freed
blocks back at once, and `_holes_filled` keeps it from serving a call out of holes that earlier calls left in the heap,
which it would not give back. That slows calls down, so memory is measured in a pass of its own, after all timing.
On CUDA it is the most bytes that were asked of torch's allocator at once: exact, and the same whatever ran before. It
does not hold what the allocator rounds up to (512 bytes at least) nor what it keeps of the system's. It does hold the
work space that cuDNN, or cuBLASLt in some versions of torch, asks for in a call and gives back; the work space that
cuBLAS keeps from its first call on is held before the start, where the same call was made before.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from rnn_vs_attn.measure.workload import Workload, mode

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
_THRESHOLD = 64 << 10
_IS_MAPPED = 2  # the bit of a glibc chunk's size field that says it has a mapping of its own (malloc/malloc.c)


def peak_missing(device: torch.device) -> str:
    """Why a call on this device has no peak here, or ""."""
    return _cuda_peak_missing(device) if device.type == "cuda" else cpu_peak_missing()


def cpu_peak_missing() -> str:
    """Why this system gives no CPU peak, or ""."""
    if sys.platform != "linux":
        return f"the peak memory of a CPU call is read from Linux's /proc, and this is {sys.platform}"
    if not Path("/proc/self/clear_refs").exists():
        return "this kernel has no /proc/self/clear_refs, so a CPU call's peak memory cannot be read"
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        return "this C library has no mallopt, so a CPU call's peak memory would depend on what ran before"
    return ""


@cache
def precise_allocator() -> None:
    """From now on let malloc take and return every block from 64 KiB on by itself. It cannot be undone."""
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)
    libc.mallopt(_M_TRIM_THRESHOLD, _THRESHOLD)


def peaks(calls: list[Callable[[], object]], device: torch.device) -> list[int]:
    """Run the calls in order; the peak in bytes during each, all above the memory in use before the first.

    On a CPU this process's calls are slower from then on.
    """
    if device.type == "cuda":
        return _cuda_peaks(calls, device)
    precise_allocator()
    with _holes_filled():
        start = _proc_status("VmRSS")
        found = []
        for call in calls:
            Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM to VmRSS
            call()
            found.append(max(0, _proc_status("VmHWM") - start))
        return found


@contextmanager
def _holes_filled() -> Iterator[None]:
    """Hold every free stretch of the heap that could take a tensor, untouched, so that a call cannot use it."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.malloc_trim(0)
    held = []
    for size in (64 * _THRESHOLD, 8 * _THRESHOLD, _THRESHOLD):  # large ones first, which takes fewer of them
        while not _is_mapped(block := libc.malloc(size)):
            held.append(block)
        libc.free(block)
    try:
        yield
    finally:
        for block in held:
            libc.free(block)


def _is_mapped(block: int) -> bool:
    """Whether a block came from the system and not out of the heap."""
    return bool(ctypes.c_size_t.from_address(block - ctypes.sizeof(ctypes.c_size_t)).value & _IS_MAPPED)


_ASKED = 1000  # bytes, which no allocator hands out as they are


def _cuda_peak_missing(device: torch.device) -> str:
    """Whether the allocator counts what it is asked for is tried: cudaMallocAsync gives 0, others raise or lack it."""
    torch.cuda.synchronize(device)  # before the first use of CUDA there are no statistics
    try:
        before = _requested(device, "current")
        block = torch.empty(_ASKED, dtype=torch.uint8, device=device)
        counted = _requested(device, "current") - before == _ASKED
        del block
    except (KeyError, RuntimeError):
        counted = False
    if counted:
        return ""
    backend = torch.cuda.get_allocator_backend()
    return f"torch's allocator on CUDA ({backend} here) does not count the bytes that are asked of it"


def _requested(device: torch.device, when: str) -> int:
    """Bytes that are asked of the allocator and not given back: those of now ("current") or the most of them
    ("peak"), which torch.cuda.reset_peak_memory_stats sets to those of now.
    """
    return int(torch.cuda.memory_stats(device)[f"requested_bytes.all.{when}"])


def _cuda_peaks(calls: list[Callable[[], object]], device: torch.device) -> list[int]:
    torch.cuda.synchronize(device)
    start = _requested(device, "current")
    found = []
    for call in calls:
        torch.cuda.reset_peak_memory_stats(device)
        call()
        torch.cuda.synchronize(device)
        found.append(_requested(device, "peak") - start)
    return found


def _proc_status(name: str) -> int:
    """Bytes of one entry of /proc/self/status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {name}")


def saved_bytes(workload: Workload) -> int:
    """Bytes that autograd keeps from a training forward pass until its backward pass; the input and the parameters,
    which exist anyway, are not counted.
    """
    workload.renew()
    given = (workload.x, workload.given, workload.leaf, *workload.module.parameters())
    with mode(workload, "train"):
        return kept_by_autograd(workload.train_forward, given)


def kept_by_autograd(forward: Callable[[], object], given: Iterable[Tensor]) -> int:
    """Bytes that it keeps for the backward pass of a call: distinct storages once, those of `given` not at all."""
    known = {t.untyped_storage().data_ptr() for t in given}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = forward()
    del y
    return sum(kept.values())


def limit(max_memory: int | None) -> None:
    """Let this process take at most `max_memory` bytes more than it has; None puts the limit back that it began with.

    Linux only.
    """
    if sys.platform != "linux":
        return
    import resource

    soft, hard = _first_limits()
    if max_memory is not None:
        wanted = _proc_status("VmData") + max_memory
        soft = wanted if soft == resource.RLIM_INFINITY else min(wanted, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


@cache
def _first_limits() -> tuple[int, int]:
    """Bytes of data that this process may have, soft and hard, before it was limited further."""
    import resource

    return resource.getrlimit(resource.RLIMIT_DATA)
