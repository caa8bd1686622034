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
from rnn_vs_attn.measure import batch_independence
from rnn_vs_attn.measure.draws import same_draws
from rnn_vs_attn.models import build
from rnn_vs_attn.models.mixer import advance, has_state, initial_state

CHUNK = 128
AT_ONCE = 1 << 15  # positions of all cotangents together that one pass takes
TRIED = 256  # positions on which the gradient of a user's state is held against that of its forward
_LEAST, _MOST = 1e-100, 1e100  # a chunk over which the adjoint leaves this range is taken in halves
_CARRIED = -290.0  # log10: below it a float64 begins to lose digits
_LARGE = 200.0  # log10: what is not finite beyond such a value has overflowed
_SAME = 1e-8  # relative: how far `forward` and the same tokens taken in two parts may be apart
_NODES = 2000  # operations, from the output back, whose dtype is looked at
_ROUNDING = -12.0  # log10: gradient from the future that is so much smaller than the largest is rounding


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
    """Modules and tensors made within are float64 unless they say otherwise, and keep gradients."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.enable_grad():  # a user's module may have turned it off for the process
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
    """No dropout; cuDNN's recurrent layers take gradients in training mode only."""
    module.eval()
    for layer in module.modules():
        if isinstance(layer, nn.RNNBase) and not layer.dropout:
            layer.train()
    return module


def flow(module: nn.Module, x: Tensor, cotangents: Tensor, may_chunk: bool = True, trusted: bool = False) -> Flow:
    """G at all distances for x (1, L, D). CaseFault where the module has no gradient to give.

    trusted: the module's state is known to be right, and sequences of a batch to be apart, so neither is tried.
    """
    try:
        return _flow(module.requires_grad_(False), x, cotangents, may_chunk, trusted)
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        return _flow(module.requires_grad_(True), x, cotangents, may_chunk, trusted)  # it takes gradients itself


def _flow(module: nn.Module, x: Tensor, cotangents: Tensor, may_chunk: bool, trusted: bool) -> Flow:
    found: Flow | None = None
    warnings = []
    with float64():
        at_once = AT_ONCE
        if not trusted:
            _try_precision(module, x)
        batch = batch_independence.of(module, *x.shape)
        batch.refuse()
        if batch.warnings:
            at_once = 1
            warnings += [f"{text}; cotangents are taken one at a time" for text in batch.warnings]
        if may_chunk and has_state(module) and not batch.random:
            why_not = None if trusted else no_chunks(module, x)
            if why_not is None:
                found = by_chunks(module, x, cotangents, at_once=at_once)
            elif why_not:
                warnings.append(f"{why_not}; measured in one piece")
        if found is None:
            found = direct(module, x, cotangents, at_once)
    return replace(found, warnings=[*warnings, *found.warnings])


def check(module: nn.Module, x: Tensor) -> None:
    """CaseFault where the output for x (1, L, D) is not finite or does not depend on x differentiably."""
    with float64():
        inputs = x.detach().clone().requires_grad_()
        _gradient(_output(module, inputs)[:, -1], inputs, torch.ones_like(x[:, -1]))


def _value(module: nn.Module, x: Tensor) -> Tensor:
    """The output, without a graph unless the module takes gradients itself."""
    try:
        with torch.no_grad():
            return build.call(module, x.clone())
    except RuntimeError:
        return build.call(module, x.clone()).detach()


def _output(module: nn.Module, x: Tensor) -> Tensor:
    with same_draws():  # of a layer that draws numbers, the gradient at the same ones in every pass
        y = build.call(module, x.clone())  # a module may change what it is given
    if not bool(torch.isfinite(y).all()):
        raise CaseFault("failed", "its output holds NaN or infinity")
    _refuse_low_precision(y)
    return y


def _try_precision(module: nn.Module, x: Tensor) -> None:
    """On few positions, so that the walk over the operations gets to the input; a module may refuse so few."""
    try:
        y = build.call(module, x[:, :16].clone().requires_grad_())
    except Exception:
        return
    _refuse_low_precision(y)


def _refuse_low_precision(y: Tensor) -> None:
    """CaseFault where something between input and output is computed with fewer digits than float64's.

    Only the last of the operations are looked at: a graph that Python has walked wholly is destroyed recursively.
    """
    seen: set[object] = set()
    pending = [y.grad_fn]
    if y.dtype != torch.float64:
        raise CaseFault("unsupported", _too_few_digits(y.dtype))
    while pending and len(seen) < _NODES:
        node = pending.pop(0)
        if node is None or node in seen:
            continue
        seen.add(node)
        for described in getattr(node, "_input_metadata", ()):
            if described.dtype in (torch.float32, torch.float16, torch.bfloat16):
                raise CaseFault("unsupported", _too_few_digits(described.dtype))
        pending += [following for following, _ in node.next_functions]


def _too_few_digits(dtype: torch.dtype) -> str:
    name = str(dtype).removeprefix("torch.")
    return f"it computes in {name} inside, and gradients are measured in float64; let it follow its input's dtype"


def _gradient(y: Tensor, x: Tensor, cotangent: Tensor, keep: bool = False) -> Tensor:
    gradient = None
    if y.requires_grad:
        (gradient,) = torch.autograd.grad(y, x, cotangent, retain_graph=keep, allow_unused=True)
    if gradient is None:
        raise CaseFault("failed", "its output is not differentiable with respect to its input")
    return gradient


def no_chunks(module: nn.Module, x: Tensor) -> str | None:
    """Why a user's module cannot be taken back in chunks; "" where its state grows or it sees the future, else None.

    Its outputs from chunk to chunk must be those of `forward` over the whole length, and its gradients those of
    `forward` on the first TRIED positions.
    """
    whole = _value(module, x)
    if not bool(torch.isfinite(whole).all()):
        raise CaseFault("failed", "its output holds NaN or infinity")
    try:
        with torch.no_grad():
            pieces, state, sizes = [], initial_state(module, 1), []
            for piece in x.split(CHUNK if x.shape[1] > CHUNK else (x.shape[1] + 1) // 2, dim=1):
                y, state = advance(module, piece, _copied(state))
                pieces.append(y)
                sizes.append(_sizes(state))
        if None in sizes or sizes != sizes[:1] * len(sizes):
            return ""
        distance = float((torch.cat(pieces, dim=1) - whole).abs().max() / whole.abs().max().clamp_min(1e-300))
        if not distance <= _SAME:
            return f"taken on from its state it differs from its forward by {distance:.1g} of the output"
        return _other_gradient(module, x[:, :TRIED])
    except UserError as error:
        return str(error)
    except Exception as error:
        return f"its state cannot be used ({first_line(error)})"


def _other_gradient(module: nn.Module, x: Tensor) -> str | None:
    """Whether chunks give another gradient than one piece; "" where the future is seen."""
    probe = cotangents(1, x.shape[2], False, x.device)
    expected = direct(module, x, probe)
    if len(expected.future):
        return ""
    found = by_chunks(module, x, probe, chunk=max(1, x.shape[1] // 3)).log10
    carried = expected.log10 > -200
    if not torch.allclose(found[carried], expected.log10[carried], rtol=0, atol=_SAME):
        return "its state carries another gradient than its forward (detached, or under no_grad)"
    return None


def _sizes(state: Any) -> list[int] | None:
    """Elements of each tensor of a state; None where something in it is neither a tensor nor a number."""
    leaves = tree_leaves(state)
    if not all(isinstance(leaf, Tensor | int | float) for leaf in leaves):
        return None
    return [leaf.numel() for leaf in leaves if isinstance(leaf, Tensor)]


# In one piece


def direct(module: nn.Module, x: Tensor, cotangents: Tensor, at_once: int | None = None) -> Flow:
    """One forward and one backward pass over the whole sequence, for as many cotangents at once as `at_once` allows."""
    length = x.shape[1]
    middle = length // 2
    past, future, beside, leaks = [], [], [], []
    for group in cotangents.split(max(1, (at_once or AT_ONCE) // length)):
        inputs = x.expand(len(group), -1, -1).clone().requires_grad_()
        y = _output(module, inputs)
        last = _gradient(y[:, -1], inputs, group, keep=True)
        past.append(log_norms(last).flip(0))
        beside.append(log_norms(last[:, -1:] - group[:, None]))
        inner = _gradient(y[:, middle], inputs, group, keep=True)
        future.append(log_norms(inner[:, middle + 1 :]))
        leaks.append(max(_leak(y, inputs, group, cut) for cut in (middle, middle - 1) if cut >= 0))
    log10, warnings = _carried(_together(past))
    return _with_future(Flow(log10, float(_together(beside)), _together(future), "direct", warnings), max(leaks))


def _leak(y: Tensor, x: Tensor, group: Tensor, cut: int) -> float:
    """log10 of the gradient that later inputs get from all outputs up to `cut` together."""
    (gradient,) = torch.autograd.grad(
        y[:, : cut + 1], x, group[:, None].expand(-1, cut + 1, -1), retain_graph=True, allow_unused=True
    )
    later = gradient[:, cut + 1 :] if gradient is not None else x[:, :0]
    return float(log_norms(later).max()) if later.numel() else -math.inf


def _with_future(found: Flow, leak: float) -> Flow:
    """The flow with its future, or without where that is none, or no more than rounding."""
    largest = float(found.log10[found.log10.isfinite()].max()) if bool(found.log10.isfinite().any()) else 0.0
    if leak == -math.inf:
        return replace(found, future=found.future[:0])
    if leak > largest + _ROUNDING:
        text = "not causal: gradient from the future arrives, shown at negative distances for an output in the middle"
        return replace(found, warnings=[*found.warnings, text])
    lost = found.log10 < leak + 1
    text = f"below 1e{leak + 1:.0f} what arrives is this module's own rounding, and absent"
    log10 = torch.where(lost, math.nan, found.log10)
    return replace(found, log10=log10, future=found.future[:0], warnings=[*found.warnings, text])


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
    first = _first_lost(log10)
    return (log10, []) if first is None else _cut(log10, first, "below")


def _first_lost(log10: Tensor) -> int | None:
    """The first distance whose value is too small for float64, or 0 although the ones before it lead far below."""
    small = (log10.isfinite() & (log10 < _CARRIED)).nonzero()
    zeros = (log10 == -math.inf).nonzero()
    found = [int(small[0])] if len(small) else []
    if len(zeros) and int(zeros[0]) >= 2:
        at = int(zeros[0])
        if float(2 * log10[at - 1] - log10[at - 2]) < _CARRIED:
            found.append(at)
    return min(found, default=None)


def _cut(log10: Tensor, at: int, side: str) -> tuple[Tensor, list[str]]:
    kept = log10.clone()
    kept[at:] = math.nan
    way_out = "give the module a state (initial_state and step) to have them measured"
    return kept, [f"from distance {at} on the gradient is {side} what float64 can carry and absent; {way_out}"]


# In chunks


def by_chunks(module: nn.Module, x: Tensor, cotangents: Tensor, chunk: int = CHUNK, at_once: int | None = None) -> Flow:
    """The adjoint of the state is sent back from chunk to chunk and kept at length 1."""
    found = [_chunks_of(module, x, group, chunk) for group in cotangents.split(max(1, (at_once or AT_ONCE) // chunk))]
    log10 = _together([norms.flip(0) for norms, _, _ in found])
    beside = float(_together([beside for _, beside, _ in found]))
    lost = max(end for _, _, end in found)
    if not lost:
        return Flow(log10, beside, log10[:0], "chunks", [])
    first = x.shape[1] - lost
    log10[first:] = math.nan
    text = f"from distance {first} on the gradient is lost beside that of a part of the state that outlives it; absent"
    return Flow(log10, beside, log10[:0], "chunks", [text])


def _chunks_of(module: nn.Module, x: Tensor, cotangents: Tensor, chunk: int) -> tuple[Tensor, Tensor, int]:
    """log10 of the norm by position, (L,), of what is not the identity at the last one, (1,), and up to which position
    float64 has lost it.
    """
    inputs = x.expand(len(cotangents), -1, -1)
    pieces = list(inputs.split(chunk, dim=1))
    states = _states_before(module, pieces)
    adjoint = Adjoint(cotangents, [], 0.0)
    norms = torch.full((x.shape[1],), -math.inf, device=x.device)
    end = x.shape[1]
    beside, lost = None, 0
    for piece, state in zip(reversed(pieces), reversed(states), strict=True):
        gradient, adjoint = _back(module, piece, state, adjoint)
        norms[end - piece.shape[1] : end] = gradient.norms
        if gradient.lost and not lost:
            lost = end
        end -= piece.shape[1]
        if beside is None:
            beside = log_norms(gradient.last[:, None] - cotangents[:, None])
        if adjoint.is_zero:
            break
    assert beside is not None
    return norms, beside, lost


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
    """Of one chunk: log10 of the norm by position (C,), and the gradient of its last position as computed, (P, D).

    lost: somewhere it is so small beside the adjoint of the state that float64 does not hold it.
    """

    norms: Tensor
    last: Tensor
    lost: bool


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
        norms = torch.cat([early.norms, late.norms])
        return replace(late, norms=norms, lost=early.lost or late.lost), adjoint
    if not bool(gradient.isfinite().all()) or not math.isfinite(before.length):
        raise CaseFault("failed", "its gradient holds NaN or infinity")
    norms = log_norms(gradient)
    lost = before.length > 0 and bool((norms.isfinite() & (norms < _CARRIED)).any())
    return _Piece(norms + after.log10, gradient[:, -1], lost), before.scaled()


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
