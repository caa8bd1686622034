"""Why a layer cannot be called as it is, in one sentence, and the three lines with which it could."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.foreign import arguments, outputs
from rnn_vs_attn.models.foreign.convention import Convention, Layout


@dataclass
class Failures:
    """What was tried: the first call that returned another shape, and the first that raised in each order of axes."""

    shape: tuple[Tensor, Any] | None = None
    errors: dict[Layout, str] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)

    def raised(self, convention: Convention, said: str) -> None:
        self._note(convention)
        self.errors.setdefault(convention.layout, said)

    def misshapen(self, convention: Convention, x: Tensor, result: Any) -> None:
        self._note(convention)
        if self.shape is None and convention.layout is Layout.BATCH_FIRST:
            self.shape = x, result

    def _note(self, convention: Convention) -> None:
        if str(convention) not in self.tried:
            self.tried.append(str(convention))


def uncallable(probe: nn.Module, d_model: int, failures: Failures) -> UserError:
    """The refusal of a layer for which no call gave (B, L, D)."""
    unknown = arguments.unknown(probe)
    if unknown:
        lines = _lines(probe, [f"return self.layer(x, {', '.join(f'{name}=...' for name in unknown)})"])
        return UserError(f"its forward needs {' and '.join(unknown)}, which nothing is known of; give it by{lines}")
    if failures.shape is not None:
        return _another_shape(probe, d_model, *failures.shape)
    for takes, x, body in _other_inputs(d_model):
        if _runs(probe, x):
            return UserError(f"it takes {takes}, not (batch, sequence, d_model); adapt it by{_lines(probe, body)}")
    error = next(iter(failures.errors.values()), "no call was possible")
    tried = "; ".join(failures.tried)
    return UserError(f"it cannot be called on (B, L, D); tried {tried}: {error}{_hint(probe)}")


def _hint(probe: nn.Module) -> str:
    return f"; call it yourself by{_lines(probe, ['return self.layer(x)  # as it is meant to be called'])}"


def _another_shape(probe: nn.Module, d_model: int, x: Tensor, result: Any) -> UserError:
    found = outputs.shapes(result)
    said = f"it maps {tuple(x.shape)} to {found}, and must keep (batch, sequence, d_model)"
    try:
        width = next(p.shape[-1] for p in [result, *_values(result)] if _is_like(p, x))
    except StopIteration:
        return UserError(f"{said}{_hint(probe)}")
    if width == 2 * d_model and getattr(probe, "bidirectional", False):
        kind = type(probe).__name__
        line = f"def layer(d_model):\n    return {kind}(d_model, d_model // 2, batch_first=True, bidirectional=True)"
        return UserError(
            f"{said}: its two directions stand side by side; half the width in each does:\n\n    {_in(line)}"
        )
    body = ["return self.out(self.layer(x))"]
    made = [f"self.out = nn.Linear({width}, d_model)"]
    return UserError(f"{said}; let a projection bring it back by{_lines(probe, body, made)}")


def _values(result: Any) -> list[Any]:
    return [] if isinstance(result, Tensor) else list(outputs.others(result, "").values())


def _is_like(part: Any, x: Tensor) -> bool:
    return isinstance(part, Tensor) and part.dim() == 3 and part.shape[:2] == x.shape[:2]


def _other_inputs(d_model: int) -> list[tuple[str, Tensor, list[str]]]:
    """Other kinds of input: what it takes, an example, and what adapts it."""
    ids = torch.zeros(2, 8, dtype=torch.long)
    single = torch.zeros(8, d_model)
    return [
        ("one sequence (sequence, d_model) or one position (batch, d_model) at a time", single.double(), _STACKED),
        ("one sequence (sequence, d_model) or one position (batch, d_model) at a time", single, _STACKED),
        ("token ids (batch, sequence)", ids, ["return self.layer.layers(x)  # the part behind its embedding"]),
    ]


_STACKED = ["return torch.stack([self.layer(sequence) for sequence in x])"]


def _runs(probe: nn.Module, x: Tensor) -> bool:
    try:
        probe(x)
    except Exception:
        return False
    return True


def _lines(probe: nn.Module, body: list[str], made: list[str] | None = None) -> str:
    """A class around it, to be put in a file, its lines behind an empty one."""
    lines = ["class Layer(nn.Module):", "    def __init__(self, d_model):", "        super().__init__()"]
    lines += [f"        self.layer = {type(probe).__name__}(...)", *(f"        {line}" for line in made or [])]
    lines += ["    def forward(self, x):  # (batch, sequence, d_model)", *(f"        {line}" for line in body)]
    return ", as --model file.py:Layer:\n\n    " + _in("\n".join(lines))


def _in(text: str) -> str:
    return text.replace("\n", "\n    ")
