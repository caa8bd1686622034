"""torch's settings, one line each: those that decide what a number means are held while a module runs."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import overrides
from torch.utils import _python_dispatch as dispatch

from rnn_vs_attn.isolation.settings import Setting, entries, first_entry, word

# Threads


class Threads:
    """torch's number of threads, and another number that was asked for since it was last read.

    A call may ask for more threads and put them back itself, which is seen only where it asks.
    """

    def __init__(self) -> None:
        self.set: Callable[[int], None] = torch.set_num_threads
        self._asked: list[int] = []

    def watch(self) -> None:
        """From now on see what torch.set_num_threads is asked for."""
        if torch.set_num_threads is not self.ask:
            torch.set_num_threads = self.ask

    def ask(self, num_threads: int) -> None:
        """Stands for torch.set_num_threads."""
        if num_threads not in self._asked:
            self._asked.append(num_threads)
        self.set(num_threads)

    def read(self) -> tuple[int, int]:
        """What it is, and what was asked for meanwhile."""
        now = torch.get_num_threads()
        other = next((asked for asked in self._asked if asked != now), now)
        self.forget()
        return now, other

    def write(self, value: tuple[int, int]) -> None:
        self.set(value[0])
        self.forget()

    def forget(self) -> None:
        """What was asked for so far is of no account."""
        self._asked.clear()

    @staticmethod
    def words(before: tuple[int, int], after: tuple[int, int]) -> str:
        if before[0] == after[0]:
            return f"torch's number of threads from {before[0]} to {after[1]} and back"
        return f"torch's number of threads from {before[0]} to {after[0]}"


THREADS = Threads()

# Precision of float32: older switches and newer ones, which follow from one another

_NEWER = [(backend, op) for backend in ("generic", "cuda", "mkldnn") for op in ("all", "conv", "rnn", "matmul")]


def _newer() -> dict[tuple[str, str], str]:
    found = {}
    for pair in _NEWER:
        with contextlib.suppress(RuntimeError, AttributeError):  # not all have every operation; torch 2.6 has none
            found[pair] = torch._C._get_fp32_precision_getter(*pair)
    return found


_PAIRS = tuple(_newer())


def _older(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except RuntimeError:  # a newer switch contradicts it
        return "mixed"


def _read_precision() -> dict[str, Any]:
    found = {
        "torch's float32 matmul precision": _older(torch.get_float32_matmul_precision),
        "torch.backends.cuda.matmul.allow_tf32": _older(lambda: torch.backends.cuda.matmul.allow_tf32),
        "torch.backends.cudnn.allow_tf32": _older(lambda: torch.backends.cudnn.allow_tf32),
    }
    newer = {f"torch's fp32_precision of {b} {op}": torch._C._get_fp32_precision_getter(b, op) for b, op in _PAIRS}
    return found | newer


def _write_precision(value: dict[str, Any]) -> None:
    older, newer = list(value.values())[:3], list(value.values())[3:]
    for pair in _PAIRS:  # what contradicts an older switch must go first
        torch._C._set_fp32_precision_setter(*pair, "none")
    if older[0] != "mixed":
        torch.set_float32_matmul_precision(older[0])
    if older[2] != "mixed":
        torch.backends.cudnn.allow_tf32 = older[2]
    for pair, precision in zip(_PAIRS, newer, strict=True):
        torch._C._set_fp32_precision_setter(*pair, precision)


# Modes and contexts that were entered and never left

_INFERENCE: list[Any] = []  # guards; torch falls back to inference mode where one of them is forgotten


def _write_inference_mode(value: bool) -> None:
    guard = torch.inference_mode(value)
    guard.__enter__()
    _INFERENCE.append(guard)


def _stack(read: Callable[[], list[Any]], push: Callable[[Any], None], pop: Callable[[], Any]) -> Callable[[Any], None]:
    """Makes a stack of modes what it was."""

    def write(before: tuple[Any, ...]) -> None:
        now = read()
        common = 0
        while common < min(len(now), len(before)) and now[common] is before[common]:
            common += 1
        for _ in now[common:]:
            pop()
        for mode in before[common:]:
            push(mode)

    return write


def _entered(name: str) -> Callable[[Any, Any], str]:
    return lambda before, after: f"the {name} that are active to {word([type(m).__name__ for m in after])}"


def _read_default_device() -> str:
    context = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    return "cpu" if context is None else str(context.device)


def _write_default_device(value: str) -> None:
    torch.set_default_device(None if value == "cpu" else value)


def _read_autocast() -> dict[str, Any]:
    nesting = torch.autocast_increment_nesting() - 1
    torch.autocast_decrement_nesting()
    found: dict[str, Any] = {}
    for device in ("cpu", "cuda"):
        found[f"autocast on {device}"] = torch.is_autocast_enabled(device)
        found[f"autocast's dtype on {device}"] = torch.get_autocast_dtype(device)
    return found | {"autocast's cache": torch.is_autocast_cache_enabled(), "autocasts within each other": nesting}


def _write_autocast(value: dict[str, Any]) -> None:
    for device in ("cpu", "cuda"):
        torch.set_autocast_enabled(device, value[f"autocast on {device}"])
        torch.set_autocast_dtype(device, value[f"autocast's dtype on {device}"])
    torch.set_autocast_cache_enabled(value["autocast's cache"])
    while _read_autocast()["autocasts within each other"] > value["autocasts within each other"]:
        torch.autocast_decrement_nesting()
    torch.clear_autocast_cache()


def _saved_hooks() -> Any:
    return torch._C._autograd._top_saved_tensors_default_hooks(True)


def _write_saved_hooks(value: tuple[Any, str | None]) -> None:
    while _saved_hooks() not in (None, value[0]):
        torch._C._autograd._pop_saved_tensors_default_hooks()
    if value[1] is None:
        torch._C._autograd._saved_tensors_hooks_enable()


def _write_profiler(value: bool) -> None:
    if not value:
        torch.autograd._disable_profiler()


# Plain switches


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
    return vars(importlib.import_module("torch.backends").m)


HELD = (
    Setting("torch's number of threads", THREADS.read, THREADS.write, promised=True, words=THREADS.words),
    Setting("torch's number of interop threads", torch.get_num_interop_threads, None),
    Setting(
        "torch.backends' global flags",
        lambda: _backends()[_BRACKETED],
        lambda value: _backends().__setitem__(_BRACKETED, value),
    ),
    Setting("the default dtype", torch.get_default_dtype, torch.set_default_dtype),
    Setting("the default device", _read_default_device, _write_default_device),
    Setting(
        "torch function modes",
        lambda: tuple(overrides._get_current_function_mode_stack()),
        _stack(overrides._get_current_function_mode_stack, overrides._push_mode, overrides._pop_mode),
        words=_entered("torch function modes"),
    ),
    Setting(
        "torch dispatch modes",
        lambda: tuple(dispatch._get_current_dispatch_mode_stack()),
        _stack(dispatch._get_current_dispatch_mode_stack, dispatch._push_mode, dispatch._pop_mode),
        words=_entered("torch dispatch modes"),
    ),
    Setting("inference mode", torch.is_inference_mode_enabled, _write_inference_mode),
    Setting("grad mode", torch.is_grad_enabled, torch._C._set_grad_enabled),
    Setting("forward-mode gradients", torch._C._is_fwd_grad_enabled, torch._C._set_fwd_grad_enabled),
    Setting("autograd's threads", torch._C._is_multithreading_enabled, torch._C._set_multithreading_enabled),
    Setting(
        "hooks of saved tensors",
        lambda: (_saved_hooks(), torch._C._autograd._saved_tensors_hooks_get_disabled_error_message()),
        _write_saved_hooks,
        words=lambda *_: "what is done with tensors that are saved for backward",
    ),
    Setting(
        "anomaly mode",
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda value: torch.set_anomaly_enabled(*value),
    ),
    Setting("torch's profiler", torch.autograd._profiler_enabled, _write_profiler),
    Setting("autocast", _read_autocast, _write_autocast, words=first_entry),
    Setting(
        "torch's deterministic mode",
        lambda: ("default", "warn", "error")[torch.get_deterministic_debug_mode()],
        torch.set_deterministic_debug_mode,
    ),
    Setting("float32 precision", _read_precision, _write_precision, promised=True, words=first_entry),
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

# A model's own: what torch.compile is told, operators, hooks on all modules


def _overridden() -> frozenset[str]:
    """Operators of torch itself that are computed by somebody else's code."""
    known = torch.library._impls
    if len(known) != _SEEN[0]:
        own = (name for name in known if name.startswith("aten/") and not name.endswith("/Meta"))
        _SEEN[:] = [len(known), frozenset(own)]
    return _SEEN[1]


_SEEN: list[Any] = [-1, frozenset()]


def _hooks() -> dict[str, Any]:
    """What is registered for all modules of the process."""
    place = vars(torch.nn.modules.module)
    found = {name: value for name, value in place.items() if name.startswith("_global_")}
    return {name: dict(value) if isinstance(value, dict) else value for name, value in found.items()}


def _write_hooks(value: dict[str, Any]) -> None:
    place = vars(torch.nn.modules.module)
    for name, hooks in value.items():
        if isinstance(hooks, dict):
            place[name].clear()
            place[name].update(hooks)
        else:
            place[name] = hooks


def _configurations() -> dict[str, Any]:
    """torch.compile's own modules by name, where they have been imported."""
    names = ("torch._dynamo.config", "torch._inductor.config")
    return {name: sys.modules[name] for name in names if name in sys.modules}


def _compilation() -> dict[str, Any]:
    """What of torch.compile's configuration is not its default, and its stance."""
    found: dict[str, Any] = {}
    for name, module in _configurations().items():
        for key, entry in module._config.items():
            if getattr(entry, "alias", None) is None and not getattr(entry, "deprecated", False):
                value = getattr(module, key)
                if value != entry.default:
                    found[f"{name}.{key}"] = value
    frame = sys.modules.get("torch._dynamo.eval_frame")
    stance = getattr(getattr(frame, "_stance", None), "stance", "default")
    return found if stance == "default" else found | {_STANCE: stance}


_STANCE = "torch.compiler's stance"


def _write_compilation(value: dict[str, Any]) -> None:
    now, modules = _compilation(), _configurations()
    for path in now.keys() | value.keys():
        name, _, key = path.rpartition(".")
        if path == _STANCE:
            torch.compiler.set_stance(value.get(path, "default"))
        elif name in modules:
            setattr(modules[name], key, value.get(path, modules[name]._config[key].default))


OWN = (
    Setting("operators", _overridden, None, words=lambda _, after: f"torch's operators {word(after - _)}"),
    Setting("hooks", _hooks, _write_hooks, words=lambda *_: "what is called around all modules"),
    Setting(
        "torch.compile's configuration",
        _compilation,
        _write_compilation,
        words=entries("the setting", "the settings"),
    ),
)
