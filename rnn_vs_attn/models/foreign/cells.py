"""Lines that run a layer over one sequence at a time, or a cell over one position at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.models.foreign.axes import mixes
from rnn_vs_attn.models.foreign.outputs import tensors

_ROWS = 8


def is_cell(probe: nn.Module, d_model: int) -> bool | None:
    """Whether a module takes (batch, d_model) and its rows are independent; None where it takes no such input."""
    for dtype in (torch.float32, torch.float64):
        probe.to(dtype)
        try:
            return not mixes(lambda x: tensors(probe(x))[0], torch.randn(_ROWS, d_model, dtype=dtype), 0)
        except Exception:
            continue
    return None


def over_positions(probe: nn.Module, d_model: int) -> list[str]:
    """The body of a forward that calls a cell at each position and hands its state on, as it is seen to heed it."""
    weight = next((p for p in probe.parameters() if p.is_floating_point()), torch.empty(0))
    x_t = torch.randn(_ROWS, d_model, dtype=weight.dtype)
    for second, lines in _FORMS:
        try:
            if _heeds(probe(x_t), second(probe, x_t)):
                return lines
        except Exception:
            continue
    return ["return torch.stack([self.layer(x_t) for x_t in x.unbind(1)], 1)  # with the state before x_t"]


def _heeds(first: Any, second: Any) -> bool:
    """Whether two calls on the same input give something else, as a state comes into the second."""
    pairs = zip(tensors(first), tensors(second), strict=True)
    return any(a.shape == b.shape and not torch.equal(a, b) for a, b in pairs)


def _whole(cell: Callable[..., Any], x_t: Tensor) -> Any:
    return cell(x_t, cell(x_t, None))


def _beside(cell: Callable[..., Any], x_t: Tensor) -> Any:
    _, state = cell(x_t, None)
    return cell(x_t, state)


def _apart(cell: Callable[..., Any], x_t: Tensor) -> Any:
    _, *states = cell(x_t)
    return cell(x_t, *states)


_FORMS = (
    (
        _whole,
        [
            "found, state = [], None",
            "for x_t in x.unbind(1):",
            "    state = self.layer(x_t, state)",
            "    found.append(state[0] if isinstance(state, tuple) else state)",
            "return torch.stack(found, 1)",
        ],
    ),
    (
        _beside,
        [
            "found, state = [], None",
            "for x_t in x.unbind(1):",
            "    y_t, state = self.layer(x_t, state)",
            "    found.append(y_t)",
            "return torch.stack(found, 1)",
        ],
    ),
    (
        _apart,
        [
            "found, states = [], []",
            "for x_t in x.unbind(1):",
            "    y_t, *states = self.layer(x_t, *states)",
            "    found.append(y_t)",
            "return torch.stack(found, 1)",
        ],
    ),
)
