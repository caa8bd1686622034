"""Whether a module's state carries its gradient, so that it can be taken back in chunks, and in how long ones.

Its outputs from chunk to chunk must be those of `forward` over the whole length, and its gradients those of `forward`
on the first TRIED positions, at all distances that `forward` itself carries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault, UserError, first_line
from rnn_vs_attn.measure.conduct.differences import OUTPUT_NOT_FINITE, finite
from rnn_vs_attn.measure.gradient import rounding
from rnn_vs_attn.measure.gradient.chunks import CHUNK, by_chunks
from rnn_vs_attn.measure.gradient.leaks import confirmed, ramps, suspects
from rnn_vs_attn.measure.gradient.norms import log_norms
from rnn_vs_attn.measure.gradient.passes import advance, all_back, any_cotangent, initial_state, one_hot, value
from rnn_vs_attn.measure.gradient.whole import back
from rnn_vs_attn.measure.states import tensors

TRIED = 256  # positions on which the gradient of a state is held against that of its forward
_TRIED_CHUNK = 3 * CHUNK // 4  # so that the state is handed on twice; what is exact over so many is sure over CHUNK
_SAME = 1e-8  # relative: how far `forward` and the same tokens taken in two parts may be apart
_RANGE = 200.0  # decades up and down over which two gradients are compared
_STEADY = 1e-9  # relative: outputs that a part in 1e13 moves by more are not compared


@dataclass(frozen=True)
class Way:
    """chunk: positions of a chunk, None where it is taken in one piece. reason: why its state is not used, "" where
    that is no fault of it. sensitive: outputs agree only as far as the module itself is steady.
    """

    chunk: int | None
    reason: str = ""
    sensitive: bool = False


def way(module: nn.Module, x: Tensor) -> Way:
    """How a module that has a state is taken back for x (1, L, D). CaseFault where its output is not finite."""
    whole = value(module, x)
    if not finite([whole]):
        raise CaseFault("failed", OUTPUT_NOT_FINITE)
    try:
        return _way(module, x, whole)
    except UserError as error:
        return Way(None, str(error))
    except Exception as error:
        return Way(None, f"its state cannot be used ({first_line(error)})")


def _way(module: nn.Module, x: Tensor, whole: Tensor) -> Way:
    pieces = _from_state_to_state(module, x)
    if pieces is None:
        return Way(None)
    largest = whole.abs().max().clamp_min(1e-300)
    apart = (pieces - whole).abs().amax(dim=(0, 2)) / largest
    sensitive = not bool(apart.max() <= _SAME)
    if sensitive and not bool((apart <= _SAME + 10 * rounding.moved(module, x)).all()):
        off = float(apart.max())
        return Way(None, f"taken on from its state it differs from its forward by {off:.1g} of the output")
    x = x[:, :TRIED]
    v = any_cotangent(1, x)
    expected, suspected = _of_forward(module, x, v)
    if confirmed(module, x, suspected, len(expected)) is not None:
        return Way(None)
    chunk = _fitting_chunk(module, x, v, expected)
    reason = "" if chunk else "its state carries another gradient than its forward (detached, or under no_grad)"
    return Way(chunk, reason, sensitive)


def _from_state_to_state(module: nn.Module, x: Tensor) -> Tensor | None:
    """The output of all chunks (1, L, D), each from the state of the one before; None where the state grows."""
    outputs: list[Tensor] = []
    state: Any = initial_state(module, 1)
    size: int | None = None
    with torch.no_grad():
        for piece in x.split(CHUNK if x.shape[1] > CHUNK else (x.shape[1] + 1) // 2, dim=1):
            y, state = advance(module, piece, state)
            outputs.append(y)
            now = sum(t.numel() for t in tensors(state))
            if size not in (None, now):
                return None
            size = now
    return torch.cat(outputs, dim=1)


def _of_forward(module: nn.Module, x: Tensor, v: Tensor) -> tuple[Tensor, list[int]]:
    """log10 of the norm of v^T J by distance (L,), of forward in one piece, and the inputs that may owe something to an
    earlier output.
    """
    length, asked = x.shape[1], ramps(x.shape[1])
    weights = [one_hot(length, -1, x.device), *(ramp.weights(length, x.device) for kind in asked for ramp in kind)]
    _, (found,) = all_back(module, x.expand(len(weights), -1, -1), v.expand(len(weights), -1), [torch.stack(weights)])
    return log_norms(found[:1]).flip(0), suspects(found[1:], asked)


def _fitting_chunk(module: nn.Module, x: Tensor, v: Tensor, expected: Tensor) -> int | None:
    """The positions of a chunk over which the state's gradient is that of forward; None where there is none."""
    found = _agreeing(module, x, v, expected, torch.zeros_like(expected))
    if found is None:  # forward itself may be rounding, or move too easily to be compared
        x = x[:, : int((rounding.moved(module, x) <= _STEADY).sum())]
        if x.shape[1] < 2:
            return None
        (sure,) = rounding.look(module, x, [one_hot(x.shape[1], -1, x.device)], len(x[0])).gradients
        expected = torch.where(sure.lost.flip(0), math.nan, back(module, x, v, 1).log10)
        found = _agreeing(module, x, v, expected, 10 * sure.part.flip(0))
    return found


def _agreeing(module: nn.Module, x: Tensor, v: Tensor, expected: Tensor, unsure: Tensor) -> int | None:
    """The positions of a chunk over which the state's gradient is right; None where in small ones it is not `expected`.

    expected: log10 by distance (L,), nan where unknown; unsure: by how large a part of itself it may be off.
    """
    unknown = (expected.isnan() | (expected.isfinite() & (expected.abs() > _RANGE)) | (expected == math.inf)).nonzero()
    known = int(unknown[0]) if len(unknown) else len(expected)
    if known < 2:
        return None
    small = min(max(1, known // 3), _TRIED_CHUNK)
    found = by_chunks(module, x, v, small).log10
    if not _alike(found, expected, _SAME + unsure):
        return None
    if small == _TRIED_CHUNK or _alike(by_chunks(module, x, v, _TRIED_CHUNK).log10, found, torch.tensor(1e-6)):
        return CHUNK
    return small


def _alike(found: Tensor, expected: Tensor, apart: Tensor) -> bool:
    """Whether log10 of norms are within `apart` of the expected ones, where these are in range; zeros are zeros."""
    compared = expected.isfinite() & (expected.abs() < _RANGE)
    close = (found - expected).abs() <= apart
    zero = expected == -math.inf
    return bool(close[compared].all()) and not bool((found[zero] > -_RANGE).any())
