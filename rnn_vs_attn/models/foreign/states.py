"""The recurrent state of a layer: taken out of one call and given to the next, where two parts give what one call does.

A state that is offered and does not agree is not used, and that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rnn_vs_attn.models.foreign import outputs
from rnn_vs_attn.models.foreign.call_arguments import optional, parameters_of, words
from rnn_vs_attn.models.foreign.convention import Caller

_STATES = set("state states hx hc h h0 c0 hidden hiddens carry prev past cache caches memory memories mem mems".split())
_NO_STATES = set("mask encoder cross context attn attention not age".split())
_ASKS = set("return output use".split())
_SAID = _STATES - {"past", "memory", "memories", "mem", "mems"}  # whose names leave no doubt what they are
_FIRST_STATES = "initial_state init_state zero_state empty_state initial_cache init_cache initial_hidden init_hidden"
_SAME = {torch.float64: 1e-6}  # of the largest output: two forms may differ by what keeps a division from being by 0
_SAME_IN_FEWER_DIGITS = 1e-4


class Carried:
    """How a state is carried on."""

    @property
    def at_once(self) -> bool:
        """Whether over several positions in one call."""
        return False

    def advance(self, caller: Caller, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(B, C, D) and the state before it, None for the first -> (B, C, D) and the state after it."""
        raise NotImplementedError

    def initial(self, caller: Caller, batch_size: int) -> Any:
        """The state before the first position; None where a layer makes its own."""
        return None


@dataclass(frozen=True)
class ByForward(Carried):
    """By the forward: it is given as `parameter`, or, where that is "", as the keywords that are its keys.

    flag: the keyword that asks for it. output, places: where in the result the output and the state stand; of several
    places it is a tuple. by_token: a call with a state takes one position.
    """

    parameter: str
    flag: str
    output: int | str | None
    places: tuple[Any, ...]
    by_token: bool = False

    @property
    def at_once(self) -> bool:
        return not self.by_token

    def advance(self, caller: Caller, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        if state is None or not self.by_token:
            return self._at_once(caller, x, state)
        return _by_token(partial(self._at_once, caller), x, state)

    def _at_once(self, caller: Caller, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        more: dict[str, Any] = {self.flag: True} if self.flag else {}
        if state is not None:
            more |= {self.parameter: state} if self.parameter else dict(state)
        result = caller.result(x, **more)
        y = caller.convention.layout.exchanged(outputs.taken(result, self.output))
        states = tuple(outputs.taken(result, place) for place in self.places)
        return y, states[0] if len(states) == 1 else states


@dataclass(frozen=True)
class ByStep(Carried):
    """By its method `step`: it is given as `parameter`, or as the keywords that are its keys.

    single: whether a step takes (B, D), else (B, 1, D). first: the method that makes a first state, "" where step does.
    """

    parameter: str
    single: bool
    first: str = ""

    def initial(self, caller: Caller, batch_size: int) -> Any:
        return getattr(caller.module, self.first)(batch_size) if self.first else None

    def advance(self, caller: Caller, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return _by_token(partial(self._step, caller), x, state)

    def _step(self, caller: Caller, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        step: Any = caller.module.step
        more = {} if state is None else {self.parameter: state} if self.parameter else dict(state)
        y, state = step(x.squeeze(1) if self.single else x, **more)
        return y.reshape(x.shape), state


def _by_token(step: Callable[[Tensor, Any], tuple[Tensor, Any]], x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """The same of steps that each take (B, 1, D) and the state before it."""
    ys = []
    for x_t in x.split(1, dim=1):
        y_t, state = step(x_t, state)
        ys.append(y_t)
    return torch.cat(ys, dim=1), state


def found(caller: Caller, x: Tensor) -> tuple[Carried | None, str]:
    """How its state is carried on, None where it has none that agrees; and why one that it offers is not used."""
    refused = ""
    whole = caller(x)
    for carried, name in (*_by_forward(caller, x), *_by_step(caller)):
        try:
            off = _off(carried, caller, x, whole)
        except Exception:  # what it returns is no state, or that argument takes another
            continue
        if off <= _SAME.get(whole.dtype, _SAME_IN_FEWER_DIGITS):
            return carried, ""
        if words(name) & _SAID and not refused:
            refused = (
                f"it offers a state ({name}) that is not used, as two parts of a sequence are not the whole with it: "
                f"outputs differ by {off:.2g} of the largest"
            )
    return None, refused


def _off(carried: Carried, caller: Caller, x: Tensor, whole: Tensor) -> float:
    """How far two halves are from the whole, as a part of the largest output; infinite where no state comes into it."""
    first, second = x.split([x.shape[1] // 2, x.shape[1] - x.shape[1] // 2], dim=1)
    y_first, state = carried.advance(caller, first.clone(), carried.initial(caller, len(x)))
    y_second, _ = carried.advance(caller, second.clone(), state)
    y_without, _ = carried.advance(caller, second.clone(), carried.initial(caller, len(x)))
    if torch.equal(y_second, y_without):
        return torch.inf
    return float((torch.cat([y_first, y_second], dim=1) - whole).abs().max() / whole.abs().max())


def _by_forward(caller: Caller, x: Tensor) -> Iterator[tuple[Carried, str]]:
    parameters = optional(parameters_of(caller.module.forward))
    takes = [name for name in parameters if parameters[name] is None and _is_a_state(name)]
    asks = [name for name, default in parameters.items() if default is False and _asks_for_it(name)]
    shape = caller.convention.layout.exchanged(x).shape
    for flag in ("", *asks):
        try:
            result = caller.result(x, **({flag: True} if flag else {}))
            output = outputs.place(result, shape)
        except Exception:  # it may need more than the flag
            continue
        for places, value in _states_of(result, output):
            names = set(value) if isinstance(value, Mapping) else set()
            if names and names <= parameters.keys():
                yield ByForward("", flag, output, places), " and ".join(names)
            for name in takes:
                yield ByForward(name, flag, output, places), name
                yield ByForward(name, flag, output, places, by_token=True), name


def _states_of(result: Any, output: int | str | None) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Where states may stand in a result, and what stands there: all that is beside the output, or a part of it."""
    parts = outputs.others(result, output)
    if len(parts) > 1:
        yield tuple(parts), tuple(parts.values())
    yield from (((place,), value) for place, value in parts.items())


def _by_step(caller: Caller) -> Iterator[tuple[Carried, str]]:
    step = getattr(caller.module, "step", None)
    if not callable(step):
        return
    _, *names = parameters_of(step) or ("x",)
    firsts = [name for name in _FIRST_STATES.split() if callable(getattr(caller.module, name, None))]
    for single in (True, False):
        for parameter in ("", *names):
            yield from ((ByStep(parameter, single, first), "state of step") for first in (*firsts, ""))


def _is_a_state(name: str) -> bool:
    return bool(words(name) & _STATES) and not words(name) & _NO_STATES


def _asks_for_it(name: str) -> bool:
    said = words(name) | {word.removesuffix("s") for word in words(name)}
    return bool(said & _ASKS) and bool(said & (_STATES | {"intermediate"})) and not said & {"mask", "not", "include"}
