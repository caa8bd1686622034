"""What `scaling` found of "self-attention is cheaper while n < d": a claim a model and pass, over all widths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn.models.registry import BASELINE
from rnn_vs_attn.records.claims import UNDECIDED, Claim
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.curves import at_length, interval, span, stretches
from rnn_vs_attn.suites.deciding import AN_INTERVAL, narrower, of_all
from rnn_vs_attn.suites.metrics import CROSSING
from rnn_vs_attn.suites.scaling import rules
from rnn_vs_attn.suites.scaling.case import LAYER
from rnn_vs_attn.suites.scaling.choosing import PASSES, said_of_launches, size
from rnn_vs_attn.suites.scaling.crossings import FLOP_CROSSING, cheaper_and_dearer
from rnn_vs_attn.units import in_a_row

_WIDTHS = 3  # of which one sentence tells
_SAID = {
    "train": f"{BASELINE} trains faster than {{}} while n < d (fewer tokens than its width)",
    "forward": f"{BASELINE}'s forward pass is faster than that of {{}} while n < d",
}


def claims(mine: Sequence[Record], model: str) -> Iterator[Claim]:
    """Of training, then of forward passes."""
    for name in reversed(PASSES):
        times = [r for r in mine if r.metric == CROSSING.name and r.axes["of"] == f"{name}_time"]
        if times:
            times.sort(key=lambda r: size(r, "d_model"))
            verdict, figure = _found(times)
            why = [*_unasked(times), *_to_decide(times, verdict), *_flops(mine, name), said_of_launches(mine, LAYER)]
            key, text = f"cheaper-below-d-{name}", _SAID[name].format(model)
            yield Claim(key, text, verdict, figure, "; ".join(filter(None, why)), {"model": model})


def _found(times: Sequence[Record]) -> tuple[str, str]:
    """The verdict over all widths, and what the widths that decide it are like; one below which no length was measured
    says nothing.
    """
    verdicts = {size(r, "d_model"): _verdict(r) for r in times if _asked(r)}
    verdict = of_all(verdicts.values())
    decisive = [r for r in times if verdicts.get(size(r, "d_model")) == verdict] or times
    return verdict, "It is " + "; ".join(f"{_where(r)} at d = {r.axes['d_model']}" for r in _some(decisive))


def _asked(record: Record) -> bool:
    """Whether some n below d was measured."""
    return float(record.axes["seq_len_from"] or 0) < size(record, "d_model")


def _verdict(record: Record) -> str:
    """Of one width."""
    if record.details.get("reason") or record.details.get("several"):
        return UNDECIDED
    return rules.of_crossing(size(record, "d_model"), *cheaper_and_dearer(record))


def _some(records: Sequence[Record]) -> list[Record]:
    """The first, the middle and the last of many."""
    if len(records) <= _WIDTHS:
        return list(records)
    return [records[0], records[len(records) // 2], records[-1]]


def _where(record: Record) -> str:
    """Over which n attention is faster or slower."""
    over = f"n from {record.axes['seq_len_from']:.0f} to {record.axes['seq_len_to']:.0f}"
    if record.median is not None:
        way = "faster from n = {} on" if record.details["faster_beyond"] == BASELINE else "faster up to n = {}"
        return way.format(interval(record, at_length))
    words = {"slower": "faster", "faster": "slower"}  # what is stored is about the other model
    if record.details.get("everywhere"):
        return f"{words[record.details['everywhere']]} at every {over}"
    parts = [
        f"{words[side]} {in_a_row([span(record, *ends, 'n = ') for ends in spans])}"
        for side, spans in stretches(record)
    ]
    return ", ".join(parts) or f"neither surely faster nor surely slower at any {over}"


def _unasked(times: Sequence[Record]) -> Iterator[str]:
    """Widths of which nothing can be said, and the lengths that it takes."""
    found = [r for r in times if not _asked(r)]
    if found:
        widths = ", ".join(str(r.axes["d_model"]) for r in _some(found))
        shortest, longest = max(2, size(found[0], "d_model") // 4), max(size(r, "seq_len_to") for r in found)
        yield f"d = {widths} takes shorter sequences: --seq-len {shortest}:{longest}"


def _to_decide(times: Sequence[Record], verdict: str) -> Iterator[str]:
    open_ones = [r for r in times if _asked(r) and _verdict(r) == UNDECIDED]
    if verdict == UNDECIDED and open_ones:
        few = any(r.details.get("reason") for r in open_ones)
        yield AN_INTERVAL if few else narrower(len(open_ones[0].samples))


def _flops(mine: Sequence[Record], name: str) -> Iterator[str]:
    """Up to which n attention has fewer FLOPs; by formula where there is one."""
    counts: dict[int, float] = {}
    for record in (r for r in mine if r.metric == FLOP_CROSSING.name and r.axes["pass"] == name):
        if record.axes["by"] == "formula" or size(record, "d_model") not in counts:
            counts[size(record, "d_model")] = record.median or 0.0
    if not counts:
        return
    if set(counts.values()) == {1.0}:
        yield "in FLOPs it is dearer at every n"
        return
    widths = sorted(counts)
    widths = widths if len(widths) <= _WIDTHS else [widths[0], widths[len(widths) // 2], widths[-1]]
    upto = ", ".join(f"{counts[width] - 1:,.0f}" for width in widths)
    yield f"in FLOPs it is cheaper up to n = {upto} at d = {', '.join(map(str, widths))}"
