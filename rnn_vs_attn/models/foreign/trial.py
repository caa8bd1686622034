"""Calling a layer for the first time: on a copy, with each of the arguments that its signature allows in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.isolation.seeds import same_draws
from rnn_vs_attn.models.foreign import call_arguments, copies, refusals
from rnn_vs_attn.models.foreign.axes import apart
from rnn_vs_attn.models.foreign.call_arguments import Arguments
from rnn_vs_attn.models.foreign.companions import CompanionCache
from rnn_vs_attn.models.foreign.convention import Caller, Convention, Layout
from rnn_vs_attn.models.foreign.writing import Written

BATCH = 3  # as many as it takes to see what goes forward, backward or both ways over them
LENGTHS = (8, 64, 256, 1024)  # a layer may refuse short ones
_NOISE = 0.1  # of parameters that are all 0 in a new layer, as those of a gate, which would hide what it mixes


def copy_of(module: nn.Module) -> nn.Module:
    """A copy to be tried, outside of training, in which no parameter is all 0."""
    made = copies.copy_of(module).eval().requires_grad_(False)
    for parameter in made.parameters():
        lazy = isinstance(parameter, nn.parameter.UninitializedParameter)
        if not lazy and parameter.is_floating_point() and not parameter.any():
            parameter.normal_(std=_NOISE)
    return made


@dataclass
class Tried(Caller):
    """The same for those who compare what several calls give: all draw the same numbers, none writes to its input.

    first: a copy that was never called, of a layer that carries something on from call to call; each call has its own.
    """

    first: nn.Module | None = None

    def result(self, x: Tensor, **more: Any) -> Any:
        module = self.module if self.first is None else copies.copy_of(self.first)
        with same_draws():
            return self.convention.result(module, x.clone(), self.cache, more)


def comparable(caller: Caller, x: Tensor, module: nn.Module) -> Tried:
    """A caller whose calls with x (B, L, D) give the same, however often. module: the layer that it calls a copy of."""
    tried = Tried(caller.module, caller.convention, caller.cache)
    if apart(tried(x), tried(x)):
        tried.first = copy_of(module).to(x.dtype)
    return tried


def called(
    probe: nn.Module, d_model: int, seq_len: int | None, written: Written | None = None
) -> tuple[Caller, Tensor]:
    """A caller that maps x to its shape, and that x (B, L, D): float64 where the layer takes it, else float32.

    written: how the layer was built. UserError where there is no such caller.
    """
    for dtype in (torch.float64, torch.float32):
        probe = probe.double() if dtype == torch.float64 else probe.float()
        failures = refusals.Failures(seq_len)
        for length in _lengths(d_model, seq_len):
            x = torch.randn(BATCH, length, d_model, dtype=dtype)
            for layout, given in _ways(probe, d_model):
                convention = _convention(probe, given, layout, x, failures)
                if convention is not None and _holds(probe, convention, x, seq_len, failures):
                    return Caller(probe, convention), x
    raise refusals.uncallable(probe, d_model, failures, written)


def _lengths(d_model: int, seq_len: int | None) -> Iterator[int]:
    """Lengths that are neither the batch nor the width, so that axes are told apart; the layer's own last."""
    yield from (length if length != d_model else 2 * length for length in LENGTHS)
    if seq_len is not None and (seq_len not in LENGTHS or seq_len == d_model):
        yield seq_len


def _holds(probe: nn.Module, found: Convention, x: Tensor, seq_len: int | None, failures: refusals.Failures) -> bool:
    """Whether channels before the sequence are so at twice its length too: else its length passed for the width."""
    if found.layout is not Layout.CHANNELS_FIRST or x.shape[1] == seq_len:
        return True
    return _convention(probe, found.arguments, found.layout, torch.cat([x, x], dim=1), failures) is not None


def _ways(probe: nn.Module, d_model: int) -> Iterator[tuple[Layout, Arguments]]:
    for layout in Layout:
        for given in call_arguments.attempts(probe, d_model):
            yield layout, given


def _convention(
    probe: nn.Module, given: Arguments, layout: Layout, x: Tensor, failures: refusals.Failures
) -> Convention | None:
    convention = Convention(given, layout)
    try:
        result = convention.result(probe, x.clone(), CompanionCache(), {})
    except UserError:
        raise
    except Exception as error:
        failures.raised(convention, x.shape[1], first_line(error))
        return None
    try:
        return convention.placed(result, x)
    except LookupError:
        failures.misshapen(convention, layout.exchanged(x), result)
        return None
