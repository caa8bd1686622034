"""What `gradflow` says in words: cells of its tables, Pascanu's conditions, and which of the lesson's claims held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rnn_vs_attn import units
from rnn_vs_attn.models import initialisation
from rnn_vs_attn.models.registry import BASELINE, find
from rnn_vs_attn.models.spec import ATTENTION, RECURRENCE, TRAINED
from rnn_vs_attn.models.trained import INITIAL_PREFIX, is_initial, unprefixed
from rnn_vs_attn.records.query import Group, measured, record_at, without
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report import curves
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.gradflow.analysis import norms_of

FLOAT32_ZERO = -45.0  # log10: below float32's least number, 1.4e-45, it has only 0


def interval(record: Record, write: Callable[[float], str]) -> str:
    """ "1.23 [1.20, 1.27]", or the median alone."""
    return curves.interval(record, write, lacking="")


def norm(record: Record, narrow: bool) -> str:
    """A norm from its logarithm, with its interval where there is room; "0" where it is exactly that."""
    if record.zero:
        return "0"
    assert record.median is not None
    return units.power_of_ten(record.median) if narrow else interval(record, units.power_of_ten)


def decay(record: Record) -> str:
    """A factor a token, and up to which distance it was fitted where that is not the last."""
    upto = record.details.get("up_to")
    return interval(record, units.factor) + (f" up to {upto:.0f}" if upto else "")


def reach(record: Record) -> str:
    """Tokens; at the last distance it may be any number of them."""
    last = float(record.axes["seq_len"] or 0) - 1

    def written(value: float) -> str:
        return f"≥ {value:.0f}" if value == last else f"{value:.0f}"

    return interval(record, written)


def remarks(records: Sequence[Record]) -> list[str]:
    """What the numbers mean, a line each."""
    if not any(record.metric == "gradient_law" for record in records):
        return []
    return [
        *_definitions(records),
        *_claims(records),
        *_undecided(records),
        *_overtaken(records),
        *_vanished(records),
        *_pascanu(records),
        *_identity(records),
        *_moved(records),
        *_weights(records),
    ]


def _named(records: Sequence[Record], axes: Group) -> str:
    """The model, with the axes that tell the cases apart."""
    cases = norms_of(records)
    varying = [n for n, _ in axes if n != "model" and len({dict(group).get(n) for group in cases}) > 1]
    shown = ", ".join(f"{n} {dict(axes)[n]}" for n in varying if dict(axes)[n] is not None)
    return f"{dict(axes)['model']}{f' ({shown})' if shown else ''}"


def _definitions(records: Sequence[Record]) -> Iterator[str]:
    inits = dict.fromkeys(str(r.axes["init"]).partition(":")[0] for r in records if "init" in r.axes)
    for init in initialisation.INITIALISATIONS:
        if init.name in inits and init.name != initialisation.DEFAULT:
            yield f"init {init.name}: {init.source}."


def _claims(records: Sequence[Record]) -> Iterator[str]:
    """The lesson's claims: gradients through recurrence vanish; attention reaches every distance alike."""
    recurrent = {"vanishing": "holds", "undecided": "undecided"}
    attention = {"flat": "holds", "undecided": "undecided"}
    for record in (r for r in records if r.metric == "gradient_law"):
        family, name = find(str(record.axes["model"])).family, _named(records, without(record.axes))
        found = record.text
        if family == RECURRENCE:
            word = recurrent.get(found, "does not hold here")
            yield f'Claim "gradients through {name} vanish": {word} ({_why(records, record)}).'
        elif family == ATTENTION:
            word = attention.get(found, "does not hold here")
            yield f'Claim "{name} reaches every distance alike": {word} ({_why(records, record)}).'


def _why(records: Sequence[Record], law: Record) -> str:
    axes, found = law.axes, law.text
    if found == "undecided":
        return str(law.details.get("reason", ""))
    if found == "flat":
        return "flat: no trend, and a scatter below a factor of 2"
    if found == "polynomial":
        (exponent,) = measured(records, "power_exponent", **axes)
        return f"polynomial, distance^{interval(exponent, units.significant)}"
    (decay,) = measured(records, "decay", **axes)
    return f"{found}, times {interval(decay, units.factor)} a token"


def _undecided(records: Sequence[Record]) -> Iterator[str]:
    """Why a model of no family that a claim is about follows no law."""
    for record in (r for r in records if r.metric == "gradient_law" and r.text == "undecided"):
        if find(str(record.axes["model"])).family not in (RECURRENCE, ATTENTION):
            yield f"{_named(records, without(record.axes))}: undecided; {record.details.get('reason', '')}."


def _overtaken(records: Sequence[Record]) -> Iterator[str]:
    """Up to which distance a recurrence passes on more than attention, and from which it is less; intervals apart."""
    cases = norms_of(records)
    baselines = {without(dict(g), "model", "init"): norms for g, norms in cases.items() if dict(g)["model"] == BASELINE}
    for group, norms in cases.items():
        base = baselines.get(without(dict(group), "model", "init"))
        if base is None or find(str(dict(group)["model"])).family != RECURRENCE:
            continue
        sides = {k: _side(norms[k], base[k]) for k in sorted(norms.keys() & base.keys()) if k >= 1}
        more = [k for k, side in sides.items() if side == "above"]
        less = [k for k, side in sides.items() if side == "below" and all(k > m for m in more)]
        if more and less:
            name = _named(records, group)
            yield (
                f"{name} passes on more gradient than {BASELINE} up to distance {more[-1]}, and less from {less[0]} on."
            )


def _side(ours: Record, theirs: Record) -> str:
    ratios = [a - b for a, b in zip(ours.samples, theirs.samples, strict=False) if a is not None and b is not None]
    return intervals.side_of(intervals.estimate(ratios) if ratios else None, 0.0)


def _vanished(records: Sequence[Record]) -> Iterator[str]:
    """From where on nothing would arrive in float32."""
    found = []
    for group, norms in norms_of(records).items():
        gone = [k for k, record in sorted(norms.items()) if k >= 1 and (record.median or 0.0) < FLOAT32_ZERO]
        if gone:
            found.append(f"{_named(records, group)} from distance {gone[0]} on")
    if found:
        yield f"In float32 these gradients would be exactly 0 (below 1.4e-45): {'; '.join(found)}."


def _pascanu(records: Sequence[Record]) -> Iterator[str]:
    """Pascanu et al. 2013, section 2.1, with |sigma'| <= 1 for tanh and ReLU alike."""
    for radius in measured(records, "spectral_radius"):
        largest = record_at(records, "largest_singular_value", radius.axes)
        if largest is None or not largest.ok:  # an edited run may lack it
            continue
        low, high = (None if end is None else round(end, 9) for end in (largest.low, largest.high))  # 1 + 2e-16 is 1
        side = intervals.side_of(replace(largest, low=low, high=high).estimate, 1.0)
        side = "at" if low == high == 1 else side
        applies = {
            "below": "below 1, which is sufficient for vanishing",
            "above": "above 1, so the condition that is sufficient for vanishing does not apply, and the one that is "
            "necessary for exploding is met",
            "at": "1, so neither the condition that is sufficient for vanishing nor the one that is necessary for "
            "exploding is met",
            "undecided": "not clearly on either side of 1, so neither condition is decided",
        }[side]
        value = interval(largest, units.significant)
        name = _named(records, without(radius.axes))
        more = f"; the spectral radius, {interval(radius, units.significant)}, decides for a linear recurrence only"
        yield f"Pascanu's conditions for {name}: the largest singular value, {value}, is {applies}{more}."


def _identity(records: Sequence[Record]) -> Iterator[str]:
    for record in measured(records, "beside_identity_log10"):
        beside = interval(record, units.power_of_ten)
        name = _named(records, without(record.axes))
        yield (
            f"Identity path of {name}: it carries a norm of exactly 1 at distance 0, where everything else carries "
            f"{beside}, and nothing at any other distance: a residual connection passes no gradient between positions."
        )


def _moved(records: Sequence[Record]) -> Iterator[str]:
    """How training moved the norm of each trained model at the largest distance, round by round."""
    cases = norms_of(records)
    for group, norms in cases.items():
        name = str(dict(group)["model"])
        if find(name).family != TRAINED or is_initial(name):
            continue
        before = cases.get(without(dict(group) | {"model": INITIAL_PREFIX + unprefixed(name)}), {})
        shared = [k for k in norms.keys() & before.keys() if k >= 1 and not norms[k].zero and not before[k].zero]
        found = _ratio(norms[max(shared)], before[max(shared)]) if shared else None
        if found is not None:
            where = f"at distance {max(shared)} by {found}"
            yield f"Training multiplied the gradient norm of {_named(records, group)} {where}."


def _ratio(ours: Record, theirs: Record) -> str | None:
    """The factor between two norms within rounds, with its interval where there is one."""
    pairs = zip(ours.samples, theirs.samples, strict=False)
    logs = [a - b for a, b in pairs if a is not None and b is not None]
    if not logs:
        return None
    of = intervals.estimate(logs)
    ends = "" if of.low is None or of.high is None else f" [{', '.join(map(units.power_of_ten, (of.low, of.high)))}]"
    return units.power_of_ten(of.median) + ends


def _weights(records: Sequence[Record]) -> Iterator[str]:
    """What the weights were."""
    families = {find(str(r.axes["model"])).family for r in records if "model" in r.axes}
    if families != {TRAINED}:
        yield "These are weights at initialisation; training moves them, and these curves say nothing of that."
    if TRAINED in families:
        yield (
            "trained: and initial: are one model, with the weights of its checkpoint and with those that it began "
            "from. Gradients go from the hidden states that its head is given to the embedded tokens of a held-out "
            "example of its task. A round is a seed of training, or another example where there is one seed."
        )
