"""What `gradflow` says in words: cells of its tables, Pascanu's conditions, the identity path, what weights were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rnn_vs_attn import units
from rnn_vs_attn.models import initialisation
from rnn_vs_attn.models.registry import recorded
from rnn_vs_attn.models.spec import TRAINED
from rnn_vs_attn.records.query import Group, measured, record_at, without
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report import curves
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.gradflow.analysis import norms_of


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
        *_pascanu(records),
        *_identity(records),
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


def _weights(records: Sequence[Record]) -> Iterator[str]:
    """What the weights were."""
    families = {recorded(str(r.axes["model"])).family for r in records if "model" in r.axes}
    if families != {TRAINED}:
        yield "These are weights at initialisation; training moves them, and these curves say nothing of that."
    if TRAINED in families:
        yield (
            "trained: and initial: are one model, with the weights of its checkpoint and with those that it began "
            "from. Gradients go from the hidden states that its head is given to the embedded tokens of a held-out "
            "example of its task. A round is a seed of training, or another example where there is one seed."
        )
