"""What `decode` reads out of its records: rates, and the contexts from which a bounded state is the cheaper one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn.models.registry import BASELINE, LANGUAGE_BASELINE, recorded
from rnn_vs_attn.models.spec import CONFIGURED, LANGUAGE
from rnn_vs_attn.records.query import Group, derived, measured
from rnn_vs_attn.records.types import AxisValue, Record
from rnn_vs_attn.report.curves import crossing, curves, seq_len_of
from rnn_vs_attn.stats.intervals import Estimate
from rnn_vs_attn.suites.metrics import CROSSING
from rnn_vs_attn.suites.ratios import decoded_tokens


def base_of(model: str) -> str:
    """Whose cache a model is held against: that of the baseline of layers, or of language models."""
    return LANGUAGE_BASELINE if recorded(model).family in (LANGUAGE, CONFIGURED) else BASELINE


def derive(records: Sequence[Record]) -> list[Record]:
    """Where each model whose state is bounded and attention cost the same, in time a token and in state."""
    states = curves(measured(records, "state_size"))
    times = curves(measured(records, "step_time"))
    found = []
    for group, sizes in states.items():
        base = _base_group(group)
        if base == group or base not in states or not bounded(sizes):
            continue
        if group in times and base in times:
            record = crossing(CROSSING, times[group], times[base])
            found += [] if record is None else [record]
        found += _state_crossing(group, sizes, states[base])
    return found


def _base_group(group: Group) -> Group:
    return tuple((k, base_of(str(v)) if k == "model" else v) for k, v in group)


def bounded(sizes: Sequence[Record]) -> bool:
    """Whether the state of a curve no longer grows between its last two contexts."""
    return len(sizes) > 1 and sizes[-1].median == sizes[-2].median


def growth(sizes: Sequence[Record]) -> tuple[float, float] | None:
    """Bytes of a state before the first token and a token, where it grows by as many everywhere; else None.

    Two contexts tell that where there is nothing before the first token: a bounded state grows between two as well.
    """
    points = [(seq_len_of(r), r.median or 0.0) for r in sizes]
    if len(points) < 2:
        return None
    (x0, y0), (x1, y1) = points[0], points[-1]
    a_token = (y1 - y0) / (x1 - x0)
    before = y0 - a_token * x0
    even = all(y == y0 + a_token * (x - x0) for x, y in points) and (len(points) > 2 or before == 0)
    return (before, a_token) if even and a_token > 0 else None


def _state_crossing(group: Group, sizes: Sequence[Record], base: Sequence[Record]) -> Iterator[Record]:
    """Exact: the context at which a cache that grows evenly is as large as the bound."""
    grows = growth(base)
    if grows is None:
        return
    before, a_token = grows
    axes: dict[str, AxisValue] = dict(group)
    axes |= {"of": "state_size", "seq_len_from": seq_len_of(sizes[0]), "seq_len_to": seq_len_of(sizes[-1])}
    value = ((sizes[-1].median or 0.0) - before) / a_token
    yield derived(CROSSING, sizes[0].suite, axes, [value], Estimate(value, None, None, 1), faster_beyond=axes["model"])


def expand(records: Sequence[Record]) -> list[Record]:
    """tokens/s, of all sequences of the batch together."""
    return decoded_tokens(measured(records, "step_time"))
