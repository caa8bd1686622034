"""Laws of growth of `scaling`: how chains of operations and paths between positions grow with the length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from rnn_vs_attn.records.claims import UNDECIDED
from rnn_vs_attn.records.query import derived, measured
from rnn_vs_attn.records.types import AxisValue, Metric, Record
from rnn_vs_attn.report.curves import curves
from rnn_vs_attn.stats import growth
from rnn_vs_attn.suites.scaling.case import GRAPH, ROUTE
from rnn_vs_attn.suites.scaling.choosing import size

LAW = Metric("growth", "text", "none", exact=True, title="how a count grows with seq_len: 1, log n or n")
_ORDER = {growth.CONSTANT: 0, growth.LOGARITHMIC: 1, growth.LINEAR: 2}  # from the slowest law on


def laws(records: Sequence[Record]) -> Iterator[Record]:
    chains = list(_laws_of(records, "sequential_operations", GRAPH))
    yield from chains
    for path in _laws_of(records, "path_length", ROUTE):
        chain = next((law for law in chains if law.axes["model"] == path.axes["model"]), None)
        reason = _doubt(path, chain, [r for r in records if r.metric == "path_length" and not r.ok])
        doubted = {"text": UNDECIDED, "reason": reason} if reason else {}
        yield replace(path, details=path.details | doubted)


def _laws_of(records: Sequence[Record], metric: str, part: str) -> Iterator[Record]:
    for group, curve in curves(measured(records, metric, part=part)).items():
        if part == GRAPH:  # powers of two, so that the levels of a tree are alike
            curve = [r for r in curve if size(r, "seq_len").bit_count() == 1]
        if not curve:
            continue
        lengths = [size(r, "seq_len") for r in curve]
        counts = [int(r.median or 0) for r in curve]
        axes: dict[str, AxisValue] = dict(group) | {"of": metric, "from": lengths[0], "to": lengths[-1]}
        details: dict[str, Any] = {"lengths": lengths, "counts": counts}
        if any(r.details.get("at_least") for r in curve):
            details["at_least"] = True
        if all(r.details.get("in_chain") for r in curve) and len({r.details["layers"] for r in curve}) == 1:
            details["in_chain"] = True
        found = growth.law(lengths, counts) or UNDECIDED
        yield derived(LAW, curve[0].suite, axes, [], None, text=found, **details)


def _doubt(path: Record, chain: Record | None, unknown: Sequence[Record]) -> str:
    """Why the growth of a path is undecided although its counts follow a law: they are over few positions, and are
    lower bounds where a module looks both ways. Chains are counted over many, and show where a module works in blocks.
    """
    if path.text == UNDECIDED:
        return ""
    beyond = next((w for r in unknown if r.axes["model"] == path.axes["model"] for w in r.warnings), "")
    if path.text != growth.LINEAR and beyond:
        return beyond
    if chain is None or len(chain.details["counts"]) < growth.LEAST_LENGTHS:
        return "they are over few positions only, and its chain is unknown"
    counts, lengths = chain.details["counts"], chain.details["lengths"]
    here = [c for c, n in zip(counts, lengths, strict=True) if n <= max(lengths[1], path.details["lengths"][-1])]
    if path.text != growth.LINEAR and here[0] == here[-1] != counts[-1]:
        return "its chain begins to grow at lengths beyond these, as where a module works in blocks"
    if chain.text == UNDECIDED:
        told = f"{', '.join(map(str, counts))} at n = {', '.join(map(str, lengths))}"
        return f"{grows(path.text)} up to there, but its chain does not follow one law to n = {lengths[-1]}: {told}"
    if path.details.get("in_chain") and _ORDER[path.text] > _ORDER[chain.text]:
        return f"{grows(path.text)} up to there, but it is no longer than its chain, which is {grows(chain.text)}"
    if path.details.get("at_least") and path.text != growth.LINEAR and chain.text != path.text:
        return "it looks both ways, so these are lower bounds, and its chain grows otherwise"
    return ""


def grows(law: str) -> str:
    """What is said of counts that follow a law."""
    return "constant" if law == growth.CONSTANT else f"grows as {law}"


def open_because(law: Record) -> str:
    """Why it is undecided how a count grows, and what may tell."""
    if law.details.get("reason"):
        return str(law.details["reason"])
    if len(law.details["counts"]) < growth.LEAST_LENGTHS:
        return f"a law takes {growth.LEAST_LENGTHS} lengths: --max-seconds gives time for more"
    return "that is none of the laws 1, log n and n; longer sequences may tell"


def law_of(mine: Sequence[Record], metric: str) -> Record | None:
    return next((r for r in mine if r.metric == LAW.name and r.axes["of"] == metric), None)
