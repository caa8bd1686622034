"""How precisely float32 is multiplied: torch's older switches and its newer ones, which follow from one another."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch

from rnn_vs_attn.isolation.settings import Setting, first_entry

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


HELD = (Setting("float32 precision", _read_precision, _write_precision, promised=True, words=first_entry),)
