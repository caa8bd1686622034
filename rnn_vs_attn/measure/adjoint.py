"""How much gradient of the last output arrives at every input: all distances from one pass back, however small.

G(k) = ||dy_T / dx_(T-k)||_F / sqrt(D). For cotangents v with E[v v^T] = I the squared length of v^T J has the mean
||J||_F^2 (Hutchinson 1990), and one vector-Jacobian product gives v^T J for every input at once. A model with a state
is taken back in chunks of the sequence: the adjoint of the state is scaled to length 1 between chunks and the
logarithm of the factor is added up, so no distance leaves the range of float64.

Shapes: P cotangents, L sequence, C chunk, D d_model. Everything is float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from rnn_vs_attn.errors import CaseFault, UserError, first_line
from rnn_vs_attn.models import build
from rnn_vs_attn.models.mixer import advance, has_state, initial_state

CHUNK = 128
AT_ONCE = 1 << 15  # positions of all cotangents together that one pass takes
_LEAST, _MOST = 1e-100, 1e100  # a chunk over which the adjoint leaves this range is taken in halves
_CARRIED = -290.0  # log10: below it a float64 begins to lose digits
_LARGE = 200.0  # log10: what is not finite beyond such a value has overflowed
_SAME = 1e-8  # relative: how far `forward` and the same tokens taken in two parts may be apart
_CHECKED = 16  # positions on which that is tried


@dataclass(frozen=True)
class Flow:
    """log10 of G by distance, (L,): -inf for an exact zero, nan where float64 did not carry it.

    beside_identity: log10 of the norm at distance 0 of J - I. future: log10 by distance into the future, (F,), of a
    position in the middle; empty where there is none. route: "chunks" or "direct".
    """

    log10: Tensor
    beside_identity: float
    future: Tensor
    route: str
    warnings: list[str]


@contextmanager
def float64() -> Iterator[None]:
    """Modules and tensors made within are float64 unless they say otherwise."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def cotangents(num_probes: int, d_model: int, exact: bool, device: torch.device) -> Tensor:
    """(P, D) whose rows' squared lengths v^T J add up to G^2: Rademacher probes, or all D unit vectors where exact."""
    if exact:
        return torch.eye(d_model, device=device) / math.sqrt(d_model)
    signs = torch.randint(0, 2, (num_probes, d_model), device=device, dtype=torch.float64) * 2 - 1
    return signs / math.sqrt(num_probes * d_model)


def make_ready(module: nn.Module) -> nn.Module:
    """No dropout, no gradients of parameters; cuDNN's recurrent layers take gradients in training mode only."""
    module.eval().requires_grad_(False)
    for layer in module.modules():
        if isinstance(layer, nn.RNNBase) and not layer.dropout:
            layer.train()
    return module


def flow(module: nn.Module, x: Tensor, cotangents: Tensor, may_chunk: bool = True) -> Flow:
    """G at all distances for x (1, L, D). CaseFault where the module has no gradient to give."""
    found: Flow | None = None
    warnings = []
    with float64():
        check(module, x[:, :_CHECKED])
        if may_chunk and has_state(module):
            why_not = no_chunks(module, x[:, :_CHECKED])
            if why_not is None:
                found = by_chunks(module, x, cotangents)
            elif why_not:
                warnings.append(f"{why_not}; measured in one piece")
        if found is None:
            found = direct(module, x, cotangents)
    return replace(found, warnings=[*warnings, *found.warnings])


def check(module: nn.Module, x: Tensor) -> None:
    """CaseFault where the output for x (1, L, D) is not finite or does not depend on x differentiably."""
    inputs = x.detach().clone().requires_grad_()
    _gradient(_output(module, inputs)[:, -1], inputs, torch.ones_like(x[:, -1]))


def _output(module: nn.Module, x: Tensor) -> Tensor:
    y = build.call(module, x)
    if not bool(torch.isfinite(y).all()):
        raise CaseFault("failed", "its output holds NaN or infinity")
    return y


def _gradient(y: Tensor, x: Tensor, cotangent: Tensor, keep: bool = False) -> Tensor:
    gradient = None
    if y.requires_grad:
        (gradient,) = torch.autograd.grad(y, x, cotangent.to(y.dtype), retain_graph=keep, allow_unused=True)
    if gradient is None:
        raise CaseFault("failed", "its output is not differentiable with respect to its input")
    return gradient


def no_chunks(module: nn.Module, x: Tensor) -> str | None:
    """Why the module cannot be taken back in chunks; "" where its state grows with the length, None where it can."""
    try:
        with torch.no_grad():
            whole = build.call(module, x)
            middle = (x.shape[1] + 1) // 2
            first, state = advance(module, x[:, :middle], initial_state(module, 1))
            sizes = _sizes(state)
            if sizes is None:
                return ""
            parts = [first]
            if middle < x.shape[1]:
                second, state = advance(module, x[:, middle:], state)
                parts.append(second)
            distance = (torch.cat(parts, dim=1) - whole).abs().max() / whole.abs().max().clamp_min(1e-300)
    except UserError as error:
        return str(error)
    except Exception as error:
        return f"its state cannot be used ({first_line(error)})"
    if _sizes(state) != sizes:
        return ""
    if not distance <= _SAME:
        return f"taken on from its state it differs from its forward by {distance:.1g} of the output"
    return None


def _sizes(state: Any) -> list[int] | None:
    """Elements of each tensor of a state; None where something in it is neither a tensor nor a number."""
    leaves = tree_leaves(state)
    if not all(isinstance(leaf, Tensor | int | float) for leaf in leaves):
        return None
    return [leaf.numel() for leaf in leaves if isinstance(leaf, Tensor)]


# In one piece


def direct(module: nn.Module, x: Tensor, cotangents: Tensor) -> Flow:
    """One forward and one backward pass over the whole sequence, for as many cotangents at once as AT_ONCE allows."""
    length = x.shape[1]
    middle = length // 2
    past, future, beside = [], [], []
    for group in cotangents.split(max(1, AT_ONCE // length)):
        inputs = x.expand(len(group), -1, -1).clone().requires_grad_()
        y = _output(module, inputs)
        last = _gradient(y[:, -1], inputs, group, keep=True)
        past.append(log_norms(last).flip(0))
        beside.append(log_norms(last[:, -1:] - group[:, None]))
        inner = _gradient(y[:, middle], inputs, group)
        future.append(log_norms(inner[:, middle + 1 :]))
    log10, warnings = _carried(_together(past))
    ahead = _together(future)
    if bool((ahead == -math.inf).all()):
        ahead = ahead[:0]
    return Flow(log10, float(_together(beside)), ahead, "direct", warnings)


def log_norms(gradient: Tensor) -> Tensor:
    """log10 of the Frobenius norm at each position, (P, C, D) -> (C,); no square of it underflows or overflows."""
    most = gradient.abs().amax(dim=(0, 2))
    scale = torch.where((most > 0) & most.isfinite(), most, 1.0)
    lengths = torch.linalg.vector_norm(gradient / scale[:, None], dim=(0, 2))
    return lengths.log10() + scale.log10()


def _together(groups: list[Tensor]) -> Tensor:
    """log10 of the norm of several groups of cotangents from that of each."""
    doubled = torch.stack(groups) * (2 * math.log(10))
    return torch.logsumexp(doubled, dim=0) / (2 * math.log(10))


def _carried(log10: Tensor) -> tuple[Tensor, list[str]]:
    """nan where float64 did not carry the value, with a warning; a zero is exact unless small values lead to it."""
    if bool(log10.isnan().any() | (log10 == math.inf).any()):
        finite = log10[log10.isfinite()]
        if not len(finite) or float(finite.max()) < _LARGE:
            raise CaseFault("failed", "its gradient holds NaN or infinity")
        return _cut(log10, int((~log10.isfinite()).nonzero()[0]), "above")
    small = (log10.isfinite() & (log10 < _CARRIED)).nonzero()
    return _cut(log10, int(small[0]), "below") if len(small) else (log10, [])


def _cut(log10: Tensor, at: int, side: str) -> tuple[Tensor, list[str]]:
    kept = log10.clone()
    kept[at:] = math.nan
    way_out = "give the module a state (initial_state and step) to have them measured"
    return kept, [f"from distance {at} on the gradient is {side} what float64 can carry and absent; {way_out}"]


# In chunks


def by_chunks(module: nn.Module, x: Tensor, cotangents: Tensor, chunk: int = CHUNK) -> Flow:
    """The adjoint of the state is sent back from chunk to chunk and kept at length 1."""
    found = [_chunks_of(module, x, group, chunk) for group in cotangents.split(max(1, AT_ONCE // chunk))]
    log10 = _together([norms.flip(0) for norms, _ in found])
    return Flow(log10, float(_together([beside for _, beside in found])), log10[:0], "chunks", [])


def _chunks_of(module: nn.Module, x: Tensor, cotangents: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
    """log10 of the norm by position, (L,), and of what is not the identity at the last one, (1,)."""
    inputs = x.expand(len(cotangents), -1, -1)
    pieces = list(inputs.split(chunk, dim=1))
    states = _states_before(module, pieces)
    adjoint = Adjoint(cotangents, [], 0.0)
    norms = torch.full((x.shape[1],), -math.inf, device=x.device)
    end = x.shape[1]
    beside = None
    for piece, state in zip(reversed(pieces), reversed(states), strict=True):
        gradient, adjoint = _back(module, piece, state, adjoint)
        norms[end - piece.shape[1] : end] = gradient.norms
        end -= piece.shape[1]
        if beside is None:
            beside = log_norms(gradient.last[:, None] - cotangents[:, None])
        if adjoint.is_zero:
            break
    assert beside is not None
    return norms, beside


@dataclass(frozen=True)
class Adjoint:
    """The cotangent of what a chunk hands on: of its last output (P, D) or of the leaves of its state.

    The true one is 10**log10 times as long.
    """

    output: Tensor | None
    state: list[Tensor | None]
    log10: float

    @property
    def is_zero(self) -> bool:
        """Whether nothing goes further back."""
        return self.output is None and self.length == 0

    @property
    def length(self) -> float:
        leaves = [leaf.abs() for leaf in self.state if leaf is not None]
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
        return Adjoint(self.output, state, self.log10 + math.log10(length))


@dataclass(frozen=True)
class _Piece:
    """Of one chunk: log10 of the norm by position (C,), and the gradient of its last position as computed, (P, D)."""

    norms: Tensor
    last: Tensor


def _states_before(module: nn.Module, pieces: list[Tensor]) -> list[Any]:
    """The state before each chunk; one of them is kept for each chunk and not for each token."""
    states = [initial_state(module, len(pieces[0]))]
    with torch.no_grad():
        for piece in pieces[:-1]:
            states.append(advance(module, piece, _copied(states[-1]))[1])
    return states


def _copied(state: Any) -> Any:
    """A step may change the state that it is given."""
    return tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, state)


def _back(module: nn.Module, x: Tensor, state: Any, after: Adjoint) -> tuple[_Piece, Adjoint]:
    """Through one chunk x (P, C, D), in halves where the adjoint would leave the range of float64 within it."""
    gradient, before = _vjp(module, x, state, after)
    if x.shape[1] > 1 and not _within_range(gradient, before):
        middle = x.shape[1] // 2
        with torch.no_grad():
            between = advance(module, x[:, :middle], _copied(state))[1]
        late, adjoint = _back(module, x[:, middle:], between, after)
        if adjoint.is_zero:
            norms = torch.full((middle,), -math.inf, device=x.device)
            return replace(late, norms=torch.cat([norms, late.norms])), adjoint
        early, adjoint = _back(module, x[:, :middle], state, adjoint)
        return replace(late, norms=torch.cat([early.norms, late.norms])), adjoint
    if not bool(gradient.isfinite().all()) or not math.isfinite(before.length):
        raise CaseFault("failed", "its gradient holds NaN or infinity")
    return _Piece(log_norms(gradient) + after.log10, gradient[:, -1]), before.scaled()


def _within_range(gradient: Tensor, before: Adjoint) -> bool:
    """Whether float64 held all of a chunk; where the module made its first state itself, the inputs must tell."""
    if not bool(gradient.isfinite().all()):
        return False
    if before.state:
        return _LEAST <= before.length <= _MOST
    return float(log_norms(gradient).min()) > math.log10(_LEAST)


def _vjp(module: nn.Module, x: Tensor, state: Any, after: Adjoint) -> tuple[Tensor, Adjoint]:
    """The gradient of the inputs (P, C, D), and the adjoint of the state before the chunk."""
    inputs = x.detach().clone().requires_grad_()
    leaves, form = tree_flatten(state)
    sources = [leaf.detach().clone().requires_grad_() if _differentiable(leaf) else leaf for leaf in leaves]
    y, state_after = advance(module, inputs, tree_unflatten([_own(leaf) for leaf in sources], form))
    outputs = [y[:, -1]] if after.output is not None else tree_leaves(state_after)
    cotangents = [after.output] if after.output is not None else after.state
    pairs = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if c is not None and o.requires_grad]
    wanted = [inputs, *(leaf for leaf in sources if _differentiable(leaf))]
    found = torch.autograd.grad(
        [o for o, _ in pairs], wanted, [c for _, c in pairs], allow_unused=True, materialize_grads=True
    )
    of_leaves = iter(found[1:])
    before = [next(of_leaves) if _differentiable(leaf) else None for leaf in sources]
    return found[0], Adjoint(None, before, after.log10)


def _differentiable(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and (leaf.is_floating_point() or leaf.is_complex())


def _own(leaf: Any) -> Any:
    """A copy that a step may change in place."""
    return leaf.clone() if isinstance(leaf, Tensor) else leaf
