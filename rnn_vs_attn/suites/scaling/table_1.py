"""Table 1 of Vaswani et al. 2017 beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_vs_attn import units
from rnn_vs_attn.models.registry import recorded
from rnn_vs_attn.records.claims import UNDECIDED
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.curves import interval
from rnn_vs_attn.report.tables import FAULT_WORDS, Table
from rnn_vs_attn.stats import growth
from rnn_vs_attn.suites.metrics import EXPONENT
from rnn_vs_attn.suites.scaling import rules
from rnn_vs_attn.suites.scaling.choosing import models_of
from rnn_vs_attn.suites.scaling.exponents import table_exponent
from rnn_vs_attn.suites.scaling.laws import law_of

_OF_THE_MACHINE = "during this case"  # stands in each warning about what the machine did
_GROWTH = {growth.CONSTANT: "constant", growth.LOGARITHMIC: "as log n", growth.LINEAR: "as n"}
_COMPLEXITY = (
    "layer type",
    "model",
    "complexity (paper)",
    "time: exponent of n",
    "time: exponent of d",
    "FLOPs: n, d",
    "projections",
)
_COUNTS = ("model", "chain, paper", "chain", "path, paper", "path")
_SPARE = ("layer type", "projections")


def table_1(records: Sequence[Record]) -> list[Table]:
    """How time and FLOPs grow, and what waits for what."""
    of_models = {model: [r for r in records if r.axes.get("model") == model] for model in models_of(records)}
    if not of_models:
        return []
    notes = [
        "n is seq_len, d is d_model; exponents of time are of a forward pass, of attention between its projections; "
        "the table lacks the row of a recurrence that is linear in its state",
        *_ranges(records),
        *_faults(records),
    ]
    times = [_complexity(mine, model) for model, mine in of_models.items()]
    counts = [_counts(mine, model) for model, mine in of_models.items()]
    title = "Table 1 of Vaswani et al. 2017 and what was measured"
    return [
        Table(f"{title}: complexity", list(_COMPLEXITY), times, notes, grouped=False, heads=2, spare=_SPARE),
        Table(
            f"{title}: longest chain of operations, and path between tokens", list(_COUNTS), counts, [], grouped=False
        ),
    ]


def _complexity(mine: Sequence[Record], model: str) -> list[str]:
    row = rules.row_of(recorded(model).layer_type)
    fault = next((r for r in mine if r.status != "ok" and r.metric == "forward_time"), None)
    term = "mixing_flops" if _flop_exponents(mine, "mixing_flops") != "–" else "flops"
    return [
        row.layer_type if row else "a pattern" if recorded(model).traits.layers else "your own",
        model,
        row.complexity if row else "–",
        *(_exponent(table_exponent(mine, axis), fault) for axis in ("seq_len", "d_model")),
        _flop_exponents(mine, term),
        _flop_exponents(mine, "projection_flops") if term == "mixing_flops" else "–",
    ]


def _counts(mine: Sequence[Record], model: str) -> list[str]:
    row = rules.row_of(recorded(model).layer_type)
    claimed = (row.sequential, row.path) if row else ("–", "–")
    counts = [_counted(mine, metric) for metric in ("sequential_operations", "path_length")]
    return [model, claimed[0], counts[0], claimed[1], counts[1]]


def _exponent(record: Record | None, fault: Record | None) -> str:
    if record is not None and record.median is not None:
        return interval(record)
    return FAULT_WORDS.get(fault.status, fault.status) if fault else UNDECIDED


def _flop_exponents(mine: Sequence[Record], of: str) -> str:
    found = []
    for axis in ("seq_len", "d_model"):
        record = next(
            (r for r in mine if r.metric == EXPONENT.name and r.axes["of"] == of and r.axes["in"] == axis), None
        )
        fitted = "≈" if record is not None and record.details.get("fitted") else ""
        found.append(f"{fitted}{units.significant(record.median or 0.0)}" if record else "–")
    return ", ".join(found) if found != ["–", "–"] else "–"


def _counted(mine: Sequence[Record], metric: str) -> str:
    """ "1,793 at n = 256, as n"; "unknown" where nothing was counted."""
    counts = [r for r in mine if r.metric == metric]
    known = [r for r in counts if r.median is not None]
    if not known:
        return "unknown" if counts else "–"
    last = max(known, key=lambda r: int(r.axes["seq_len"] or 0))
    law = law_of(mine, metric)
    grown = UNDECIDED if law is None or law.text == UNDECIDED else _GROWTH[law.text]
    least = "at least " if law and law.details.get("at_least") else ""
    return f"{least}{last.median:,.0f} at n = {last.axes['seq_len']}, {grown}"


def _ranges(records: Sequence[Record]) -> list[str]:
    """Which sizes the exponents of time are over."""
    found = []
    for axis, other in (("seq_len", "d_model"), ("d_model", "seq_len")):
        fits = [
            r for r in records if r.metric == EXPONENT.name and r.axes["in"] == axis and r.axes["of"] == "forward_time"
        ]
        for ends in dict.fromkeys((r.axes["from"], r.axes["to"], r.axes[other]) for r in fits):
            found.append(f"exponents of {axis} of times: from {ends[0]:g} to {ends[1]:g}, at {other} {ends[2]}")
    return found


def _faults(records: Sequence[Record]) -> list[str]:
    """What has no number, with the reason, and what is to be known of a model; what the machine did meanwhile stands
    beside the cases in table.md.
    """
    named = [r for r in records if "model" in r.axes]
    faults = [f"{r.axes['model']}: {r.status}: {r.error}" for r in named if r.status != "ok"]
    unknown = [f"{r.axes['model']}: {w}" for r in named if r.unit == "1" and r.median is None for w in r.warnings]
    timed = [(r, w) for r in named if r.metric in ("forward_time", "train_time") for w in r.warnings]
    of_models = [f"{r.axes['model']}: {w}" for r, w in timed if _OF_THE_MACHINE not in w]
    return list(dict.fromkeys([*faults, *unknown, *of_models]))
