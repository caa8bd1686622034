"""Why a layer cannot be called as it is, in one sentence, and the few lines with which it could."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import OF_CODE, UserError
from rnn_vs_attn.models.foreign import call_arguments, cells, outputs
from rnn_vs_attn.models.foreign.convention import Convention, Layout
from rnn_vs_attn.models.foreign.signatures import signature_of
from rnn_vs_attn.models.foreign.writing import Written, importable

_LAYER = "in a file, as --model file.py:Layer, this would work:"


@dataclass
class Failures:
    """What was tried: the calls, what the first of each length raised, and the first of each layout that returned
    another shape, with what it was given in that layout. seq_len: the length that a layer was built for.
    """

    seq_len: int | None = None
    tried: list[str] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)
    shapes: dict[Layout, tuple[Tensor, Any]] = field(default_factory=dict)

    @property
    def error(self) -> str:
        """What the first call of the layer's own length raised, else the very first: it may refuse short ones."""
        first = next(iter(self.errors.values()), "")
        return first if self.seq_len is None else self.errors.get(self.seq_len, first)

    def raised(self, convention: Convention, length: int, error: str) -> None:
        self.tried.append(str(convention))
        self.errors.setdefault(length, error)

    def misshapen(self, convention: Convention, x: Tensor, result: Any) -> None:
        self.tried.append(str(convention))
        self.shapes.setdefault(convention.layout, (x, result))


def uncallable(probe: nn.Module, d_model: int, failures: Failures, written: Written | None = None) -> UserError:
    """The refusal of a layer for which no call gave (B, L, D). written: how it was built."""
    lines = _Lines(probe, written)
    unknown = call_arguments.unknown(probe)
    if unknown:
        said = f"its forward needs {' and '.join(unknown)}, of which nothing is known"
        return UserError(f"{said}; {lines.around([_with(unknown)])}")
    if Layout.BATCH_FIRST in failures.shapes:
        return _another_shape(probe, d_model, lines, *failures.shapes[Layout.BATCH_FIRST])
    if Layout.CHANNELS_FIRST in failures.shapes:
        found = _another_length(lines, *failures.shapes[Layout.CHANNELS_FIRST])
        if found is not None:
            return found
    return _other_input(probe, d_model, lines) or _raises(probe, lines, failures)


def _with(names: list[str]) -> str:
    return f"return self.layer(x, {', '.join(f'{name}=...' for name in names)})"


def _raises(probe: nn.Module, lines: _Lines, failures: Failures) -> UserError:
    supposed = call_arguments.taken_for_none(probe)
    if supposed:
        said = f"its forward needs {' and '.join(supposed)}, and None does not do ({failures.error})"
        return UserError(f"{said}; {lines.around([_with(supposed)])}")
    ways = list(dict.fromkeys(failures.tried))
    more = f" (and {len(ways) - 1} other ways)" if len(ways) > 1 else ""
    said = f"it cannot be called on (batch, sequence, d_model); {ways[0]}{more}: {failures.error}"
    return UserError(f"{said}; {lines.around(['return self.layer(x)  # with the arguments that it needs'])}")


def _another_shape(probe: nn.Module, d_model: int, lines: _Lines, x: Tensor, result: Any) -> UserError:
    said = f"it maps {tuple(x.shape)} to {outputs.shapes(result)}; it must keep (batch_size, seq_len, d_model)"
    found = outputs.tensors(result)
    width = next((part.shape[-1] for part in found if part.shape[:-1] == x.shape[:-1]), 0)
    kind = type(probe).__name__
    if width == 2 * d_model and getattr(probe, "bidirectional", False):
        made = f"return {kind}(d_model, d_model // 2, batch_first=True, bidirectional=True)"
        both = ["from torch import nn", "def layer(d_model):", f"    {made.replace(kind, f'nn.{kind}')}"]
        start = "as its two directions stand side by side, each takes half of it; in a file, as --model file.py:layer:"
        return UserError(f"{said}, and {start}{_block(both)}")
    if width:
        first = [f"y = self.layer(x){'' if isinstance(result, Tensor) else '[0]'}", "return self.out(y)"]
        return UserError(f"{said}; {lines.around(first, [f'self.out = torch.nn.Linear({width}, d_model)'])}")
    if found and all(part.shape[:-1] == x.shape[:1] for part in found):
        return UserError(
            f"{said}, and it gives one output a sequence; say by an argument of its own, if it has one, that it shall "
            "give one a position, or name the layer inside it"
        )
    return UserError(f"{said}; {lines.around(['return self.layer(x)  # in the shape of x'])}")


def _another_length(lines: _Lines, x: Tensor, result: Any) -> UserError | None:
    """The refusal of a convolution that shortens or lengthens (B, D, L); None where it does something else."""
    y = next(
        (part for part in outputs.tensors(result) if part.shape[:2] == x.shape[:2] and part.dim() == x.dim()), None
    )
    if y is None:
        return None
    more = y.shape[2] - x.shape[2]
    said = f"as (batch, d_model, sequence) it maps {tuple(x.shape)} to {tuple(y.shape)}; it must keep the length"
    called = "self.layer(x.transpose(1, 2))"
    if more > 0:
        body = [f"return {called}[..., : x.shape[1]].transpose(1, 2)  # the first ones: causal"]
    else:
        padded = f"x = torch.nn.functional.pad(x, (0, 0, {-more}, 0))  # before the first one: causal"
        body = [padded, f"return {called}.transpose(1, 2)"]
    return UserError(f"{said}; {lines.around(body)}")


def _other_input(probe: nn.Module, d_model: int, lines: _Lines) -> UserError | None:
    """The refusal of a layer that takes another kind of input, None where it takes none of those that are tried."""
    cell = cells.is_cell(probe, d_model)
    if cell:
        said = "it is a cell, which takes one position (batch, d_model) at a time"
        return UserError(f"{said}; {lines.around(cells.over_positions(probe, d_model))}")
    if cell is not None:
        body = ["return torch.stack([self.layer(sequence) for sequence in x])"]
        return UserError(f"it takes one sequence (sequence, d_model) and no batch; {lines.around(body)}")
    if any(_runs(probe.to(dtype), torch.zeros(2, 8, dtype=torch.long)) for dtype in (torch.float32, torch.float64)):
        own = [name for name, p in signature_of(type(probe)).parameters.items() if p.default is True and _embeds(name)]
        without = f", or give --model-arg {own[0]}=False" if own else ""
        return UserError(f"it takes token ids (batch, sequence); name the layer behind its embedding instead{without}")
    return None


def _embeds(name: str) -> bool:
    return any(word.startswith("embed") for word in call_arguments.words(name))


def _runs(probe: nn.Module, x: Tensor) -> bool:
    try:
        probe(x)
    except Exception:
        return False
    return True


class _Lines:
    """The lines of a module around a layer."""

    def __init__(self, probe: nn.Module, written: Written | None) -> None:
        kind = type(probe)
        unknown = Written(f"{kind.__name__}(...)", (f"from {importable(kind)} import {kind.__name__}",))
        self.written = written or unknown

    def around(self, body: list[str], made: list[str] | None = None) -> str:
        """`made` in its making, `body` in its forward."""
        lines = ["import torch", *dict.fromkeys(self.written.imports), "class Layer(torch.nn.Module):"]
        lines += [f"    def __init__(self, {self.written.of}):", "        super().__init__()"]
        lines += [f"        self.layer = {self.written.text}", *(f"        {line}" for line in made or [])]
        lines += ["    def forward(self, x):", *(f"        {line}" for line in body)]
        return f"{_LAYER}{_block(lines)}"


def _block(lines: list[str]) -> str:
    return "".join(f"{OF_CODE}{line}" for line in lines)
