"""What `bench` says in words under its table: peaks, crossings of the forward pass, growth, times of the host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn import units
from rnn_vs_attn.models.registry import BASELINE
from rnn_vs_attn.records.query import measured, record_at
from rnn_vs_attn.records.types import LAUNCH_BOUND, Record
from rnn_vs_attn.report.curves import interval, said_of_crossing, where_it_holds
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.findings import Names


def remarks(records: Sequence[Record]) -> list[str]:
    """What a reader may want to know beside the claims, each with its interval or the reason."""
    names = Names.of(records, BenchCase, "seq_len")
    return [
        *_peak_lines(records),
        *_crossing_lines(records, names),
        *_exponent_lines(records, names),
        *_launch_bound_lines(records, names),
    ]


def _peak_lines(records: Sequence[Record]) -> Iterator[str]:
    for flops in measured(records, "peak_flops"):
        bandwidth = record_at(records, "peak_bandwidth", flops.axes)
        where = (
            f"{flops.axes['device']}, {flops.axes['dtype']}, {units.counted(int(flops.axes['threads'] or 0), 'thread')}"
        )
        copy = f", {units.scaled(bandwidth.median, 'B/s')} in a copy" if bandwidth and bandwidth.median else ""
        rate = units.scaled(flops.median or 0, "FLOP/s")
        of_peak = "'of peak' is the share of the first that training reaches"
        slow = _slow_product(records, flops)
        yield f"Peak of this machine ({where}): {rate} in a matrix product{copy}; {of_peak}.{slow}"


def _slow_product(records: Sequence[Record], peak: Record) -> str:
    """Said where torch's own matrix product, which attention's projections run on, is far from the peak."""
    product = record_at(records, "product_flops", peak.axes | {"by": "mm"})
    if product is None or product.median is None or peak.median is None or product.median > 0.8 * peak.median:
        return ""
    rate = units.scaled(product.median, "FLOP/s")
    return f" torch's own product (mm), which nn.Linear runs on, reaches {rate}."


def _crossing_lines(records: Sequence[Record], names: Names) -> Iterator[str]:
    """Where the forward pass of a model and of attention take the same time; of training a claim says it."""
    for record in (r for r in records if r.metric == "crossing" and r.axes["of"] == "forward_time"):
        what = f"forward, {names.name(record.axes)} and {BASELINE}"
        outside = "outside the measured range; " if record.details.get("everywhere") else ""
        yield f"Crossing, {what}: {outside}{said_of_crossing(record, str(record.axes['model']), 'seq_len', 'seq_len')}."


def _exponent_lines(records: Sequence[Record], names: Names) -> Iterator[str]:
    found = [r for r in records if r.metric == "exponent" and r.axes["of"] == "train_time"]
    for key in dict.fromkeys((r.axes["seq_len_from"], r.axes["seq_len_to"]) for r in found):
        same = [r for r in found if (r.axes["seq_len_from"], r.axes["seq_len_to"]) == key]
        listed = "; ".join(f"{names.name(r.axes)} {interval(r)}" for r in same)
        yield f"Growth of training time, b in seq_len^b from {key[0]:.0f} to {key[1]:.0f}: {listed}."


def _launch_bound_lines(records: Sequence[Record], names: Names) -> Iterator[str]:
    """Which training times were the host's, as then what is said of them is too."""
    trained = (r for r in records if r.metric == LAUNCH_BOUND and r.axes["pass"] == "train")
    listed = where_it_holds(trained, names.name)
    if listed:
        yield f"Launch-bound, so that what is said of their training tells of this host and not of the GPU: {listed}."
