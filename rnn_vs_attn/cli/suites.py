"""The commands that run suites: one each, and one for those that belong together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rnn_vs_attn.cli.help_all import FIRST
from rnn_vs_attn.cli.options import Call, command
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.spec import TRAINED
from rnn_vs_attn.run import cases, checkpoints, group, init_from, learnt_text
from rnn_vs_attn.run.cases import option_name
from rnn_vs_attn.run.command import resume, start
from rnn_vs_attn.run.given import NOTHING, Given
from rnn_vs_attn.run.options import (
    CallOptions,
    CheckpointOptions,
    GroupOptions,
    OwnModelsOptions,
    RunOptions,
    TextOptions,
    TrainingOptions,
    UntimedOptions,
    with_own_end,
)
from rnn_vs_attn.suites import SUITES, takers
from rnn_vs_attn.suites.suite import Suite

_WITH_RESUME = ("resume", "retry", "columns", "as_json", "quiet", "debug")
_OF_ALL = ("device", "threads")  # the axes that a group of suites takes


def named_command(name: str) -> Callable[..., int | None]:
    """The command that is typed so, or the last word of one."""
    own = next((suite for suite in SUITES if suite.command.split()[-1] == name), None)
    return command_of(own) if own is not None else command_of_all([suite for suite in SUITES if suite.group == name])


def command_of(suite: Suite) -> Callable[..., int | None]:
    """The command of a suite, its options the fields of its case and of a run."""

    def run(call: Call[RunOptions]) -> int | None:
        options = call.options
        if call.subcommand is not None:
            _refuse_before(call)
            return None
        if options.resume is not None:
            own = [name for name in call.names if name not in _WITH_RESUME]
            if own:
                raise UserError(f"--resume goes on under the run's own settings; leave out {option_name(own[0])}")
            return resume(suite, options)
        if options.retry:
            raise UserError("--retry goes with --resume FOLDER: it measures the failed cases of that run again")
        axes = cases.parse(suite, call.words)
        models = checkpoints.chosen(options.checkpoint, call.names)
        if models:
            axes = checkpoints.with_models(suite, axes, models, "seq_len" in call.names)
            return start(suite, axes, checkpoints.with_rounds(suite, options, models), given=Given(models))
        axes["model"] = cases.with_model_arguments(axes["model"], options.model_arg)
        checkpoints.refuse_names(axes["model"])
        plain, given = "model" not in call.names, NOTHING
        if isinstance(options, TextOptions):
            folder = init_from.chosen(options.init_from, call.names, axes)
            suite.axes.check(axes)
            given = Given(text=learnt_text.for_axes(options.text, axes, folder))
            options = init_from.with_defaults(with_own_end(options, call.names, axes), folder, call.names)
        return start(suite, axes, options, plain=plain, given=given)

    first = FIRST[suite.command.split()[-1]]
    return command(run, _options_of(suite), suite.axes.case, defaults=suite.axes.run_defaults, first=first)


def _refuse_before(call: Call[Any]) -> None:
    """UserError for an option that stands before a sub-command, which would not see it."""
    if call.names:
        raise UserError(f"{option_name(call.names[0])} goes after {call.subcommand}, not before it")


def _options_of(suite: Suite) -> type[RunOptions]:
    if takers.models_of(suite):
        return OwnModelsOptions
    if suite.rounds.trains is not None:
        return TextOptions if suite.axes.of_text else TrainingOptions
    if suite.rounds.passes:
        return CheckpointOptions if TRAINED in suite.axes.takes else RunOptions
    return CallOptions if suite.timed else UntimedOptions


def command_of_all(suites: Sequence[Suite]) -> Callable[..., int | None]:
    """What a group of suites does without a sub-command: all of them, in a short form."""

    def run(call: Call[GroupOptions]) -> int | None:
        if call.subcommand is not None:
            _refuse_before(call)
            return None
        runs = [(s, cases.parse(s, {**cases.defaults(s.axes.case), **call.words})) for s in suites]
        return group.start_all(runs, call.options)

    return command(run, GroupOptions, suites[0].axes.case, axes=_OF_ALL, first=FIRST["variants"])
