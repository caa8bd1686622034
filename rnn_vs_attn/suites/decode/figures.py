"""What `decode` draws: time a token, time of the prefill and size of the state over the context."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rnn_vs_attn import units
from rnn_vs_attn.models.registry import BASELINE, LANGUAGE_BASELINE, PYTHON_LOOPS
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report import curves
from rnn_vs_attn.report.plots import Figure
from rnn_vs_attn.suites.decode.analysis import base_of

_CONTEXT = "context (tokens)"


def figures(records: Sequence[Record]) -> list[Figure]:
    """Layers and language models apart, as what they compute differs."""
    found = []
    for base, name, title in (
        (BASELINE, "layers", "layers"),
        (LANGUAGE_BASELINE, "language_models", "language models"),
    ):
        mine = [r for r in records if "model" in r.axes and base_of(str(r.axes["model"])) == base]
        found += _of(mine, base, name, title)
    return [figure for figure in found if figure.series]


def _of(records: Sequence[Record], base: str, name: str, title: str) -> list[Figure]:
    steps, prefills = measured(records, "step_time"), measured(records, "prefill_time")
    sizes = [r for r in measured(records, "state_size") if r.median]
    crossings = [r for r in records if r.axes.get("of") == "step_time"]
    marks = curves.marks(crossings, steps, base)
    series = partial(curves.series, dashed=[spec.name for spec in PYTHON_LOOPS])
    return [
        Figure(f"step_time_{name}", f"Time a decoded token, {title}", _CONTEXT, "ms", series(steps), marks, 1e3),
        Figure(
            f"prefill_time_{name}", f"Time to take the context in, {title}", _CONTEXT, "ms", series(prefills), [], 1e3
        ),
        Figure(f"state_size_{name}", f"State, {title}", _CONTEXT, "MiB", series(sizes), [], 1 / units.MIB),
    ]
