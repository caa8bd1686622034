"""How much of everything a run may take; the command's options, stored in `run.json`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeVar

from rnn_vs_attn.errors import CaseFault

LONG_CALL = 2.0  # seconds; above it one call that is thrown away and one block are all
MAX_BLOCKS = 20
LOOKS = (6, 9, 12)  # finished rounds after which the intervals are looked at
ENOUGH = 0.2  # seconds of timed calls where a suite times each of them by itself
PATIENCE = 10.0  # seconds that any case may take in a round, and in a look before the first one, --timeout allowing
MOST_STEPS = 64  # decoded in a row, or the context would be another one
UNTIMED_STEPS = 3  # before them: they load code, and make room for more positions where the context filled it
DECODED = UNTIMED_STEPS + MOST_STEPS  # positions that decoding takes beyond the context, at most
_LEAST = 0.001  # seconds that any answer is waited for
MOST = 1e9  # seconds, in 31 years: clocks and files hold no more of any number that is given


@dataclass(frozen=True)
class Budget:
    """What one pass of a case may take in one round; seconds, but for min_blocks.

    long: min_blocks blocks are made only as long as they take no more than this together.
    """

    warm_up: float = 0.2
    max_warm_up: float = 0.6
    block: float = 0.005
    min_blocks: int = 5
    case: float = 0.08
    long: float = 0.5

    def num_blocks(self, seconds: float) -> int:
        """How many blocks of `seconds` each make a sample: as many as `case` needs, and of short ones min_blocks."""
        least = min(self.min_blocks, math.floor(self.long / seconds))
        return min(MAX_BLOCKS, max(1, least, math.ceil(self.case / seconds)))

    def shortened(self, share: float) -> Budget:
        """The same with so much of the warm-up."""
        return replace(self, warm_up=share * self.warm_up, max_warm_up=share * self.max_warm_up)


@dataclass(frozen=True)
class Plan:
    """loops calls a block, num_blocks blocks: fixed in a case's first round and used in all, as far as time allows."""

    loops: int
    num_blocks: int


@dataclass(frozen=True)
class Turn:
    """What a round asks of a case that is not timed in blocks.

    seed: of its weights and data. first: it was not asked before, so what has no noise is wanted too. enough: seconds
    that the timed calls of one quantity take together.
    """

    seed: int = 0
    first: bool = True
    enough: float = ENOUGH


@dataclass(frozen=True)
class Limits:
    """When a run ends. rounds None: at LOOKS, by precision. max_memory in bytes, None where not known.

    given: the --max-seconds of the whole command, where a run has a part of it: what runs before it have left, shared
    by so many runs, itself among them. first_seed: of its first round, where that is one of a run on several machines.
    """

    rounds: int | None = None
    precision: float = 0.05
    max_seconds: float = 165.0
    timeout: float = 120.0
    max_memory: int | None = None
    seed: int = 0
    budget: Budget = field(default_factory=Budget)
    given: float | None = None
    shared_by: int = 1
    first_seed: int = 0

    @property
    def asked_seconds(self) -> float:
        """The --max-seconds that the user gave."""
        return self.max_seconds if self.given is None else self.given

    def to_ask(self, seconds: float) -> int:
        """The --max-seconds that gives this run so many: whole tens, from 200 on whole fifties."""
        total = self.asked_seconds + (seconds - self.max_seconds) * self.shared_by
        step = 10 if total <= 200 else 50
        return math.ceil(total / step) * step

    @property
    def wanted_rounds(self) -> int:
        """The rounds that come before everything else: those that were asked for, or as many as an interval takes."""
        return self.rounds if self.rounds is not None else LOOKS[0]


Values = Mapping[str, Sequence[Any]]  # that fields of a case, and `metric`, may have


@dataclass(frozen=True)
class OwnMargin:
    """The margin of some cases."""

    of: Values
    margin: float


@dataclass(frozen=True)
class Acceptance:
    """A slowdown of some cases that is no fault until the end of a day. at_most: how much of it, None for all."""

    of: Values
    until: str
    why: str
    at_most: float | None = None
    ran_out: bool = False

    def on(self, today: date) -> Acceptance:
        """The same as it is on a day, the last of which it holds on."""
        return replace(self, ran_out=date.fromisoformat(self.until) < today)


Own = TypeVar("Own", OwnMargin, Acceptance)


def means(of: Values, metric: str, axes: Mapping[str, Any]) -> bool:
    """Whether a case's metric is one of those meant; a model that is named without arguments is meant with any."""
    values = {**axes, "metric": metric}
    bare = str(values.get("model")).partition("(")[0]
    return all(
        name in values and (values[name] in allowed or (name == "model" and bare in allowed))
        for name, allowed in of.items()
    )


def nearest(entries: Sequence[Own], metric: str, axes: Mapping[str, Any]) -> Own | None:
    """The entry that names most fields of a case's metric; of equally many the last. None where none means it."""
    found = [entry for entry in entries if means(entry.of, metric, axes)]
    return max(reversed(found), key=lambda entry: len(entry.of)) if found else None


@dataclass(frozen=True)
class PairLimits:
    """How many pairs each stage of `ab` has and what they may take. margin: a part, 0.03 is 3 %.

    settle: whether stage 2 also takes what stage 1 leaves unsure. margins, accepted: of single cases.
    """

    margin: float = 0.03
    screen: int = 8
    confirm: int = 20
    max_seconds: float = 900.0
    timeout: float = 120.0
    max_memory: int | None = None
    seed: int = 0
    settle: bool = False
    budget: Budget = field(default_factory=lambda: Budget(warm_up=0.1, max_warm_up=0.3, min_blocks=4, case=0.12))
    margins: tuple[OwnMargin, ...] = ()
    accepted: tuple[Acceptance, ...] = ()

    def own_margin(self, metric: str, axes: Mapping[str, Any]) -> float | None:
        """The margin that a case's metric has for itself, None where it has that of the call."""
        found = nearest(self.margins, metric, axes)
        return None if found is None else found.margin

    def margin_of(self, metric: str, axes: Mapping[str, Any]) -> float:
        """By how much a case's metric may be worse."""
        own = self.own_margin(metric, axes)
        return self.margin if own is None else own

    def acceptance(self, metric: str, axes: Mapping[str, Any]) -> Acceptance | None:
        """The one of a case's metric, of those that ran out only where there is no other."""
        valid = [entry for entry in self.accepted if not entry.ran_out]
        return nearest(valid, metric, axes) or nearest(self.accepted, metric, axes)


# Time that ends


class TimeIsUp(Exception):
    """--max-seconds has passed."""


@dataclass(frozen=True)
class Deadline:
    """When one case is given up, by the clock, and which limit gives it so long: `--timeout 120 allows`.

    within: in one "round" or "pair".
    """

    until: float
    within: str
    limit: str

    def left(self, clock: Callable[[], float]) -> float:
        """Seconds that the next answer may take."""
        return max(self.until - clock(), _LEAST)

    def told(self, fault: CaseFault) -> CaseFault:
        """A fault as it is told: of an answer that did not come in time, the limit."""
        if fault.status != "timeout":
            return fault
        return CaseFault("timeout", f"it took longer in one {self.within} than {self.limit}", fault.warnings)


def deadline(now: float, timeout: float, within: str) -> Deadline:
    """The one that --timeout sets."""
    return Deadline(now + timeout, within, f"--timeout {timeout:g} allows")
