"""What several suites read out of their records: ratios of one case to another, rates of decoding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rnn_vs_attn.records.query import derived, rate, without
from rnn_vs_attn.records.types import AxisValue, Record
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.metrics import DECODED_TOKENS_PER_SECOND, RATIO


def ratio_to(baseline: Record | None, candidate: Record) -> Iterator[Record]:
    """candidate / baseline within rounds, at the candidate's axes with `of`; nothing where no round has both."""
    theirs = baseline.samples if baseline else []
    found = intervals.ratio(candidate.samples, theirs)
    if found is None:
        return
    if candidate.exact:
        found = intervals.estimate([found.median], exact=True)
    samples = [c / b if c is not None and b else None for c, b in zip(candidate.samples, theirs, strict=False)]
    axes = candidate.axes | {"of": candidate.metric}
    yield derived(RATIO, candidate.suite, axes, samples, found)


def like(record: Record, others: Sequence[Record], *apart: str, **axes: AxisValue) -> Record | None:
    """The record of others that differs in the axes named only, and has those given."""
    wanted = without(record.axes, *apart)
    return next((r for r in others if axes.items() <= r.axes.items() and without(r.axes, *apart) == wanted), None)


def decoded_tokens(steps: Iterable[Record]) -> list[Record]:
    """Tokens a second of records of decoding one: all sequences of the batch together."""
    return [rate(step, DECODED_TOKENS_PER_SECOND, float(step.axes["batch_size"] or 0)) for step in steps]
