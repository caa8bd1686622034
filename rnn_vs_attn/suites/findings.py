"""What claims of several suites share: names that tell them apart, curves beside each other, and both in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rnn_vs_attn.models.registry import BUILT_IN, recorded
from rnn_vs_attn.models.spec import CONFIGURED, TRAINED, USER
from rnn_vs_attn.records.query import without
from rnn_vs_attn.records.types import Axes, Record
from rnn_vs_attn.report.curves import crossing, curves, interval, seq_len_of, stretches
from rnn_vs_attn.report.tables import FAULT_WORDS
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.stats.intervals import Estimate
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.metrics import CROSSING
from rnn_vs_attn.units import in_a_row

HOSTS_TIME = "that is the time of the host's launches, not the GPU's"
NOT_OURS = (USER, CONFIGURED, TRAINED)  # families whose names a user typed for themselves


@dataclass(frozen=True)
class Names:
    """How cases are called in what is said of a run. apart: the axes that tell them apart beside the model."""

    apart: tuple[str, ...]

    @classmethod
    def of(cls, records: Iterable[Record], case: type[Case], *leave_out: str) -> Names:
        """By the fields of a case that have several values in these records, but for those left out."""
        found = [record.axes for record in records if "model" in record.axes]
        fields = [f.name for f in dataclasses.fields(case) if f.name not in ("model", *leave_out)]
        return cls(tuple(n for n in fields if len({axes.get(n) for axes in found} - {None}) > 1))

    def axes(self, axes: Axes, *names: str) -> Axes:
        """What a claim about a case has of its axes: those named, and those that tell it from others."""
        return {n: axes[n] for n in (*names, *self.apart) if axes.get(n) is not None}

    def name(self, axes: Axes) -> str:
        """ "lstm", or "lstm (dtype float32)"."""
        return f"{axes['model']}{self.settings(axes)}"

    def settings(self, axes: Axes) -> str:
        """ "" or " (dtype float32)"."""
        shown = ", ".join(f"{name} {value}" for name, value in self.axes(axes).items())
        return f" ({shown})" if shown else ""


@dataclass(frozen=True)
class Pair:
    """Times of a model over the length beside those of another with all else equal.

    curve, base: their records at the lengths that both have.
    """

    curve: list[Record]
    base: list[Record]

    @property
    def model(self) -> str:
        return str(self.curve[0].axes["model"])

    @property
    def beside(self) -> str:
        return str(self.base[0].axes["model"])

    @property
    def lengths(self) -> list[float]:
        return [seq_len_of(record) for record in self.curve]

    @property
    def longest(self) -> float:
        return self.lengths[-1]

    @property
    def ratios(self) -> list[Estimate | None]:
        """The model's time / the other one's at each length, formed within rounds."""
        both = zip(self.curve, self.base, strict=True)
        return [intervals.ratio(ours.samples, theirs.samples) for ours, theirs in both]

    @property
    def sides(self) -> list[str]:
        """At each length "below" where the model is settled to be faster, "above", or "undecided"."""
        return [intervals.side_of(ratio, 1.0) for ratio in self.ratios]


def pairs(records: Iterable[Record], base_of: Callable[[str, Sequence[str]], str]) -> Iterator[Pair]:
    """Each model beside its base, where both have a length in common.

    base_of: by its name and those of all with the same settings, which one that is.
    """
    found = curves(records)
    for group, curve in found.items():
        rest = without(dict(group), "model")
        alike = {str(dict(g)["model"]): c for g, c in found.items() if without(dict(g), "model") == rest}
        model = str(dict(group)["model"])
        base = alike[base_of(model, list(alike))]
        common = {seq_len_of(r) for r in curve} & {seq_len_of(r) for r in base}
        if base is not curve and common:
            yield Pair(*([r for r in c if seq_len_of(r) in common] for c in (curve, base)))


def base_among(models: Sequence[str], baseline: str) -> str:
    """The baseline where it is one of these models, else the first that is built in, else the first."""
    if baseline in models:
        return baseline
    built_in = {spec.name for spec in BUILT_IN}
    return next((model for model in models if model in built_in), models[0])


def is_not_ours(model: str) -> bool:
    """Whether it is the user's own, of transformers, or trained: what is said of it comes first."""
    return recorded(model).family in NOT_OURS


# In words


def tokens(length: float) -> str:
    """1024 -> "1,024"; between two lengths that were measured three digits do."""
    return f"{float(f'{length:.3g}'):,.0f}" if length != round(length) else f"{length:,.0f}"


def lengths(found: Sequence[float]) -> str:
    """ "from 64 to 1,024", or "at 64"."""
    return f"from {tokens(found[0])} to {tokens(found[-1])}" if len(found) > 1 else f"at {tokens(found[0])}"


def where_faster(pair: Pair, unit: str = "tokens") -> str:
    """Where which of the two is settled to be faster, in words; "" where it is nowhere."""
    record = crossing(CROSSING, pair.curve, pair.base, each_round=False)
    if record is None:
        return ""
    if record.estimate is not None and record.low is not None:
        at = interval(record, tokens)
        return f"from {at} {unit} on {record.details['faster_beyond']} is faster"
    told = [
        f"{in_a_row([_span(pair, *ends, unit) for ends in spans])} "
        f"{pair.model if word == 'faster' else pair.beside} is faster"
        for word, spans in stretches(record)
    ]
    return "so far " * bool(told and record.details.get("reason")) + ", ".join(told)


def _span(pair: Pair, start: float, end: float, unit: str) -> str:
    first, last = start == pair.lengths[0], end == pair.longest
    if tokens(start) == tokens(end):
        return f"at {tokens(start)} {unit}"
    if first and last:
        return f"{lengths(pair.lengths)} {unit}"
    if first:
        return f"up to {tokens(end)} {unit}"
    return f"from {tokens(start)} " + (f"{unit} on" if last else f"to {tokens(end)} {unit}")


def capital(sentence: str) -> str:
    """With a capital letter, where it does not begin with a model's name."""
    return sentence[:1].upper() + sentence[1:]


def fault_of(record: Record) -> str:
    """Why a case has no number, in a word; one that was not begun is no time-out, though it is stored as one."""
    left_out = "needed_seconds" in record.details
    return "left out for want of time" if left_out else FAULT_WORDS.get(record.status, record.status)


def without_times(pair: Pair, records: Iterable[Record]) -> str:
    """At which lengths one of the two has no time, and why, in words; "" where both have all that was asked for."""
    found: dict[tuple[str, str], set[float]] = {}
    for record in records:
        for known in (pair.curve[0], pair.base[0]):
            alike = without(record.axes, "seq_len") == without(known.axes, "seq_len")
            if record.metric == known.metric and record.status != "ok" and alike:
                fault = fault_of(record)
                found.setdefault((str(known.axes["model"]), fault), set()).add(seq_len_of(record))
    return "; ".join(
        f"{model} has no time at {', '.join(map(tokens, sorted(missing)))}: {fault}"
        for (model, fault), missing in found.items()
    )
