"""What `scaling` says in words under its tables: a line for each claim of Table 1 and of the lesson."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn import units
from rnn_vs_attn.models.registry import BASELINE, find
from rnn_vs_attn.records.claims import VERDICT
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.curves import UNSETTLED, interval, span
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.metrics import CROSSING
from rnn_vs_attn.suites.scaling import claims, launches
from rnn_vs_attn.suites.scaling.case import MIXING
from rnn_vs_attn.suites.scaling.choosing import models_of
from rnn_vs_attn.suites.scaling.crossings import FLOP_CROSSING, crossing_claim
from rnn_vs_attn.suites.scaling.exponents import LEAST_POINTS, OCTAVES, table_exponent
from rnn_vs_attn.suites.scaling.laws import grows, law_of
from rnn_vs_attn.suites.scaling.speed_ups import most_threads


def remarks(records: Sequence[Record]) -> list[str]:
    """The rule, then a line a claim; what is undecided says what to give."""
    lines = [line for model in models_of(records) for line in _of_model(records, model)]
    lines += [*_crossings(records), *_why(records), *launches.remarks(records)]
    return [claims.RULE, *lines] if lines else []


def _of_model(records: Sequence[Record], model: str) -> Iterator[str]:
    row = claims.row_of(find(model).layer_type)
    mine = [r for r in records if r.axes.get("model") == model]
    verdicts = {str(r.axes["claim"]): r.text for r in mine if r.metric == VERDICT.name}
    if row is not None:
        source = "Beside the table" if row.layer_type in claims.NOT_IN_THE_PAPER else "Table 1"
        head = f"{source}, {row.layer_type}, {model}"
        for axis, claimed in row.exponents.items():
            word, found = verdicts.get(f"exponent of {axis}", claims.UNDECIDED), _exponent(mine, axis)
            yield f"{head}: {row.complexity}, exponent {claimed:g} of {axis}: {word} ({found})."
        for metric, cell in (("sequential_operations", row.sequential), ("path_length", row.path)):
            what = metric.replace("_", " ")
            yield f"{head}: {what} {cell}: {verdicts.get(metric, claims.UNDECIDED)} ({_counts(mine, metric)})."
    yield from _lesson(mine, model, verdicts)


def _exponent(mine: Sequence[Record], axis: str) -> str:
    record = table_exponent(mine, axis)
    if record is None or record.median is None:
        return _what_to_give(mine, axis)
    part = "between its projections, " if record.axes["part"] == MIXING else ""
    train = table_exponent(mine, axis, "train_time")
    trained = f"; training {interval(train)}" if train is not None and train.median is not None else ""
    bent = record.details.get("bent")
    curve = f"; not straight, {units.significant(bent[0])} and then {units.significant(bent[1])}" if bent else ""
    few = (
        f"; an interval takes {intervals.MIN_ROUNDS} rounds, and --max-seconds the time for them"
        if record.low is None
        else ""
    )
    span = f"{record.axes['from']:g} to {record.axes['to']:g}"
    return f"{part}forward, {span}: {interval(record)}{trained}{curve}{few}"


def _what_to_give(mine: Sequence[Record], axis: str) -> str:
    """Why there is no exponent, and the way to one."""
    sizes = sorted({int(r.axes[axis] or 0) for r in measured(mine, "forward_time")})
    if not sizes:
        return "no pass was timed"
    option = "--" + axis.replace("_", "-")
    if len(sizes) < LEAST_POINTS:
        return f"a fit takes {LEAST_POINTS} sizes or more; give {option} {sizes[0]}:{4 * sizes[0]}"
    upper = [size for size in sizes if size * 2**OCTAVES >= sizes[-1]]
    if len(upper) < LEAST_POINTS or axis == "d_model":
        few = f"a fit takes {LEAST_POINTS} sizes or more in the upper {OCTAVES} octaves"
        return f"{few}; give {option} {sizes[-1] // 4}:{sizes[-1]}"
    longest = sizes[-1]
    return (
        f"its projections have more than a tenth of the FLOPs; give longer sequences, such as --seq-len "
        f"{longest}:{16 * longest}, or a smaller --d-model"
    )


def _counts(mine: Sequence[Record], metric: str) -> str:
    law = law_of(mine, metric)
    if law is None:
        unknown = next((w for r in mine if r.metric == metric for w in r.warnings), "")
        return unknown or "it was not counted"
    counts, lengths = law.details["counts"], law.details["lengths"]
    least = "at least " if law.details.get("at_least") else ""
    listed = f"{least}{', '.join(map(str, counts))} at n = {', '.join(map(str, lengths))}"
    stack = ""
    reaches = [name for name in ("kernel_size", "window") if name in find(str(law.axes["model"])).traits.takes]
    if metric == "path_length" and counts[-1] > counts[0] and reaches:
        given = " and ".join(f"{name} {law.axes[name]}" for name in reaches)
        stack = f", through as many layers as it takes, {given}"
    if law.text == claims.UNDECIDED:
        return f"{listed}{stack}; {law.details.get('reason', 'they follow none of the laws 1, log n and n alone')}"
    return f"{listed}{stack}: {grows(law.text)} up to there"


def _lesson(mine: Sequence[Record], model: str, verdicts: dict[str, str]) -> Iterator[str]:
    if "a recurrence is sequential" in verdicts:
        law = law_of(mine, "sequential_operations")
        word = verdicts["a recurrence is sequential"]
        known = law is not None and law.text != claims.UNDECIDED
        chain = f"{grows(law.text)} up to n = {law.axes['to']}" if law is not None and known else claims.UNDECIDED
        yield (
            f'Lesson, "a recurrence cannot be computed in parallel over the sequence", {model}: {word} '
            f"(its longest chain: {chain})."
        )
    for claim, text in (
        ("gains from threads", "gains from more threads"),
        ("gains nothing from threads", "gains nothing from more threads"),
    ):
        gained = most_threads(mine, "train_time")
        if claim in verdicts and gained is not None:
            count = gained.axes["threads"]
            at = f"training on {count} threads is {interval(gained)} times as fast at seq_len {gained.axes['seq_len']}"
            yield f'Lesson, "{model} {text}": {verdicts[claim]} ({at}).'


def _crossings(records: Sequence[Record]) -> Iterator[str]:
    """A line for each model and quantity, over all widths."""
    verdicts = {
        (r.axes["model"], r.axes.get("d_model"), r.axes["claim"]): r.text for r in records if r.metric == VERDICT.name
    }
    found: dict[tuple[str, str], list[str]] = {}
    for record in (r for r in records if r.metric in (CROSSING.name, FLOP_CROSSING.name)):
        axes = record.axes
        if axes.get("by") == "count" and _of_formula(records, record):
            continue  # both are in the table
        word = verdicts[axes["model"], axes["d_model"], crossing_claim(record)]
        quantity = f"FLOPs, {axes['pass']}" if "by" in axes else f"time, {str(axes['of']).removesuffix('_time')}"
        text = f"d = {axes['d_model']} {word} ({_where(record)})"
        found.setdefault((str(axes["model"]), quantity), []).append(text)
    for (model, quantity), parts in found.items():
        yield f'Paper, "self-attention is cheaper than {model} while n < d", {quantity}: {"; ".join(parts)}.'


def _of_formula(records: Sequence[Record], record: Record) -> bool:
    axes = record.axes | {"by": "formula"}
    return any(r.metric == FLOP_CROSSING.name and r.axes == axes for r in records)


def _where(record: Record) -> str:
    if record.metric == FLOP_CROSSING.name:
        upto = (record.median or 0) - 1
        return f"up to n = {upto:.0f}" if upto else "it has more at every n"
    over = f"{record.axes['seq_len_from']:.0f} to {record.axes['seq_len_to']:.0f}"
    if float(record.axes["seq_len_from"] or 0) >= float(record.axes["d_model"] or 0):
        shorter = max(2, int(record.axes["d_model"] or 0) // 4)
        over = f"{over}; no n below d was measured, give --seq-len {shorter}:{record.axes['seq_len_to']:.0f}"
    reason = record.details.get("reason", "")
    if record.median is not None:
        way = "faster from there on" if record.details["faster_beyond"] == BASELINE else "faster up to there"
        return f"n = {interval(record)}, {way}, of {over}" + (f"; {reason}" if reason else "")
    known = _settled(record)
    if record.details.get("everywhere"):
        return f"{known[0]} at every n from {over}"
    told = ", ".join(known)
    if reason:
        return f"{over}; {reason}" + (f"; so far {told}" if told else "")
    if record.details.get("several"):
        return f"they cross more than once in {over}: {told}"
    return f"settled in {over} is {told}" if told else f"{over}: {UNSETTLED}"


def _settled(record: Record) -> list[str]:
    """Over which n it is settled whether attention is faster or slower than the model."""
    words = {"slower": "faster", "faster": "slower"}
    if record.details.get("everywhere"):
        return [words[record.details["everywhere"]]]
    return [f"{words[side]} {span(record, start, end, 'n = ')}" for side, start, end in record.details["stretches"]]


def _why(records: Sequence[Record]) -> Iterator[str]:
    """Which kernels ran, as FLOPs say nothing of how fast they are."""
    parts = []
    for model in models_of(records):
        flops = measured(records, "flops", model=model, part="layer", **{"pass": "forward"})
        last = max(flops, key=lambda r: (int(r.axes["seq_len"] or 0), int(r.axes["d_model"] or 0)), default=None)
        if last is not None and last.details.get("kernels"):
            parts.append(f"{model} {' + '.join(last.details['kernels'])}")
    if parts:
        yield f"Kernels that ran forward: {'; '.join(parts)}."
