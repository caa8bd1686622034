"""One linear recurrence whose state stands in many things: some that a gradient can be followed through, some not."""

from __future__ import annotations

from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass, field
from typing import Any

import torch
from flows import LinearRNN, WithStateArgument, WithStep
from torch import Tensor


class Kept(WithStep):
    """h in what `wrap` makes of it; the norm at distance k is 0.9^k."""

    @staticmethod
    def wrap(h: Tensor) -> Any:
        return h

    @staticmethod
    def unwrap(state: Any) -> Tensor:
        raise NotImplementedError

    def initial_state(self, batch_size: int) -> Any:
        return self.wrap(super().initial_state(batch_size))

    def step(self, x_t: Tensor, state: Any) -> tuple[Tensor, Any]:
        h = self.unwrap(state) @ self.w.T + x_t
        return h, self.wrap(h)


@dataclass
class Held:
    h: Any
    label: str = "h"
    nothing: None = None
    on: bool = True


@dataclass(frozen=True, slots=True)
class Frozen:
    h: Any
    parts: list[Any] = field(default_factory=list)


class Plain:
    """Tensors in a list in an object."""

    def __init__(self, h: Tensor) -> None:
        self._parts = [{"h": h}]


class Slots:
    __slots__ = ("__h",)

    def __init__(self, h: Tensor) -> None:
        self.__h = h

    def read(self) -> Tensor:
        return self.__h


Pair = namedtuple("Pair", ["h", "count"])


class InADataclass(Kept):
    wrap, unwrap = staticmethod(Held), staticmethod(lambda state: state.h)


class InAFrozenDataclass(Kept):
    @staticmethod
    def wrap(h: Tensor) -> Any:
        return Frozen(None, [Held(h), 3])

    @staticmethod
    def unwrap(state: Any) -> Tensor:
        found: Tensor = state.parts[0].h
        return found


class InANamedTuple(Kept):
    @staticmethod
    def wrap(h: Tensor) -> Any:
        return Pair(h, torch.tensor(7))

    unwrap = staticmethod(lambda state: state.h)


class InADict(Kept):
    @staticmethod
    def wrap(h: Tensor) -> Any:
        return OrderedDict(mask=h > 0, inner={"h": (h,)})

    unwrap = staticmethod(lambda state: state["inner"]["h"][0])


class InAnObject(Kept):
    wrap, unwrap = staticmethod(Plain), staticmethod(lambda state: state._parts[0]["h"])


class InSlots(Kept):
    wrap, unwrap = staticmethod(Slots), staticmethod(lambda state: state.read())


class InARing(Kept):
    """A buffer of two rows that are written by turns, in place, in a dataclass that counts."""

    def initial_state(self, batch_size: int) -> Any:
        return Held(self.w.new_zeros(batch_size, 2, len(self.w)), on=False)

    def step(self, x_t: Tensor, state: Any) -> tuple[Tensor, Any]:
        h = state.h[:, int(state.on)] @ self.w.T + x_t
        state.on = not state.on
        state.h = state.h.clone()
        state.h[:, int(state.on)] = h
        return h, state


class ComplexState(Kept):
    """Half of h in each part of a complex number."""

    @staticmethod
    def wrap(h: Tensor) -> Any:
        return torch.complex(*h.chunk(2, dim=-1))

    @staticmethod
    def unwrap(state: Any) -> Tensor:
        return torch.cat([state.real, state.imag], dim=-1)


FOLLOWED = (
    InADataclass,
    InAFrozenDataclass,
    InANamedTuple,
    InADict,
    InAnObject,
    InSlots,
    InARing,
    ComplexState,
)


class InAnArray(Kept):
    wrap = staticmethod(lambda h: h.detach().numpy())
    unwrap = staticmethod(torch.from_numpy)


class InADeque(Kept):
    wrap = staticmethod(lambda h: {"last": deque([h], maxlen=1)})
    unwrap = staticmethod(lambda state: state["last"][0])


class InAFunction(Kept):
    wrap = staticmethod(lambda h: lambda: h)
    unwrap = staticmethod(lambda state: state())


class AsNumbers(Kept):
    """Nothing but Python's numbers."""

    wrap = staticmethod(lambda h: h.tolist())
    unwrap = staticmethod(torch.tensor)


class InTheModule(WithStep):
    """The state that it returns counts; what counts stands in the module."""

    def initial_state(self, batch_size: int) -> Any:
        self.h = self.w.new_zeros(batch_size, len(self.w))
        return 0

    def step(self, x_t: Tensor, state: Any) -> tuple[Tensor, Any]:
        self.h = self.h @ self.w.T + x_t
        return self.h, state + 1


class Looped(Kept):
    """A state that is a part of itself."""

    @staticmethod
    def wrap(h: Tensor) -> Any:
        made = Held(h)
        made.nothing = made  # type: ignore[assignment]
        return made

    unwrap = staticmethod(lambda state: state.h)


NOT_FOLLOWED = (
    (InAnArray, "its state is a ndarray, which is neither a tensor nor a number"),
    (InADeque, "its state['last'] is a deque, which is neither a tensor nor a number"),
    (InAFunction, "its state is a function, which is neither a tensor nor a number"),
    (Looped, "its state.nothing is a part of itself"),
    (AsNumbers, "its state carries another gradient than its forward"),
    (InTheModule, "its state carries another gradient than its forward"),
)


class ForwardDetaches(WithStateArgument):
    """Its forward forgets the gradient every 40 tokens, as truncated training does; its state does not."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        if state is not None:
            return super().forward(x, state)
        y, h = super().forward(x[:, :40])
        for begin in range(40, x.shape[1], 40):
            later, h = super().forward(x[:, begin : begin + 40], h.detach())
            y = torch.cat([y, later], dim=1)
        return y, h


class LaidOutByCalls(LinearRNN):
    """Where h stands in its state depends on how many calls it took to come there."""

    gain = 1e-30  # so that a chunk is taken in parts

    def initial_state(self, batch_size: int) -> Any:
        return Held(self.w.new_zeros(batch_size, 2, len(self.w)), on=False)

    def forward(self, x: Tensor, state: Any = None) -> Any:
        held = self.initial_state(len(x)) if state is None else state
        h, outputs = held.h[:, int(held.on)], []
        for x_t in x.unbind(1):
            h = h @ self.w.T + x_t
            outputs.append(h)
        return torch.stack(outputs, dim=1), Held(
            torch.stack([h, h * 0][:: 1 if held.on else -1], dim=1), on=not held.on
        )
