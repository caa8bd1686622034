"""Maximum path length: operations on the shortest route from the first input position to the last output position.

The graph is that of positions. Every element of memory knows which positions of the input it depends on, and over how
few operations the first one came to it; an operation counts where it joins what came along the route with another
position, or with the state that stands before the sequence, and work on one position alone does not count. Which
elements of an operation's output depend on which of its inputs is found by changing those inputs and running that one
operation again, so no table of operations is needed and no module is known by its name.

A module that has steps runs those, since they are its definition: a recurrence token by token, attention over its
cache. Any other runs its forward pass. Where one layer does not reach from end to end, as a convolution's, layers are
stacked until they do; a layer that the route passes at one position alone makes it no longer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_unflatten

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.measure import decoding
from rnn_vs_attn.measure.chains import SCANS, sequential_forms
from rnn_vs_attn.measure.shadows import (
    LEAVES_TORCH,
    Shadows,
    Witnessed,
    creates,
    is_view,
    named_arguments,
    tensors_of,
    written_tensors,
)
from rnn_vs_attn.models import build
from rnn_vs_attn.models.mixer import has_state, initial_state

_BEFORE, _FIRST = 1, 2  # the state before the sequence and the first position, in a set of positions as a bit mask
_ZEROS = ("zeros", "new_zeros")  # what a recurrence begins with in a forward pass
_NEVER = 1 << 30  # of what the first position has not come to
_SIZES = (1.0, 1e12)  # of what is added to an input: a weight may be so small that only a large value shows


@dataclass(frozen=True)
class Route:
    """operations: its length; None where no stack of layers reaches. runs: of operations, to find it."""

    operations: int | None
    runs: int = 0


def shortest(make: Callable[[int], nn.Module], num_layers: int, x: Tensor) -> Route:
    """The route through as many layers of `make(layers)`, num_layers at least, as x (1, L, D) needs."""
    layers = _fewest(lambda count: _reaches(make(count), x), num_layers, max(num_layers, x.shape[1]))
    if layers is None:
        return Route(None)
    module = make(layers).eval()
    with torch.no_grad(), sequential_forms(), torch.random.fork_rng(devices=[]):
        return _route(module, x, steps=_steps_are_its_definition(module, x))


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


def _reaches(module: nn.Module, x: Tensor) -> bool:
    """Whether the last output depends on the first position: its gradient, which no large value drowns, is not 0."""
    x = x.detach().requires_grad_()
    with torch.enable_grad(), sequential_forms():
        y = build.call(module, x)[:, -1]
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
    recorder = Routes(Witnessed(module, x), steps)
    for position in range(x.shape[1]):
        recorder.mark(x[:, position], _FIRST << position, 0 if position == 0 else _NEVER)
    if not steps:
        with recorder:
            y = build.call(module, x)
        return Route(recorder.least(y[:, -1]), recorder.runs)
    state = initial_state(module, 1)
    for tensor in _state_tensors(state):
        recorder.mark(tensor, _BEFORE, _NEVER)
        recorder.witnessed.add([tensor])
    with recorder:
        for position in range(x.shape[1]):
            y_t, state = decoding.step(module, x[:, position], state)
    return Route(recorder.least(y_t), recorder.runs)


def _state_tensors(state: Any) -> list[Tensor]:
    """All tensors that a state holds, however it holds them."""
    if isinstance(state, Tensor):
        return [state]
    if isinstance(state, dict):
        parts = list(state.values())
    elif isinstance(state, list | tuple):
        parts = list(state)
    else:
        parts = list(vars(state).values()) if hasattr(state, "__dict__") else []
    return [tensor for part in parts for tensor in _state_tensors(part)]


@dataclass
class Routes(TorchDispatchMode):
    """While active, keeps for each element of memory the positions it depends on, and the length of its route.

    steps: whether a module's steps run, whose first state is marked as standing before the sequence.
    """

    witnessed: Witnessed
    steps: bool = False
    positions: Shadows = field(default_factory=lambda: Shadows(object, 0))
    lengths: Shadows = field(default_factory=lambda: Shadows(numpy.int32, _NEVER))
    runs: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def __hash__(self) -> int:
        return id(self)

    def mark(self, tensor: Tensor, positions: Any, lengths: Any) -> None:
        self.positions.write(tensor, positions)
        self.lengths.write(tensor, lengths)

    def least(self, tensor: Tensor) -> int:
        """The shortest route to any element. CaseFault where none was seen, though there is one."""
        found = int(self.lengths.read(tensor).min())
        if found == _NEVER:
            raise CaseFault("unsupported", "no operation was seen to carry the first input to the last output")
        return found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket._qualified_op_name.split("::")[-1]
        given = [] if creates(name) else tensors_of((args, kwargs))
        self.witnessed.check(name, given)
        kinds = self._kinds(given)
        if kinds and name in LEAVES_TORCH:
            raise CaseFault(
                "unsupported", f"the operation {name} makes a value Python's, along which there is no route"
            )
        if name.rstrip("_") in SCANS and kinds:
            return self._scan(func, args, kwargs)
        again = _Again(func, args, kwargs) if len(kinds) > 1 else None
        masks = {kind: self._masks(tensors_of((args, kwargs)), kind) for kind in kinds} if again else {}
        out = func(*args, **kwargs)
        if is_view(func, args, out):
            return out
        results = [*tensors_of(out), *written_tensors(func, args, kwargs)]
        self.witnessed.add(results)
        self.runs += 1 + len(_SIZES) * len(masks)
        if again is None:
            kind = next(iter(kinds), (_BEFORE if name in _ZEROS else 0, _NEVER))
            for tensor in results:
                self.mark(tensor, *kind)
        else:
            changed = {kind: again.changed(mask) for kind, mask in masks.items()}
            self._join(results, changed, whole=torch.Tag.pointwise not in func.tags)
        return out

    def _scan(self, func: Any, args: Any, kwargs: Any) -> Any:
        """A cumulative sum by its definition: one operation a position, the first one with the sum before it."""
        given = named_arguments(func, args, kwargs)
        axis = given["dim"] % max(1, given["self"].dim())
        positions = numpy.moveaxis(self.positions.read(given["self"])[..., 0], axis, 0).copy()
        lengths = numpy.moveaxis(self.lengths.read(given["self"])[..., 0], axis, 0).astype(numpy.int64)
        for t in range(len(positions)):
            own = positions[t].copy()
            if t:
                positions[t] |= positions[t - 1]
            joined = numpy.array((positions[t] != own) | (own == _FIRST), bool)
            lengths[t] = numpy.minimum(lengths[t] + joined, _NEVER)
            if t:
                further = numpy.array(positions[t] != positions[t - 1], bool)
                lengths[t] = numpy.minimum(lengths[t], numpy.minimum(lengths[t - 1] + further, _NEVER))
        out = func(*args, **kwargs)
        results = [*tensors_of(out), *written_tensors(func, args, kwargs)]
        self.witnessed.add(results)
        for tensor in results:
            self.mark(tensor, numpy.moveaxis(positions, 0, axis), numpy.moveaxis(lengths, 0, axis))
        return out

    def _kinds(self, tensors: list[Tensor]) -> set[tuple[int, int]]:
        """What the elements of these tensors depend on, and over how many operations; all that differ."""
        found: set[tuple[int, int]] = set()
        for tensor in tensors:
            positions, lengths = self.positions.read(tensor), self.lengths.read(tensor)
            found |= set(zip(positions.ravel().tolist(), lengths.ravel().tolist(), strict=True))
        return {kind for kind in found if kind[0]}

    def _masks(self, tensors: list[Tensor], kind: tuple[int, int]) -> list[Any]:
        """Which elements of each tensor are of this kind."""
        positions, length = kind
        same = [(self.positions.read(t) == positions) & (self.lengths.read(t) == length) for t in tensors]
        return [numpy.array(of_numbers.any(axis=-1), bool) for of_numbers in same]

    def _join(self, results: list[Tensor], changed: dict[tuple[int, int], list[Any]], whole: bool) -> None:
        """Mark each element with all kinds that it depends on; one that is joined with another is an operation further.

        whole: all elements are where any of them has more than each of what it is made of, as a convolution is one
        operation at its first positions too; else, as in a sum of two tensors, each element by itself.
        """
        for i, tensor in enumerate(results):
            positions = numpy.zeros(tuple(tensor.shape), object)
            for (of, _), found in changed.items():
                positions[found[i]] |= of
            joined = {kind: self._joined(positions, kind[0]) for kind in changed}
            if whole and _is_new(joined, {kind: found[i] for kind, found in changed.items()}):
                joined = dict.fromkeys(changed, True)
            lengths = numpy.full(tuple(tensor.shape), _NEVER, numpy.int64)
            for kind, found in changed.items():
                reached = numpy.minimum(kind[1] + joined[kind], _NEVER)
                lengths = numpy.where(found[i], numpy.minimum(lengths, reached), lengths)
            self.mark(tensor, positions, lengths)

    def _joined(self, positions: Any, of: int) -> Any:
        """Which elements, of those that depend on `of`, depend on another position too.

        The state before the first step is one. In a forward pass, where zeros may be one or only a place to add to,
        they count as one for the first position alone.
        """
        if self.steps or of == _FIRST:
            return numpy.array(positions != of, bool)
        return numpy.array((positions | _BEFORE) != (of | _BEFORE), bool)


def _is_new(joined: dict[tuple[int, int], Any], found: dict[tuple[int, int], Any]) -> bool:
    """Whether any element depends on more positions than each kind that it is made of, or joins the first state."""
    made = numpy.any([numpy.asarray(depends) for depends in found.values()], axis=0)
    more = numpy.all([joined[kind] | ~numpy.asarray(depends) for kind, depends in found.items()], axis=0)
    first_state = [joined[kind] & depends for kind, depends in found.items() if kind[0] == _BEFORE]
    return bool((made & more).any() or numpy.any(first_state))


class _Again:
    """An operation with a copy of what it was given, to be run again with some of it changed."""

    def __init__(self, func: Any, args: Any, kwargs: Any) -> None:
        self._func = func
        self._leaves, self._spec = tree_flatten((args, kwargs))
        self._leaves = [_copy(leaf) if isinstance(leaf, Tensor) else leaf for leaf in self._leaves]
        self._expected = self._run(self._leaves)

    def changed(self, masks: list[Any]) -> list[Any]:
        """For each result, which of its elements are others when the masked elements of the tensors given are."""
        found: list[Any] = [False] * len(self._expected)
        for size in _SIZES:
            left = iter(masks)
            leaves = [_other(leaf, next(left), size) if isinstance(leaf, Tensor) else leaf for leaf in self._leaves]
            for i, (a, b) in enumerate(zip(self._run(leaves), self._expected, strict=True)):
                found[i] = found[i] | numpy.asarray((a != b) & ~((a != a) & (b != b)))
        return found

    def _run(self, leaves: list[Any]) -> list[Tensor]:
        args, kwargs = tree_unflatten([_copy(x) if isinstance(x, Tensor) else x for x in leaves], self._spec)
        if torch.Tag.nondeterministic_seeded in self._func.tags:
            torch.manual_seed(0)  # it draws the same numbers again
        out = self._func(*args, **kwargs)
        return [t.clone() for t in (*tensors_of(out), *written_tensors(self._func, args, kwargs))]


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().clone()


def _other(tensor: Tensor, mask: Any, size: float) -> Tensor:
    """The tensor with other values where the mask is. CaseFault where positions have become whole numbers."""
    if not mask.any():
        return tensor
    where = torch.from_numpy(mask)
    if tensor.dtype == torch.bool:
        return tensor ^ where
    if not tensor.is_floating_point() and not tensor.is_complex():
        raise CaseFault("unsupported", "it computes indices from its input, along which no route can be followed")
    return torch.where(where, tensor + size * torch.randn(tensor.shape, dtype=tensor.dtype), tensor)
