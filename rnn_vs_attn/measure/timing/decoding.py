"""Generation: a context is taken in at once (prefill), then token after token is decoded and each is timed by itself.

Seconds are those that the caller waits for, on a GPU too: one token is so little work that launching it is part of the
price, and the next one cannot start before it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from time import perf_counter_ns
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault, first_line
from rnn_vs_attn.isolation.keeping import kept
from rnn_vs_attn.isolation.seeds import same_draws
from rnn_vs_attn.limits import ENOUGH, MOST_STEPS, UNTIMED_STEPS
from rnn_vs_attn.measure.attention_kernels import growing_lengths
from rnn_vs_attn.measure.conduct.differences import differ, distance
from rnn_vs_attn.measure.conduct.holdings import Holdings
from rnn_vs_attn.measure.decoder import Decoder, step
from rnn_vs_attn.measure.timing import calls
from rnn_vs_attn.models.mixer import advance, has_state, initial_state, output_of, refused_state
from rnn_vs_attn.records.timing import Care, Steps

LEAST_STEPS = 16
_ASKED_STEPS = 5
_NANO = 1e-9


TakeIn = Callable[[Tensor, Any], tuple[Tensor, Any]]


def check(module: nn.Module, x: Tensor, take_in: TakeIn | None = None) -> None:
    """CaseFault where a mixer cannot decode, or decodes another sequence than its forward computes of x (B, L, D).

    take_in: from several inputs and the state before them to outputs and the state after them, where it is no mixer's.
    """
    if not has_state(module):
        lacks = "it has no initial_state(batch_size) and step(x_t, state), nor a forward(x, state)"
        raise CaseFault("unsupported", f"it cannot decode: {refused_state(module) or lacks}")
    holdings = Holdings(module, every_number=True)  # a table and the number that says how long it is, together
    with torch.no_grad():
        try:
            state = initial_state(module, x.shape[0])
        except ValueError as error:
            raise CaseFault("unsupported", f"it cannot decode: {first_line(error)}") from error
        with growing_lengths():
            found = _by_steps(module, x, state, take_in or partial(advance, module))
        holdings.put_back()
        expected = output_of(module(x.clone()))
        holdings.put_back()
    off = distance(found, expected)
    tolerance = _TOLERANCE[expected.dtype]
    if not off <= tolerance:
        apart = f"differ by {off:.2g} of the largest" if math.isfinite(off) else "are not finite in one of them only"
        text = f"its steps are not its forward: outputs of {x.shape[1]} tokens {apart}"
        raise CaseFault("failed", f"{text} ({tolerance:g} is rounding); a module that sees the future cannot decode")


def _by_steps(module: nn.Module, x: Tensor, state: Any, take_in: TakeIn) -> Tensor:
    """The outputs for x (B, L, D): half of it at once, then one by one.

    What a module is given it may change, and what it gives may be memory of its own.
    """
    half = x.shape[1] // 2
    first, state = take_in(x[:, :half].clone(), state)
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


def prefills(decoder: Decoder, enough: float = ENOUGH) -> tuple[list[float], tuple[Tensor, Any]]:
    """Seconds of each timed prefill, and what the last one made: the first step's input and the state."""
    renew = None if decoder.care == Care() else decoder.renew
    return calls.repeated(decoder.prefill, decoder.context.device, enough, renew)


@growing_lengths()
def steps(decoder: Decoder, made: tuple[Tensor, Any], enough: float = ENOUGH) -> Steps:
    """Steps after a prefill: LEAST_STEPS and until enough; after an eighth of the context, LEAST_STEPS at least and
    MOST_STEPS at most, again from the context's end.

    made: what the prefill made; its state may be changed in place.
    """
    wait = calls.waiter(decoder.context.device)
    careful = decoder.care != Care()
    given, state = made
    with kept():
        for _ in range(UNTIMED_STEPS - 1):
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
                    wait()
                start = perf_counter_ns()
                given, state = decoder.step(given, state)
                wait()
                found.append(perf_counter_ns() - start)
                if _are_enough(found, enough):
                    break
    seconds = [value * _NANO for value in found]
    with kept():
        return Steps(seconds, _steps_bound(decoder, begin, held, median(seconds)))


def _steps_bound(decoder: Decoder, begin: tuple[Tensor, Any], held: Holdings | None, seconds: float) -> list[bool]:
    """On CUDA, of some more steps from the context's end, whether the device waits for launches; [] elsewhere."""
    if decoder.context.device.type != "cuda":
        return []
    if held is not None:
        held.put_back()
    given, state = copy.deepcopy(begin)
    given, state = decoder.step(decoder.renewed(given), state)

    def step() -> None:
        nonlocal given, state
        given, state = decoder.step(given, state)

    found = []
    for _ in range(_ASKED_STEPS):
        given = decoder.renewed(given)
        found.append(calls.device_waits(step, decoder.context.device, seconds))
    return found


def prefill_bound(decoder: Decoder, seconds: float) -> list[bool]:
    """On CUDA, whether the device waits for launches in one more prefill; [] elsewhere. seconds: of a timed one."""
    if decoder.care != Care():
        decoder.renew()
    return calls.launch_bound_calls(decoder.prefill, decoder.context.device, seconds)


def _are_enough(found: list[int], enough: float) -> bool:
    return len(found) >= LEAST_STEPS and sum(found) * _NANO >= enough
