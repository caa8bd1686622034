"""What `bench` finds: who trains faster and from where on, and how time and memory grow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from rnn_vs_attn import units
from rnn_vs_attn.models.registry import BASELINE, recorded
from rnn_vs_attn.models.spec import ATTENTION, RECURRENCE
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED, Claim
from rnn_vs_attn.records.query import Group, measured, record_at, without
from rnn_vs_attn.records.types import Axes, Record
from rnn_vs_attn.report.curves import by_round, curves, interval, seq_len_of
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.stats.intervals import Estimate
from rnn_vs_attn.suites import deciding, findings
from rnn_vs_attn.suites.bench import ways
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.findings import HOSTS_TIME, Names, Pair, tokens

FASTER, GROWS, MEMORY = "trains faster", "time grows faster", "memory grows with the square"
LEAST_MEMORY = 4 * units.MIB  # below it the allocator's own pages are a part of what is seen
SQUARE, LINEAR, BAND = 2.0, 1.0, 0.25  # exponents of memory, and how near to them one is taken as that


def claims(records: Sequence[Record]) -> list[Claim]:
    """What was found, the most important first: of the user's own models, of recurrences, of all others."""
    names = Names.of(records, BenchCase, "seq_len")
    times = measured(records, "train_time")
    loops = ways.loops(times, names)
    apart = {claim.axes["model"] for claim in loops}
    faster = [_faster(pair, records, names) for pair in findings.pairs(times, _base) if not _is_told(pair, apart)]
    faster.sort(key=lambda claim: (FAILS, HOLDS, UNDECIDED).index(claim.verdict))  # what surprises first
    first = [c for c in faster if _rank(c) == 0]
    recurrent, rest = ([c for c in faster if _rank(c) == rank] for rank in (1, 2))
    return [
        *first,
        *recurrent,
        *_growth(records, names),
        *_memory(records, names),
        *ways.threads(times, names),
        *ways.packages(times, records, names),
        *loops,
        *rest,
    ]


def _base(model: str, models: Sequence[str]) -> str:
    """Never a loop that a claim of its own tells of, as then nothing would be said of the others."""
    return findings.base_among([other for other in models if ways.LOOPS.get(other) not in models], BASELINE)


def _rank(claim: Claim) -> int:
    model = str(claim.axes["model"])
    return 0 if findings.is_not_ours(model) else 1 if recorded(model).family == RECURRENCE else 2


def _is_told(pair: Pair, apart: Collection[object]) -> bool:
    """Whether one of the two is a loop that a claim of its own tells of: its time says nothing of recurrence."""
    return pair.model in apart or pair.beside in apart


# Who trains faster


def _faster(pair: Pair, records: Sequence[Record], names: Names) -> Claim:
    """ "Attention trains faster than lstm"; where there is no attention, the model than the one that it stands beside.

    It holds where that is settled at every length, and does not where at one of them the other is settled to be faster.
    """
    axes = pair.curve[0].axes
    settings = names.settings(axes)
    of_attention = pair.beside == BASELINE
    ahead, behind = ("above", "below") if of_attention else ("below", "above")
    text = f"{pair.model} trains faster than {pair.beside}{settings}"
    if of_attention:
        text = f"Attention trains faster than {pair.model}{settings}"
    sides = pair.sides
    verdict = HOLDS if set(sides) == {ahead} else FAILS if behind in sides else UNDECIDED
    why = _open(pair, records) if verdict == UNDECIDED else _of_launches(pair, records) or _of_work(pair, records)
    told = "; ".join(filter(None, (why, findings.without_times(pair, records))))
    return Claim(FASTER, text, verdict, _figure(pair), told, names.axes(axes, "model"))


def _figure(pair: Pair) -> str:
    """Where which is faster, and by how much at the longest length."""
    ratio, longest = pair.ratios[-1], tokens(pair.longest)
    where = findings.where_faster(pair)
    if ratio is None:
        return findings.capital(where) or "No round has times of both"
    unit = "" if where else " tokens"
    amount = f"at {longest}{unit} {pair.model} takes {interval(ratio)} times as long as {pair.beside}"
    return findings.capital("; ".join(filter(None, (where, amount))))


def _open(pair: Pair, records: Sequence[Record]) -> str:
    """At which lengths neither is settled to be faster, and what that would take."""
    left = [i for i, side in enumerate(pair.sides) if side == "undecided"]
    takes = ways.takes(pair.ratios[left[-1]], _of_launches(pair, records))
    if len(left) == len(pair.lengths):
        return takes
    return f"open at {', '.join(tokens(pair.lengths[i]) for i in left)}: {takes}"


def _of_launches(pair: Pair, records: Sequence[Record]) -> str:
    """On a GPU at which lengths the time of one of the two is the host's; the longest is the one that was told last."""
    bound = ways.launch_bound(records)
    both = zip(pair.curve, pair.base, strict=True)
    lengths = [seq_len_of(ours) for ours, theirs in both if bound & {without(ours.axes), without(theirs.axes)}]
    if not lengths:
        return ""
    at = "" if pair.longest in lengths else f"at {', '.join(map(tokens, lengths))} "
    return f"{at}{HOSTS_TIME}; --cuda-graphs removes it"


def _of_work(pair: Pair, records: Sequence[Record]) -> str:
    """Operations and their rate, of which the ratio of times is made."""
    ours, theirs = ({**curve[-1].axes, "pass": "train"} for curve in (pair.curve, pair.base))
    flops, other, ratio = record_at(records, "flops", ours), record_at(records, "flops", theirs), pair.ratios[-1]
    if pair.sides[-1] == "undecided" or ratio is None or not (flops and other and flops.median and other.median):
        return ""
    part = flops.median / other.median
    amount, rate = units.significant(part), units.significant(part / ratio.median)
    return f"it has {amount} times the operations of {pair.beside} and does {rate} times as many a second"


# How time and memory grow


def _growth(records: Sequence[Record], names: Names) -> Iterator[Claim]:
    """ "Attention's time grows faster with length than that of recurrences", over the lengths that each has with it."""
    found = [r for r in records if r.metric == "exponent" and r.ok and r.axes["of"] == "train_time"]
    bases = {without(r.axes, "model"): r for r in found if r.axes["model"] == BASELINE}
    by_settings: dict[Group, list[tuple[Record, Record]]] = {}
    for record in found:
        spec = recorded(str(record.axes["model"]))
        base = bases.get(without(record.axes, "model"))
        if base is not None and spec.family == RECURRENCE and not spec.traits.loop_of:
            group = without(record.axes, "model", "seq_len_from", "seq_len_to")
            by_settings.setdefault(group, []).append((base, record))
    for compared in by_settings.values():
        yield _growth_claim(compared, records, names)


def _growth_claim(compared: Sequence[tuple[Record, Record]], records: Sequence[Record], names: Names) -> Claim:
    """Of the pairs of attention and a recurrence the one that decides: where one fails it does, else the nearest."""
    by_side: dict[str, list[tuple[Record, Record]]] = {}
    for pair in compared:
        by_side.setdefault(_side(*pair), []).append(pair)
    decides = next(side for side in ("below", "undecided", "above") if side in by_side)
    verdict = deciding.by_side(decides, "above")
    base, record = max(by_side[decides], key=lambda pair: pair[1].median or 0.0)
    over = f"{tokens(float(base.axes['seq_len_from'] or 0))} to {tokens(float(base.axes['seq_len_to'] or 0))} tokens"
    most = len(compared) > 1 and verdict == HOLDS
    other = f"a recurrence at most {_doubled(record)} ({record.axes['model']})" if most else ""
    other = other or f"{record.axes['model']} {_doubled(record)}"
    figure = f"From {over} twice the length takes attention {_doubled(base)} times as long and {other}"
    text = f"Attention's time grows faster with length than that of a recurrence{names.settings(base.axes)}"
    why = _of_host(records, base.axes, record.axes)
    if verdict == UNDECIDED:
        why = ways.takes(min((base, record), key=lambda r: len(r.values)).estimate, why)
    return Claim(GROWS, text, verdict, figure, why, names.axes(base.axes))


def _side(base: Record, record: Record) -> str:
    """Whether the first exponent's interval lies above the second's, below it, or neither."""
    if base.low is None or base.high is None or record.low is None or record.high is None:
        return "undecided"
    return "above" if base.low > record.high else "below" if base.high < record.low else "undecided"


def _doubled(exponent: Record | Estimate) -> str:
    """By how much twice the length multiplies."""
    return interval(exponent, lambda value: units.significant(2**value))


def _of_host(records: Sequence[Record], *cases: Axes) -> str:
    """Said where some of the times of these curves are those of the host's launches."""
    wanted = [without(axes, "of", "seq_len_from", "seq_len_to") for axes in cases]
    if any(without(dict(case), "seq_len") in wanted for case in ways.launch_bound(records)):
        return "some of these times are those of the host's launches, not the GPU's"
    return ""


def _memory(records: Sequence[Record], names: Names) -> Iterator[Claim]:
    """ "The memory of attention grows with the square of the length", by the last two lengths, where it is large."""
    peaks = [r for r in records if r.metric == "peak_memory" and r.ok and r.axes["pass"] == "train"]
    for curve in curves(peaks).values():
        model, last = str(curve[0].axes["model"]), curve[-2:]
        if not (recorded(model).family == ATTENTION or findings.is_not_ours(model)):
            continue
        if len(last) == 2 and min(r.median or 0 for r in last) >= LEAST_MEMORY:
            yield from _memory_claim(last, names)


def _memory_claim(last: Sequence[Record], names: Names) -> Iterator[Claim]:
    rounds = [values for values in by_round(last) if min(values) > 0]
    growth = intervals.exponents([seq_len_of(r) for r in last], rounds)
    if not growth:
        return
    result = intervals.estimate(growth, all(record.exact for record in last))
    verdict, axes = _square(result), last[0].axes
    over = findings.lengths([seq_len_of(record) for record in last])
    figure = f"{findings.capital(over)} tokens twice the length takes {_doubled(result)} times the memory to train"
    figure += ", where the square is 4 times"
    why = {
        HOLDS: "it keeps a score for each pair of tokens" * _keeps_scores(axes),
        FAILS: "not all of its scores are in memory at once" * (_is_attention(axes) and _is_below(result)),
        UNDECIDED: "longer sequences tell (--seq-len)",
    }[verdict]
    if result.low is None:
        why = deciding.to_decide(result)
    text = f"The memory of {names.name(axes)} grows with the square of the length"
    yield Claim(MEMORY, text, verdict, figure, why, names.axes(axes, "model"))


def _square(growth: Estimate) -> str:
    if growth.low is None or growth.high is None:
        return UNDECIDED
    if growth.low > SQUARE - BAND and growth.high < SQUARE + BAND:
        return HOLDS
    return FAILS if growth.high < LINEAR + BAND or growth.low > SQUARE + BAND else UNDECIDED


def _is_below(growth: Estimate) -> bool:
    """Whether it is settled that it grows more slowly than with the square."""
    return growth.high is not None and growth.high < SQUARE


def _is_attention(axes: Axes) -> bool:
    return recorded(str(axes["model"])).family == ATTENTION


def _keeps_scores(axes: Axes) -> bool:
    """Whether its definition has all scores in memory."""
    complexity = recorded(str(axes["model"])).complexity
    return complexity is not None and "n²" in complexity.memory
