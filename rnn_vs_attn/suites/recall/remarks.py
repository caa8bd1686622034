"""What `recall` says beside its claims, and the table with a row for each model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from rnn_vs_attn import units
from rnn_vs_attn.models.costs import NO_POSITIONS
from rnn_vs_attn.models.registry import BASELINE
from rnn_vs_attn.records.query import Group, record_at
from rnn_vs_attn.records.types import Axes, AxisValue, Record
from rnn_vs_attn.report import curves
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.suites.recall import analysis
from rnn_vs_attn.suites.recall.analysis import SOLVED, Outcome, outcomes
from rnn_vs_attn.suites.recall.case import steps_for
from rnn_vs_attn.suites.recall.claims import RULE
from rnn_vs_attn.suites.recall.words import chance_of, measured_by, middle, named_task, scores, share, sizes_of
from rnn_vs_attn.suites.training_words import endless
from rnn_vs_attn.tasks.registry import find
from rnn_vs_attn.training.token_shape import AUTO, LEARNED

_SHOWN = (
    "rate: the learning rate at which the first seed did best; accuracy: of every seed, or of six and more the median "
    "with its 95% interval (of adding the loss); seeds, rates: how many of them solve the task; steps: until then, the "
    "median"
)


def summary(records: Sequence[Record]) -> list[Table]:
    """A row for each model on each task, at its best learning rate."""
    found = outcomes(records)
    if not found:
        return []
    header = ["task", "model", "rate", "accuracy", "seeds", "steps", "rates"]
    rows = [_row(outcome) for outcome in found]
    rows = [[named_task(found, outcome), *row] for outcome, row in zip(found, rows, strict=True)]
    rows.sort(key=lambda row: row[0])
    return [Table(_caption(found), header, rows, [_SHOWN], grouped=False, heads=2), *_lengths(records, found)]


def _lengths(records: Sequence[Record], found: Sequence[Outcome]) -> Iterator[Table]:
    """What was reached at each length, a column each, where there are others than those of training."""
    reached: dict[tuple[str, str], dict[int, str]] = {}
    for outcome in found:
        metric = f"{measured_by(outcome)}_at_length"
        at = {**outcome.axes, analysis.RATE: outcome.rate}
        mine = [r for r in records if r.metric == metric and at.items() <= r.axes.items()]
        cells = {int(r.axes["length"] or 0): _at_length(r) for r in mine}
        reached[named_task(found, outcome), outcome.model] = cells
    lengths = sorted({length for cells in reached.values() for length in cells})
    if len(lengths) > 1:
        rows = [[*name, *(cells.get(n, "–") for n in lengths)] for name, cells in reached.items()]
        rows.sort(key=lambda row: row[0])
        header = ["task", "model", *(f"{length} tokens" for length in lengths)]
        yield Table(
            "the same models at other lengths than they were trained at", header, rows, [], grouped=False, heads=2
        )


def _at_length(record: Record) -> str:
    """Its median, with the interval where there is one."""
    return "absent" if record.median is None else curves.interval(record, share, lacking="")


def _caption(found: Sequence[Outcome]) -> str:
    seeds = max(len(outcome.losses) for outcome in found)
    layers, width, match = (_all_of(found, name) for name in ("num_layers", "d_model", "match"))
    return (
        f"recall: {units.counted(seeds, 'seed')}, {found[0].budget} steps, {layers} block{'s' * (layers != '1')}, "
        f"d_model {width} of attention, match {match}"
    )


def _all_of(found: Sequence[Outcome], name: str) -> str:
    """The values of an axis."""
    return " or ".join(dict.fromkeys(str(outcome.axes[name]) for outcome in found))


def _row(outcome: Outcome) -> list[str]:
    solved = sum(math.isfinite(steps) for steps in outcome.steps)
    return [
        outcome.model,
        f"{outcome.rate:g}",
        scores(outcome),
        f"{solved} of {len(outcome.steps)}",
        middle(outcome.steps, outcome.budget, "{:.0f}".format),
        f"{outcome.solved_at} of {outcome.rates}",
    ]


# Words


def remarks(records: Sequence[Record]) -> list[str]:
    """What the tasks are, the rule of the verdicts, and what a reader must know of the trainings."""
    found = outcomes(records)
    tasks: dict[Group, Outcome] = {}
    for outcome in found:
        tasks.setdefault(outcome.task, outcome)
    said = [*(_of_task(found, outcome) for outcome in tasks.values()), *_bounds(records, found)]
    unfinished = list(endless(records, "loss", _label))
    if not said:
        return unfinished
    return [*said, *unfinished, RULE, *_few_steps(found), *_positions(found), *_untested(records)]


def _of_task(found: Sequence[Outcome], outcome: Outcome) -> str:
    sizes, chance = sizes_of(outcome), chance_of(outcome)
    least = f"loss {chance.loss:.3g}" if chance.accuracy is None else f"accuracy {chance.accuracy:.3g}"
    size = f"{sizes.seq_len} tokens{_counted(outcome)}; chance is {least}"
    return f'{named_task(found, outcome)} ({size}): "{find(str(outcome.axes["task"])).description}"'


def _counted(outcome: Outcome) -> str:
    sizes = sizes_of(outcome)
    return (
        f", {sizes.num_pairs} pairs"
        if sizes.num_pairs
        else f", {sizes.num_symbols} symbols"
        if sizes.num_symbols
        else ""
    )


def _bounds(records: Sequence[Record], found: Sequence[Outcome]) -> Iterator[str]:
    """Models whose state is too small for the task."""
    for outcome in found:
        axes = {**outcome.axes, analysis.RATE: outcome.rate}
        best, bits = (_median(records, name, axes) for name in ("best_accuracy", "state_bits"))
        if best is not None and bits is not None and best < 1:
            needed = find(str(outcome.axes["task"])).forms.bits(sizes_of(outcome))
            yield (
                f"{outcome.model} has {bits:,.0f} bits of state and {named_task(found, outcome)} needs {needed:,.0f}: "
                f"no training brings it above an accuracy of {best:.3g}."
            )


def _median(records: Sequence[Record], metric: str, axes: Mapping[str, AxisValue]) -> float | None:
    found = record_at(records, metric, axes)
    return found.median if found is not None else None


def _label(axes: Axes) -> str:
    return f"{axes['task']} {axes[analysis.MODEL]} {axes[analysis.RATE]:g}"


def _few_steps(found: Sequence[Outcome]) -> Iterator[str]:
    """What a run had no time for."""
    budget, wanted = found[0].budget, steps_for({str(outcome.axes["task"]) for outcome in found})
    if budget < wanted and any(outcome.word != SOLVED for outcome in found):
        times = units.significant(wanted / budget, 2)
        yield (
            f"Each training had {budget} steps, where {wanted} are taken if there is time: --steps {wanted}, "
            f"with a --max-seconds for {times} times as long, has them."
        )


def _positions(found: Sequence[Outcome]) -> Iterator[str]:
    """What attention knows of positions that it was not trained at."""
    of_attention = [outcome.axes for outcome in found if outcome.model == BASELINE]
    for kind, added in sorted({(str(axes["positions"]), str(axes["token_positions"])) for axes in of_attention}):
        if added == LEARNED or (added == AUTO and kind == NO_POSITIONS):
            way = "--positions rotary or alibi" if kind == NO_POSITIONS else "--token-positions none"
            yield (
                "Attention had a learned vector for each position that it was trained at, and is not tested beyond; "
                f"{way} lets it go on."
            )
        elif kind == NO_POSITIONS:
            yield "Attention knew nothing of positions, at no length."
        else:
            yield f"At lengths that were not trained, attention went on with {kind} positions as they are."


def _untested(records: Sequence[Record]) -> Iterator[str]:
    """Why other models have nothing at some lengths; of attention it is said."""
    absent = [r for r in records if r.metric.endswith("_at_length") and r.median is None and r.warnings]
    models = dict.fromkeys(str(r.axes["model"]) for r in absent if r.axes["model"] != BASELINE)
    for model in models:
        first = min((r for r in absent if r.axes["model"] == model), key=lambda r: int(r.axes["length"] or 0))
        yield f"{model} is {first.warnings[0]}."
