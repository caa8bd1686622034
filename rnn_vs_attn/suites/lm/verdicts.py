"""Which verdicts `lm` has, and by which rule: whose loss is lower, what fine-tuning takes off, how far models see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.lm.case import BASELINE, WITH_MEMORY
from rnn_vs_attn.suites.lm.outcomes import Outcome, by_seed, scores
from rnn_vs_attn.suites.training_words import RETRY
from rnn_vs_attn.units import counted

TIME, TOKENS = "time", "tokens"
MARGIN = 0.01
SEEDS = 3  # that a verdict needs at least
FEW_SEEDS = f"a verdict takes {SEEDS} seeds, --rounds {SEEDS} has them"
LONGER = "more --seconds-per-model or --steps"
SAME = 1e-9  # of an amount: no step is so short
RULE = (
    f"A model has the lower loss where all its seeds, at least {SEEDS}, are below all of the other one's, by "
    f"{MARGIN:.0%} at least; more context helps where it takes {MARGIN:.0%} off in every seed, and does not where it "
    "does so in none. Each has its best learning rate of the grid, by the first seed. One that had more time, or more "
    "tokens, wins where it was lower already when it had as much as the other one, and loses where it was higher then "
    "and still is at its end."
)

# Which model loses less


@dataclass(frozen=True)
class Duel:
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
            return FEW_SEEDS
        if not _clear(ours, theirs) and not _clear(theirs, ours):
            return f"their seeds overlap or are within {MARGIN:.0%}; {LONGER} may part them"
        endless = [f"{counted(o.endless, 'training')} of {o.model}" for o in (self.ours, self.theirs) if o.endless]
        return f"{' and '.join(endless)} came to no end, {RETRY}" if endless else self._apart

    @property
    def _apart(self) -> str:
        """What the one that had more came to, and what gives both as much."""
        more = max(self.ours, self.theirs, key=self._whole)
        equal = "steps" if self.of == TOKENS else "" if more.axes["seconds_per_model"] else "seconds-per-model"
        decides = f"; --{equal}, the same for all, decides" if equal else ""
        return f"{more.model} had more {self.of} and came to {scores(more.bits)}{decides}"


def _clear(low: Sequence[float], high: Sequence[float]) -> bool:
    """Whether all of the one are below all of the other, by the margin."""
    return max(low) <= min(high) * (1 - MARGIN)


def rivals(found: Sequence[Outcome]) -> list[tuple[Outcome, Outcome]]:
    """A memory beside none, and gpt beside each other model, where all else is the same."""
    pairs = [(ours, theirs) for ours in found for theirs in found if theirs.group == ours.group and theirs is not ours]
    of_memories = [pair for pair in pairs if of_memory(*pair)]
    return [*of_memories, *(pair for pair in pairs if pair[0].axes["model"] == BASELINE)]


def duels(found: Sequence[Outcome]) -> list[tuple[Duel, Duel]]:
    """Of all rivals the one after as much time, and the one after as many tokens."""
    return [(Duel(TIME, *pair), Duel(TOKENS, *pair)) for pair in rivals(found)]


def of_memory(ours: Outcome, theirs: Outcome) -> bool:
    """Whether these are a model with a memory and the same one without."""
    same = ours.axes["model"] == theirs.axes["model"] == WITH_MEMORY
    return bool(same and ours.axes["memory_len"] and not theirs.axes["memory_len"])


# What a model takes off a number


@dataclass(frozen=True)
class Lowered:
    """A model beside one number of bits a byte: what it lost before fine-tuning, or what no network costs."""

    outcome: Outcome
    base: float

    @property
    def taken_off(self) -> float:
        """The share of that, by the median of the seeds."""
        return 1 - median(self.outcome.bits) / self.base if self.base else 0.0

    @property
    def lower(self) -> list[bool]:
        """Whether 1 % at least is taken off, a seed each."""
        return [bits <= self.base * (1 - MARGIN) for bits in self.outcome.bits]

    @property
    def verdict(self) -> str:
        """Whether it is lower: in every seed, in none, or in some."""
        return UNDECIDED if len(self.lower) < SEEDS or self._is_open else _in_every_seed(self.lower)

    @property
    def _is_open(self) -> bool:
        """Whether a training that came to no end may have gained it: a seed, or where none did another rate."""
        return bool(self.outcome.lost or (self.outcome.untried and not any(self.lower)))

    @property
    def lacking(self) -> str:
        """What an undecided one would be decided by."""
        if not self._is_open:
            return _partly(self.lower)
        return f"{counted(self.outcome.endless, 'training')} came to no end, {RETRY}"


def _in_every_seed(each: Sequence[bool]) -> str:
    return HOLDS if all(each) else UNDECIDED if any(each) else FAILS


def _partly(each: Sequence[bool]) -> str:
    """What a verdict of every seed lacks."""
    if len(each) < SEEDS:
        return FEW_SEEDS
    return f"{sum(each)} of {len(each)} seeds gain {MARGIN:.0%}; {LONGER} may bring all or none there"


def fine_tuned(found: Sequence[Outcome]) -> list[Lowered]:
    """Those that did not begin from weights of a seed; before any step all seeds are the same."""
    return [Lowered(outcome, outcome.curves[0][0].bits) for outcome in found if outcome.axes.get("init_from")]


def without_rivals(records: Sequence[Record], found: Sequence[Outcome]) -> list[Lowered]:
    """Those that no other model is compared with, beside counted pairs of bytes of the same text."""
    compared = [outcome for pair in rivals(found) for outcome in pair]
    alone = [o for o in found if not o.axes.get("init_from") and not any(o is other for other in compared)]
    costs = {r.axes["text"]: r.median for r in measured(records, "baseline_bits", method="bigram")}
    bits = [(outcome, costs.get(outcome.axes["text"])) for outcome in alone]
    return [Lowered(outcome, cost) for outcome, cost in bits if cost is not None]


# How far they see


@dataclass(frozen=True)
class Distant:
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
    def blind(self) -> bool:
        """Whether it sees no further than the shorter ones."""
        return self.sees <= self.shorter

    @property
    def helps(self) -> list[bool]:
        """Whether it gains 1 %, a seed each."""
        return [gain >= MARGIN * before for gain, before in zip(self.gains, self.bits, strict=True)]

    @property
    def verdict(self) -> str:
        """Whether distant context helps it, by RULE."""
        if self.blind:
            return FAILS
        return UNDECIDED if len(self.gains) < SEEDS else _in_every_seed(self.helps)

    @property
    def lacking(self) -> str:
        """What an undecided one would be decided by."""
        return _partly(self.helps)


def distant(records: Sequence[Record], found: Sequence[Outcome]) -> list[Distant]:
    """Of each model from a segment to the longest context that was tested."""
    return [context for outcome in found if (context := _distant(records, outcome)) is not None]


def _distant(records: Sequence[Record], outcome: Outcome) -> Distant | None:
    shorter = int(outcome.axes["seq_len"])
    tested = {int(r.axes["context"] or 0): r for r in measured(records, "bits_at_context", **outcome.at_best)}
    if shorter not in tested or max(tested) == shorter:
        return None
    longer = max(tested)
    near, far = (by_seed(records, "bits_at_context", outcome, context=n) for n in (shorter, longer))
    both = [seed for seed in near if seed in far]
    gains = [near[seed] - far[seed] for seed in both]
    sees = int(tested[longer].details.get("sees", longer))
    return Distant(outcome, shorter, longer, gains, [near[seed] for seed in both], sees) if both else None
