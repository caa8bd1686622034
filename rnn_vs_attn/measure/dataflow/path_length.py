"""Maximum path length: operations on the shortest route from the first input position to the last output position.

The graph is that of positions. Every element of memory knows which positions of the input it depends on, and over how
few operations the first one came to it; an operation counts where it joins what came along the route with another
position, or with the state that stands before the sequence, and work on one position alone does not count. Which
elements of an operation's output depend on which of its inputs is found by changing those inputs and running that one
operation again, so no table of operations is needed and no module is known by its name.

Positions are told apart by what they depend on. That is enough where none sees the future; of a module that looks both
ways, where all soon depend on all, operations between them are missed, and the count is a lower bound.

A module that has steps runs those, since they are its definition: a recurrence token by token, attention over its
cache. Any other runs its forward pass. Where one layer does not reach from end to end, as a convolution's, layers are
stacked until they do; a layer that the route passes at one position alone makes it no longer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy
import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.measure.dataflow.critical_path import SCANS, sequential_forms
from rnn_vs_attn.measure.dataflow.rerun import SIZES, Rerun
from rnn_vs_attn.measure.dataflow.shadow_memory import Exits, Operation, Recorder, Shadows
from rnn_vs_attn.measure.decoder import step
from rnn_vs_attn.measure.states import differentiable, tensors
from rnn_vs_attn.measure.timing import decoding
from rnn_vs_attn.models import build
from rnn_vs_attn.models.mixer import has_state, initial_state

_BEFORE, _FIRST = 1, 2  # the state before the sequence and the first position, in a set of positions as a bit mask
_ZEROS = ("zeros", "new_zeros", "zeros_like")  # what a recurrence begins with in a forward pass
_TRIES = 3  # inputs more, where no gradient is seen at the first
_NEVER = 1 << 30  # of what the first position has not come to


@dataclass(frozen=True)
class Route:
    """operations: its length; None where no stack of layers reaches. layers: of the stack. runs: of operations, to find
    it. at_least: whether the length is a lower bound. in_chain: whether it is part of a chain of the forward pass, so
    no longer than that: steps are none, nor is a cumulative sum by its definition.
    """

    operations: int | None
    layers: int = 0
    runs: int = 0
    at_least: bool = False
    in_chain: bool = False


def shortest(make: Callable[[int], nn.Module], num_layers: int, x: Tensor) -> Route:
    """The route through as many layers of `make(layers)`, num_layers at least, as x (1, L, D) needs."""
    layers = _fewest(lambda count: reaches(make(count), x), num_layers, max(num_layers, x.shape[1]))
    if layers is None:
        return Route(None)
    module = make(layers).eval()
    with torch.no_grad(), sequential_forms(), torch.random.fork_rng(devices=[]):
        found = _route(module, x, steps=_steps_are_its_definition(module, x))
    return replace(found, layers=layers)


def _fewest(holds: Callable[[int], bool], least: int, most: int) -> int | None:
    """The smallest number from `least` to `most` that holds; what holds of one holds of all above it."""
    high = least
    while not holds(high):
        if high >= most:
            return None
        least, high = high + 1, min(2 * high, most)
    while least < high:
        middle = (least + high) // 2
        least, high = (least, middle) if holds(middle) else (middle + 1, high)
    return high


def reaches(module: nn.Module, x: Tensor) -> bool:
    """Whether the last output depends on the first position: its gradient, which no large value drowns, is not 0, at x
    or at one of a few other inputs, as a gate that is shut at one may be open at another.
    """
    inputs = (x, *(torch.randn_like(x) for _ in range(_TRIES)))
    return any(_has_gradient(module, given.detach().requires_grad_()) for given in inputs)


def _has_gradient(module: nn.Module, x: Tensor) -> bool:
    with torch.enable_grad(), sequential_forms():
        y = build.call(module, x.clone())[:, -1]  # it may work in place on what it is given
        (gradient,) = torch.autograd.grad((y * torch.randn_like(y)).sum(), x, allow_unused=True)
    return gradient is not None and bool((gradient[:, 0] != 0).any())


def _steps_are_its_definition(module: nn.Module, x: Tensor) -> bool:
    if not has_state(module):
        return False
    try:
        decoding.check(module, x)
    except Exception:  # whatever its steps lack, its forward pass is a definition too
        return False
    return True


def _route(module: nn.Module, x: Tensor, steps: bool) -> Route:
    recorder = Routes(module, x, steps)
    for position in range(x.shape[1]):
        recorder.mark(x[:, position], _FIRST << position, 0 if position == 0 else _NEVER)
    if not steps:
        with recorder, Exits(recorder.follows):
            y = build.call(module, x)
        least, ahead = recorder.least(y[:, -1]), recorder.looks_ahead(y[:, 0])
        return Route(least, runs=recorder.runs, at_least=ahead, in_chain=not recorder.scans)
    state = initial_state(module, 1)
    for tensor in tensors(state):
        recorder.witnessed.add([tensor])
        if differentiable(tensor):  # a number of tokens is no state that is joined
            recorder.mark(tensor, _BEFORE, _NEVER)
    with recorder, Exits(recorder.follows):
        for position in range(x.shape[1]):
            y_t, state = step(module, x[:, position], state)
    return Route(recorder.least(y_t), runs=recorder.runs)


class Routes(Recorder):
    """While active, keeps for each element of memory the positions it depends on, and the length of its route.

    steps: whether a module's steps run, whose first state is marked as standing before the sequence. runs: of
    operations, so far. scans: whether one of them was a cumulative sum over positions.
    """

    def __init__(self, module: nn.Module, x: Tensor, steps: bool) -> None:
        super().__init__(module, x)
        self.steps, self.runs, self.scans = steps, 0, False
        self.positions, self.lengths = Shadows(object, 0), Shadows(numpy.int32, _NEVER)

    def follows(self, tensor: Tensor) -> bool:
        return bool((self.positions.read(tensor) != 0).any())

    def mark(self, tensor: Tensor, positions: Any, lengths: Any) -> None:
        """Note what a tensor depends on, an entry an element, or one for all."""
        self.positions.write(tensor, positions)
        self.lengths.write(tensor, lengths)

    def looks_ahead(self, first_output: Tensor) -> bool:
        """Whether it depends on any position after the first."""
        return bool((self.positions.read(first_output) > (_BEFORE | _FIRST)).any())

    def least(self, tensor: Tensor) -> int:
        """The shortest route to any element. CaseFault where none was seen, though there is one."""
        found = int(self.lengths.read(tensor).min())
        if found == _NEVER:
            raise CaseFault("unsupported", "no operation was seen to carry the first input to the last output")
        return found

    def record(self, operation: Operation) -> Any:
        if operation.name == "copy_":
            return self._copied(operation)
        known = [(self.positions.read(tensor), self.lengths.read(tensor)) for tensor in operation.given]
        kinds = _kinds(known)
        is_scan = operation.name.rstrip("_") in SCANS and bool(kinds)
        again = Rerun(operation) if len(kinds) > 1 and not is_scan else None
        masks = {kind: _masks(known, kind) for kind in kinds} if again else {}
        scanned = self._scanned(operation) if is_scan else None
        self.scans = self.scans or is_scan
        out = self.run(operation)
        if operation.returned_a_view(out):
            return out
        self.runs += 1 + len(SIZES) * len(masks)
        results = operation.results(out)
        if again is not None:
            changed = {kind: again.changed(mask) for kind, mask in masks.items()}
            self._join(results, changed, whole=torch.Tag.pointwise not in operation.func.tags)
            return out
        for tensor in operation.carrying(out):
            zeros = operation.name in _ZEROS and differentiable(tensor)
            self.mark(tensor, *(scanned or next(iter(kinds), (_BEFORE if zeros else 0, _NEVER))))
        return out

    def _copied(self, operation: Operation) -> Any:
        """Each element depends on what the one that is written there does, and on nothing that stood there."""
        source, out = operation.named["src"], self.run(operation)
        self.runs += 1
        positions = numpy.bitwise_or.reduce(self.positions.read(source), axis=-1)
        lengths = self.lengths.read(source).min(axis=-1)
        self.mark(out, numpy.broadcast_to(positions, out.shape), numpy.broadcast_to(lengths, out.shape))
        return out

    def _scanned(self, operation: Operation) -> tuple[Any, Any]:
        """Positions and lengths of a cumulative sum by its definition: one operation a position, the first one with the
        sum before it.
        """
        summed = operation.named["self"]
        axis = operation.named["dim"] % max(1, summed.dim())
        positions = numpy.moveaxis(self.positions.read(summed)[..., 0], axis, 0).copy()
        lengths = numpy.moveaxis(self.lengths.read(summed)[..., 0], axis, 0).astype(numpy.int64)
        for t in range(len(positions)):
            own = positions[t].copy()
            if t:
                positions[t] |= positions[t - 1]
            joined = numpy.array((positions[t] != own) | (own == _FIRST), bool)
            lengths[t] = numpy.minimum(lengths[t] + joined, _NEVER)
            if t:
                further = numpy.array(positions[t] != positions[t - 1], bool)
                lengths[t] = numpy.minimum(lengths[t], numpy.minimum(lengths[t - 1] + further, _NEVER))
        return numpy.moveaxis(positions, 0, axis), numpy.moveaxis(lengths, 0, axis)

    def _join(self, results: list[Tensor], changed: dict[tuple[int, int], list[Any]], whole: bool) -> None:
        """Mark each element with all kinds that it depends on; one that is joined with another is an operation further.

        whole: all elements are where any of them has more than each of what it is made of, as a convolution is one
        operation at its first positions too; else, as in a sum of two tensors, each element by itself.
        """
        state = self.steps or all(of in (_BEFORE, _FIRST) for of, _ in changed)
        for i, tensor in enumerate(results):
            positions = numpy.zeros(tuple(tensor.shape), object)
            for (of, _), found in changed.items():
                positions[found[i]] |= of
            depends = {kind: numpy.asarray(found[i]) for kind, found in changed.items()}
            joined = {kind: _joined(positions, kind[0], state) for kind in changed}
            new = numpy.all([joined[kind] | ~depends[kind] for kind in changed], axis=0) & (positions != 0)
            if whole and (new.any() or (state and _is_first(joined, depends))):
                joined = dict.fromkeys(changed, True)
            lengths = numpy.full(tuple(tensor.shape), _NEVER, numpy.int64)
            for kind in changed:
                reached = numpy.minimum(kind[1] + joined[kind], _NEVER)
                lengths = numpy.where(depends[kind], numpy.minimum(lengths, reached), lengths)
            self.mark(tensor, positions, lengths)


def _kinds(known: list[tuple[Any, Any]]) -> set[tuple[int, int]]:
    """What the elements of tensors depend on, and over how many operations; all that differ. known: both of each."""
    found: set[tuple[int, int]] = set()
    for positions, lengths in known:
        found |= set(zip(positions.ravel().tolist(), lengths.ravel().tolist(), strict=True))
    return {kind for kind in found if kind[0]}


def _masks(known: list[tuple[Any, Any]], kind: tuple[int, int]) -> list[Any]:
    """Which elements of each tensor are of this kind."""
    same = [(positions == kind[0]) & (lengths == kind[1]) for positions, lengths in known]
    return [numpy.array(of_numbers.any(axis=-1), bool) for of_numbers in same]


def _joined(positions: Any, of: int, state: bool) -> Any:
    """Which elements, of those that depend on `of`, depend on another position too.

    state: whether zeros that stand before the sequence are one. In a forward pass, where they may also be a place to
    add to, they count as one where an operation joins them with the first position alone.
    """
    if state:
        return numpy.array(positions != of, bool)
    return numpy.array((positions | _BEFORE) != (of | _BEFORE), bool)


def _is_first(joined: dict[tuple[int, int], Any], depends: dict[tuple[int, int], Any]) -> bool:
    """Whether any element joins the state before the sequence."""
    return any(bool((joined[kind] & depends[kind]).any()) for kind in joined if kind[0] == _BEFORE)
