"""The options of a command that runs suites: a field an option, and what they make of a run's limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import Budget, Limits
from rnn_vs_attn.suites.case import fixed, option
from rnn_vs_attn.text.streams import print_json

EFFORT, PLACE = "How long, how precise", "Where to"
_LIMITS, _BUDGET = Limits(), Budget()
_LONGEST = _BUDGET.max_warm_up / _BUDGET.warm_up


def read_precision(text: str) -> float:
    """--precision as a part of 1."""
    try:
        value = units.parse_fraction(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 10:
        raise UserError(f"--precision {text!r} is not a positive percentage such as 5%")
    return value


def read_memory(text: str) -> int:
    """--max-memory in bytes."""
    try:
        return units.parse_size(text)
    except ValueError:
        raise UserError(f"--max-memory {text!r} is not a size such as 8GiB or 512MiB") from None


def memory_option() -> Any:
    """The option --max-memory."""
    help = "Memory a case may take, such as 8GiB."
    return option(None, help, parse=read_memory, shown="what is available", panel=EFFORT)


def force_option() -> Any:
    """The option --force."""
    return option(False, "Allow more threads than usable cores.", panel=EFFORT)


def model_arguments_option() -> Any:
    """The option --model-arg."""
    help = (
        "NAME=VALUE, which your own layer or a package's is built with beside the shape; MODEL:NAME=VALUE for one of "
        "several. Other values of one NAME make a model each."
    )
    return option((), help)


def checkpoint_option() -> Any:
    """The option --checkpoint."""
    help = (
        "Trained models in place of --model: the folder of a checkpoint, or a run of recall, of which each model has "
        "the learning rate that ended best. Without --seq-len at the length that they were trained at."
    )
    return option((), help)


def columns_option() -> Any:
    """The option --columns."""
    return option((), "Columns of the table by their titles, or all.", parse=str.strip, panel=PLACE)


@dataclass(frozen=True)
class ModelOptions:
    """What models are, beside their names."""

    model_arg: tuple[str, ...] = model_arguments_option()


@dataclass(frozen=True)
class EffortOptions:
    """How long a run may take, and how precise it has to be."""

    rounds: int | None = option(
        None,
        "Rounds, each a fresh process; below 6 there are no intervals.",
        minimum=1,
        shown="6, 9 or 12, by --precision",
        panel=EFFORT,
    )
    precision: float = option(
        _LIMITS.precision,
        "Stop when half of every time's 95 % interval is within this part of its median.",
        typed="5%",
        parse=read_precision,
        panel=EFFORT,
    )
    max_seconds: float = option(_LIMITS.max_seconds, "Start no further case after this.", minimum=0, panel=EFFORT)
    timeout: float = option(_LIMITS.timeout, "Seconds that one case may take in a round.", minimum=0.001, panel=EFFORT)
    max_memory: int | None = memory_option()
    warm_up: float = option(
        _BUDGET.warm_up,
        f"Seconds of warm-up of a model in a round, until settled, at most {_LONGEST:g} times that.",
        minimum=0.001,
        panel=EFFORT,
    )
    block_seconds: float = option(_BUDGET.block, "Least length of a timed block.", minimum=0.0001, panel=EFFORT)
    min_blocks: int = option(
        _BUDGET.min_blocks,
        "Least number of blocks a pass, case and round (one where a call takes 2 s).",
        minimum=1,
        panel=EFFORT,
    )
    case_seconds: float = option(
        _BUDGET.case, "Blocks are added until a pass of a case has had this.", minimum=0, panel=EFFORT
    )
    seed: int = option(0, "Seed of the order of cases; round r has weights and data of seed r.", panel=EFFORT)
    force: bool = force_option()

    @property
    def limits(self) -> Limits:
        """When a run under these options ends."""
        scale = self.warm_up / _BUDGET.warm_up
        budget = Budget(
            warm_up=self.warm_up,
            max_warm_up=_BUDGET.max_warm_up * scale,
            block=self.block_seconds,
            min_blocks=self.min_blocks,
            case=self.case_seconds,
        )
        limits = (self.rounds, self.precision, self.max_seconds, self.timeout, self.max_memory, self.seed)
        return Limits(*limits, budget)


@dataclass(frozen=True)
class PlaceOptions:
    """Where a run goes to, or comes from."""

    output: Path | None = option(None, "Folder of this run.", shown="results/<UTC time>-<suite>", panel=PLACE)
    resume: Path | None = option(
        None, "Go on with an interrupted run, with its own settings and no other option.", panel=PLACE
    )
    retry: bool = option(False, "With --resume: measure cases again that failed or were left out.", panel=PLACE)
    dry_run: bool = option(False, "List the cases and about how long they take.", panel=PLACE)


@dataclass(frozen=True)
class ShownOptions:
    """What a command prints, and what it keeps to itself."""

    columns: tuple[str, ...] = columns_option()
    as_json: bool = option(False, "One JSON document on standard output.", flag="--json", panel=PLACE)
    quiet: bool = option(False, "No progress and no notes on standard error.", panel=PLACE)
    anonymous: bool = option(False, "Leave host, user, paths and variables out of the run.", panel=PLACE)
    debug: bool = option(False, "Show stack traces and what the measuring process prints.", panel=PLACE)


@dataclass(frozen=True)
class RunOptions(ModelOptions, ShownOptions, PlaceOptions, EffortOptions):  # the fields of the last come first
    """The options of a suite that is timed in blocks."""

    checkpoint: tuple[str, ...] = fixed(())


@dataclass(frozen=True)
class CheckpointOptions(RunOptions):
    """Those of one that takes trained models too."""

    checkpoint: tuple[str, ...] = checkpoint_option()


@dataclass(frozen=True)
class CallOptions(RunOptions):
    """Those of a suite that times each call by itself."""

    warm_up: float = fixed(_BUDGET.warm_up)
    block_seconds: float = fixed(_BUDGET.block)
    min_blocks: int = fixed(_BUDGET.min_blocks)
    case_seconds: float = fixed(_BUDGET.case)


@dataclass(frozen=True)
class OwnModelsOptions(CallOptions):
    """Those of a suite that leaves no choice of model."""

    model_arg: tuple[str, ...] = fixed(())


@dataclass(frozen=True)
class UntimedOptions(CallOptions):
    """Those of a suite that takes no times, and trained models too."""

    checkpoint: tuple[str, ...] = checkpoint_option()
    rounds: int | None = option(
        None,
        "Rounds, each with weights and data of its own; below 6 there are no intervals.",
        minimum=1,
        shown="6",
        panel=EFFORT,
    )
    precision: float = fixed(_LIMITS.precision)


@dataclass(frozen=True)
class TrainingOptions(UntimedOptions):
    """Those of a suite that trains."""

    checkpoint: tuple[str, ...] = fixed(())
    rounds: int = option(
        3, "Rounds, each with weights and data of its own; below 6 there are no intervals.", minimum=1, panel=EFFORT
    )
    max_seconds: float = option(
        285.0,
        "Train no longer than this; what was trained is kept, and --resume goes on there.",
        minimum=0,
        panel=EFFORT,
    )
    timeout: float = option(
        _LIMITS.timeout, "Seconds that a training may give no sign of itself.", minimum=0.001, panel=EFFORT
    )


@dataclass(frozen=True)
class TextOptions(TrainingOptions):
    """Those of one that trains on a text."""

    text: tuple[str, ...] = option(
        (),
        "Files or folders of text, UTF-8 or any bytes; without any that of pydoc_data.topics, which every Python has.",
    )
    init_from: Path | None = option(
        None,
        "Fine-tune a GPT-2: a folder in Hugging Face's layout with config.json, model.safetensors and tokenizer.json.",
    )
    max_seconds: float = option(
        285.0,
        "Train no longer than this; what was trained is kept, and --resume goes on there.",
        minimum=0,
        shown="285, or what --steps or --seconds-per-model takes",
        panel=EFFORT,
    )


def with_own_end(options: TextOptions, typed: Sequence[str], axes: Mapping[str, Sequence[Any]]) -> TextOptions:
    """The options without a --max-seconds, where the length of each training is given and that was not typed."""
    if "max_seconds" in typed or not any(axes[name][0] for name in ("steps", "seconds_per_model")):
        return options
    return replace(options, max_seconds=math.inf)


@dataclass(frozen=True)
class GroupOptions(OwnModelsOptions):
    """Those of several suites under one command: max_seconds and output are of all of them."""

    rounds: int = option(2, "Rounds of each; below 6 there are no intervals.", minimum=1, panel=EFFORT)
    precision: float = fixed(_LIMITS.precision)
    max_seconds: float = option(105.0, "Start no further case after this, of all together.", minimum=0, panel=EFFORT)
    output: Path | None = option(
        None, "Folder of these runs, one for each in it.", shown="results/<UTC time>-<suite> each", panel=PLACE
    )
    resume: Path | None = fixed(None)
    retry: bool = fixed(False)
    dry_run: bool = fixed(False)


@dataclass(frozen=True)
class Part:
    """What a run is of its command: all of it, or one of several that follow each other.

    given: the --max-seconds of the whole command, None where this run is all of it; shared_by: how many runs share what
    is left of that, this one among them; after_others: others were measured before it; take_document: who is given what
    --json prints; take_estimate: who is given the seconds that a dry run expects, the least and the most; first_seed:
    of its first round, where other machines have the rounds before; tells_where: whether it says where its run is and
    how to go on, which the whole command says where all of its runs are in one folder.
    """

    given: float | None = None
    shared_by: int = 1
    after_others: bool = False
    take_document: Callable[[Any], None] = print_json
    take_estimate: Callable[[Sequence[float]], None] = lambda seconds: None
    first_seed: int = 0
    tells_where: bool = True

    def of(self, limits: Limits) -> Limits:
        """The limits of this part, which know what was asked for the whole."""
        return replace(limits, given=self.given, shared_by=self.shared_by, first_seed=self.first_seed)

    def resumed(self, limits: Limits, seconds: float) -> Limits:
        """The limits of a run that goes on: its own, and of time the seconds that this part has, where it is shared."""
        return limits if self.given is None else self.of(replace(limits, max_seconds=seconds))


WHOLE = Part()
