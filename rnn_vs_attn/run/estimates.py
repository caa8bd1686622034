"""About how long each case takes in a round, from a short look at every model before the first one.

Every family (cases that differ in seq_len alone) is looked at in turn, from short lengths to long ones, for as long as
the look may take; what was not looked at is scaled from the longest length that was.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import ENOUGH, LONG_CALL, PATIENCE, Budget, Limits, Plan, Turn
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.run.schedule import Cost, Look
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.worker.client import Worker
from rnn_vs_attn.worker.protocol import About, MakeReady, Measure, Prepare, Release, TimeBlock

LOOK_AT = 256  # a length at which a family is looked at first where all that was asked for are longer
SHARE, MOST = 0.03, 5.0  # of --max-seconds, and seconds, that looks take beyond the shortest lengths
_MEMORY_PASSES = 3.0  # of each pass: once, with a slower allocator, after one that loads libraries
_COUNT = 1.0  # seconds of what is counted from operations that are recorded one by one
_NO_MEMORY = "out_of_memory"  # the status of a case
_LONG_BLOCK = 4  # times a block: a call that is expected to take so long is a block by itself


@dataclass(frozen=True)
class _Seen:
    """What was seen of a case: seconds to make it ready, and of a call of each pass or of the least measurement."""

    case: Case
    prepare: float
    calls: dict[str, float]


def estimates(asked: Callable[[], Worker], suite: Suite, cases: Sequence[Case], limits: Limits) -> dict[Case, Look]:
    """Of each case; those are absent whose model could not be looked at.

    asked: the worker to look with, another one where a module has ended it.
    """
    counted = {case: Look(Cost(after=_COUNT)) for case in cases if suite.only_counts(case)}
    families: dict[Case, list[Case]] = {}
    for case in sorted(cases, key=lambda case: case.seq_len):
        if case not in counted:
            families.setdefault(dataclasses.replace(case, seq_len=1), []).append(case)
    looks, refused = _looks(asked, suite, families, limits)
    alike = Counter(case.kind for members in families.values() for case in members)
    found = dict(counted)
    for family, members in families.items():
        for case in members:
            if case.seq_len >= refused.get(family, math.inf):
                found[case] = Look(Cost())
            elif looks[family]:
                found[case] = _look_of(suite, case, looks[family], limits, alike[case.kind])
    return found


def _looks(
    asked: Callable[[], Worker], suite: Suite, families: dict[Case, list[Case]], limits: Limits
) -> tuple[dict[Case, list[_Seen]], dict[Case, int]]:
    """Looks at the shortest case of each family, and at longer ones while there is time; and the length from which on
    there is no memory for it, so that it takes no time to say so.
    """
    until = time.monotonic() + min(MOST, SHARE * limits.max_seconds)
    found: dict[Case, list[_Seen]] = {family: [] for family in families}
    refused: dict[Case, int] = {}
    for depth in range(max(map(len, families.values()), default=0)):
        for family, members in families.items():
            if depth >= len(members) or len(found[family]) < depth:
                continue
            case = members[depth]
            if depth > 1 and time.monotonic() + 3 * sum(_calls(case, found[family]).values()) > until:
                continue  # two of each are looked at whatever they take, as one alone may have met a bad moment
            if depth == 0:
                case = dataclasses.replace(case, seq_len=min(case.seq_len, LOOK_AT))
            worker = asked()
            try:
                found[family].append(_look(worker, suite, case, limits))
            except CaseFault as fault:  # it fails or does not answer: its own case will say why
                if fault.status == _NO_MEMORY:
                    refused[family] = case.seq_len
            except UserError:  # and so it will of this
                continue
    return {family: _steady(seen) for family, seen in found.items()}, refused


def _steady(looks: Sequence[_Seen]) -> list[_Seen]:
    """The same, no case taking longer than a longer one: it was looked at in a bad moment."""
    kept: list[_Seen] = []
    for look in reversed(looks):
        longer = kept[0].calls if kept else look.calls
        calls = {name: min(seconds, longer.get(name, seconds)) for name, seconds in look.calls.items()}
        kept.insert(0, dataclasses.replace(look, calls=calls))
    return kept


def _calls(case: Case, looks: Sequence[_Seen]) -> dict[str, float]:
    """Seconds of each call of a case: as seen, or grown from the longest look as its work grows."""
    seen = next((look for look in looks if look.case.seq_len >= case.seq_len), None)
    if seen is not None:
        return seen.calls
    return {name: seconds * _growth(case, name, looks) for name, seconds in looks[-1].calls.items()}


def _growth(case: Case, name: str, looks: Sequence[_Seen]) -> float:
    """How many times as long a case takes as the longest look: by FLOPs where they are known, else as time grew."""
    last, costs = looks[-1], find(case.model).costs
    if costs is not None:
        return costs.flops(case.shape).train / costs.flops(last.case.shape).train
    exponent = 1.0
    if len(looks) > 1:
        before = looks[-2]
        times, lengths = last.calls[name] / before.calls[name], last.case.seq_len / before.case.seq_len
        exponent = min(2.0, max(1.0, math.log(times) / math.log(lengths)))
    return float((case.seq_len / last.case.seq_len) ** exponent)


def _look_of(suite: Suite, case: Case, looks: Sequence[_Seen], limits: Limits, alike: int) -> Look:
    """alike: cases that share one warm-up."""
    calls = _calls(case, looks)
    least = sum(calls.values())
    if not suite.rounds.passes:
        quantities = sum(name.endswith("_time") for name in suite.owed(case))
        return Look(Cost(least, quantities * ENOUGH, least if suite.rounds.peaks else 0.0))
    plans = {name: _plan(call, limits.budget) for name, call in calls.items()}
    blocks = {name: call * plans[name].loops for name, call in calls.items()}
    more = sum((plans[name].num_blocks - 1) * block for name, block in blocks.items())
    cost = Cost(
        least=looks[-1].prepare + least + sum(blocks.values()),
        more=more + limits.budget.max_warm_up / alike,
        after=_MEMORY_PASSES * least,
    )
    return Look(cost, {n: plan for n, plan in plans.items() if calls[n] > _LONG_BLOCK * limits.budget.block})


def _plan(call: float, budget: Budget) -> Plan:
    """The plan of a pass whose call takes so many seconds."""
    if call > LONG_CALL:
        return Plan(1, 1)
    loops = math.ceil(budget.block / call)
    return Plan(loops, budget.num_blocks(loops * call))


def _look(worker: Worker, suite: Suite, case: Case, limits: Limits) -> _Seen:
    look_at = _look_at_passes if suite.rounds.passes else _look_at_all
    return look_at(worker, suite, case, limits)


def _look_at_passes(worker: Worker, suite: Suite, case: Case, limits: Limits) -> _Seen:
    """Seconds of one warm call of each pass that there is memory for."""
    budget = Budget(warm_up=0.01, max_warm_up=0.02, block=0.001, min_blocks=1, case=0)
    patience = min(limits.timeout, PATIENCE)
    begun = time.perf_counter()
    worker.ask(Prepare(About.of(suite, case, limits.max_memory), seed=0), patience)
    prepared = time.perf_counter() - begun
    calls = dict[str, float]()
    try:
        for name in suite.rounds.passes:
            ready = worker.ask(MakeReady(name, budget), patience)
            calls[name] = worker.ask(TimeBlock(name, ready.plan.loops), patience).seconds
    except CaseFault as fault:
        if fault.status != _NO_MEMORY or not calls:
            raise
        return _Seen(case, prepared, calls)
    worker.ask(Release(), patience)
    return _Seen(case, prepared, calls)


def _look_at_all(worker: Worker, suite: Suite, case: Case, limits: Limits) -> _Seen:
    """Seconds of the least measurement, the second of two: the first loads libraries."""
    request = Measure(About.of(suite, case, limits.max_memory), Turn(first=False, enough=0.0))
    seconds = 0.0
    for _ in range(2):
        begun = time.perf_counter()
        worker.ask(request, min(limits.timeout, PATIENCE))
        seconds = time.perf_counter() - begun
    return _Seen(case, 0.0, {"measure": seconds})
