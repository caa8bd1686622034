"""More than two stored runs side by side: a table over time, and a document; no verdicts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.compare.report import varying
from rnn_vs_attn.compare.runs import Rules, by_case, interrupted
from rnn_vs_attn.records.types import Record, Run
from rnn_vs_attn.report.tables import Table


def over_time(runs: Sequence[Run], names: Sequence[str], rules: Rules) -> Table:
    """Medians of more than two runs side by side, in the order in which they began, and the last against the first."""
    order = sorted(range(len(runs)), key=lambda i: runs[i].started)
    cells = [by_case(runs[i], rules) for i in order]
    keys = list(dict.fromkeys((case, metric) for run in cells for case, records in run.items() for metric in records))
    rows = []
    axes = [dict(case) | dict(metric[1]) for case, metric in keys]
    shown = varying(axes)
    for (case, metric), own in zip(keys, axes, strict=True):
        records = [run.get(case, {}).get(metric) for run in cells]
        known = next(r for r in records if r is not None)
        if known.better == "none":
            continue
        alike = [r if r is not None and r.ok and r.meaning == known.meaning else None for r in records]
        medians = [r.median if r is not None else None for r in alike]
        written = ["–" if m is None else units.of_unit(m, known.unit) for m in medians]
        rows.append([*(str(own.get(name, "–")) for name in shown), metric[0], *written, _growth(medians, known)])
    header = [*shown, "metric", *(names[i] for i in order), "last ÷ first"]
    notes = [
        "medians; no verdict: give two runs for one, or export --format otava for change points in a long series",
        *(f"{name} was interrupted and is not whole" for name in interrupted(runs, names)),
    ]
    return Table(f"{runs[0].suite}, {len(runs)} runs", header, rows, notes, grouped=False, heads=len(shown) + 1)


def _growth(medians: Sequence[float | None], record: Record) -> str:
    first, last = medians[0], medians[-1]
    if first is None or last is None:
        return "–"
    if record.scale != "ratio":
        return f"{last - first:+.4g}"
    return f"{last / first:.3f}" if first > 0 else "–"


def as_documents(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Several runs for `--json`: of each when it began and its medians."""
    return [
        {
            "started": run.started,
            "status": run.status,
            "suite": run.suite,
            "records": [
                {k: v for k, v in dataclasses.asdict(r).items() if k in ("axes", "metric", "unit", "status", "median")}
                for r in run.records
            ],
        }
        for run in runs
    ]
