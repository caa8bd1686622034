"""A module with a state, taken back in chunks: the adjoint of the state is scaled to length 1 between chunks.

The logarithm of the factor is added up, so no distance leaves the range of float64, and memory does not grow with the
length but for a state a chunk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.measure.conduct.differences import GRADIENT_NOT_FINITE
from rnn_vs_attn.measure.gradient.norms import CARRIED, Flow, log_norms, together
from rnn_vs_attn.measure.gradient.passes import AT_ONCE, advance, initial_state
from rnn_vs_attn.measure.states import copied, differentiable, form, tensors, with_tensors

CHUNK = 128
_LEAST, _MOST = 1e-100, 1e100  # a chunk over which the adjoint leaves this range is taken in halves


def by_chunks(module: nn.Module, x: Tensor, cotangents: Tensor, chunk: int = CHUNK, at_once: int | None = None) -> Flow:
    """The adjoint of the state is sent back from chunk to chunk and kept at length 1."""
    found = [_chunks_of(module, x, group, chunk) for group in cotangents.split(max(1, (at_once or AT_ONCE) // chunk))]
    log10 = together([norms.flip(0) for norms, _, _, _ in found])
    most = torch.maximum(log10, together([least.flip(0) for _, least, _, _ in found]))
    beside = float(together([beside for _, _, beside, _ in found]))
    lost = max(end for _, _, _, end in found)
    if not lost:
        return Flow(log10, log10, beside, log10[:0], "chunks", [])
    first = x.shape[1] - lost
    log10 = log10.clone()
    log10[first:] = math.nan
    text = f"from distance {first} on the gradient is lost beside that of a part of the state that outlives it; absent"
    return Flow(log10, most, beside, log10[:0], "chunks", [text])


def _chunks_of(module: nn.Module, x: Tensor, cotangents: Tensor, chunk: int) -> tuple[Tensor, Tensor, Tensor, int]:
    """log10 by position, (L,), of the norm and of the least that float64 holds; log10 of what is not the identity at
    the last position, (1,); up to which position float64 has lost the norm.
    """
    inputs = x.expand(len(cotangents), -1, -1)
    pieces = list(inputs.split(chunk, dim=1))
    states = _states_before(module, pieces)
    adjoint = Adjoint(cotangents, [], [], 0.0)
    norms = torch.full((x.shape[1],), -math.inf, device=x.device)
    least = norms.clone()
    end = x.shape[1]
    beside, lost = None, 0
    for piece, state in zip(reversed(pieces), reversed(states), strict=True):
        gradient, adjoint = _back(module, piece, state, adjoint)
        begin = end - piece.shape[1]
        norms[begin:end], least[begin:end] = gradient.norms, gradient.least
        if gradient.lost and not lost:
            lost = end
        end = begin
        if beside is None:
            beside = log_norms(gradient.last[:, None] - cotangents[:, None])
        if adjoint.is_zero:
            break
    assert beside is not None
    return norms, least, beside, lost


@dataclass(frozen=True)
class Adjoint:
    """The cotangent of what a chunk hands on: of its last output (P, D) or of the tensors of its state.

    The true one is 10**log10 times as long. form: that of the state that it is for.
    """

    output: Tensor | None
    state: list[Tensor | None]
    form: list[Any]
    log10: float

    @property
    def is_zero(self) -> bool:
        """Whether nothing goes further back."""
        return self.output is None and self.length == 0

    @property
    def length(self) -> float:
        """The Euclidean norm of the state's part, also where its squares are too large for a float."""
        leaves = [leaf.abs() for leaf in self.state if leaf is not None and leaf.numel()]
        most = max((float(leaf.amax()) for leaf in leaves), default=0.0)
        if most == 0 or not math.isfinite(most):
            return most
        return most * math.sqrt(sum(float((leaf / most).square().sum()) for leaf in leaves))

    def scaled(self) -> Adjoint:
        """The same adjoint with a state's part of length 1."""
        length = self.length
        if length in (0, 1):
            return self
        state = [None if leaf is None else leaf / length for leaf in self.state]
        return replace(self, state=state, log10=self.log10 + math.log10(length))


@dataclass(frozen=True)
class _Piece:
    """Of one chunk: log10 of the norm by position (C,), of the least that float64 holds, and the gradient of its last
    position as computed, (P, D).

    lost: somewhere it is so small beside the adjoint of the state that float64 does not hold it.
    """

    norms: Tensor
    least: Tensor
    last: Tensor
    lost: bool


def _states_before(module: nn.Module, pieces: list[Tensor]) -> list[Any]:
    """The state before each chunk; one of them is kept for each chunk and not for each token."""
    states = [initial_state(module, len(pieces[0]))]
    with torch.no_grad():
        for piece in pieces[:-1]:
            states.append(copied(advance(module, piece, states[-1])[1]))
    return states


def _back(module: nn.Module, x: Tensor, state: Any, after: Adjoint) -> tuple[_Piece, Adjoint]:
    """Through one chunk x (P, C, D), in halves where the adjoint would leave the range of float64 within it."""
    gradient, before = _vjp(module, x, state, after)
    if x.shape[1] > 1 and not _within_range(gradient, before):
        return _in_halves(module, x, state, after)
    if not bool(gradient.isfinite().all()) or not math.isfinite(before.length):
        raise CaseFault("failed", GRADIENT_NOT_FINITE)
    norms = log_norms(gradient)
    alive = before.length > 0
    lost = alive and bool((norms.isfinite() & (norms < CARRIED)).any())
    least = torch.full_like(norms, CARRIED + after.log10 if alive else -math.inf)
    return _Piece(norms + after.log10, least, gradient[:, -1], lost), before.scaled()


def _in_halves(module: nn.Module, x: Tensor, state: Any, after: Adjoint) -> tuple[_Piece, Adjoint]:
    middle = x.shape[1] // 2
    with torch.no_grad():
        between = copied(advance(module, x[:, :middle], state)[1])
    late, adjoint = _back(module, x[:, middle:], between, after)
    if adjoint.is_zero:
        nothing = torch.full((middle,), -math.inf, device=x.device)
        early = _Piece(nothing, nothing, late.last, False)
    else:
        early, adjoint = _back(module, x[:, :middle], state, adjoint)
    norms, least = torch.cat([early.norms, late.norms]), torch.cat([early.least, late.least])
    return replace(late, norms=norms, least=least, lost=early.lost or late.lost), adjoint


def _within_range(gradient: Tensor, before: Adjoint) -> bool:
    """Whether float64 held all of a chunk; where the module made its first state itself, the inputs must tell."""
    if not bool(gradient.isfinite().all()):
        return False
    if any(leaf is not None for leaf in before.state):
        return _LEAST <= before.length <= _MOST
    return float(log_norms(gradient).min()) > math.log10(_LEAST)


def _vjp(module: nn.Module, x: Tensor, state: Any, after: Adjoint) -> tuple[Tensor, Adjoint]:
    """The gradient of the inputs (P, C, D), and the adjoint of the state before the chunk."""
    inputs = x.detach().clone().requires_grad_()
    sources = [t.detach().clone().requires_grad_(differentiable(t)) for t in tensors(state)]
    y, state_after = advance(module, inputs, with_tensors(state, sources))
    pairs = [(y[:, -1], after.output)] if after.output is not None else _pairs(state_after, after)
    wanted = [inputs, *(t for t in sources if t.requires_grad)]
    found = _gradients([(o, c) for o, c in pairs if c is not None and o.requires_grad], wanted)
    of_sources = iter(found[1:])
    before = [next(of_sources) if t.requires_grad else None for t in sources]
    return found[0], Adjoint(None, before, form(state), after.log10)


def _pairs(state: Any, after: Adjoint) -> list[tuple[Tensor, Tensor | None]]:
    """The tensors of a state and their cotangents. UserError where the state that these are for has another form."""
    if form(state) != after.form:
        raise UserError("its state has another form after two parts of a chunk than after the whole")
    return list(zip(tensors(state), after.state, strict=True))


def _gradients(pairs: list[tuple[Tensor, Tensor]], wanted: list[Tensor]) -> list[Tensor]:
    """Of the sum of all outputs times their cotangents; zeros where none is asked for."""
    if not pairs:
        return [torch.zeros_like(t) for t in wanted]
    outputs, cotangents = zip(*pairs, strict=True)
    return list(torch.autograd.grad(outputs, wanted, cotangents, allow_unused=True, materialize_grads=True))
