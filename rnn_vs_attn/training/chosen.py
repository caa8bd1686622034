"""Checkpoints as a user names them, by a folder or by a run that holds many: which are meant, and what they are called.

No torch. A worker is told where they are by a variable, so that names alone stand in records.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models import trained
from rnn_vs_attn.models.trained import INITIAL_PREFIX, TRAINED_PREFIX
from rnn_vs_attn.tasks import registry
from rnn_vs_attn.tasks.spec import Sizes, TaskSpec
from rnn_vs_attn.training import checkpoint
from rnn_vs_attn.training.checkpoint import Checkpoint
from rnn_vs_attn.training.course import merit
from rnn_vs_attn.training.token_shape import TokenShape

FOLDER = "trained"  # of a run, with a folder a checkpoint in it
VARIABLE = "RNN_VS_ATTN_CHECKPOINTS"
_NOT_APART = ("model", "task", "learning_rate")  # axes in which checkpoints of a run may differ and yet be compared


@dataclass(frozen=True)
class Kept:
    """A checkpoint and its folder, an absolute path."""

    folder: Path
    checkpoint: Checkpoint

    @property
    def task(self) -> str:
        """The name of what it learnt, "" where it does not say."""
        return str(self.checkpoint.about.get("task", ""))

    @property
    def axes(self) -> dict[str, Any]:
        """What tells it from others of its model and task."""
        of_run = self.checkpoint.about.get("axes")
        axes = dict(of_run) if isinstance(of_run, Mapping) else {}
        plan = self.checkpoint.plan
        return axes | {"learning_rate": plan.learning_rate, "seed": plan.seed}

    @property
    def shape(self) -> TokenShape:
        """UserError where it is of no model of tokens."""
        try:
            return TokenShape.of(self.checkpoint.shape)
        except (KeyError, TypeError, ValueError):
            way = "rnn-vs-attn lm sample writes with it" if "tokenizer" in self.checkpoint.about else "train again"
            raise UserError(f"{self.folder / checkpoint.NAME} is of no model that recall trains; {way}") from None


@dataclass(frozen=True)
class TrainedModel:
    """The checkpoints of a model, one or one a seed in their order. key: the name of its rows, without a prefix."""

    key: str
    seeds: tuple[Kept, ...]

    @property
    def names(self) -> tuple[str, str]:
        """As it was before it was trained, and as it is."""
        return INITIAL_PREFIX + self.key, TRAINED_PREFIX + self.key

    @property
    def first(self) -> Kept:
        return self.seeds[0]


def choose(paths: Sequence[str]) -> list[TrainedModel]:
    """The models of checkpoints and of runs. UserError where one of them cannot be used.

    Of a run, of each model and task the learning rate that ended best, with all of its seeds.
    """
    folders = dict.fromkeys(Path(path).absolute() for path in paths)
    groups = [group for folder in folders for group in _of(folder)]
    for group in groups:
        for kept in group:
            checkpoint.weights_of(kept.folder, kept.checkpoint)
    keys = _keys(groups)
    return [TrainedModel(key, tuple(group)) for key, group in zip(keys, groups, strict=True)]


def _of(folder: Path) -> list[list[Kept]]:
    if (folder / checkpoint.NAME).exists():
        return [[_read(folder)]]
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise UserError(f"--checkpoint {folder} {what}; give the folder of a checkpoint, or of a run of recall")
    found = kept_in(folder)
    if not found:
        way = f"recall keeps them in the folder {FOLDER} of its run; give that run, or the folder of a checkpoint"
        raise UserError(f"--checkpoint {folder} holds no trained model; {way}")
    return best_of(map(_of_tokens, found), _merit)


def _read(folder: Path) -> Kept:
    return _of_tokens(Kept(folder, checkpoint.read(folder)))


def _of_tokens(kept: Kept) -> Kept:
    _ = kept.shape
    return kept


# Of a run


Merit = Callable[[Kept], Any]  # by which learning rates are ranked, the higher the better


def kept_in(run: Path) -> list[Kept]:
    """All of a run's checkpoints; a training that has none yet is none."""
    inside = sorted((run / FOLDER).iterdir()) if (run / FOLDER).is_dir() else []
    return [Kept(each, checkpoint.read(each)) for each in inside if (each / checkpoint.NAME).exists()]


def best_of(found: Iterable[Kept], merit: Merit) -> list[list[Kept]]:
    """Of each model and task the seeds of its best learning rate."""
    groups: dict[str, dict[float, list[Kept]]] = {}
    for kept in found:
        alike = {name: value for name, value in kept.axes.items() if name not in (*_NOT_APART, "seed")}
        key = json.dumps([kept.checkpoint.model, kept.task, alike], sort_keys=True)
        groups.setdefault(key, {}).setdefault(kept.checkpoint.plan.learning_rate, []).append(kept)
    return [_best(rates, merit) for rates in groups.values()]


def _best(rates: Mapping[float, list[Kept]], merit: Merit) -> list[Kept]:
    """The seeds of the learning rate whose first seed ended best."""
    by_seed = [sorted(seeds, key=lambda kept: kept.checkpoint.plan.seed) for seeds in rates.values()]
    first = min(seeds[0].checkpoint.plan.seed for seeds in by_seed)
    return max((seeds for seeds in by_seed if seeds[0].checkpoint.plan.seed == first), key=lambda s: merit(s[0]))


def _merit(kept: Kept) -> tuple[float, float]:
    """The most right, and of equal ones the least loss."""
    curve = kept.checkpoint.course.curve
    return merit(curve[-1].accuracy, curve[-1].loss) if curve else (0.0, -math.inf)


# Names


def _keys(groups: Sequence[Sequence[Kept]]) -> list[str]:
    """A name each: model and task, with the axes in which those of one model and task differ, or else their number."""
    models = [(group[0].checkpoint.model, group[0].task) for group in groups]
    axes = [{n: v for n, v in group[0].axes.items() if len(group) == 1 or n != "seed"} for group in groups]
    keys = []
    for (model, task), own in zip(models, axes, strict=True):
        alike = [theirs for theirs, other in zip(axes, models, strict=True) if other == (model, task)]
        apart = {n: v for n, v in own.items() if any(theirs.get(n) != v for theirs in alike)}
        keys.append(trained.key_of(model, task, apart))
    several = Counter(keys)
    return [f"{key}(checkpoint={i})" if several[key] > 1 else key for i, key in enumerate(keys, start=1)]


# What it is, in words


def said_of(seeds: Sequence[Checkpoint], initial: bool) -> str:
    """What a model is and, unless it is what it was before, how well it learnt; of all of its seeds."""
    first, ends = seeds[0], [each.course.curve[-1] for each in seeds if each.course.curve]
    layer, task = TokenShape.of(first.shape).layer, str(first.about.get("task", ""))
    size = f"{first.model} in a model of tokens, num_layers {layer.num_layers}, d_model {layer.d_model}"
    seed = f"seed{'s' * (len(seeds) > 1)} {', '.join(str(each.plan.seed) for each in seeds)}"
    if initial:
        return f"{size}, with the weights that it began from, {seed}"
    steps = sorted({each.course.step for each in seeds})
    whole = units.counted(first.plan.steps, "step")
    done = whole if steps == [first.plan.steps] else f"{' or '.join(map(str, steps))} of {whole}"
    what = f"{task} at {layer.seq_len} tokens" if task else f"{layer.seq_len} tokens"
    measured = "accuracy" if all(end.accuracy is not None for end in ends) else "loss"
    values = [end.loss if end.accuracy is None else end.accuracy for end in ends]
    ending = f", {measured} {', '.join(f'{value:.3g}' for value in values)} at its end" if values else ""
    rate = f"learning rate {first.plan.learning_rate:g}"
    return f"{size}, trained on {what} for {done} at {rate}, {seed}{ending}"


def sizes_of(kept: Checkpoint, seq_len: int) -> tuple[TaskSpec, Sizes]:
    """The task that it learnt, with its sizes at a length. UserError where it says of none, or none is so long."""
    try:
        spec = registry.find(str(kept.about["task"]))
        return spec, spec.at(Sizes(**kept.about["sizes"]), seq_len)
    except (KeyError, TypeError):
        raise UserError(
            f"the checkpoint of {kept.model} does not say which task it learnt, and an example of that is what its "
            "gradient is taken of; give a checkpoint that recall has kept"
        ) from None


# For the run's settings and for workers


def settings_of(models: Iterable[TrainedModel], anonymous: bool) -> list[dict[str, Any]]:
    """What a run keeps of its models; no folders where anonymous."""
    return [
        {
            "key": model.key,
            "folders": None if anonymous else [str(kept.folder) for kept in model.seeds],
            "sha256": [kept.checkpoint.sha256 for kept in model.seeds],
        }
        for model in models
    ]


def again(stored: Sequence[Mapping[str, Any]]) -> list[TrainedModel]:
    """The models of a run that goes on. UserError where their checkpoints are not what they were, or not known.

    KeyError or TypeError where that is none.
    """
    return [_again(each["key"], each["folders"], each["sha256"]) for each in stored]


def _again(key: str, folders: Sequence[str] | None, digests: Sequence[str]) -> TrainedModel:
    if folders is None:
        raise UserError(f"an anonymous run does not say where the checkpoints of {key} are; start a run of its own")
    seeds = tuple(_read(Path(folder)) for folder in folders)
    for kept, digest in zip(seeds, digests, strict=True):
        if kept.checkpoint.sha256 != digest:
            way = "start a run of its own"
            raise UserError(f"the checkpoint {kept.folder} is another one than when the run began; {way}")
        checkpoint.weights_of(kept.folder, kept.checkpoint)
    return TrainedModel(key, seeds)


def variables(models: Iterable[TrainedModel]) -> dict[str, str]:
    """The variable that tells a worker where the checkpoints are."""
    folders = {model.key: [str(kept.folder) for kept in model.seeds] for model in models}
    return {VARIABLE: json.dumps(folders)} if folders else {}


_folders: dict[str, list[Path]] = {}  # of a worker, by key


def take() -> None:
    """In a worker: know what the variable says, which is gone then."""
    told: dict[str, list[str]] = json.loads(os.environ.pop(VARIABLE, "{}"))
    _folders.update({key: [Path(folder) for folder in folders] for key, folders in told.items()})


def folders_of(name: str) -> list[Path]:
    """In a worker: where the checkpoints of a model are. UserError where that is not known."""
    try:
        return _folders[trained.unprefixed(name)]
    except KeyError:
        raise UserError(trained.UNKNOWN.format(name)) from None
