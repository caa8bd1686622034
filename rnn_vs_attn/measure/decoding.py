"""Generation: a context is taken in at once (prefill), then token after token is decoded and each is timed by itself.

Seconds are those that the caller waits for, on a GPU too: one token is so little work that launching it is part of the
price, and the next one cannot start before it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter_ns
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.budget import ENOUGH
from rnn_vs_attn.errors import CaseFault, first_line
from rnn_vs_attn.isolation.keeping import kept
from rnn_vs_attn.measure import calls
from rnn_vs_attn.models.mixer import advance, decodes, has_state, initial_state, output_of

LEAST_STEPS = 16
MOST_STEPS = 64  # in a row, or the context would be another one
UNTIMED = 3  # steps before: they load code, and make room for more positions where the context filled it
_NANO = 1e-9


@dataclass
class Decoder:
    """A module that decodes, and the context it decodes after: inputs (B, N, D) of a mixer, or token ids (B, N).

    A language model is fed the likeliest token, a mixer the input `next_input` (B, D) at every step.
    """

    module: nn.Module
    context: Tensor
    next_input: Tensor | None = None

    def prefill(self) -> tuple[Tensor, Any]:
        """Take the context in; the input of the first step and the state."""
        state = initial_state(self.module, self.context.shape[0])
        if self.next_input is None:
            logits, state = self.module.advance(self.context, state, last_only=True)
            return logits[:, -1].argmax(-1), state
        return self.next_input, advance(self.module, self.context, state)[1]

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
    with torch.no_grad():
        try:
            state = initial_state(module, x.shape[0])
        except ValueError as error:
            raise CaseFault("unsupported", f"it cannot decode: {first_line(error)}") from error
        half = x.shape[1] // 2
        first, state = advance(module, x[:, :half], state)
        found = [output_of(first)]
        for x_t in x[:, half:].unbind(1):
            y_t, state = step(module, x_t, state)
            found.append(y_t.unsqueeze(1))
        expected = output_of(module(x))
    off = float((torch.cat(found, dim=1) - expected).abs().max() / expected.abs().max().clamp_min(1e-30))
    tolerance = _TOLERANCE[x.dtype]
    if not off <= tolerance:
        text = f"its steps are not its forward: outputs of {x.shape[1]} tokens differ by {off:.2g} of the largest"
        raise CaseFault("failed", f"{text} ({tolerance:g} is rounding); a module that sees the future cannot decode")


_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}


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
    return calls.repeated(decoder.prefill, decoder.context.device, enough)


def steps(decoder: Decoder, made: tuple[Tensor, Any], enough: float = ENOUGH) -> Steps:
    """Steps after a prefill: LEAST_STEPS and until enough; after MOST_STEPS again from the context's end.

    made: what the prefill made; its state may be changed in place.
    """
    wait = calls.waiter(decoder.context.device)
    begin = made
    with kept():
        for _ in range(UNTIMED - 1):
            begin = decoder.step(*begin)
    a_set = min(MOST_STEPS, max(LEAST_STEPS, decoder.context.shape[1] // 8))
    found: list[int] = []
    with kept(timed=True):
        while not _are_enough(found, enough):
            given, state = decoder.step(*copy.deepcopy(begin))
            wait()
            for _ in range(a_set):
                start = perf_counter_ns()
                given, state = decoder.step(given, state)
                wait()
                found.append(perf_counter_ns() - start)
                if _are_enough(found, enough):
                    break
    return Steps([value * _NANO for value in found])


def _are_enough(found: list[int], enough: float) -> bool:
    return len(found) >= LEAST_STEPS and sum(found) * _NANO >= enough
