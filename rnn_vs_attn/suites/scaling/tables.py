"""What `scaling` shows: Table 1 beside what was measured, where length meets width, and the speed-up over threads."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_vs_attn import units
from rnn_vs_attn.models.registry import BASELINE, find
from rnn_vs_attn.records.query import measured, record_at
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.curves import interval
from rnn_vs_attn.report.tables import FAULT_WORDS, Table
from rnn_vs_attn.suites.scaling import claims
from rnn_vs_attn.suites.scaling.analysis import (
    CROSSING,
    EFFICIENCY,
    EXPONENT,
    FLOP_CROSSING,
    LAYER,
    SERIAL_FRACTION,
    SPEED_UP,
    cheaper_and_dearer,
    expand,
    grows,
    law_of,
    sort_key,
    table_exponent,
)

_OF_THE_MACHINE = "during this case"  # stands in each warning about what the machine did
_TABLE_1 = (
    "layer type",
    "model",
    "complexity (paper)",
    "time: exponent of n",
    "time: exponent of d",
    "FLOPs: n, d",
    "projections: n, d",
    "sequential (paper)",
    "sequential operations, counted",
    "path (paper)",
    "path, counted",
)


def tables(records: Sequence[Record]) -> list[Table]:
    return [*_table_1(records), *_crossings(records), *_speed_ups(records), *_launches(records)]


def models_of(records: Sequence[Record]) -> list[str]:
    """Models in the order of the table's rows."""
    names = dict.fromkeys(str(r.axes["model"]) for r in records if "model" in r.axes)
    return sorted(names, key=sort_key(records))


def _of(records: Sequence[Record], model: str) -> list[Record]:
    return [r for r in records if r.axes.get("model") == model]


# Table 1


def _table_1(records: Sequence[Record]) -> list[Table]:
    rows = [_row(_of(records, model), model) for model in models_of(records)]
    if not rows:
        return []
    notes = [
        "n is seq_len, d is d_model; exponents of time are of a forward pass, of attention between its projections; "
        "the table lacks the row of a recurrence that is linear in its state",
        *_ranges(records),
        *_faults(records),
    ]
    title = "Table 1 of Vaswani et al. 2017 and what was measured"
    return [Table(title, list(_TABLE_1), rows, notes, grouped=False, heads=2)]


def _row(mine: Sequence[Record], model: str) -> list[str]:
    row = claims.row_of(find(model).layer_type)
    fault = next((r for r in mine if r.status != "ok" and r.metric == "forward_time"), None)
    times = [_exponent(table_exponent(mine, axis), fault) for axis in ("seq_len", "d_model")]
    claimed = (row.complexity, row.sequential, row.path) if row else ("–", "–", "–")
    term = "mixing_flops" if _flop_exponents(mine, "mixing_flops") != "–" else "flops"
    projections = _flop_exponents(mine, "projection_flops") if term == "mixing_flops" else "–"
    return [
        row.layer_type if row else "your own",
        model,
        claimed[0],
        *times,
        _flop_exponents(mine, term),
        projections,
        claimed[1],
        _counted(mine, "sequential_operations"),
        claimed[2],
        _counted(mine, "path_length"),
    ]


def _exponent(record: Record | None, fault: Record | None) -> str:
    if record is not None and record.median is not None:
        return interval(record)
    return FAULT_WORDS.get(fault.status, fault.status) if fault else claims.UNDECIDED


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
    """ "1793 at n = 256, grows as n up to there"; "unknown" where nothing was counted."""
    counts = [r for r in mine if r.metric == metric]
    known = [r for r in counts if r.median is not None]
    if not known:
        return "unknown" if counts else "–"
    last = max(known, key=lambda r: int(r.axes["seq_len"] or 0))
    law = law_of(mine, metric)
    undecided = law is None or law.text == claims.UNDECIDED
    word = f"growth {claims.UNDECIDED}" if law is None or undecided else f"{grows(law.text)} up to there"
    least = "at least " if law and law.details.get("at_least") else ""
    return f"{least}{last.median:.0f} at n = {last.axes['seq_len']}, {word}"


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


# Where n meets d


def _crossings(records: Sequence[Record]) -> list[Table]:
    times = [r for r in records if r.metric == CROSSING.name]
    counts = [r for r in records if r.metric == FLOP_CROSSING.name]
    keys = dict.fromkeys((str(r.axes["model"]), int(r.axes["d_model"] or 0)) for r in (*counts, *times))
    order = sort_key(records)
    shares = expand(records)
    rows = []
    for model, width in sorted(keys, key=lambda key: (key[1], order(key[0]))):
        mine = [r for r in (*counts, *times) if r.axes["model"] == model and r.axes["d_model"] == width]
        cells = [_count_cell(mine, name) for name in ("forward", "train")]
        cells += [_time_cell(mine, f"{name}_time") for name in ("forward", "train")]
        rows.append([str(width), model, *cells, _share(shares, BASELINE, width), _share(shares, model, width)])
    if not rows:
        return []
    header = [
        "d",
        "model",
        "FLOPs, forward",
        "FLOPs, train",
        "time, forward",
        "time, train",
        f"{BASELINE} of peak",
        "model of peak",
    ]
    notes = [
        f"the n from which {BASELINE} costs more than the model; the paper says d; FLOPs by formula and, where it says "
        f"otherwise, by count",
        "of peak: training FLOP/s at the longest n as a part of this machine's fastest matrix product; where they "
        "differ, FLOPs and time cross at different n",
    ]
    return [Table("Where n meets d", header, rows, notes, grouped=False, heads=2)]


def _count_cell(mine: Sequence[Record], name: str) -> str:
    found = {r.axes["by"]: r.median for r in mine if r.metric == FLOP_CROSSING.name and r.axes["pass"] == name}
    values = dict.fromkeys(
        "always" if value == 1 else f"{value:.0f}"
        for value in (found.get("formula"), found.get("count"))
        if value is not None
    )
    if len(values) > 1:
        return f"{found['formula']:.0f} by formula, {found['count']:.0f} by count"
    return next(iter(values), "–")


def _time_cell(mine: Sequence[Record], of: str) -> str:
    record = next((r for r in mine if r.metric == CROSSING.name and r.axes["of"] == of), None)
    if record is None:
        return "–"
    if record.median is not None:
        return interval(record)
    shortest, longest = record.axes["seq_len_from"], record.axes["seq_len_to"]
    if record.details.get("everywhere"):
        return f"above {longest:.0f}" if record.details["everywhere"] == "slower" else f"below {shortest:.0f}"
    cheaper, dearer = (None, None) if record.details.get("reason") else cheaper_and_dearer(record)
    if cheaper is not None and dearer is None:
        return f"above {units.significant(cheaper)}"
    if dearer is not None and cheaper is None and dearer != shortest:
        return f"below {units.significant(dearer)}"
    return claims.UNDECIDED


def _share(shares: Sequence[Record], model: str, width: int) -> str:
    found = [
        r
        for r in shares
        if r.axes["model"] == model
        and r.axes["d_model"] == width
        and r.axes["part"] == LAYER
        and r.axes["pass"] == "train"
    ]
    fewest = min((int(r.axes["threads"] or 0) for r in found), default=0)
    found = [r for r in found if r.axes["threads"] == fewest]
    last = max(found, key=lambda r: int(r.axes["seq_len"] or 0), default=None)
    return units.percent(last.median) if last is not None and last.median is not None else "–"


# Threads


def _speed_ups(records: Sequence[Record]) -> list[Table]:
    found = [r for r in records if r.metric == SPEED_UP.name and r.axes["of"] == "train_time"]
    if not found:
        return []
    order = sort_key(records)
    rows = []
    for record in sorted(found, key=lambda r: (order(str(r.axes["model"])), int(r.axes["threads"] or 0))):
        forward = record_at(records, SPEED_UP.name, record.axes | {"of": "forward_time"})
        efficiency = record_at(records, EFFICIENCY.name, record.axes)
        time = next(iter(measured(records, "train_time", **{k: v for k, v in record.axes.items() if k != "of"})), None)
        serial = next(
            (
                r
                for r in records
                if r.metric == SERIAL_FRACTION.name
                and r.axes["of"] == "train_time"
                and r.axes["model"] == record.axes["model"]
            ),
            None,
        )
        rows.append(
            [
                str(record.axes["model"]),
                str(record.axes["threads"]),
                units.milliseconds(time.median) if time and time.median else "–",
                interval(forward) if forward and forward.median else "–",
                interval(record),
                interval(efficiency, units.percent) if efficiency and efficiency.median else "–",
                interval(serial) if serial and serial.median is not None else "–",
            ]
        )
    at = found[0].axes
    fewest = min(int(r.axes["threads"] or 0) for r in measured(records, "train_time", part=LAYER))
    header = [
        "model",
        "threads",
        "train ms",
        "speed-up, forward",
        "speed-up, train",
        "efficiency, train",
        "serial fraction",
    ]
    notes = [
        f"over {fewest} thread{'s' * (fewest != 1)}; Amdahl's serial fraction takes three numbers of threads or more"
    ]
    title = f"Speed-up over threads, seq_len {at['seq_len']}, d_model {at['d_model']}"
    return [Table(title, header, rows, notes, heads=2)]


def _launches(records: Sequence[Record]) -> list[Table]:
    """On CUDA, in place of threads: which part of the device's peak each length reaches, and its kernels."""
    found = measured(records, "launches", part=LAYER, **{"pass": "train"})
    if not found:
        return []
    order, shares = sort_key(records), expand(records)
    rows = []
    for record in sorted(found, key=lambda r: (order(str(r.axes["model"])), _size(r, "d_model"), _size(r, "seq_len"))):
        forward = record_at(records, "launches", record.axes | {"pass": "forward"})
        cells = [record_at(shares, "flops_fraction", record.axes | {"pass": name}) for name in ("forward", "train")]
        rows.append(
            [
                *(str(record.axes[name]) for name in ("model", "d_model", "seq_len")),
                *(units.percent(r.median) if r is not None and r.median is not None else "–" for r in cells),
                f"{forward.median:.0f}" if forward is not None and forward.median is not None else "–",
                f"{record.median:.0f}",
            ]
        )
    header = ["model", "d_model", "seq_len", "of peak, forward", "of peak, train", "kernels, forward", "kernels, train"]
    title = "Share of the device's peak, and kernels that a pass launches"
    return [Table(title, header, rows, [], grouped=False, heads=3)]


def _size(record: Record, axis: str) -> int:
    return int(record.axes[axis] or 0)
