"""Runs in the shapes that other tools read: dashboards, pytest-benchmark, Otava, and tables for one's own analysis.

Names of cases do not depend on what else is in a run, so a series over many runs keeps them.
"""

from __future__ import annotations

import io
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from rnn_vs_attn import __version__
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.costs import default_kv_heads
from rnn_vs_attn.models.spec import NUM_KV_HEADS
from rnn_vs_attn.records.types import ROUND_TIME, Axes, Record, Run
from rnn_vs_attn.report.latex import PREAMBLE, latex
from rnn_vs_attn.run import output, stored
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.text.safe import json_text, one_line, spreadsheet, yaml

_ALWAYS = ("model", "seq_len", "dtype", "device", "threads")
_NANO = 1e9


@dataclass(frozen=True)
class Format:
    """A shape to export to. many: several runs make one document; binary: it cannot be printed."""

    name: str
    write: Callable[[Sequence[Run]], str | bytes]
    many: bool = False
    binary: bool = False


def exported(runs: Sequence[Run], name: str) -> str | bytes:
    """The document of `runs` in the format of that name. UserError where it takes one run or has no value."""
    chosen = named(name)
    if len(runs) > 1 and not chosen.many:
        several = ", ".join(f.name for f in FORMATS if f.many)
        raise UserError(f"--format {name} takes one run, not {len(runs)}; those that take several are {several}")
    return chosen.write(runs)


def named(name: str) -> Format:
    """The format of that name; StopIteration where there is none."""
    return next(f for f in FORMATS if f.name == name)


def label(record: Record) -> str:
    """`bench/lstm/seq_len=512/dtype=float32/device=cpu/threads=2`: axes off their defaults, and a few always; those
    that follow from others never."""
    suite = next((s for s in SUITES if s.name == record.suite), None)
    defaults = _defaults(suite, record.axes) if suite else {}
    always, implied = ((*_ALWAYS, *suite.axes.row), suite.axes.implied) if suite else (_ALWAYS, ())
    parts = [record.suite, str(record.axes.get("model", "machine"))]
    for name, value in record.axes.items():
        if name != "model" and name not in implied and (name in always or defaults.get(name, ...) != value):
            parts.append(f"{name}={value}")
    return one_line("/".join(parts))


def _defaults(suite: Suite, axes: Axes) -> dict[str, Any]:
    """What a case's fields are where nothing is typed; heads of keys and values follow from the heads."""
    found = {f.name: f.default for f in fields(suite.axes.case)}
    num_heads = axes.get("num_heads")
    return found | ({NUM_KV_HEADS: default_kv_heads(num_heads)} if isinstance(num_heads, int) else {})


def _measured(run: Run, *units: str) -> list[Record]:
    """Records with a value in one of `units`, of models and not of the machine."""
    return [r for r in run.records if r.ok and r.unit in units and "model" in r.axes and r.metric != ROUND_TIME]


def _some(records: list[Record], run: Run) -> list[Record]:
    if not records:
        raise UserError(f"this run of {run.suite!r} has no value that this format can hold; try --format csv")
    return records


def _github_action_benchmark(runs: Sequence[Run]) -> str:
    """For benchmark-action/github-action-benchmark, tool customSmallerIsBetter."""
    entries = []
    for r in _some([r for r in _measured(runs[0], "s", "B", "1") if r.better == "lower"], runs[0]):
        scale, unit = (1e3, "ms") if r.unit == "s" else (1.0, "B" if r.unit == "B" else r.metric)
        assert r.median is not None
        entry: dict[str, Any] = {"name": f"{label(r)}/{r.metric}", "unit": unit, "value": r.median * scale}
        if r.low is not None and r.high is not None and r.high > r.low:
            entry["range"] = f"± {(r.high - r.low) / 2 * scale:.4g}"
        entry["extra"] = "exact" if r.exact else f"median of {len(r.values)} rounds, each a process of its own"
        entries.append(entry)
    return _json(entries)


def _bencher(runs: Sequence[Run]) -> str:
    """Bencher Metric Format: latencies in nanoseconds, sizes in bytes."""
    found: dict[str, Any] = {}
    for r in _some(_measured(runs[0], "s", "B"), runs[0]):
        scale, measure = (_NANO, "latency") if r.unit == "s" else (1.0, "size")
        ends = {"value": r.median, "lower_value": r.low, "upper_value": r.high}
        metric = {name: value * scale for name, value in ends.items() if value is not None}
        found[f"{label(r)}/{r.metric}"] = {measure: metric}
    return _json(found)


def _pytest_benchmark(runs: Sequence[Run]) -> str:
    """What `pytest-benchmark compare` reads; one observation a round."""
    run, facts = runs[0], runs[0].environment
    benchmarks = [_benchmark(r) for r in _some([r for r in _measured(run, "s") if r.values], run)]
    commit = facts.get("git_commit") or "unknown"
    return _json(
        {
            "machine_info": {
                "node": facts.get("host") or "unknown",
                "processor": facts.get("architecture"),
                "machine": facts.get("architecture"),
                "python_compiler": "unknown",
                "python_implementation": next(iter((facts.get("python") or "").split()), "unknown"),
                "python_implementation_version": facts.get("python_full"),
                "python_version": facts.get("python_full"),
                "python_build": [],
                "release": facts.get("kernel"),
                "system": facts.get("system"),
                "cpu": {"brand_raw": facts.get("cpu"), "count": facts.get("logical_cores")},
            },
            "commit_info": {
                "id": commit.removesuffix("+"),
                "time": run.started,
                "author_time": run.started,
                "dirty": commit.endswith("+"),
                "project": "rnn-vs-attn",
                "branch": "unknown",
            },
            "benchmarks": benchmarks,
            "datetime": run.started,
            "version": f"rnn-vs-attn {__version__}",
        }
    )


def _benchmark(record: Record) -> dict[str, Any]:
    name = f"{label(record)}/{record.metric}"
    return {
        "group": record.metric,
        "name": name,
        "fullname": name,
        "params": {k: v for k, v in record.axes.items() if v is not None},
        "param": str(record.axes.get("model")),
        "extra_info": {"suite": record.suite, "rounds_are": "processes"},
        "options": {
            "disable_gc": True,
            "timer": "perf_counter_ns",
            "min_rounds": 1,
            "max_time": 0.0,
            "min_time": 0.0,
            "warmup": True,
        },
        "stats": statistics_of(record.values),
    }


def statistics_of(values: Sequence[float]) -> dict[str, Any]:
    """pytest-benchmark's statistics of seconds; quartiles by linear interpolation."""
    data = sorted(values)
    q1, middle, q3 = statistics.quantiles(data, n=4, method="inclusive") if len(data) > 1 else [data[0]] * 3
    mean, spread = statistics.fmean(data), statistics.stdev(data) if len(data) > 1 else 0.0
    fence = 1.5 * (q3 - q1)
    outside = [sum(v < q1 - fence or v > q3 + fence for v in data), sum(abs(v - mean) > spread for v in data)]
    return {
        "min": data[0],
        "max": data[-1],
        "mean": mean,
        "stddev": spread,
        "rounds": len(data),
        "median": middle,
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": outside[0],
        "stddev_outliers": outside[1],
        "outliers": f"{outside[1]};{outside[0]}",
        "ld15iqr": next(v for v in data if v >= q1 - fence),
        "hd15iqr": next(v for v in reversed(data) if v <= q3 + fence),
        "ops": 1 / mean,
        "total": sum(data),
        "data": list(values),
        "iterations": 1,
    }


def _otava(runs: Sequence[Run]) -> str:
    """A row a run in the order of time, a column a metric of a case, for Apache Otava's CSV importer."""
    import pandas

    rows = []
    for run, row in _series(runs):
        heads = {"time": _cell(run.started), "commit": _cell(run.environment.get("git_commit") or "unknown")}
        rows.append(heads | {name: record.median for name, record in row.items()})
    if not rows:
        raise UserError("these runs have no value that this format can hold; try --format csv")
    return str(pandas.DataFrame(rows, dtype=object).to_csv(index=False))


def _cell(text: str) -> str:
    """A cell of CSV: on one line, and no formula to a spreadsheet."""
    return spreadsheet(one_line(text))


def _column(record: Record) -> str:
    return _cell(f"{label(record)}/{record.metric}")


def _series(runs: Sequence[Run]) -> list[tuple[Run, dict[str, Record]]]:
    """Runs in the order of time with their records by column; a run without any value is no row."""
    ordered = sorted(runs, key=lambda run: run.started)
    rows = [(run, {_column(r): r for r in _measured(run, "s", "B", "1", "1/s")}) for run in ordered]
    return [(run, row) for run, row in rows if row]


def otava_configuration(runs: Sequence[Run], file: str) -> tuple[str, list[str]]:
    """The YAML that tells Otava which column is which and in what direction better lies, and the columns left out.

    Left out are those with gaps: Otava reads no empty cell, and with one NaN in a column it finds no change there.
    UserError where no column is left.
    """
    direction = {"lower": -1, "higher": 1}
    rows = [row for _, row in _series(runs)]
    shown = {name: r for row in rows for name, r in row.items() if r.better in direction}
    gaps = [name for name in shown if not all(name in row for row in rows)]
    if len(gaps) == len(shown):
        raise UserError("no metric that can get better or worse is in all of these runs; otava has nothing to read")
    lines = ["tests:", "  rnn-vs-attn:", "    type: csv", f"    file: {yaml(file)}", "    time_column: time"]
    lines += ["    attributes: [commit]", "    metrics:"]
    for name, record in shown.items():
        if name not in gaps:
            quoted = yaml(name)
            lines += [f"      {quoted}:", f"        column: {quoted}", f"        direction: {direction[record.better]}"]
    return "\n".join(lines) + "\n", gaps


def _csv(runs: Sequence[Run]) -> str:
    """A line a record at full precision, the axes in columns of their own."""
    return str(_frame(runs).to_csv(index=False))


def _parquet(runs: Sequence[Run]) -> bytes:
    """The same table in Parquet."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise UserError("--format parquet needs pyarrow: pip install 'rnn-vs-attn[parquet]'") from None
    out, frame = io.BytesIO(), _frame(runs)
    for name in frame.select_dtypes(object):
        if len(set(frame[name].dropna().map(type))) > 1:  # a column has one type; texts hold them all
            frame[name] = frame[name].map(str, na_action="ignore")
    frame.to_parquet(out, index=False)
    return out.getvalue()


def _frame(runs: Sequence[Run]) -> Any:
    """All records of all runs; lists and objects as JSON texts."""
    import pandas

    frames = []
    for run in runs:
        frame = run.frame()
        frame.insert(0, "started", run.started)
        for name in ("samples", "warnings", "details"):
            if name in frame:
                frame[name] = frame[name].map(json.dumps)
        frames.append(frame)
    return pandas.concat(frames, ignore_index=True).map(lambda value: _cell(value) if isinstance(value, str) else value)


def _latex(runs: Sequence[Run]) -> str:
    """The tables that `show` has, for a paper."""
    made = [PREAMBLE]
    for number, run in enumerate(runs, 1):
        found = output.main_tables(stored.suite_of(run, run.suite), run.records)
        made += [latex(table, f"{run.suite}-{number}-{i}") for i, table in enumerate(found, 1)]
    return "\n".join(made)


def _json(document: object) -> str:
    return json_text(document) + "\n"


FORMATS = (
    Format("github-action-benchmark", _github_action_benchmark),
    Format("bencher", _bencher),
    Format("pytest-benchmark", _pytest_benchmark),
    Format("otava", _otava, many=True),
    Format("latex", _latex, many=True),
    Format("csv", _csv, many=True),
    Format("parquet", _parquet, many=True, binary=True),
)
