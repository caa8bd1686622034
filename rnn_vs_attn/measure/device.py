"""What torch says of itself and of its devices; imported in the worker only."""

from __future__ import annotations

import hashlib
from typing import Any

import torch

from rnn_vs_attn.errors import UserError

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
    return {
        "name": properties.name,
        "capability": f"{properties.major}.{properties.minor}",
        "num_sms": properties.multi_processor_count,
        "memory_gib": round(total / (1 << 30)),
        "l2_cache": getattr(properties, "L2_cache_size", None),
        "free_share": round(free / total, 3),
        **_nvml(index),
    }


def _nvml(index: int) -> dict[str, Any]:
    """Driver, clocks and other users of a GPU, where nvidia-ml-py is installed; clocks are absent without it."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        return {
            "driver": str(pynvml.nvmlSystemGetDriverVersion()),
            "sm_clock_mhz": pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM),
            "throttle_reasons": pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle) & _THROTTLED,
            "temperature_c": pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU),
            "utilization": pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
        }
    except Exception as error:  # no library, no driver, or a query that this GPU lacks: said, not guessed
        return {"nvml": f"not read: {type(error).__name__}"}


# Software power cap, hardware slowdown, software and hardware thermal slowdown, hardware power brake (nvml.h).
_THROTTLED = 0x04 | 0x08 | 0x20 | 0x40 | 0x80


def gpu_state(index: int) -> dict[str, Any]:
    """SM clock and throttle reasons now; empty where they cannot be read."""
    state = _nvml(index)
    return {k: state[k] for k in ("sm_clock_mhz", "throttle_reasons") if k in state}


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


def set_precision(tf32: bool) -> None:
    """The same matrix precision for attention and for cuDNN's recurrences, whose defaults in torch differ."""
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
