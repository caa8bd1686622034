"""What `decode` finds: whose next token is the cheaper one, whose costs more with the context, and who carries less."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rnn_vs_attn import units
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED, Claim
from rnn_vs_attn.records.query import measured, record_at, without
from rnn_vs_attn.records.types import LAUNCH_BOUND, Record
from rnn_vs_attn.report.curves import curves, interval, seq_len_of
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.stats.intervals import Estimate
from rnn_vs_attn.suites import deciding, findings
from rnn_vs_attn.suites.decode.analysis import base_of, bounded, growth
from rnn_vs_attn.suites.decode.case import DecodeCase
from rnn_vs_attn.suites.findings import HOSTS_TIME, Names, Pair, tokens

CHEAPER, GROWS, CARRIES = "next token costs less", "next token costs more with context", "carries less"
GROWTH = 1.1  # a token that takes up to so many times as long after the longest context costs the same


def claims(records: Sequence[Record]) -> list[Claim]:
    """What was found, the most important first."""
    names = Names.of(records, DecodeCase, "seq_len")
    steps = measured(records, "step_time")
    return [
        *(_cheaper(pair, records, names) for pair in _pairs(steps, records)),
        *_growing(steps, records, names),
        *(_carries(pair, records, names) for pair in state_pairs(records)),
    ]


def state_pairs(records: Sequence[Record]) -> list[Pair]:
    """States that are held against each other in a claim."""
    return _pairs(measured(records, "state_size"), records)


def _pairs(measurements: Sequence[Record], records: Sequence[Record]) -> list[Pair]:
    """Each model beside attention, or beside GPT, but for those of this program whose own cache grows as evenly."""
    caches = {g for g, sizes in curves(measured(records, "state_size")).items() if growth(sizes) is not None}
    found = []
    for pair in findings.pairs(measurements, _base):
        of_cache = without(pair.curve[0].axes, "seq_len") in caches and pair.beside == base_of(pair.model)
        if not of_cache or findings.is_not_ours(pair.model):
            found.append(pair)
    return sorted(found, key=lambda pair: not findings.is_not_ours(pair.model))


def _base(model: str, models: Sequence[str]) -> str:
    """Layers and language models each have their own."""
    return findings.base_among([other for other in models if base_of(other) == base_of(model)], base_of(model))


# Time a token


def _cheaper(pair: Pair, records: Sequence[Record], names: Names) -> Claim:
    """ "After 4,096 tokens the next one costs lstm less than attention", at the longest context of both."""
    axes, ratio = pair.curve[-1].axes, pair.ratios[-1]
    verdict = deciding.by_side(pair.sides[-1], "below")
    takes = f"{interval(ratio)} times as long" if ratio is not None else "an unknown time, as no round has both"
    where = findings.where_faster(pair)
    figure = f"It takes {pair.model} {takes}"
    why = _why(verdict, ratio, _of_host(records, pair.curve[-1], pair.base[-1]))
    text = f"After {tokens(pair.longest)} tokens the next one costs {pair.model} less than {pair.beside}"
    told = "; ".join(filter(None, (figure, where)))
    why = "; ".join(filter(None, (why, findings.without_times(pair, records))))
    return Claim(CHEAPER, text + names.settings(axes), verdict, told, why, names.axes(axes, "model"))


def _why(verdict: str, ratio: Estimate | None, of_host: str) -> str:
    """Of what is undecided what it takes; and whose times these are, where there are enough for an interval."""
    takes = deciding.to_decide(ratio) if verdict == UNDECIDED else ""
    decided = ratio is not None and ratio.low is not None
    return "; ".join(filter(None, (takes, of_host * decided)))


def _of_host(records: Sequence[Record], *times: Record) -> str:
    found = [record_at(records, LAUNCH_BOUND, {**time.axes, "pass": "step"}) for time in times]
    if any(record is not None and record.holds for record in found):
        return HOSTS_TIME
    return ""


def _growing(steps: Sequence[Record], records: Sequence[Record], names: Names) -> Iterator[Claim]:
    """ "The next token costs attention more the longer the context", of what others are held against and of all that
    stand alone.
    """
    paired = {without(pair.curve[0].axes, "seq_len") for pair in findings.pairs(steps, _base)}
    for group, curve in curves(steps).items():
        if len(curve) > 1 and (group not in paired or findings.is_not_ours(str(dict(group)["model"]))):
            yield _growing_claim(curve, records, names)


def _growing_claim(curve: Sequence[Record], records: Sequence[Record], names: Names) -> Claim:
    first, last = curve[0], curve[-1]
    ratio = intervals.ratio(last.samples, first.samples)
    verdict = deciding.beside(ratio, GROWTH, "above")
    figure = f"After {tokens(seq_len_of(last))} tokens it takes {units.milliseconds(last.median or 0.0)} ms"
    if ratio is not None:
        figure += f", {interval(ratio)} times as long as after {tokens(seq_len_of(first))}"
    why = _why(verdict, ratio, _of_host(records, first, last))
    if verdict == FAILS and ratio is not None and ratio.low is not None and ratio.low > 1:
        why = "; ".join(filter(None, (f"up to {GROWTH:g} times counts as no more", why)))
    text = f"The next token costs {names.name(last.axes)} more the longer the context"
    return Claim(GROWS, text, verdict, figure, why, names.axes(last.axes, "model"))


# What is carried


def _carries(pair: Pair, records: Sequence[Record], names: Names) -> Claim:
    """ "After 4,096 tokens lstm carries less than attention", which has no noise."""
    axes, sizes = pair.curve[-1].axes, (pair.curve, pair.base)
    ours, theirs = (curve[-1].median or 0.0 for curve in sizes)
    figure = ", against ".join(", ".join(filter(None, (last_size(curve), carried(curve)))) for curve in sizes)
    text = f"After {tokens(pair.longest)} tokens {pair.model} carries less than {pair.beside}{names.settings(axes)}"
    verdict = HOLDS if ours < theirs else FAILS
    return Claim(CARRIES, text, verdict, figure, _beyond(pair, records), names.axes(axes, "model"))


def _beyond(pair: Pair, records: Sequence[Record]) -> str:
    """From which context on it is so, where that follows from an evenly growing cache."""
    of_pair = without(pair.curve[0].axes, "seq_len")
    for record in (r for r in measured(records, "crossing") if r.axes["of"] == "state_size"):
        if without(record.axes, "of", "seq_len_from", "seq_len_to") == of_pair:
            least = tokens(math.floor(record.median or 0.0))  # exact, and no context lies between two tokens
            return f"{pair.model} carries less beyond {least} token{'s' * (least != '1')}"
    return ""


def last_size(sizes: Sequence[Record]) -> str:
    """How large a state is after the longest context."""
    return units.size(sizes[-1].median or 0.0)


def carried(sizes: Sequence[Record]) -> str:
    """How a state goes with the context; "" where that is not known."""
    grows = growth(sizes)
    if grows is not None:
        return f"{units.size(grows[1])} more with each token"
    if not bounded(sizes):
        return ""
    if sizes[0].median == sizes[-1].median:
        return "whatever the context"
    full = next(seq_len_of(record) for record in sizes if record.median == sizes[-1].median)
    return f"and no more from {tokens(full)} tokens on"
