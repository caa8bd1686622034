"""What `lm` reads out of its trainings: the best learning rates, verdicts of claims, and how far models see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from rnn_vs_attn.records.claims import VERDICT
from rnn_vs_attn.records.query import Group, derived, measured
from rnn_vs_attn.records.types import AxisValue, Metric, Record
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites import learning_rates
from rnn_vs_attn.suites.lm import recl
from rnn_vs_attn.suites.lm.case import BASELINE, WITH_MEMORY, LmCase
from rnn_vs_attn.suites.lm.outcomes import Outcome, by_seed, first_bits, outcomes
from rnn_vs_attn.suites.training_words import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.units import counted

TIME, TOKENS, TEXT = "time", "tokens", "text"
BEFORE = "itself before"
MARGIN = 0.01
SEEDS = 3  # that a verdict needs at least
SAME = 1e-9  # of an amount: no step is so short
RULE = (
    f"A model has the lower loss where all its seeds, at least {SEEDS}, are below all of the other one's, by "
    f"{MARGIN:.0%} at least; more context helps where it takes {MARGIN:.0%} off in every seed, and does not where it "
    "does so in none. Each has its best learning rate of the grid, by the first seed. One that had more time, or more "
    "tokens, wins where it was lower already when it had as much as the other one, and loses where it was higher then "
    "and still is at its end."
)
PARTS = (0.1, 0.5, 1.0)  # of the targets: those of which the baseline loses most

RECL = Metric("recl", "1", "none", title="tokens beyond which more gain nothing, beside the other models (Dai et al.)")
GAIN = Metric("context_gain", "1", "none", scale="difference", title="bits a byte less, from one context to another")
METRICS = (RECL, GAIN, VERDICT)


def of_round(number: int, cases: Sequence[LmCase], records: Sequence[Record]) -> list[LmCase]:
    """All cases in the first round; in later ones each model's best learning rate by the first."""
    return learning_rates.best(number, cases, partial(_merit, records))


def _merit(records: Sequence[Record], axes: Mapping[str, AxisValue]) -> tuple[float] | None:
    bits = first_bits(records, axes)
    return None if bits is None else (-bits,)


# Which model loses less


@dataclass(frozen=True)
class LossClaim:
    """Two models after as much time, or as many tokens: what each seed loses then.

    amount: seconds or tokens, of which ours or theirs may have had more by its end.
    """

    of: str
    ours: Outcome
    theirs: Outcome

    @property
    def amount(self) -> float:
        return min(self._whole(self.ours), self._whole(self.theirs))

    def _whole(self, outcome: Outcome) -> float:
        return outcome.seconds if self.of == TIME else outcome.tokens

    def bits(self, outcome: Outcome) -> list[float]:
        """Of each seed when it had as much."""
        if self._whole(outcome) <= self.amount * (1 + SAME):
            return list(outcome.bits)
        return outcome.after_seconds(self.amount) if self.of == TIME else outcome.after_tokens(self.amount)

    @property
    def verdict(self) -> str:
        """Whether ours has the lower loss, by RULE."""
        if self._below(self.ours, self.theirs):
            return HOLDS
        return FAILS if self._below(self.theirs, self.ours) else UNDECIDED

    def _below(self, winner: Outcome, loser: Outcome) -> bool:
        """Whether the winner, when it had as much, is below what the loser had come to by then and by its end."""
        if self._too_few or winner.lost or loser.lost or loser.untried:
            return False
        return _clear(self.bits(winner), [*self.bits(loser), *loser.bits])

    @property
    def _too_few(self) -> bool:
        return min(len(self.ours.bits), len(self.theirs.bits)) < SEEDS

    @property
    def lacking(self) -> str:
        """What an undecided one would be decided by."""
        ours, theirs = self.bits(self.ours), self.bits(self.theirs)
        if self._too_few:
            return f"a verdict takes {SEEDS} seeds"
        if not _clear(ours, theirs) and not _clear(theirs, ours):
            return f"their seeds overlap, or are less than {MARGIN:.0%} apart"
        endless = [f"{counted(o.endless, 'training')} of {o.model}" for o in (self.ours, self.theirs) if o.endless]
        return f"{' and '.join(endless)} came to no end" if endless else self._apart

    @property
    def _apart(self) -> str:
        """What the one that had more came to, and what gives both as much."""
        more = max(self.ours, self.theirs, key=self._whole)
        ends = " ".join(f"{value:.3f}" for value in more.bits)
        equal = "steps" if self.of == TOKENS else "" if more.axes["seconds_per_model"] else "seconds-per-model"
        decides = f"; --{equal}, the same for all, decides" if equal else ""
        return f"{more.model} had more {self.of} and came to {ends}{decides}"


def _clear(low: Sequence[float], high: Sequence[float]) -> bool:
    """Whether all of the one are below all of the other, by the margin."""
    return max(low) <= min(high) * (1 - MARGIN)


def loss_claims(found: Sequence[Outcome]) -> list[LossClaim]:
    """gpt beside each other model, and a memory beside none, after as much time and after as many tokens."""
    pairs = [
        (ours, theirs)
        for ours in found
        for theirs in found
        if theirs.group == ours.group
        and theirs is not ours
        and (ours.axes["model"] == BASELINE or of_memory(ours, theirs))
    ]
    return [LossClaim(of, *pair) for of in (TIME, TOKENS) for pair in pairs]


def of_memory(ours: Outcome, theirs: Outcome) -> bool:
    """Whether these are a model with a memory and the same one without."""
    same = ours.axes["model"] == theirs.axes["model"] == WITH_MEMORY
    return bool(same and ours.axes["memory_len"] and not theirs.axes["memory_len"])


# What fine-tuning takes off


@dataclass(frozen=True)
class FineTuned:
    """A model that began from a folder, with its curves, whose first point is before any step."""

    outcome: Outcome

    @property
    def before(self) -> float:
        """Bits a byte, the same for all seeds, as they begin from the same weights."""
        return self.outcome.curves[0][0].bits

    @property
    def taken_off(self) -> float:
        """The share of that, by the median of the seeds."""
        return 1 - median(self.outcome.bits) / self.before

    @property
    def verdict(self) -> str:
        """Whether fine-tuning lowers the loss: by 1 % at least in every seed, in none, or in some."""
        if len(self.outcome.bits) < SEEDS or self.outcome.lost:
            return UNDECIDED
        lower = [bits <= self.before * (1 - MARGIN) for bits in self.outcome.bits]
        return HOLDS if all(lower) else UNDECIDED if any(lower) else FAILS


def fine_tuned(found: Sequence[Outcome]) -> list[FineTuned]:
    """Those that did not begin from weights of a seed."""
    return [FineTuned(outcome) for outcome in found if outcome.axes.get("init_from")]


# How far they see


@dataclass(frozen=True)
class ContextClaim:
    """What a model gains, a seed each, from `longer` tokens before a target in place of `shorter`.

    bits: with the shorter ones. sees: how many of the longer ones it can see.
    """

    outcome: Outcome
    shorter: int
    longer: int
    gains: list[float]
    bits: list[float]
    sees: int

    @property
    def verdict(self) -> str:
        """Whether distant context helps it, by RULE."""
        if self.sees <= self.shorter:
            return FAILS
        if len(self.gains) < SEEDS:
            return UNDECIDED
        helps = [gain >= MARGIN * before for gain, before in zip(self.gains, self.bits, strict=True)]
        return HOLDS if all(helps) else UNDECIDED if any(helps) else FAILS


def context_claims(records: Sequence[Record], found: Sequence[Outcome]) -> list[ContextClaim]:
    """Of each model from a segment to the longest context that was tested."""
    return [context for outcome in found if (context := _context_claim(records, outcome)) is not None]


def _context_claim(records: Sequence[Record], outcome: Outcome) -> ContextClaim | None:
    shorter = int(outcome.axes["seq_len"])
    tested = {int(r.axes["context"] or 0): r for r in measured(records, "bits_at_context", **outcome.at_best)}
    if shorter not in tested or max(tested) == shorter:
        return None
    longer = max(tested)
    near, far = (by_seed(records, "bits_at_context", outcome, context=n) for n in (shorter, longer))
    both = [seed for seed in near if seed in far]
    gains = [near[seed] - far[seed] for seed in both]
    sees = int(tested[longer].details.get("sees", longer))
    return ContextClaim(outcome, shorter, longer, gains, [near[seed] for seed in both], sees) if both else None


# What is derived


def derive(records: Sequence[Record]) -> list[Record]:
    """A verdict of each claim, gains from context, and effective lengths of context."""
    return list(_derived(records)) if records else []


def _derived(records: Sequence[Record]) -> Iterator[Record]:
    found, suite = outcomes(records), records[0].suite
    for loss in loss_claims(found):
        axes: dict[str, Any] = {**loss.ours.axes, "beside": loss.theirs.model, "equal": loss.of}
        yield derived(VERDICT, suite, axes, [], None, text=loss.verdict, amount=loss.amount)
    for tuned in fine_tuned(found):
        axes = {**tuned.outcome.axes, "beside": BEFORE, "equal": TEXT}
        yield derived(VERDICT, suite, axes, [], None, text=tuned.verdict, before=tuned.before)
    for context in context_claims(records, found):
        axes = {**context.outcome.axes, "from": context.shorter, "to": context.longer}
        yield derived(GAIN, suite, axes, context.gains, intervals.estimate(context.gains), text=context.verdict)
    yield from _effective(records, found, suite)


def _effective(records: Sequence[Record], found: Sequence[Outcome], suite: str) -> Iterator[Record]:
    """recl of each group of models that were tested with the same contexts, of each seed that all of them have."""
    groups: dict[Group, list[Outcome]] = {}
    for outcome in found:
        groups.setdefault(outcome.group, []).append(outcome)
    for rivals in groups.values():
        group = _alike({outcome.model: _losses(records, outcome) for outcome in rivals})
        seeds = set.intersection(*map(set, group.values())) if len(group) > 1 else set()
        for part in PARTS if seeds else ():
            lengths = [recl.recl({name: of[seed] for name, of in group.items()}, part) for seed in sorted(seeds)]
            for outcome in rivals:
                values = [float(of_seed[outcome.model]) for of_seed in lengths if outcome.model in of_seed]
                if values:
                    axes: dict[str, Any] = {**outcome.axes, "part": part}
                    yield derived(RECL, suite, axes, list(values), intervals.estimate(values))


Tested = dict[int, dict[int, list[float]]]  # of each seed: nats of the same targets, by the tokens before them


def _alike(group: Mapping[str, Tested]) -> dict[str, Tested]:
    """The models, and their seeds, that were tested with every context that any of them was; {} of a single context."""
    contexts = {context for seeds in group.values() for nats in seeds.values() for context in nats}
    if len(contexts) < 2:
        return {}
    whole = {
        name: {seed: nats for seed, nats in seeds.items() if nats.keys() == contexts} for name, seeds in group.items()
    }
    return {name: seeds for name, seeds in whole.items() if seeds}


def _losses(records: Sequence[Record], outcome: Outcome) -> Tested:
    """By the seeds that a model has."""
    found: Tested = {}
    for record in measured(records, "bits_at_context", **outcome.at_best):
        for seed in outcome.seeds:
            nats = record.details.get(f"nats_{seed}")
            if nats is not None:
                found.setdefault(seed, {})[int(record.axes["context"] or 0)] = nats
    return found
