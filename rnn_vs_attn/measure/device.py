"""What torch says of itself and of its devices; imported in the worker only."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from typing import Any

import torch
from torch.nn import functional

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.measure import nvml

DTYPES = {name: getattr(torch, name) for name in ("float32", "float64", "float16", "bfloat16")}


def facts() -> dict[str, Any]:
    """torch's version, build and capability, and every CUDA device's, as the environment stores them."""
    config = torch.__config__.show()
    return {
        "torch": torch.__version__,
        "torch_git": torch.version.git_version,
        "torch_config": hashlib.sha256(config.encode()).hexdigest()[:16],
        "torch_debug": bool(torch.version.debug),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "interop_threads": torch.get_num_interop_threads(),
        "threads_default": torch.get_num_threads(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if torch.backends.cudnn.is_available() else None,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "gpus": [_gpu(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else [],
    }


def _gpu(index: int) -> dict[str, Any]:
    properties = torch.cuda.get_device_properties(index)
    free, total = torch.cuda.mem_get_info(index)
    own = torch.cuda.memory_reserved(index) + _OWN_CONTEXT
    return {
        "name": properties.name,
        "capability": f"{properties.major}.{properties.minor}",
        "num_sms": properties.multi_processor_count,
        "memory_gib": round(total / (1 << 30)),
        "l2_cache": getattr(properties, "L2_cache_size", None),
        "free_share": round(free / total, 3),
        "others_share": round(max(0, total - free - own) / total, 3),  # of the memory, at least
        **nvml.state(index),
    }


# Bytes that the driver holds for this process beside torch's memory are taken to be no more than this: the context and
# the code of kernels, half of it on an H100. The driver's list of processes would say, but not inside of a container.
_OWN_CONTEXT = 1 << 30


def gpu_state(index: int) -> dict[str, Any]:
    """SM clock and throttle reasons now; empty where they cannot be read."""
    state = nvml.state(index, _MOVING)
    return {name: state[name] for name in _MOVING if name in state}


_MOVING = ("sm_clock_mhz", "throttle_reasons")


def is_lost() -> bool:
    """Whether a kernel's fault has ended what this process can do on a GPU: every call on it fails from then on.

    Asked of each device that this process has memory on; waits for what runs there.
    """
    if not torch.cuda.is_initialized():
        return False
    try:
        for index in range(torch.cuda.device_count()):
            if torch.cuda.memory_reserved(index):
                torch.cuda.synchronize(index)
    except RuntimeError as error:  # torch.AcceleratorError is one too; an allocator without statistics raises others
        return "CUDA error" in str(error)
    return False


def resolve(name: str) -> str:
    """The device that `auto`, `cpu`, `cuda` or `cuda:1` stands for. UserError where this machine lacks it."""
    available = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if available else "cpu"
    if name == "cpu":
        return name
    if not available:
        built = (
            "no CUDA device is visible" if torch.version.cuda else f"torch {torch.__version__} is built without CUDA"
        )
        raise UserError(f"device {name!r} is not available: {built}; use --device cpu")
    last = torch.cuda.device_count() - 1
    if int(name.partition(":")[2] or 0) > last:  # torch itself raises for numbers that it has no room for
        has = f"cuda:0 to cuda:{last}" if last else "cuda:0 only"
        raise UserError(f"device {name!r} does not exist; this machine has {has}")
    return name


def check_dtype(device: str, dtype: str) -> None:
    """UserError where the device cannot multiply matrices of that dtype."""
    if (
        device.startswith("cuda")
        and dtype == "bfloat16"
        and not torch.cuda.is_bf16_supported(including_emulation=False)
    ):
        raise UserError(
            f"dtype 'bfloat16' is not supported by {torch.cuda.get_device_name(device)}; use float16 or float32"
        )
    try:
        a = torch.ones(8, 8, device=device, dtype=DTYPES[dtype])
        (a @ a).sum().item()
    except RuntimeError as error:
        raise UserError(f"dtype {dtype!r} does not work on {device} here: {error}; use float32") from None


def use(name: str) -> None:
    """Make a GPU the one that code runs on which names none, such as a kernel of a user's own."""
    index = torch.device(name).index
    if index is not None:
        torch.cuda.set_device(index)
    _settle(name)


@cache
def _settle(name: str) -> None:
    """Let torch set what it sets at the first use of a GPU's attention: which kernels it prefers on such a card."""
    q = torch.zeros(1, 1, 8, 8, device=name)
    functional.scaled_dot_product_attention(q, q, q)


def set_precision(tf32: bool) -> None:
    """The same matrix precision for attention, for cuDNN's recurrences, whose defaults in torch differ, and for kernels
    that Triton compiles from now on, whose default is TF32.
    """
    os.environ["TRITON_F32_DEFAULT"] = "tf32" if tf32 else "ieee"
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
