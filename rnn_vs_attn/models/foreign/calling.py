"""Anybody's layer as a map from (B, L, D) to (B, L, D): itself, or in a module around it that calls it its own way.

It is tried on small inputs, on a copy in float64, in this order: which arguments (its signature says), which order of
axes (the batch is the axis across which outputs are independent), whether a mask has to hide the future, and whether
a state can be carried on. No package's name stands here; what is not found out is refused.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.isolation.seeds import same_draws
from rnn_vs_attn.models.foreign import batch_axis, causality, states, trial, uninitialised
from rnn_vs_attn.models.foreign.call_arguments import parameters_of
from rnn_vs_attn.models.foreign.companions import CompanionCache
from rnn_vs_attn.models.foreign.convention import Caller, Convention
from rnn_vs_attn.models.foreign.states import Carried
from rnn_vs_attn.models.foreign.writing import Written
from rnn_vs_attn.models.mixer import SequenceMixer


class Fitted(nn.Module):
    """A layer called its own way. Its parameters have the names that they have in the layer.

    called: the call, in words. refused_state: why a state that it offers is not used, "" where it offers none.
    sees_the_future: whether it does though its case is causal.
    """

    def __init__(self, module: nn.Module, convention: Convention, refused_state: str = "") -> None:
        super().__init__()
        self.sees_the_future = False
        self.module = module
        self.convention = convention
        self.refused_state = refused_state
        self._cache = CompanionCache()

    @property
    def called(self) -> str:
        return str(self.convention)

    def named_modules(self, memo: Any = None, prefix: str = "", remove_duplicate: bool = True) -> Iterator[Any]:
        """The layer's parts under the names that they have in it."""
        memo = set() if memo is None else memo
        if self not in memo:
            memo.add(self)
            yield prefix, self
            yield from self.module.named_modules(memo, prefix, remove_duplicate)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        return self.convention.output(self.convention.result(self.module, x, self._cache, {}))


class FittedWithState(Fitted, SequenceMixer):
    """A layer whose state can be taken out of one call and given to the next."""

    def __init__(self, module: nn.Module, convention: Convention, carried: Carried) -> None:
        super().__init__(module, convention)
        self.carried = carried

    @property
    def advances_at_once(self) -> bool:
        return self.carried.at_once

    def initial_state(self, batch_size: int) -> Any:
        """The layer's own, None where it makes one when it is given none."""
        return self.carried.initial(self._caller(), batch_size)

    def step(self, x_t: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(B, D), state -> (B, D), state."""
        y, state = self.carried.advance(self._caller(), x_t.unsqueeze(1), state)
        return y.squeeze(1), state

    def advance(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(B, C, D), state -> (B, C, D), state."""
        return self.carried.advance(self._caller(), x, state)

    def _caller(self) -> Caller:
        return Caller(self.module, self.convention, self._cache)


@dataclass(frozen=True)
class Fit:
    """What was found of a layer: how it is called and carried on, why a state that it offers is not used, and whether
    it sees the future where it must not.
    """

    convention: Convention
    carried: Carried | None
    refused_state: str
    sees_the_future: bool = False

    def around(self, module: nn.Module) -> Fitted:
        """The module that calls a layer so."""
        made = Fitted(module, self.convention, self.refused_state)
        if self.carried is not None:
            made = FittedWithState(module, self.convention, self.carried)
        made.sees_the_future = self.sees_the_future
        return made


_KNOWN: dict[Hashable, Fit] = {}


def fitted(
    module: nn.Module,
    d_model: int,
    *,
    causal: bool = True,
    seq_len: int | None = None,
    batch_first: bool | None = None,
    built_by: Hashable = None,
    written: Written | None = None,
) -> nn.Module:
    """The layer itself where it has this program's own conventions, else in a module around it that calls it.

    seq_len: a length that it takes, beside small ones. batch_first: the order of its axes, where the user says
    it. built_by: what the layer was built by and for; another one of this process that was built alike is called as
    that one, untried, so all of these arguments follow from it. written: how it was built, for a refusal. UserError
    where no way to call it is found, or its batch cannot be told from its sequence.
    """
    if has_own_conventions(module):
        return module
    key = type(module), built_by
    if built_by is None or key not in _KNOWN:
        _KNOWN[key] = _found(module, d_model, causal, seq_len, batch_first, written)
    return _KNOWN[key].around(module)


def _found(
    module: nn.Module,
    d_model: int,
    causal: bool,
    seq_len: int | None,
    batch_first: bool | None,
    written: Written | None,
) -> Fit:
    probe = _copy(module)
    with torch.no_grad(), same_draws():
        called, x = trial.called(probe, d_model, seq_len, written)
        caller: Caller = trial.comparable(called, x, module)
        caller = batch_axis.settled(caller, x, batch_first)
        future = False
        if causal:
            caller = causality.masked(caller, x)
            future = causality.sees_the_future(caller, x, seq_len)
        return Fit(caller.convention, *states.found(caller, x), sees_the_future=future)


def _copy(module: nn.Module) -> nn.Module:
    """The copy that is tried. UserError where the layer cannot be copied, or its parameters cannot be listed."""
    try:
        uninitialised.refuse(module)
        with torch.no_grad(), same_draws():
            return trial.copy_of(module)
    except (UserError, torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:
        raise UserError(f"no copy of it can be made to be tried: {first_line(error)}") from error


def has_own_conventions(module: nn.Module) -> bool:
    """Whether a layer is made for this program: built with d_model, and its forward takes x, and a state at most.

    Such a one is not tried: how it fails is for the row of its case.
    """
    if isinstance(module, SequenceMixer):
        return True
    forward = list(parameters_of(module.forward).values())
    takes_x = bool(forward) and forward[0].kind in (forward[0].POSITIONAL_ONLY, forward[0].POSITIONAL_OR_KEYWORD)
    return takes_x and {p.name for p in forward[1:]} <= {"state"} and "d_model" in parameters_of(type(module))


def wrapped_call(module: nn.Module) -> str:
    """How a layer is called, in words; "" where it is called on x as it is."""
    return module.called if isinstance(module, Fitted) else ""


def was_tried(module: nn.Module) -> bool:
    """Whether a layer was tried, and what it sees said of it, as one of this program's own conventions is not."""
    return isinstance(module, Fitted)


def sees_the_future(module: nn.Module) -> bool:
    """Whether a layer's outputs depend on later positions though its case is causal: it takes no mask."""
    return isinstance(module, Fitted) and module.sees_the_future
