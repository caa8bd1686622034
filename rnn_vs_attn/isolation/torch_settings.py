"""torch's switches, one line each: all that decides what a number means is held while a module runs."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import torch

from rnn_vs_attn.isolation import modes, precision, threads
from rnn_vs_attn.isolation.settings import Setting


def _attribute(path: str) -> Setting:
    """ "torch.backends.cudnn.benchmark", read and written as an attribute."""
    owner, _, name = path.rpartition(".")

    def place() -> Any:
        found: Any = torch
        for part in owner.split(".")[1:]:
            found = getattr(found, part)
        return found

    return Setting(path, lambda: getattr(place(), name), lambda value: setattr(place(), name, value))


def _switch(name: str, in_torch: str) -> Setting:
    """A pair of functions of torch._C, looked up when it is used, as versions differ in what they have."""
    return Setting(
        name,
        lambda: getattr(torch._C, f"_get_{in_torch}")(),
        lambda value: getattr(torch._C, f"_set_{in_torch}")(value),
    )


_BRACKETED = "__allow_nonbracketed_mutation_flag"  # torch.backends.disable_global_flags() clears it
_CUDA = torch.backends.cuda


def _backends() -> dict[str, Any]:
    module: Any = importlib.import_module("torch.backends")
    return vars(getattr(module, "m", module))


def _write_deterministic(value: str) -> None:
    if "torch._inductor.config" in sys.modules:  # which torch.use_deterministic_algorithms tells
        torch.use_deterministic_algorithms(value != "default")
    torch.set_deterministic_debug_mode(value)


HELD = (
    *threads.HELD,
    Setting(
        "torch.backends' global flags",
        lambda: _backends()[_BRACKETED],
        lambda value: _backends().__setitem__(_BRACKETED, value),
    ),
    Setting("the default dtype", torch.get_default_dtype, torch.set_default_dtype),
    *modes.HELD,
    *precision.HELD,
    Setting(
        "torch's deterministic mode",
        lambda: ("default", "warn", "error")[torch.get_deterministic_debug_mode()],
        _write_deterministic,
    ),
    _attribute("torch.utils.deterministic.fill_uninitialized_memory"),
    _attribute("torch.backends.cudnn.enabled"),
    _attribute("torch.backends.cudnn.benchmark"),
    _attribute("torch.backends.cudnn.benchmark_limit"),
    _attribute("torch.backends.cudnn.deterministic"),
    _attribute("torch.backends.mkldnn.enabled"),
    _attribute("torch.backends.mkldnn.deterministic"),
    _attribute("torch.backends.opt_einsum.enabled"),
    _attribute("torch.backends.opt_einsum.strategy"),
    _attribute("torch.backends.quantized.engine"),
    _switch("torch.backends.nnpack", "nnpack_enabled"),
    _attribute("torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction"),
    _attribute("torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction"),
    _switch("torch.backends.cuda.matmul.allow_fp16_accumulation", "cublas_allow_fp16_accumulation"),
    _switch("float16 reductions of a CPU", "cpu_allow_fp16_reduced_precision_reduction"),
    Setting("the linear algebra library", _CUDA.preferred_linalg_library, _CUDA.preferred_linalg_library),
    Setting("the BLAS library", _CUDA.preferred_blas_library, _CUDA.preferred_blas_library),
    Setting("flash attention", _CUDA.flash_sdp_enabled, _CUDA.enable_flash_sdp),
    Setting("memory-efficient attention", _CUDA.mem_efficient_sdp_enabled, _CUDA.enable_mem_efficient_sdp),
    Setting("attention by plain products", _CUDA.math_sdp_enabled, _CUDA.enable_math_sdp),
    Setting("cuDNN's attention", _CUDA.cudnn_sdp_enabled, _CUDA.enable_cudnn_sdp),
    Setting(
        "attention's reductions in 16 bits",
        _CUDA.fp16_bf16_reduction_math_sdp_allowed,
        _CUDA.allow_fp16_bf16_reduction_math_sdp,
    ),
    _switch("the order of attention's kernels", "sdp_priority_order"),
    Setting(
        "the fast path of transformer layers",
        torch.backends.mha.get_fastpath_enabled,
        torch.backends.mha.set_fastpath_enabled,
    ),
    Setting("the flushing of denormal numbers", lambda: sys.float_info.min / 2 == 0, torch.set_flush_denormal),
    Setting(
        "how modules are converted",
        lambda: (
            torch.__future__.get_overwrite_module_params_on_conversion(),
            torch.__future__.get_swap_module_params_on_conversion(),
        ),
        lambda value: (
            torch.__future__.set_overwrite_module_params_on_conversion(value[0]),
            torch.__future__.set_swap_module_params_on_conversion(value[1]),
        ),
    ),
    Setting(
        "the current CUDA device",
        lambda: torch.cuda.current_device() if torch.cuda.is_initialized() else 0,
        torch.cuda.set_device,
    ),
)
