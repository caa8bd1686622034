"""What `bench` finds of the same steps in another way: on more threads, by the kernels of a package, in one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rnn_vs_attn.models.backends import TORCH
from rnn_vs_attn.models.registry import PYTHON_LOOPS, recorded
from rnn_vs_attn.models.spec import BACKEND
from rnn_vs_attn.records.claims import FAILS, UNDECIDED, Claim
from rnn_vs_attn.records.query import Group, without
from rnn_vs_attn.records.types import LAUNCH_BOUND, AxisValue, Record
from rnn_vs_attn.report.curves import interval, seq_len_of
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.stats.intervals import Estimate
from rnn_vs_attn.suites import deciding, findings
from rnn_vs_attn.suites.findings import HOSTS_TIME, Names, Pair, tokens

THREADS, PACKAGE, LOOP = "threads help", "kernels of a package", "slow because sequential"
MOSTLY = 2.0  # a loop that takes so many times as long spends most of its time on itself
LOOPS = {spec.name: spec.traits.loop_of for spec in PYTHON_LOOPS}


def threads(times: Sequence[Record], names: Names) -> Iterator[Claim]:
    """ "More threads train lstm faster", from the fewest to the most, at the longest length that both have."""
    counts = sorted({int(r.axes["threads"] or 0) for r in times})
    if len(counts) < 2:
        return
    few, many = counts[0], counts[-1]
    rest = Names(tuple(name for name in names.apart if name != "threads"))
    for slow, fast in _longest(times, "threads", few, many):
        ratio = intervals.ratio(slow.samples, fast.samples)
        if ratio is not None:
            text = f"More threads train {rest.name(slow.axes)} faster"
            figure = f"With {many} threads {slow.axes['model']} is {interval(ratio)} times as fast as with {few}"
            yield _faster(THREADS, text, figure, ratio, slow, rest)


def packages(times: Sequence[Record], records: Sequence[Record], names: Names) -> Iterator[Claim]:
    """ "rwkv7 trains faster by the kernels of fla" than by this program's own, at the longest length that both have."""
    rest = Names(tuple(name for name in names.apart if name != BACKEND))
    for backend in sorted({str(r.axes.get(BACKEND, TORCH)) for r in times} - {TORCH}):
        for own, theirs in _longest(times, BACKEND, TORCH, backend):
            ratio = intervals.ratio(own.samples, theirs.samples)
            if ratio is not None and recorded(str(own.axes["model"])).backend(backend) == backend:
                text = f"{rest.name(own.axes)} trains faster by the kernels of {backend}"
                figure = f"By them it is {interval(ratio)} times as fast as by this program's own"
                told = _faster(PACKAGE, text, figure, ratio, own, rest)
                bound = launch_bound(records) & {without(own.axes), without(theirs.axes)}
                why = f"{HOSTS_TIME}; --cuda-graphs removes it" if bound else ""
                why = takes(ratio, why) if told.verdict == UNDECIDED else why
                yield replace(told, why=why, axes={**told.axes, BACKEND: backend})


def _longest(
    times: Sequence[Record], axis: str, first: AxisValue, second: AxisValue
) -> Iterator[tuple[Record, Record]]:
    """Times that differ in one axis alone, at the longest length that both of its values have."""
    found: dict[Group, tuple[Record, Record]] = {}
    others = {without(r.axes, axis): r for r in times if r.axes.get(axis) == second}
    for record in sorted((r for r in times if r.axes.get(axis) == first), key=seq_len_of):
        other = others.get(without(record.axes, axis))
        if other is not None:
            found[without(record.axes, axis, "seq_len")] = record, other
    yield from found.values()


def launch_bound(records: Sequence[Record]) -> set[Group]:
    """On a GPU the cases whose training takes what the host's launches take."""
    of_train = (r for r in records if r.metric == LAUNCH_BOUND and r.axes["pass"] == "train" and r.holds)
    return {without(record.axes, "pass") for record in of_train}


def takes(found: Estimate | None, of_launches: str) -> str:
    """What would decide; of times of the host's launches more rounds than an interval takes tell nothing of the GPU."""
    return of_launches if of_launches and found and found.low is not None else deciding.to_decide(found)


def _faster(key: str, text: str, figure: str, ratio: Estimate, slow: Record, names: Names) -> Claim:
    """That one way is faster than the other, by how many times it is as fast."""
    verdict = deciding.beside(ratio, 1.0, "above")
    why = deciding.to_decide(ratio) if verdict == UNDECIDED else ""
    figure += f", at {tokens(seq_len_of(slow))} tokens"
    return Claim(key, text, verdict, figure, why, names.axes(slow.axes, "model"))


def loops(times: Sequence[Record], names: Names) -> list[Claim]:
    """ "lstm-cell is slow because a recurrence is sequential", by the time of the same steps in one kernel."""
    return [_loop_claim(pair, pair.ratios[-1], names) for pair in findings.pairs(times, _fused)]


def _fused(model: str, models: Sequence[str]) -> str:
    """Of a loop the model that computes the same, of all else the model itself."""
    return LOOPS[model] if LOOPS.get(model) in models else model


def _loop_claim(pair: Pair, ratio: Estimate | None, names: Names) -> Claim:
    verdict = deciding.beside(ratio, MOSTLY, "below")
    figure, share = "No round has times of both", 0.0
    if ratio is not None:
        gain, share = interval(ratio), 1 - 1 / ratio.median
        figure = f"{pair.beside}, the same steps in one call, is {gain} times as fast at {tokens(pair.longest)} tokens"
    why = f"so {share:.0%} of the time goes to a loop in Python that starts each operation by itself"
    why = {FAILS: why, UNDECIDED: deciding.to_decide(ratio)}.get(verdict, "")
    text = f"{names.name(pair.curve[0].axes)} is slow because a recurrence is sequential"
    return Claim(LOOP, text, verdict, figure, why, names.axes(pair.curve[0].axes, "model"))
