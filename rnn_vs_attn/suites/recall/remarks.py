"""What `recall` says in words, and the table with a row for each model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

from rnn_vs_attn import units
from rnn_vs_attn.models.costs import NO_POSITIONS
from rnn_vs_attn.models.registry import BASELINE
from rnn_vs_attn.records.query import Group, record_at
from rnn_vs_attn.records.types import Axes, AxisValue, Record
from rnn_vs_attn.report import curves
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.recall import analysis
from rnn_vs_attn.suites.recall.analysis import PARTLY, SOLVED, UNSOLVED, Claim, Outcome, outcomes
from rnn_vs_attn.suites.recall.case import OF_TASKS, steps_for
from rnn_vs_attn.suites.training_words import HOLDS, UNDECIDED, endless, of_seeds
from rnn_vs_attn.tasks.registry import find
from rnn_vs_attn.tasks.spec import Sizes
from rnn_vs_attn.training.token_shape import AUTO, LEARNED

_SHOWN = (
    "accuracy: of every seed, or of six and more the median with its 95% interval; of adding the loss. seeds, rates: "
    "how many of them solved the task; steps: until then, the median; rate: that at which the first seed did best"
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
        metric = f"{_measure(outcome)}_at_length"
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
    return "absent" if record.median is None else curves.interval(record, _share, lacking="")


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


def named_task(found: Sequence[Outcome], outcome: Outcome) -> str:
    """Its name with what tells it apart from others of that name."""
    mine = outcome.axes["task"]
    alike = [other.axes for other in found if other.axes["task"] == mine]
    told = [name for name in outcome.axes if name not in ("task", "model", "test_seq_len")]  # that follows from seq_len
    varying = [name for name in told if len({axes[name] for axes in alike}) > 1]
    return " ".join([str(mine), *(f"{name} {outcome.axes[name]}" for name in varying)])


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


def scores(outcome: Outcome) -> str:
    """Accuracy, or loss where there is none: of every seed, or the median with its interval."""
    accuracies = [accuracy for accuracy in outcome.accuracies if accuracy is not None]
    values, write = (accuracies, _share) if accuracies else (outcome.losses, units.significant)
    return of_seeds(values, write)


def _share(value: float) -> str:
    return f"{math.floor(1000 * value) / 1000:g}"


def middle(values: Sequence[float], budget: float, write: Callable[[float], str]) -> str:
    """The median, of which those that did not come to it are larger than all others."""
    found = median(values) if values else math.inf
    if math.isfinite(found):
        return write(found)
    return f"> {budget:.0f}" if math.isfinite(budget) else "–"


# Words


def remarks(records: Sequence[Record]) -> list[str]:
    """What was found, a line each, and by which rule."""
    found = outcomes(records)
    tasks: dict[Group, list[Outcome]] = {}
    for outcome in found:
        tasks.setdefault(outcome.task, []).append(outcome)
    said = [_said_of_claim(found, claim) for claim in analysis.claims(found)]
    said += [line for rivals in tasks.values() for line in _of_task(found, rivals)]
    said += list(_bounds(records, found))
    unfinished = list(endless(records, "loss", _label))
    if not said:
        return unfinished
    return [*said, *unfinished, analysis.RULE, *_few_steps(found), *_positions(found), *_untested(records)]


def _of_task(found: Sequence[Outcome], rivals: Sequence[Outcome]) -> Iterator[str]:
    spec, sizes = find(str(rivals[0].axes["task"])), sizes_of(rivals[0])
    chance = spec.forms.chance(sizes)
    least = f"loss {chance.loss:.3g}" if chance.accuracy is None else f"accuracy {chance.accuracy:.3g}"
    shown = f"{named_task(found, rivals[0])} ({sizes.seq_len} tokens{_counted(rivals[0])}; chance is {least})"
    yield f'{shown}, "{spec.description}": {"; ".join(map(_of_model, rivals))}.'


def sizes_of(outcome: Outcome) -> Sizes:
    """Of an example that it was trained on."""
    given = {name: outcome.axes[name] for name in OF_TASKS}
    return find(str(outcome.axes["task"])).sizes(int(outcome.axes["seq_len"]), **given)


def _counted(outcome: Outcome) -> str:
    sizes = sizes_of(outcome)
    return (
        f", {sizes.num_pairs} pairs"
        if sizes.num_pairs
        else f", {sizes.num_symbols} symbols"
        if sizes.num_symbols
        else ""
    )


def _of_model(outcome: Outcome) -> str:
    """ "lstm solves it in 3 of 3 seeds, after 108, 120 and 96 of 360 steps (1.6 s), at 2 of 3 learning rates"."""
    seeds, budget = len(outcome.steps), outcome.budget
    solved = sum(math.isfinite(steps) for steps in outcome.steps)
    rates = units.counted(outcome.rates, "learning rate")
    if outcome.word == SOLVED:
        seconds = middle(outcome.seconds, math.nan, units.significant)
        steps = f"after {each_step(outcome)} of {budget} steps ({seconds} s)"
        return f"{outcome.model} solves it in {solved} of {seeds} seeds, {steps}, at {outcome.solved_at} of {rates}"
    if outcome.word == PARTLY:
        return f"{outcome.model} in {solved} of {seeds} seeds in {budget} steps, at {outcome.solved_at} of {rates}"
    return (
        f"{outcome.model} not, in {budget} steps, at none of {rates} (its best {_measure(outcome)} {scores(outcome)})"
    )


def _measure(outcome: Outcome) -> str:
    return "loss" if all(accuracy is None for accuracy in outcome.accuracies) else "accuracy"


def each_step(outcome: Outcome) -> str:
    """The steps of every seed, or of six and more their median."""
    if len(outcome.steps) >= intervals.MIN_ROUNDS:
        return middle(outcome.steps, outcome.budget, "{:.0f}".format)
    first, *others = [f"{steps:.0f}" for steps in outcome.steps]
    return " and ".join(filter(None, [", ".join([first, *others[:-1]]), *others[-1:]]))


def _said_of_claim(found: Sequence[Outcome], claim: Claim) -> str:
    solver, other, task = claim.solver.model, claim.other.model, named_task(found, claim.solver)
    said = f'"{solver} learns {task}, {other} does not": {claim.verdict}'
    size = f"{units.counted(claim.solver.axes['num_layers'], 'block')}, d_model {claim.solver.axes['d_model']}"
    if claim.verdict == HOLDS:
        times = claim.other.budget / median(claim.solver.steps)
        return f"{said} ({size}; {other} had {times:.1f} times the steps that {solver} took)."
    lacking = _lacking(claim) if claim.verdict == UNDECIDED else ""
    return f"{said}: {lacking}." if lacking else f"{said} ({size})."


def _lacking(claim: Claim) -> str:
    """What a claim would be decided by, "" where by nothing that was left out."""
    solver, other = claim.solver, claim.other
    if not claim.same_seeds:
        return f"{solver.model} has {_seeds(solver)} and {other.model} {_seeds(other)}"
    if solver.word != SOLVED or other.word != UNSOLVED:
        return ""
    if other.endless:
        return f"{units.counted(other.endless, 'training')} of {other.model} came to no end"
    steps = math.ceil(analysis.TIMES_THE_STEPS * median(solver.steps))
    return f"{other.model} had too few steps to say so; --steps {steps} or more decides"


def _seeds(outcome: Outcome) -> str:
    return units.counted(len(outcome.steps), "seed")


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
