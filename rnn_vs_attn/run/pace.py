"""How long trainings take, by a look at each kind of model, and how many steps so fit into the time of a run."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import math
import time
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import Limits
from rnn_vs_attn.machine import environment
from rnn_vs_attn.run.schedule import Cost, Look
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.suite import Suite, Trains
from rnn_vs_attn.worker.lanes import Conversation, Lanes
from rnn_vs_attn.worker.protocol import About, Train, Trained

LEAST_STEPS = 100  # of a training that is worth its name, unless its suite says otherwise
MOST_AT_ONCE = 8  # trainings
WHOLE = 20  # steps are so many times a whole number: one for each evaluation
_LOOK_STEPS = 1 << 20  # of a training that is looked at and never ends
OF_A_WORKER = 1 << 30  # bytes that a process takes at most, torch and a small model
_STRETCHES = 3  # that are looked at
_SPARE = 1.1  # what has to fit is so much more than what was seen
_SPARE_TIME = 1.4  # the same where trainings would fill whatever time there is


@dataclass(frozen=True)
class Paced:
    """Cases with the number of their steps, and what a training of each costs. seconds: of all together."""

    cases: Sequence[Any]
    looked: Mapping[Case, Look]
    seconds: float


def at_once(threads: Sequence[int], devices: Sequence[str], needed: int = OF_A_WORKER) -> int:
    """How many trainings the cores and the memory have room for; one on a GPU. needed: bytes of each."""
    if any(name.startswith("cuda") for name in devices):
        return 1
    cores = environment.usable_cores() // max(threads)
    memory = environment.available_memory()
    room = MOST_AT_ONCE if memory is None else memory // needed
    return max(1, min(cores, MOST_AT_ONCE, room))


def paced(suite: Suite, cases: Sequence[Any], lanes: Lanes, limits: Limits, ends: float) -> Paced:
    """The cases with as many steps as all their trainings have time for; those that were given are as they are.

    ends: by the monotonic clock. UserError where too few fit.
    """
    trains = suite.rounds.trains
    assert trains is not None
    seconds = _a_step(suite, cases, lanes, limits)
    left = ends - time.monotonic()
    if cases[0].steps:
        made = list(cases)
    elif trains.equal_time:
        each = cases[0].seconds_per_model or _seconds_each(trains, cases, seconds, lanes, limits, left)
        made = _for_seconds(trains, cases, seconds, each)
    else:
        steps = _steps(trains, cases, seconds, lanes, limits, left)
        made = [dataclasses.replace(case, steps=steps) for case in cases]
    costs = _costs(trains, made, seconds)
    return Paced(
        made,
        looked={case: Look(Cost(cost)) for case, cost in costs.items()},
        seconds=_total(trains, costs, limits, lanes.number),
    )


def _least(trains: Trains, cases: Sequence[Any]) -> int:
    """Steps of a training that is worth its name."""
    return trains.least_steps(cases[0]) or LEAST_STEPS


def _steps(
    trains: Trains, cases: Sequence[Any], seconds: Mapping[Any, float], lanes: Lanes, limits: Limits, left: float
) -> int:
    """The largest number that fits, up to what the cases want."""
    least, most = _least(trains, cases), trains.wanted_steps(cases)

    def needed(steps: int) -> float:
        made = [dataclasses.replace(case, steps=steps) for case in cases]
        return _SPARE * _total(trains, _costs(trains, made, seconds), limits, lanes.number)

    fitting = [steps for steps in range(least, most + 1, WHOLE) if needed(steps) <= left]
    if not fitting:
        asked = limits.to_ask(limits.max_seconds - left + needed(most))
        raise UserError(
            f"--max-seconds {limits.asked_seconds:g} leaves no {least} steps for each training; "
            f"give --max-seconds {asked} for {most} steps, fewer models or learning rates, or a number of --steps"
        )
    return max(fitting)


def _seconds_each(
    trains: Trains, cases: Sequence[Any], seconds: Mapping[Any, float], lanes: Lanes, limits: Limits, left: float
) -> int:
    """The most whole seconds for each training that fit. UserError where the slowest model has too few steps then."""

    def needed(each: int) -> float:
        made = _for_seconds(trains, cases, seconds, each)
        return _SPARE_TIME * _total(trains, _costs(trains, made, seconds), limits, lanes.number)

    if not seconds:
        return 1  # of trainings that all fail, as each will say
    steps = _least(trains, cases)
    least = max(1, math.ceil(steps * max(seconds.values())))
    if needed(least) > left:
        asked = limits.to_ask(limits.max_seconds - left + needed(least))
        raise UserError(
            f"--max-seconds {limits.asked_seconds:g} leaves no {steps} steps for each training; give "
            f"--max-seconds {asked}, fewer models, learning rates or rounds, or --seconds-per-model"
        )
    choices = range(least, least + math.ceil(left))  # one training alone takes what it is given
    return choices[bisect_right(choices, left, key=needed) - 1]


def _for_seconds(trains: Trains, cases: Sequence[Any], seconds: Mapping[Any, float], each: int) -> list[Any]:
    """The cases with as many steps as so many seconds come to; of one that could not be looked at the least."""
    made = []
    for case in cases:
        a_step = seconds.get(trains.kind(case))
        steps = _least(trains, cases) if a_step is None else max(1, int(each / a_step))
        whole = steps // WHOLE * WHOLE or steps
        made.append(dataclasses.replace(case, seconds_per_model=each, steps=whole))
    return made


def _costs(trains: Trains, cases: Iterable[Any], a_step: Mapping[Any, float]) -> dict[Any, float]:
    """Seconds of a training of each case of a known kind."""
    known = [case for case in cases if trains.kind(case) in a_step]
    return {case: a_step[trains.kind(case)] * (case.steps + trains.beside(case)) for case in known}


def _total(trains: Trains, costs: Mapping[Any, float], limits: Limits, lanes: int) -> float:
    """Seconds of all rounds: all cases in the first, of each kind the dearest in the others."""
    dearest: dict[Any, float] = {}
    for case, cost in costs.items():
        dearest[trains.kind(case)] = max(cost, dearest.get(trains.kind(case), 0.0))
    return together(costs.values(), lanes) + (limits.wanted_rounds - 1) * together(dearest.values(), lanes)


def together(costs: Iterable[float], lanes: int) -> float:
    """Seconds of a round whose trainings begin with the dearest, each where a worker comes free first.

    >>> together([3.0, 3.0, 2.0, 2.0, 2.0], lanes=2)
    7.0
    """
    free = [0.0] * lanes
    for cost in sorted(costs, reverse=True):
        heapq.heapreplace(free, free[0] + cost)
    return max(free)


# A look


def _a_step(suite: Suite, cases: Sequence[Any], lanes: Lanes, limits: Limits) -> dict[Any, float]:
    """Seconds of a step of each kind of case, while as many train as will; those are absent that cannot be trained."""
    assert suite.rounds.trains is not None
    found: dict[Any, float] = {}
    kinds = suite.rounds.trains.kinds(cases)
    lanes.through(_look(suite, case, kind, limits, found) for kind, case in kinds.items())
    return found


def _look(suite: Suite, case: Any, kind: Any, limits: Limits, found: dict[Any, float]) -> Conversation:
    """The median of some stretches, after one that loads code. What fails here fails in its own case, and says why."""
    endless = dataclasses.replace(case, steps=_LOOK_STEPS)
    request = Train(About.of(suite, endless, limits.max_memory), 0)
    told: list[Trained] = []
    try:
        for _ in range(_STRETCHES + 1):
            told.append((yield request))
    except (CaseFault, UserError):
        return
    found[kind] = median(
        (after.seconds - before.seconds) / (after.step - before.step) for before, after in itertools.pairwise(told)
    )
