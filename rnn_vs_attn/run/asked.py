"""What a suite's command was asked for: from words and options to axes, and to what the run is given beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rnn_vs_attn.models.spec import TRAINED
from rnn_vs_attn.run import anonymous, cases, checkpoints, init_from, learnt_text
from rnn_vs_attn.run.cases import AxisValues, Words
from rnn_vs_attn.run.command import start
from rnn_vs_attn.run.given import NOTHING, Given
from rnn_vs_attn.run.options import (
    WHOLE,
    CallOptions,
    CheckpointOptions,
    OwnModelsOptions,
    Part,
    RunOptions,
    TextOptions,
    TrainingOptions,
    UntimedOptions,
    with_own_end,
)
from rnn_vs_attn.suites import takers
from rnn_vs_attn.suites.suite import Suite


@dataclass(frozen=True)
class Asked:
    """plain: whether no models were named; given: beside the options."""

    suite: Suite
    axes: AxisValues
    options: RunOptions
    plain: bool = False
    given: Given = NOTHING

    def start(self, options: RunOptions, part: Part = WHOLE) -> int:
        """Measure it, under its options or changed ones; the exit code."""
        return start(self.suite, self.axes, options, part, self.plain, self.given)

    def anonymous(self) -> Asked:
        """The same without a name of this machine's. UserError where the rows of a model would have one."""
        axes = self.axes | {"model": anonymous.named_from_here(self.axes["model"])}
        return replace(self, axes=axes, options=replace(self.options, anonymous=True))


def asked(suite: Suite, words: Words, options: RunOptions, names: Sequence[str]) -> Asked:
    """What `words` and `options` ask a suite for. names: of all that was not left to its default.

    UserError names the first that cannot be used.
    """
    found = _asked(suite, words, options, names)
    return found.anonymous() if options.anonymous else found


def _asked(suite: Suite, words: Words, options: RunOptions, names: Sequence[str]) -> Asked:
    axes = cases.parse(suite, words)
    models = checkpoints.chosen(options.checkpoint, names)
    if models:
        axes = checkpoints.with_models(suite, axes, models, "seq_len" in names)
        return Asked(suite, axes, checkpoints.with_rounds(suite, options, models), given=Given(models))
    axes["model"] = cases.with_model_arguments(axes["model"], options.model_arg)
    checkpoints.refuse_names(axes["model"])
    plain, given = "model" not in names, NOTHING
    if isinstance(options, TextOptions):
        folder = init_from.chosen(options.init_from, names, axes)
        suite.axes.check(axes)
        given = Given(text=learnt_text.for_axes(options.text, axes, folder))
        options = init_from.with_defaults(with_own_end(options, names, axes), folder, names)
    return Asked(suite, axes, options, plain, given)


def options_of(suite: Suite) -> type[RunOptions]:
    """The options that a suite's command has beside the fields of its case."""
    if takers.models_of(suite):
        return OwnModelsOptions
    if suite.rounds.trains is not None:
        return TextOptions if suite.axes.of_text else TrainingOptions
    if suite.rounds.passes:
        return CheckpointOptions if TRAINED in suite.axes.takes else RunOptions
    return CallOptions if suite.timed else UntimedOptions
