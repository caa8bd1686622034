"""torch's modes and contexts that can be entered and never left: grad mode, autocast, a default device, hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import overrides
from torch.utils import _python_dispatch as dispatch

from rnn_vs_attn.isolation.settings import Setting, first_entry, word

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


HELD = (
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
)
