"""When a measurement is warm and how much of it is enough: warm-up by time and stability, loops a block, blocks."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import median

from rnn_vs_attn.isolation.keeping import kept
from rnn_vs_attn.limits import LONG_CALL, Budget, Plan
from rnn_vs_attn.measure.timing.clock import Clock
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.records.timing import Ready


def make_ready(
    clock: Clock,
    workload: Workload,
    name: str,
    budget: Budget,
    plan: Plan | None,
    first_of_model: bool,
    first: float | None = None,
) -> Ready:
    """Warm a pass up and fix its plan, unless an earlier round fixed it.

    The first call is thrown away and decides the rest: above LONG_CALL seconds it is the whole warm-up. The first
    pass of a model in a process is warmed up by time and stability, any other by that one call. first: seconds of that
    call, where it has been made.
    """
    if first is None:
        with kept():
            first = clock.block(workload, name, 1).wall
    if first > LONG_CALL:
        return Ready(plan or Plan(1, 1), first)
    warm = warm_up(clock, workload, name, budget) if first_of_model else Ready(Plan(1, 1), 0.0)
    if plan is not None:
        return replace(warm, plan=plan, warm_up_seconds=first + warm.warm_seconds)
    plan, spent = calibrate(clock, workload, name, budget)
    return replace(warm, plan=plan, warm_up_seconds=first + warm.warm_seconds + spent)


def warm_up(clock: Clock, workload: Workload, name: str, budget: Budget) -> Ready:
    """Call until budget.warm_up has passed and two windows' medians agree within 2 %, at most budget.max_warm_up."""
    window = budget.warm_up / 4
    spent, medians = 0.0, list[float]()
    while spent < budget.max_warm_up:
        calls = list[float]()
        while not calls or sum(calls) < window:
            calls.append(clock.block(workload, name, 1).wall)
        spent += sum(calls)
        medians.append(median(calls))
        if spent >= budget.warm_up and _agree(medians):
            break
    return Ready(Plan(1, 1), spent, spent, _agree(medians))


def _agree(medians: list[float]) -> bool:
    return len(medians) > 1 and abs(medians[-1] - medians[-2]) <= 0.02 * medians[-1]


def calibrate(clock: Clock, workload: Workload, name: str, budget: Budget) -> tuple[Plan, float]:
    """The plan at which a block lasts at least budget.block, and the seconds of the calls, which are thrown away.

    The target has a fifth to spare, so that a machine that speeds up afterwards keeps blocks long enough.
    """
    loops, spent = 1, 0.0
    target = 1.2 * budget.block
    while True:
        wall = clock.block(workload, name, loops).wall
        spent += wall
        if wall >= target:
            break
        loops = max(loops + 1, min(10 * loops, math.ceil(loops * target / max(wall, 1e-9))))
    return Plan(loops, budget.num_blocks(wall)), spent
