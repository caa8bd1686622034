"""What a person would say of a comparison: what is broken or got slower, by how much, and what could have been seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rnn_vs_attn import units
from rnn_vs_attn.compare.verdicts import (
    ACCEPTED,
    BROKEN,
    FAILED,
    FASTER,
    MISSING,
    NEW,
    SAME,
    SLOWER,
    UNSURE,
    Comparison,
)

_PASSES = {
    "forward_time": "forward",
    "backward_time": "backward",
    "train_time": "training",
    "prefill_time": "prefill",
    "step_time": "decoding",
}
_NOUNS = {
    "saved_bytes": "memory kept for the backward pass",
    "peak_memory": "memory at the peak",
    "state_size": "state",
    "weights_size": "memory for weights",
}
_AS_FACTOR = 1.995  # from here on twice as long is said, and no percentage
_NAMED = 3  # at most, before "and 2 more"


@dataclass(frozen=True)
class Margins:
    """By how much what is called the same may be worse: a part of times, of exact metrics and of all others."""

    times: float
    exact: float
    others: float

    def said_of(self, c: Comparison) -> str:
        """The limit of one comparison: `limit 3 %`."""
        if c.limit is not None:
            return f"its own limit {percent(c.limit)}"
        if c.exact and not self.exact:
            return "any change counts"
        limit = self.exact if c.exact else self.times if _timed(c) else self.others
        return f"limit {percent(limit)}" if c.scale == "ratio" else f"limit {limit:g}"

    def beyond(self, rows: Sequence[Comparison]) -> str:
        """What all of some comparisons would be worse by: `by more than 3 %`."""
        limits = {c.limit for c in rows}
        plain = percent(self.times) if any(map(_timed, rows)) else ""
        if limits == {None}:
            return f"by more than {plain or 'the limit'}"
        own = limits.pop() if len(limits) == 1 else None
        if own is not None:
            return f"by more than {percent(own)}"
        return f"by more than the limit, {plain} or the case's own" if plain else "by more than the limit"


NO_MARGINS = Margins(0.0, 0.0, 0.0)  # where there are no verdicts


def sentences(found: Sequence[Comparison], margins: Margins, before: Sequence[str] = ()) -> list[str]:
    """Each with what is worst before: broken, slower, without a verdict; then what else is known. before: what is said
    first, of other comparisons.
    """
    told = [*before, *_broken(found), *_worse(found, margins), *_without_verdict(found), *_accepted(found)]
    return [*told, *_well(found, margins, bool(told)), *_faster(found)]


def of_same_code(found: Sequence[Comparison], margins: Margins) -> list[str]:
    """What `ab --aa` says of a machine."""
    flagged = [c for c in found if c.verdict in (SLOWER, FASTER)]
    if flagged:
        worst = max(flagged, key=lambda c: abs(c.worsening))
        return [
            f"The same code twice, and still {_share(flagged, found)} came out slower or faster by more than "
            f"{percent(margins.times)}: a false alarm, so this machine is not steady enough.",
            f"The worst: {place(worst, found)}: {said_change(worst)}.",
        ]
    told = _without_verdict(found)
    if not told:
        told = ["The same code twice, and nothing looks slower or faster."]
    seen = _seen(found)
    return (
        [*told, f"The smallest slowdown that this machine would show in every case is {percent(seen)}."]
        if seen
        else told
    )


# One comparison


def percent(part: float) -> str:
    """A part as people write it: 0.042 -> "4.2 %", 0.13 -> "13 %"."""
    return f"{_number(part)} %"


def _number(part: float) -> str:
    hundred = 100 * part
    return f"{hundred:.0f}" if abs(hundred) >= 9.95 else f"{hundred:.1f}".removesuffix(".0")


def _timed(c: Comparison) -> bool:
    return c.unit == "s" and c.scale == "ratio"


def place(c: Comparison, found: Sequence[Comparison]) -> str:
    """Which case and what of it: `MinGRU, forward at 512 tokens`."""
    name = str(c.axes.get("model", "this machine"))
    of = _PASSES.get(c.metric) or _PASSES.get(f"{c.axes.get('pass')}_time", "")
    length = c.axes.get("seq_len")
    where = f"{name}, {of}" if of else name
    if length is not None:
        where += f" at {length} tokens"
    return where + "".join(f", {axis} {c.axes[axis]}" for axis in _varying(found) if axis in c.axes)


def _varying(found: Sequence[Comparison]) -> list[str]:
    """Axes beside model, length and pass that tell cases apart."""
    names = dict.fromkeys(name for c in found for name in c.axes if name not in ("model", "seq_len", "pass"))
    return [name for name in names if len({c.axes[name] for c in found if name in c.axes}) > 1]


def said_change(c: Comparison) -> str:
    """How much slower or faster, or how much more or less of what it is: `13 % slower (12 to 15 %)`."""
    noun = _NOUNS.get(c.metric, c.metric.replace("_", " "))
    if c.centre is None:
        ends = [units.of_unit(value, c.unit) for value in (c.baseline, c.candidate) if value is not None]
        return f"{noun} {'grew' if (c.candidate or 0) > (c.baseline or 0) else 'fell'} from {' to '.join(ends)}"
    if c.scale != "ratio":
        return f"{noun} {c.centre:+.3g}{_between(c, lambda v: f'{v:+.3g}')}"
    if not 1 / _AS_FACTOR < c.centre < _AS_FACTOR:
        what = "as long" if _timed(c) else f"as much {noun}"
        return f"{units.significant(c.centre, 2)} times {what}{_between(c, lambda v: units.significant(v, 2))}"
    sign = 1 if c.centre > 1 else -1
    words = ("slower", "faster") if _timed(c) else ("more", "less") if c.unit == "B" else ("higher", "lower")
    word = words[sign < 0] if _timed(c) else f"{words[sign < 0]} {noun}"
    return f"{percent(sign * (c.centre - 1))} {word}{_between(c, lambda v: _number(sign * (v - 1)), ' %')}"


def _between(c: Comparison, written: Callable[[float], str], unit: str = "") -> str:
    """The interval in brackets, the end that is nearer to no change first; "" where there is none or no noise."""
    if c.exact or c.low is None or c.high is None or c.centre is None:
        return ""
    ends = (c.low, c.high) if c.scale != "ratio" or c.centre > 1 else (c.high, c.low)
    return f" ({written(ends[0])} to {written(ends[1])}{unit})"


# All of them


def _broken(found: Sequence[Comparison]) -> list[str]:
    rows = [c for c in found if c.verdict == BROKEN]
    groups = _groups(rows)
    if len(groups) == 1:
        return [f"{_name(rows, found)} is broken: {rows[0].reason}."]
    if rows:
        return [f"Broken: {_list([_name(group, found) for group in groups])}."]
    return []


def _without_verdict(found: Sequence[Comparison]) -> list[str]:
    """What failed, is missing or new, and what could not be measured often enough."""
    rows = [c for c in found if c.verdict in (FAILED, MISSING, NEW) and not c.added]
    groups, told = _groups(rows), []
    if len(groups) == 1:
        told = [f"No verdict on {_name(rows, found)}: {rows[0].reason or rows[0].verdict}."]
    elif rows:
        number = Counter(group[0].verdict for group in groups)
        counts = ", ".join(f"{count} {verdict}" for verdict, count in number.items())
        told = [f"No verdict on {_list([_name(group, found) for group in groups])} ({counts})."]
    few = [c for c in found if c.undecidable]
    if few:
        told.append(f"No verdict on {_share(few, found)}: {few[0].reason}.")
    return told


def _worse(found: Sequence[Comparison], margins: Margins) -> list[str]:
    """Times and other values apart, as only times can be slower."""
    rows = sorted((c for c in found if c.verdict == SLOWER), key=lambda c: -c.worsening)
    told = []
    for kind in ([c for c in rows if _timed(c)], [c for c in rows if not _timed(c)]):
        if not kind:
            continue
        worst = f"{place(kind[0], found)}: {said_change(kind[0])}"
        if len(kind) == 1:
            told.append(f"{'; '.join(filter(None, [f'{worst}, {margins.said_of(kind[0])}', kind[0].reason]))}.")
        else:
            word = f"{'slower' if _timed(kind[0]) else 'worse'} {margins.beyond(kind)}"
            told.append(f"{_share(kind, found)} got {word}; the worst is {worst}.")
    return told


def _accepted(found: Sequence[Comparison]) -> list[str]:
    """What is slower and may be, with the reason of the worst."""
    rows = sorted((c for c in found if c.verdict == ACCEPTED), key=lambda c: -c.worsening)
    if not rows:
        return []
    worst = f"{place(rows[0], found)}: {said_change(rows[0])}, {rows[0].reason}"
    if len(rows) > 1:
        word = "slower" if all(map(_timed, rows)) else "worse"
        worst = f"{_share(rows, found)} got {word}, which is accepted; the worst is {worst}"
    return [worst if worst.endswith((".", "!", "?")) else f"{worst}."]


def _well(found: Sequence[Comparison], margins: Margins, more: bool) -> list[str]:
    """That nothing got slower, where it was looked at, and which slowdown could have gone unseen."""
    rows = [c for c in found if c.verdict in (SAME, FASTER, UNSURE) and not c.undecidable]
    if not rows or any(c.verdict == SLOWER for c in found):
        return []
    timed = [c for c in rows if _timed(c)]
    limit = margins.beyond(timed or rows)
    told = f"Nothing {'else ' if more else ''}got {'slower' if timed else 'worse'} {limit}"
    unsure = [c for c in rows if c.verdict == UNSURE]
    if unsure:
        what = f"{'other ' if more else ''}{'slowdown' if timed else 'change for the worse'}"
        told = f"No {what} {limit.replace('by', 'of', 1)} was found, but {_share(unsure, found)} {_are(unsure)} unsure"
    seen = _seen(timed)
    if seen:
        told += f"; the smallest slowdown that this run would have seen in every case is {percent(seen)}"
    return [f"{told}."]


def _faster(found: Sequence[Comparison]) -> list[str]:
    rows = sorted((c for c in found if c.verdict == FASTER), key=lambda c: c.worsening)
    if not rows:
        return []
    best = f"{place(rows[0], found)}: {said_change(rows[0])}"
    if len(rows) == 1:
        return [f"{best}."]
    return [f"{_share(rows, found)} got {'faster' if all(map(_timed, rows)) else 'better'}; the most {best}."]


def _seen(found: Sequence[Comparison]) -> float | None:
    """The smallest slowdown that is found in every case; None where that is not known of all of them."""
    rows = [c.detectable for c in found if _timed(c) and c.verdict in (SAME, UNSURE) and not c.undecidable]
    known = [value for value in rows if value is not None]
    return max(known) if known and len(known) == len(rows) else None


# Words


def _groups(rows: Sequence[Comparison]) -> list[list[Comparison]]:
    """Rows of one model that have one reason."""
    groups: dict[tuple[object, str], list[Comparison]] = {}
    for c in rows:
        groups.setdefault((c.axes.get("model"), c.reason), []).append(c)
    return list(groups.values())


def _name(group: Sequence[Comparison], found: Sequence[Comparison]) -> str:
    """The model where all of it is meant, or its lengths; else the cases themselves."""
    model, lengths = group[0].axes.get("model"), list(dict.fromkeys(c.axes.get("seq_len") for c in group))
    every = [c for c in found if c.axes.get("model") == model]
    if len(group) == len(every):
        return str(model)
    if len(group) == sum(c.axes.get("seq_len") in lengths for c in every):
        return f"{model} at {_list([str(length) for length in lengths])} tokens"
    return _list([place(c, found) for c in group])


def _list(names: Sequence[str]) -> str:
    """`a, b and c`; of many the first ones, `and 2 more`."""
    shown = list(names[:_NAMED]) if len(names) > _NAMED + 1 else list(names)
    if len(shown) < len(names):
        shown.append(f"{len(names) - len(shown)} more")
    return units.in_a_row(shown)


def _share(rows: Sequence[Comparison], found: Sequence[Comparison]) -> str:
    """`2 of 3 timings`."""
    alike = [c for c in found if _timed(c)] if all(map(_timed, rows)) else [c for c in found if not _timed(c)]
    mixed = any(map(_timed, rows)) and not all(map(_timed, rows))
    other = "other values" if any(map(_timed, found)) else "values"
    every, noun = (found, "values") if mixed else (alike, "timings" if _timed(rows[0]) else other)
    return f"{len(rows)} of {len(every)} {noun if len(every) != 1 else noun[:-1]}"


def _are(rows: Sequence[Comparison]) -> str:
    return "is" if len(rows) == 1 else "are"
