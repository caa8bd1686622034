"""Verdicts of `scaling`: which claims of Table 1 and of the lesson hold, by what was derived."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import LINEAR_RECURRENCE, RECURRENT
from rnn_vs_attn.records.claims import VERDICT
from rnn_vs_attn.records.query import derived
from rnn_vs_attn.records.types import AxisValue, Record
from rnn_vs_attn.stats import growth
from rnn_vs_attn.suites.metrics import CROSSING
from rnn_vs_attn.suites.scaling import claims
from rnn_vs_attn.suites.scaling.choosing import spec_of
from rnn_vs_attn.suites.scaling.crossings import FLOP_CROSSING, cheaper_and_dearer, crossing_claim
from rnn_vs_attn.suites.scaling.exponents import table_exponent
from rnn_vs_attn.suites.scaling.laws import law_of
from rnn_vs_attn.suites.scaling.speed_ups import most_threads


def verdicts(records: Sequence[Record]) -> Iterator[Record]:
    models = dict.fromkeys(str(r.axes["model"]) for r in records if "model" in r.axes)
    for model in models:
        row = claims.row_of(find(model).layer_type)
        mine = [r for r in records if r.axes.get("model") == model]
        if row is not None and mine:
            yield from _of_row(mine, row)
        yield from _of_lesson(mine)
    for record in (r for r in records if r.metric in (CROSSING.name, FLOP_CROSSING.name)):
        yield _of_crossing(record)


def _of_row(mine: Sequence[Record], row: claims.Row) -> Iterator[Record]:
    for axis, claimed in row.exponents.items():
        found = table_exponent(mine, axis)
        verdict = claims.of_exponent(claimed, found.estimate if found else None)
        yield _verdict(mine[0], f"exponent of {axis}", verdict, f"{claimed:g}", found)
    for metric, law in (("sequential_operations", row.sequential_law), ("path_length", row.path_law)):
        grows = law_of(mine, metric)
        yield _verdict(mine[0], metric, claims.of_law(law, _decided(grows)), law, grows)


def _decided(law: Record | None) -> str | None:
    return None if law is None or law.text == claims.UNDECIDED else law.text


def _of_lesson(mine: Sequence[Record]) -> Iterator[Record]:
    """ "A recurrence cannot be parallelised over the sequence", of its chain; "attention gains from threads"."""
    spec = spec_of(mine[0])
    law = law_of(mine, "sequential_operations")
    if spec.layer_type in (RECURRENT, LINEAR_RECURRENCE) and law is not None:
        yield _verdict(mine[0], "a recurrence is sequential", claims.of_law(growth.LINEAR, _decided(law)), "n", law)
    gained = most_threads(mine, "train_time")
    if gained is not None and spec.layer_type:
        gains = spec.layer_type not in (RECURRENT,)
        word = "gains from threads" if gains else "gains nothing from threads"
        yield _verdict(mine[0], word, claims.of_gain(gains, gained.estimate), "", gained)


def _of_crossing(record: Record) -> Record:
    """ "Self-attention is cheaper while n < d"."""
    width = float(record.axes["d_model"] or 0)
    if record.metric == FLOP_CROSSING.name:
        verdict = claims.of_crossing(width, record.low, record.high)
    elif float(record.axes["seq_len_from"] or 0) >= width or record.details.get("reason"):
        verdict = claims.UNDECIDED  # no n below d was measured, or too few rounds
    elif record.details.get("several"):
        verdict = claims.UNDECIDED
    else:
        verdict = claims.of_crossing(width, *cheaper_and_dearer(record))
    return _verdict(record, crossing_claim(record), verdict, f"{width:g}", record)


def _verdict(about: Record, claim: str, verdict: str, claimed: str, found: Record | None) -> Record:
    axes: dict[str, AxisValue] = {"model": about.axes["model"], "claim": claim}
    if found is not None and found.metric in (CROSSING.name, FLOP_CROSSING.name):
        axes["d_model"] = found.axes["d_model"]
    return derived(VERDICT, about.suite, axes, [], None, text=verdict, claimed=claimed)
