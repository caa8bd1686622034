"""What `gradflow` finds: through which models gradients vanish, which reach every distance, what training moved."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from rnn_vs_attn import units
from rnn_vs_attn.models.registry import BASELINE, recorded
from rnn_vs_attn.models.spec import ATTENTION, CONVOLUTION, RECURRENCE, RESTRICTED_ATTENTION, TRAINED
from rnn_vs_attn.models.trained import INITIAL_PREFIX, is_initial, layer_of, unprefixed
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED, Claim
from rnn_vs_attn.records.query import Group, record_at, without
from rnn_vs_attn.records.types import Axes, Record
from rnn_vs_attn.report.curves import interval
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites import deciding, findings
from rnn_vs_attn.suites.findings import Names, tokens
from rnn_vs_attn.suites.gradflow.analysis import LEAST_POINTS, norms_of
from rnn_vs_attn.suites.gradflow.case import GradflowCase

VANISH, REACHES, TRAINING = "gradients vanish", "reaches every distance", "training lets more through"
FLOAT32_ZERO = -45.0  # log10: below float32's least number, 1.4e-45, it has only 0
SEEDS = "more seeds of its training may tell"  # each of which has a round
_VANISHES = {"vanishing": HOLDS, "undecided": UNDECIDED}
_REACHES = {"flat": HOLDS, "undecided": UNDECIDED}


@dataclass(frozen=True)
class Found:
    """What a run has of one case.

    norms: by distance from 1 on, those that have a value. gone: the distance from which on exactly nothing arrives, in
    every round. base: the norms of attention with the same settings, from 1 on too.
    """

    law: Record
    norms: dict[int, Record]
    gone: int | None
    base: dict[int, Record]


def claims(records: Sequence[Record]) -> list[Claim]:
    """A claim a model, those of the user's own and trained ones first, then recurrences, then all others."""
    names, cases = Names.of(records, GradflowCase), norms_of(records)
    laws = [record for record in records if record.metric == "gradient_law"]
    ranked = sorted(laws, key=lambda law: _rank(str(law.axes["model"])))
    return [*_training(cases, names), *(_claim(_found(law, records, cases), records, names) for law in ranked)]


def _rank(model: str) -> int:
    return 0 if findings.is_not_ours(model) else 1 if recorded(model).family == RECURRENCE else 2


def _found(law: Record, records: Sequence[Record], cases: dict[Group, dict[int, Record]]) -> Found:
    group = without(law.axes)
    bases = {without(dict(g), "model", "init"): norms for g, norms in cases.items() if dict(g)["model"] == BASELINE}
    is_base = law.axes["model"] == BASELINE
    base = {} if is_base else bases.get(without(law.axes, "model", "init"), {})
    base = {k: norm for k, norm in base.items() if k >= 1}
    norms = {k: norm for k, norm in sorted(cases.get(group, {}).items()) if k >= 1}
    return Found(law, norms, _gone(group, records), base)


def _gone(group: Group, records: Sequence[Record]) -> int | None:
    """The first distance from 1 on from which to the last one the norm is exactly 0 in all of enough rounds."""
    found = None
    of_group = [r for r in records if r.metric == "gradient_norm_log10" and without(r.axes, "distance") == group]
    for record in sorted(of_group, key=_distance, reverse=True):
        enough = intervals.interval_ranks(len(record.samples)) is not None
        if _distance(record) < 1 or not (record.zero and not record.values and enough):
            break
        found = _distance(record)
    return found


def _distance(record: Record) -> int:
    return int(record.axes.get("distance") or 0)


# What becomes of a gradient


def _claim(found: Found, records: Sequence[Record], names: Names) -> Claim:
    """ "Gradients through lstm vanish", or of what attends or convolves that it reaches every distance alike."""
    axes, law = found.law.axes, found.law.text
    name, of_reach = names.name(axes), _family(str(axes["model"])) in (ATTENTION, RESTRICTED_ATTENTION, CONVOLUTION)
    key, text = (REACHES, f"{name} reaches every distance alike") if of_reach else (VANISH, _vanish(name))
    verdict = (_REACHES if of_reach else _VANISHES).get(law, FAILS)
    if found.gone is not None:
        figure, verdict = f"From {_back(found.gone)} back on exactly nothing arrives", FAILS if of_reach else HOLDS
        return Claim(key, text, verdict, figure, _beside(found), names.axes(axes, "model"))
    figure = _ends(found.norms) if law in ("flat", "undecided") else _law(found.law, records)
    why = _to_decide(found) if law == "undecided" else _beside(found)
    return Claim(key, text, verdict, figure, why, names.axes(axes, "model"))


def _vanish(name: str) -> str:
    return f"Gradients through {name} vanish"


def _family(model: str) -> str:
    """That of the layer, of a trained model too."""
    family = recorded(model).family
    return recorded(layer_of(model)).family if family == TRAINED else family


def _law(law: Record, records: Sequence[Record]) -> str:
    """The law in words, with its numbers; those that an edited run lacks are left out."""
    if law.text == "polynomial":
        exponent = record_at(records, "power_exponent", law.axes)
        left = interval(exponent, _twice) if exponent and exponent.ok else ""
        return f"Twice as far back leaves {left} of the gradient, by a power law" if left else ""
    decay, life = (record_at(records, name, law.axes) for name in ("decay", "half_life"))
    left = interval(decay, units.factor) if decay and decay.ok else ""
    if law.text == "exploding":
        return f"Each token back multiplies the gradient by {left}" if left else ""
    half = f"half of it after {interval(life)} tokens" if life and life.ok else ""
    told = (f"Each token back leaves {left} of the gradient" if left else "", half)
    return findings.capital(", ".join(filter(None, told)))


def _twice(exponent: float) -> str:
    """By how much a power law multiplies at twice the distance."""
    return units.significant(2**exponent)


def _ends(norms: dict[int, Record]) -> str:
    """What arrives from the nearest and from the furthest token."""
    if not norms:
        return "Nothing could be measured of it"
    near, far = min(norms), max(norms)
    ends = f"From {_back(near)} back a gradient of {_norm(norms[near])} arrives"
    return ends + (f", from {tokens(far)} back {_norm(norms[far])}" if far != near else "")


def _back(distance: int) -> str:
    return units.counted(distance, "token")


def _norm(record: Record) -> str:
    return interval(record, units.power_of_ten, lacking="")


def _to_decide(found: Found) -> str:
    """Why no law is settled, and what it would take; a law is no interval, so that more rounds need not tell."""
    reason, near = str(found.law.details.get("reason", "")), next(iter(found.norms.values()), None)
    if near is None or near.estimate is None:
        return reason
    if near.low is None:
        return deciding.to_decide(near.estimate)
    takes = f"more rounds may tell, such as --rounds {2 * near.estimate.rounds}"
    if recorded(str(found.law.axes["model"])).family == TRAINED:
        takes = SEEDS
    elif len(found.norms) < LEAST_POINTS and "exactly" not in reason:
        takes = f"--seq-len 32 or more has {LEAST_POINTS} distances"
    return "; ".join(filter(None, (reason, takes)))


def _beside(found: Found) -> str:
    """Up to where more arrives than through attention, and from where less; from where on nothing would in float32."""
    faint = takewhile(lambda k: (found.norms[k].median or 0.0) < FLOAT32_ZERO, reversed(found.norms))
    lost = min(faint, default=None)
    in_float32 = "" if lost is None else f"from {tokens(lost)} on it would be exactly 0 in float32"
    return "; ".join(filter(None, (_beside_attention(found), in_float32)))


def _beside_attention(found: Found) -> str:
    """What is exactly nothing is less than what arrives through attention, and what is not known on neither side."""
    gone = math.inf if found.gone is None else found.gone
    sides = {k: "below" if k >= gone else "undecided" for k in sorted(found.base)}
    both = [(k, norm, found.base[k]) for k, norm in found.norms.items() if k in found.base]
    sides |= {k: intervals.side_of(factor(norm, base), 0.0) for k, norm, base in both}
    more = [*takewhile(lambda k: sides[k] == "above", sides)]
    less = [*takewhile(lambda k: sides[k] == "below", reversed(sides))]
    if more and less:
        return f"up to {_back(more[-1])} back it is more than through {BASELINE}, and from {tokens(less[-1])} on less"
    for word, side in (("more", "above"), ("less", "below")):
        if sides and set(sides.values()) == {side}:
            return f"at every distance it is {word} than through {BASELINE}"
    return ""


def factor(ours: Record, theirs: Record) -> intervals.Estimate | None:
    """log10 of one norm / another, formed within rounds; None where no round has both."""
    pairs = zip(ours.samples, theirs.samples, strict=False)
    logs = [a - b for a, b in pairs if a is not None and b is not None]
    return intervals.estimate(logs) if logs else None


# What training moved


def _times(log10: float) -> str:
    """10**log10 as a factor: "1.3", or "3.0e+03"."""
    return units.significant(10**log10, 2) if abs(log10) < 3 else units.power_of_ten(log10)


def _training(cases: dict[Group, dict[int, Record]], names: Names) -> Iterator[Claim]:
    """ "Training lets more of the gradient through lstm@copy", at the largest distance, round by round."""
    for group, norms in cases.items():
        axes = dict(group)
        name = str(axes["model"])
        if recorded(name).family != TRAINED or is_initial(name):
            continue
        before = cases.get(without(axes | {"model": INITIAL_PREFIX + unprefixed(name)}), {})
        shared = [k for k in norms.keys() & before.keys() if k >= 1]
        found = factor(norms[max(shared)], before[max(shared)]) if shared else None
        if found is not None:
            yield _training_claim(axes, max(shared), found, names)


def _training_claim(axes: Axes, distance: int, found: intervals.Estimate, names: Names) -> Claim:
    model = unprefixed(str(axes["model"]))
    verdict = deciding.beside(found, 0.0, "above")
    times = interval(found, _times)
    figure = f"From {_back(distance)} back {axes['model']} passes on {times} times what {INITIAL_PREFIX}{model} does"
    why = (deciding.to_decide(found) if found.low is None else SEEDS) if verdict == UNDECIDED else ""
    text = f"Training lets more of the gradient through {model}{names.settings(axes)}"
    return Claim(TRAINING, text, verdict, figure, why, names.axes(axes, "model"))
