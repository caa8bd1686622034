"""What `scaling` shows: Table 1 beside what was measured, where length meets width, and the speed-up over threads."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_vs_attn import units
from rnn_vs_attn.models.registry import BASELINE
from rnn_vs_attn.records.claims import UNDECIDED
from rnn_vs_attn.records.query import measured, record_at
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.curves import at_length, interval
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.suites.metrics import CROSSING
from rnn_vs_attn.suites.scaling import launches
from rnn_vs_attn.suites.scaling.analysis import expand
from rnn_vs_attn.suites.scaling.case import LAYER
from rnn_vs_attn.suites.scaling.choosing import size, sort_key
from rnn_vs_attn.suites.scaling.crossings import FLOP_CROSSING, cheaper_and_dearer
from rnn_vs_attn.suites.scaling.speed_ups import EFFICIENCY, SERIAL_FRACTION, SPEED_UP
from rnn_vs_attn.suites.scaling.table_1 import table_1

_UP_TO = "up to"  # stands before a crossing from which attention is the faster one


def tables(records: Sequence[Record]) -> list[Table]:
    return [*table_1(records), *_crossings(records), *_speed_ups(records), *launches.tables(records)]


# Where n meets d


def _crossings(records: Sequence[Record]) -> list[Table]:
    times = [r for r in records if r.metric == CROSSING.name]
    counts = [r for r in records if r.metric == FLOP_CROSSING.name]
    keys = dict.fromkeys((str(r.axes["model"]), size(r, "d_model")) for r in (*counts, *times))
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
    ]
    if any(cell.startswith(_UP_TO) for row in rows for cell in row):
        notes.append(
            f"{_UP_TO} an n: {BASELINE} costs more than the model at shorter sequences, and less from there on"
        )
    return [Table("Where n meets d", header, rows, notes, grouped=False, heads=2, spare=tuple(header[6:]))]


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
        at = interval(record, at_length)
        return at if record.details["faster_beyond"] != BASELINE else f"{_UP_TO} {at}"
    shortest, longest = record.axes["seq_len_from"], record.axes["seq_len_to"]
    if record.details.get("everywhere"):
        return f"above {longest:.0f}" if record.details["everywhere"] == "slower" else f"below {shortest:.0f}"
    cheaper, dearer = (None, None) if record.details.get("reason") else cheaper_and_dearer(record)
    if cheaper is not None and dearer is None:
        return f"above {at_length(cheaper)}"
    if dearer is not None and cheaper is None and dearer != shortest:
        return f"below {at_length(dearer)}"
    return UNDECIDED


def _share(shares: Sequence[Record], model: str, width: int) -> str:
    found = [
        r
        for r in shares
        if r.axes["model"] == model
        and r.axes["d_model"] == width
        and r.axes["part"] == LAYER
        and r.axes["pass"] == "train"
    ]
    fewest = min((size(r, "threads") for r in found), default=0)
    found = [r for r in found if r.axes["threads"] == fewest]
    last = max(found, key=lambda r: size(r, "seq_len"), default=None)
    return units.percent(last.median) if last is not None and last.median is not None else "–"


# Threads


def _speed_ups(records: Sequence[Record]) -> list[Table]:
    found = [r for r in records if r.metric == SPEED_UP.name and r.axes["of"] == "train_time"]
    if not found:
        return []
    order = sort_key(records)
    found.sort(key=lambda r: (order(str(r.axes["model"])), size(r, "threads")))
    rows = [_speed_up(records, record) for record in found]
    at = found[0].axes
    fewest = min(size(r, "threads") for r in measured(records, "train_time", part=LAYER))
    header = [
        "model",
        "threads",
        "train ms",
        "speed-up, forward",
        "speed-up, train",
        "efficiency",
        "serial fraction",
    ]
    notes = [f"over {units.counted(fewest, 'thread')}"]
    title = f"Speed-up over threads, seq_len {at['seq_len']}, d_model {at['d_model']}"
    return [Table(title, header, rows, notes, heads=2, spare=("efficiency", "serial fraction"))]


def _speed_up(records: Sequence[Record], record: Record) -> list[str]:
    """The row of a speed-up of training."""
    model = record.axes["model"]
    forward = record_at(records, SPEED_UP.name, record.axes | {"of": "forward_time"})
    efficiency = record_at(records, EFFICIENCY.name, record.axes)
    time = next(iter(measured(records, "train_time", **{k: v for k, v in record.axes.items() if k != "of"})), None)
    fractions = [r for r in records if r.metric == SERIAL_FRACTION.name and r.axes["of"] == "train_time"]
    serial = next((r for r in fractions if r.axes["model"] == model), None)
    return [
        str(model),
        str(record.axes["threads"]),
        units.milliseconds(time.median) if time and time.median else "–",
        interval(forward) if forward and forward.median else "–",
        interval(record),
        interval(efficiency, units.percent) if efficiency and efficiency.median else "–",
        interval(serial) if serial and serial.median is not None else "–",
    ]
