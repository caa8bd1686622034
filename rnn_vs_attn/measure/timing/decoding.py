"""Generation: a context is taken in at once (prefill), then token after token is decoded and each is timed by itself.

Seconds are those that the caller waits for, on a GPU too: one token is so little work that launching it is part of the
price, and the next one cannot start before it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles
from time import perf_counter_ns
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault, first_line
from rnn_vs_attn.isolation.keeping import kept
from rnn_vs_attn.limits import ENOUGH
from rnn_vs_attn.measure.conduct.differences import differ, distance
from rnn_vs_attn.measure.conduct.draws import same_draws
from rnn_vs_attn.measure.conduct.fresh_inputs import FreshInputs
from rnn_vs_attn.measure.conduct.holdings import Holdings
from rnn_vs_attn.measure.timing import calls
from rnn_vs_attn.models.mixer import advance, decodes, has_state, initial_state, output_of
from rnn_vs_attn.records.timing import Care

LEAST_STEPS = 16
MOST_STEPS = 64  # in a row, or the context would be another one
UNTIMED = 3  # steps before: they load code, and make room for more positions where the context filled it
_NANO = 1e-9


@dataclass
class Decoder:
    """A module that decodes, and the context it decodes after: inputs (B, N, D) of a mixer, or token ids (B, N).

    A language model is fed the likeliest token, a mixer the input `next_input` (B, D) at every step. care: what has to
    be renewed before a call, of modules that need any.
    """

    module: nn.Module
    context: Tensor
    next_input: Tensor | None = None
    care: Care = field(default_factory=Care)

    def __post_init__(self) -> None:
        self.given: Tensor | None = None  # in place of the context, where care says so
        self._fresh: dict[str, FreshInputs] = {}
        self._holdings: Holdings | None = None

    def take_care(self, care: Care) -> None:
        """Renew from now on what `care` says."""
        self.care = care
        self._holdings = Holdings(self.module) if care.changes else None

    def prefill(self) -> tuple[Tensor, Any]:
        """Take the context in; the input of the first step and the state."""
        context = self.context if self.given is None else self.given
        state = initial_state(self.module, context.shape[0])
        if self.next_input is None:
            logits, state = self.module.advance(context, state, last_only=True)
            return logits[:, -1].argmax(-1), state
        return self.next_input, advance(self.module, context, state)[1]

    def renew(self) -> None:
        """Make ready what the next prefill is given; it stands outside of what is timed."""
        self.given = self._renewed("context", self.context)
        if self._holdings is not None:
            self._holdings.put_back(self.care.changes)

    def renewed(self, given: Tensor) -> Tensor:
        """What the next step is given, in place of what the last one was; a token that was chosen stays."""
        return given if self.next_input is None else self._renewed("input", self.next_input)

    def _renewed(self, name: str, like: Tensor) -> Tensor:
        if self.care.remembers:
            like = self._fresh.setdefault(name, FreshInputs(like)).next()
        return like.clone() if self.care.in_place else like

    def step(self, given: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The input of one step and the state -> those of the next."""
        if self.next_input is None:
            logits, state = self.module.step(given, state)
            return logits.argmax(-1), state
        return given, step(self.module, given, state)[1]


def step(module: nn.Module, x_t: Tensor, state: Any) -> tuple[Tensor, Any]:
    """(B, D), state -> (B, D), state, of a mixer that has a state."""
    if decodes(module):
        found: tuple[Tensor, Any] = module.step(x_t, state)
        return found
    y, state = advance(module, x_t.unsqueeze(1), state)
    return y.squeeze(1), state


def check(module: nn.Module, x: Tensor) -> None:
    """CaseFault where a mixer cannot decode, or decodes another sequence than its forward computes of x (B, L, D)."""
    if not has_state(module):
        reason = "it cannot decode: it has no initial_state(batch_size) and step(x_t, state), nor a forward(x, state)"
        raise CaseFault("unsupported", reason)
    holdings = Holdings(module)
    with torch.no_grad():
        try:
            state = initial_state(module, x.shape[0])
        except ValueError as error:
            raise CaseFault("unsupported", f"it cannot decode: {first_line(error)}") from error
        found = _by_steps(module, x, state)
        holdings.put_back()
        expected = output_of(module(x.clone()))
        holdings.put_back()
    off = distance(found, expected)
    tolerance = _TOLERANCE[x.dtype]
    if not off <= tolerance:
        apart = f"differ by {off:.2g} of the largest" if math.isfinite(off) else "are not finite in one of them only"
        text = f"its steps are not its forward: outputs of {x.shape[1]} tokens {apart}"
        raise CaseFault("failed", f"{text} ({tolerance:g} is rounding); a module that sees the future cannot decode")


def _by_steps(module: nn.Module, x: Tensor, state: Any) -> Tensor:
    """The outputs for x (B, L, D): half of it at once, then one by one.

    What a module is given it may change, and what it gives may be memory of its own.
    """
    half = x.shape[1] // 2
    first, state = advance(module, x[:, :half].clone(), state)
    found = [output_of(first).clone()]
    for x_t in x[:, half:].unbind(1):
        y_t, state = step(module, x_t.clone(), state)
        found.append(y_t.unsqueeze(1).clone())
    return torch.cat(found, dim=1)


_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}


def draws_numbers(module: nn.Module, x: Tensor) -> bool:
    """Whether two calls on x (B, L, D) give different outputs, so that steps cannot be held against its forward."""
    found = []
    for seed in range(2):
        with torch.no_grad(), same_draws(seed):
            found.append(output_of(module(x.clone())).clone())
    return differ(*found)


def state_bytes(state: Any) -> int:
    """Bytes of all that a state holds and that says how large it is (`nbytes`), each part once."""
    seen: set[int] = set()

    def bytes_of(part: Any) -> int:
        if id(part) in seen:
            return 0
        seen.add(id(part))
        size = getattr(part, "nbytes", None)
        if isinstance(size, int):
            return size
        if isinstance(part, Mapping):
            return sum(map(bytes_of, part.values()))
        if isinstance(part, list | tuple | set):
            return sum(map(bytes_of, part))
        return sum(map(bytes_of, vars(part).values())) if hasattr(part, "__dict__") else 0

    return bytes_of(state)


@dataclass(frozen=True)
class Steps:
    """Seconds of each timed step."""

    seconds: list[float]

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def percentile_95(self) -> float:
        return quantiles(self.seconds, n=20, method="inclusive")[-1]


def prefills(decoder: Decoder, enough: float = ENOUGH) -> tuple[list[float], tuple[Tensor, Any]]:
    """Seconds of each timed prefill, and what the last one made: the first step's input and the state."""
    renew = None if decoder.care == Care() else decoder.renew
    return calls.repeated(decoder.prefill, decoder.context.device, enough, renew)


def steps(decoder: Decoder, made: tuple[Tensor, Any], enough: float = ENOUGH) -> Steps:
    """Steps after a prefill: LEAST_STEPS and until enough; after MOST_STEPS again from the context's end.

    made: what the prefill made; its state may be changed in place.
    """
    wait = calls.waiter(decoder.context.device)
    careful = decoder.care != Care()
    given, state = made
    with kept():
        for _ in range(UNTIMED - 1):
            given, state = decoder.step(decoder.renewed(given), state)
    begin = given, state
    held = Holdings(decoder.module) if decoder.care.changes else None
    a_set = min(MOST_STEPS, max(LEAST_STEPS, decoder.context.shape[1] // 8))
    found: list[int] = []
    with kept(timed=True):
        while not _are_enough(found, enough):
            if held is not None:
                held.put_back()
            given, state = copy.deepcopy(begin)
            given, state = decoder.step(decoder.renewed(given), state)
            wait()
            for _ in range(a_set):
                if careful:
                    given = decoder.renewed(given)
                start = perf_counter_ns()
                given, state = decoder.step(given, state)
                wait()
                found.append(perf_counter_ns() - start)
                if _are_enough(found, enough):
                    break
    return Steps([value * _NANO for value in found])


def _are_enough(found: list[int], enough: float) -> bool:
    return len(found) >= LEAST_STEPS and sum(found) * _NANO >= enough
