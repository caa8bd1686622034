"""Why a layer cannot be called as it is, in one sentence, and the few lines with which it could."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import OF_CODE, UserError
from rnn_vs_attn.isolation.modules import PRIVATE
from rnn_vs_attn.models.foreign import call_arguments, outputs
from rnn_vs_attn.models.foreign.call_arguments import parameters_of
from rnn_vs_attn.models.foreign.convention import Convention, Layout

_LAYER = "in a file, as --model file.py:Layer, this would work:"


@dataclass
class Failures:
    """What was tried: the calls, what the first of them raised, and the first that returned another shape."""

    tried: list[str] = field(default_factory=list)
    error: str = ""
    shape: tuple[Tensor, Any] | None = None

    def raised(self, convention: Convention, error: str) -> None:
        self.tried.append(str(convention))
        self.error = self.error or error

    def misshapen(self, convention: Convention, x: Tensor, result: Any) -> None:
        self.tried.append(str(convention))
        if self.shape is None and convention.layout is Layout.BATCH_FIRST:
            self.shape = x, result


def uncallable(probe: nn.Module, d_model: int, failures: Failures) -> UserError:
    """The refusal of a layer for which no call gave (B, L, D)."""
    unknown = call_arguments.unknown(probe)
    if unknown:
        given = ", ".join(f"{name}=..." for name in unknown)
        said = f"its forward needs {' and '.join(unknown)}, of which nothing is known"
        return UserError(f"{said}; {_layer(probe, [f'return self.layer(x, {given})'])}")
    if failures.shape is not None:
        return _another_shape(probe, d_model, *failures.shape)
    return _other_input(probe, d_model) or _raises(probe, failures)


def _raises(probe: nn.Module, failures: Failures) -> UserError:
    ways = list(dict.fromkeys(failures.tried))
    more = f" (and {len(ways) - 1} other ways)" if len(ways) > 1 else ""
    lines = _layer(probe, ["return self.layer(x)  # with the arguments that it needs"])
    return UserError(f"it cannot be called on (batch, sequence, d_model); {ways[0]}{more}: {failures.error}; {lines}")


def _another_shape(probe: nn.Module, d_model: int, x: Tensor, result: Any) -> UserError:
    said = f"it maps {tuple(x.shape)} to {outputs.shapes(result)}; it must keep (batch_size, seq_len, d_model)"
    parts = [result, *outputs.others(result, "").values()]
    width = next((p.shape[-1] for p in parts if isinstance(p, Tensor) and p.shape[:-1] == x.shape[:-1]), 0)
    kind = type(probe).__name__
    if width == 2 * d_model and getattr(probe, "bidirectional", False):
        made = f"return {kind}(d_model, d_model // 2, batch_first=True, bidirectional=True)"
        lines = ["from torch import nn", "def layer(d_model):", f"    {made.replace(kind, f'nn.{kind}')}"]
        start = "as its two directions stand side by side, each takes half of it; in a file, as --model file.py:layer:"
        return UserError(f"{said}, and {start}{_block(lines)}")
    if width:
        first = [f"y = self.layer(x){'' if isinstance(result, Tensor) else '[0]'}", "return self.out(y)"]
        return UserError(f"{said}; {_layer(probe, first, [f'self.out = torch.nn.Linear({width}, d_model)'])}")
    return UserError(f"{said}; {_layer(probe, ['return self.layer(x)  # in the shape of x'])}")


def _other_input(probe: nn.Module, d_model: int) -> UserError | None:
    """The refusal of a layer that takes another kind of input, None where it takes none of those that are tried."""
    parameters = list(parameters_of(probe.forward))
    for dtype in (torch.float32, torch.float64):
        if _runs(probe.to(dtype), torch.randn(8, d_model, dtype=dtype)):
            break
    else:
        if _runs(probe, torch.zeros(2, 8, dtype=torch.long)):
            return UserError("it takes token ids (batch, sequence); name the layer behind its embedding instead")
        return None
    if len(parameters) > 1 and parameters[1] in ("hx", "state", "hidden", "h"):
        body = ["found, state = [], None", "for x_t in x.unbind(1):", "    state = self.layer(x_t, state)"]
        body += ["    found.append(state[0] if isinstance(state, tuple) else state)", "return torch.stack(found, 1)"]
        return UserError(f"it is a cell, which takes one position (batch, d_model) at a time; {_layer(probe, body)}")
    body = ["return torch.stack([self.layer(sequence) for sequence in x])"]
    return UserError(f"it takes one sequence (sequence, d_model) and no batch; {_layer(probe, body)}")


def _runs(probe: nn.Module, x: Tensor) -> bool:
    try:
        probe(x)
    except Exception:
        return False
    return True


def _layer(probe: nn.Module, body: list[str], made: list[str] | None = None) -> str:
    """The lines of a module around it: `made` in its making, `body` in its forward."""
    kind = type(probe)
    lines = ["import torch", f"from {importable(kind)} import {kind.__name__}", "class Layer(torch.nn.Module):"]
    lines += ["    def __init__(self, d_model):", "        super().__init__()"]
    lines += [f"        self.layer = {kind.__name__}(...)", *(f"        {line}" for line in made or [])]
    lines += ["    def forward(self, x):", *(f"        {line}" for line in body)]
    return f"{_LAYER}{_block(lines)}"


def importable(kind: Callable[..., Any]) -> str:
    """The module of a class or function as another file imports it: here a file is read under a name of its own."""
    name = kind.__module__
    return Path(str(sys.modules[name].__file__)).stem if name.startswith(PRIVATE) else name


def _block(lines: list[str]) -> str:
    return "".join(OF_CODE + line for line in lines)
