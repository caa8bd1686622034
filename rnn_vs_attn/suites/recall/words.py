"""How tables and sentences of `recall` write a task, a training's scores and its steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median

from rnn_vs_attn import units
from rnn_vs_attn.records.types import Axes
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.recall.analysis import Outcome
from rnn_vs_attn.suites.recall.case import OF_TASKS
from rnn_vs_attn.suites.training_words import of_seeds
from rnn_vs_attn.tasks.registry import find
from rnn_vs_attn.tasks.spec import Chance, Sizes


def named_task(found: Sequence[Outcome], outcome: Outcome) -> str:
    """Its name with what tells it apart from others of that name."""
    return task_among([other.axes for other in found], outcome.axes)


def task_among(every: Sequence[Axes], mine: Axes) -> str:
    """The same by axes alone, such as those of a training without an end."""
    alike = [axes for axes in every if axes["task"] == mine["task"]]
    told = [name for name in mine if name not in ("task", "model", "test_seq_len")]  # that follows from seq_len
    varying = [name for name in told if len({axes.get(name) for axes in alike}) > 1]
    return " ".join([str(mine["task"]), *(f"{name} {mine[name]}" for name in varying)])


def sizes_of(outcome: Outcome) -> Sizes:
    """Of an example that it was trained on."""
    given = {name: outcome.axes[name] for name in OF_TASKS}
    return find(str(outcome.axes["task"])).sizes(int(outcome.axes["seq_len"]), **given)


def chance_of(outcome: Outcome) -> Chance:
    """What the best answer scores that does not look at the inputs."""
    return find(str(outcome.axes["task"])).forms.chance(sizes_of(outcome))


def scores(outcome: Outcome) -> str:
    """Accuracy, or loss where there is none: of every seed, or the median with its interval."""
    accuracies = [accuracy for accuracy in outcome.accuracies if accuracy is not None]
    values, write = (accuracies, share) if accuracies else (outcome.losses, units.significant)
    return of_seeds(values, write)


def share(value: float) -> str:
    """An accuracy, of which none is rounded up to a task that is solved."""
    return f"{math.floor(1000 * value) / 1000:g}"


def middle(values: Sequence[float], budget: float, write: Callable[[float], str]) -> str:
    """The median, of which those that did not come to it are larger than all others."""
    found = median(values) if values else math.inf
    if math.isfinite(found):
        return write(found)
    return f"> {budget:.0f}" if math.isfinite(budget) else "–"


def measured_by(outcome: Outcome) -> str:
    """What tells how well it does: the loss of adding, whose answers are no tokens."""
    return "loss" if all(accuracy is None for accuracy in outcome.accuracies) else "accuracy"


def after(outcome: Outcome) -> str:
    """The steps of every seed that it took to solve a task, or of six and more their median."""
    if len(outcome.steps) >= intervals.MIN_ROUNDS:
        return f"after {median(outcome.steps):.0f} steps (median)"
    first, *others = [f"{steps:.0f}" for steps in outcome.steps]
    return f"after {' and '.join(filter(None, [', '.join([first, *others[:-1]]), *others[-1:]]))} steps"
