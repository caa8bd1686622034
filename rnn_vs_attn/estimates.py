"""About how long a round takes, from one quick look at each model at a short length."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from rnn_vs_attn.budget import LONG_CALL, Budget, Limits
from rnn_vs_attn.child import Worker
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.models import find
from rnn_vs_attn.suites.suite import Case, Suite, axes_of

LOOK_AT = 256  # the longest sequence that is looked at; longer ones are scaled from it
_MEMORY_PASSES = 3.0  # of each pass: once, with a slower allocator


def round_seconds(worker: Worker, suite: Suite, cases: Sequence[Case], limits: Limits) -> dict[Case, float | None]:
    """Seconds that each case takes in one round; None where its model could not be looked at."""
    shortest: dict[Case, Case] = {}
    for case in cases:
        family = dataclasses.replace(case, seq_len=1)
        known = shortest[family].seq_len if family in shortest else LOOK_AT
        shortest[family] = dataclasses.replace(case, seq_len=min(case.seq_len, known))
    looked = {family: _look(worker, suite, case, limits) for family, case in shortest.items()}
    steady = suite.timed and not suite.passes  # it measures for as long as it needs, at any length
    return {case: _of(case, shortest, looked, limits, steady) for case in cases}


def _of(
    case: Case, shortest: dict[Case, Case], looked: dict[Case, dict[str, float] | None], limits: Limits, steady: bool
) -> float | None:
    family = dataclasses.replace(case, seq_len=1)
    seconds = looked[family]
    if seconds is None:
        return None
    growth = 1.0 if steady else _work(case) / _work(shortest[family])
    if "measure" in seconds:
        return seconds["measure"] * growth
    calls = [value * growth for value in seconds.values()]
    warm_up = limits.budget.max_warm_up if case.seq_len == shortest[family].seq_len else 0.0
    return warm_up + sum(_pass(call, limits.budget) + _MEMORY_PASSES * call for call in calls)


def _pass(call: float, budget: Budget) -> float:
    """Seconds of one pass of a case in a round: the call that is thrown away, and the blocks."""
    if call > LONG_CALL:
        return 2 * call
    return call + max(budget.case, budget.min_blocks * max(call, budget.block))


def _work(case: Case) -> float:
    """What time is taken to grow with: FLOPs where they are known, else the length."""
    costs = find(case.model).costs
    return float(costs.flops(case.shape).train if costs else case.seq_len)


def _look(worker: Worker, suite: Suite, case: Case, limits: Limits) -> dict[str, float] | None:
    """Seconds of one call of each pass."""
    if not suite.passes:
        return _look_at_measure(worker, suite, case, limits)
    budget = dataclasses.asdict(Budget(warm_up=0.01, max_warm_up=0.02, block=0.001, min_blocks=1, case=0))
    try:
        worker.ask(
            "prepare",
            limits.timeout,
            suite=suite.name,
            case=axes_of(case),
            seed=0,
            max_memory=limits.max_memory,
        )
        seconds = {}
        for name in suite.passes:
            ready = worker.ask("ready", limits.timeout, name=name, budget=budget, plan=None)
            seconds[name] = worker.ask("block", limits.timeout, name=name, loops=ready["loops"])["seconds"]
        worker.ask("release", limits.timeout)
        return seconds
    except (CaseFault, UserError):
        return None


def _look_at_measure(worker: Worker, suite: Suite, case: Case, limits: Limits) -> dict[str, float] | None:
    """Seconds of the second of two measurements; the first loads libraries."""
    fields = {"suite": suite.name, "case": axes_of(case), "max_memory": limits.max_memory}
    try:
        seconds = 0.0
        for seed in range(2):
            begun = time.perf_counter()
            worker.ask("measure", limits.timeout, seed=seed, **fields)
            seconds = time.perf_counter() - begun
        return {"measure": seconds}
    except (CaseFault, UserError):
        return None
