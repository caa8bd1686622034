"""What `recall` found, as claims: which of two models solves a task and the other one does not; a model by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rnn_vs_attn import units
from rnn_vs_attn.models import registry as models
from rnn_vs_attn.models.registry import BASELINE
from rnn_vs_attn.models.spec import LINEAR_RECURRENCE, RECURRENT
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED, Claim
from rnn_vs_attn.records.query import Group
from rnn_vs_attn.records.types import Axes, Record
from rnn_vs_attn.suites.recall.analysis import PARTLY, SOLVED, UNSOLVED, Outcome, outcomes
from rnn_vs_attn.suites.recall.case import SOLVED_ACCURACY, SOLVED_LOSS
from rnn_vs_attn.suites.recall.words import after, chance_of, measured_by, named_task, scores, task_among
from rnn_vs_attn.suites.training_words import RETRY, without_end
from rnn_vs_attn.tasks.registry import find
from rnn_vs_attn.tasks.spec import MEMORY, RECALL, STATE_TRACKING

TIMES_THE_STEPS = 2  # times the steps of the one that solves a task, before another one is said not to
RULE = (
    f"A model solves a task where every seed reaches an accuracy of {SOLVED_ACCURACY:g} (of adding, a loss of "
    f"{SOLVED_LOSS:g}) at its best learning rate. It does not where no seed does at any learning rate, with at least "
    f"{TIMES_THE_STEPS} times the steps that the other one took. Else it is {UNDECIDED}, as where the two have not as "
    "many seeds, or a training of the one that does not came to no end. Seconds are those of trainings side by side."
)
_LEARNT = {RECALL: "recall", MEMORY: "remember", STATE_TRACKING: "keep track of a state"}
_FEW = 3  # seeds, below which it is said how many there are


def claims(records: Sequence[Record]) -> list[Claim]:
    """A line of each model: beside attention where the lesson speaks of both, by itself where it does not."""
    found = outcomes(records)
    paired = pairs(found)
    alone = [each for each in found if not any(each is pair.solver or each is pair.other for pair in paired)]
    lost = without_end(records, "loss", [outcome.axes for outcome in found])
    every = [*map(dict, lost), *(outcome.axes for outcome in found)]
    return [
        *(_of_lost(every, axes, reason) for axes, reason in zip(every, lost.values(), strict=False)),
        *(_of_pair(found, pair) for pair in _by_turns(paired)),
        *(_of_one(found, outcome) for outcome in alone),
    ]


# Two models


@dataclass(frozen=True)
class Pair:
    """Two models and a task, of which the lesson says: the one solves it, the other does not."""

    solver: Outcome
    other: Outcome

    @property
    def verdict(self) -> str:
        """By RULE."""
        if not self.same_seeds:
            return UNDECIDED
        if _apart(self.solver, self.other):
            return HOLDS
        both = self.solver.word == self.other.word == SOLVED
        return FAILS if both or _apart(self.other, self.solver) else UNDECIDED

    @property
    def same_seeds(self) -> bool:
        """Whether both were trained with as many: an interruption may have come between."""
        return len(self.solver.steps) == len(self.other.steps)


def _apart(solver: Outcome, other: Outcome) -> bool:
    """Whether the one solves it and the other one does not, which had all of its trainings and the steps for it."""
    unsolved = other.word == UNSOLVED and not other.endless
    return solver.word == SOLVED and unsolved and _times(solver, other) >= TIMES_THE_STEPS


def _times(solver: Outcome, other: Outcome) -> float:
    """How many times the steps that the one took the other one had."""
    return other.budget / max(1.0, median(solver.steps))  # 0: before any


def pairs(found: Sequence[Outcome]) -> list[Pair]:
    """Recall and memory: attention solves what a recurrence does not. State tracking: the other way round, of those
    whose state moves on by a non-linear function.
    """
    made: list[Pair] = []
    for attention in (outcome for outcome in found if outcome.model == BASELINE):
        for other in (o for o in found if o.task == attention.task and o.model != BASELINE):
            layer = models.recorded(other.model).layer_type
            if find(str(other.axes["task"])).family == STATE_TRACKING:
                made += [Pair(other, attention)] if layer == RECURRENT else []
            elif layer in (RECURRENT, LINEAR_RECURRENCE):
                made.append(Pair(attention, other))
    return made


def _by_turns(paired: Sequence[Pair]) -> list[Pair]:
    """The first one of each task, then the second ones."""
    before: dict[Group, int] = {}
    turns = []
    for pair in paired:
        turns.append(before.get(pair.solver.task, 0))
        before[pair.solver.task] = turns[-1] + 1
    return [pair for _, pair in sorted(zip(turns, paired, strict=True), key=lambda turn: turn[0])]


def _of_pair(found: Sequence[Outcome], pair: Pair) -> Claim:
    solver, other = pair.solver, pair.other
    return Claim(
        "solves alone",
        f"{solver.model} learns {_task(found, solver)}, {other.model} does not",
        pair.verdict,
        f"{solver.model} solves it in {_told(solver)}; {other.model} in {_told(other)}",
        _lacking(pair) if pair.verdict == UNDECIDED else _said([_patience(pair), _few(solver)]),
        {**solver.axes, "beside": other.model},
    )


def _patience(pair: Pair) -> str:
    """How long the one that does not solve it was given, "" where both do."""
    slow, fast = (pair.other, pair.solver) if pair.solver.word == SOLVED else (pair.solver, pair.other)
    if slow.word == SOLVED:
        return ""
    rates = f"each of {slow.rates} learning rates" if slow.rates > 1 else "one learning rate"
    return f"{slow.model} had {_times(fast, slow):.1f} times the steps that {fast.model} took, at {rates}"


def _lacking(pair: Pair) -> str:
    """What an undecided one would be decided by."""
    solver, other = pair.solver, pair.other
    if not pair.same_seeds:
        return _unequal(solver, other)
    for one, two in ((solver, other), (other, solver)):
        if one.word == SOLVED and two.word == UNSOLVED:
            return _lacking_beside(one, two)
    if solver.word == other.word == UNSOLVED:
        return f"neither solves it; more than --steps {solver.budget}, or another --learning-rate, may"
    partly = [each for each in (solver, other) if each.word == PARTLY]
    if all(map(_solves_all_that_ended, partly)):
        return _ended(len(partly), " and ".join(each.model for each in partly))
    named = " and ".join(each.model for each in partly)
    return f"not every seed of {named} solves it; more than --steps {solver.budget} may bring all there"


def _unequal(one: Outcome, two: Outcome) -> str:
    """What brings as many seeds to both."""
    fewer = min(one, two, key=lambda each: len(each.steps))
    if fewer.lost:
        return _ended(1, fewer.model)
    return f"{one.model} has {_seeds(one)} and {two.model} {_seeds(two)}; --resume RUN trains those that are missing"


def _solves_all_that_ended(outcome: Outcome) -> bool:
    return outcome.lost and sum(map(math.isinf, outcome.steps)) == 1


def _ended(trainings: int, of: str) -> str:
    return f"{units.counted(trainings, 'training')} of {of} came to no end; {RETRY}"


def _lacking_beside(solver: Outcome, other: Outcome) -> str:
    """Why one that does not solve a task is not said to be unable to, beside one that does."""
    if other.endless:
        return _ended(other.endless, other.model)
    steps = math.ceil(TIMES_THE_STEPS * median(solver.steps))
    return f"{other.model} had too few steps to say so; --steps {steps} or more decides"


# A model by itself


def _of_one(found: Sequence[Outcome], outcome: Outcome) -> Claim:
    rivals = [other for other in found if other.task == outcome.task and other.word == SOLVED]
    verdict = HOLDS if outcome.word == SOLVED else UNDECIDED
    why = _lacking_alone(outcome, rivals) if verdict == UNDECIDED else ""
    apart = [rival for rival in rivals if Pair(rival, outcome).verdict == HOLDS]
    if apart:
        verdict, why = FAILS, _patience(Pair(apart[0], outcome))
    text, figure = f"{outcome.model} learns {_task(found, outcome)}", f"It solves it in {_told(outcome)}"
    said = why if verdict == UNDECIDED else _said([why, _few(outcome)])
    return Claim("solves", text, verdict, figure, said, outcome.axes)


def _lacking_alone(outcome: Outcome, rivals: Sequence[Outcome]) -> str:
    if outcome.word == PARTLY:
        if _solves_all_that_ended(outcome):
            return _ended(1, outcome.model)
        return f"not every seed solves it; more than --steps {outcome.budget} may bring all there"
    if rivals or outcome.endless:
        nearest = min(rivals or [outcome], key=lambda rival: median(rival.steps))
        unlike = len(nearest.steps) != len(outcome.steps)
        return _unequal(nearest, outcome) if unlike else _lacking_beside(nearest, outcome)
    return f"no model solves it in half of the steps; more than --steps {outcome.budget}, or another --model, may"


def _of_lost(every: Sequence[Axes], axes: Axes, reason: str) -> Claim:
    """Of a model of which no training came to its end."""
    text = f"{axes['model']} learns to {_LEARNT[find(str(axes['task'])).family]} ({task_among(every, axes)})"
    return Claim("solves", text, UNDECIDED, "No training of it came to its end", reason, axes)


# Words


def _task(found: Sequence[Outcome], outcome: Outcome) -> str:
    """ "to recall (mqar)"."""
    return f"to {_LEARNT[find(str(outcome.axes['task'])).family]} ({named_task(found, outcome)})"


def _told(outcome: Outcome) -> str:
    """In how many seeds it solves it, and when: "3 of 3 seeds, after 108, 120 and 96 steps"."""
    solved = sum(math.isfinite(steps) for steps in outcome.steps)
    if outcome.word == SOLVED:
        return f"{solved} of {_seeds(outcome)}, {after(outcome)}"
    chance = chance_of(outcome)
    least = chance.loss if chance.accuracy is None else chance.accuracy
    elsewhere = f" and at {outcome.solved_at} of {outcome.rates} learning rates" * (outcome.reached and not solved)
    reached = f"{measured_by(outcome)} {scores(outcome)}, chance {least:.3g}"
    return f"{solved} of {_seeds(outcome)}{elsewhere} within {outcome.budget} steps ({reached})"


def _seeds(outcome: Outcome) -> str:
    return units.counted(len(outcome.steps), "seed")


def _few(outcome: Outcome) -> str:
    return f"this is of {_seeds(outcome)}, --rounds {_FEW} has more" if len(outcome.steps) < _FEW else ""


def _said(parts: Sequence[str]) -> str:
    return "; ".join(filter(None, parts))
