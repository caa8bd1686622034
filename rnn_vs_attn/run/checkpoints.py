"""From --checkpoint to the models, the lengths and the rounds of a run. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models import registry, trained
from rnn_vs_attn.models.spec import TRAINED
from rnn_vs_attn.run.cases import AxisValues, option_name
from rnn_vs_attn.run.options import RunOptions
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.training.chosen import Kept, TrainedModel, choose, sizes_of

DECIDED = (  # what is typed of a model, and what a checkpoint has by itself
    *("model", "pattern", "model_arg", "d_model", "num_heads", "num_layers", "causal", "kernel_size", "window"),
    *("num_kv_heads", "positions", "init", "block"),
)


def chosen(texts: Sequence[str], typed: Sequence[str]) -> list[TrainedModel]:
    """The models that --checkpoint names. typed: names of the options that were. UserError where these exclude it."""
    models = choose([path for text in texts for path in _paths(text)]) if texts else []
    other = next((name for name in typed if name in DECIDED), None)
    if models and other is not None:
        raise UserError(f"{option_name(other)} is not for --checkpoint, which has its own; leave one of them out")
    for model in models:
        for kept in model.seeds:
            registry.find(kept.checkpoint.model)
    return models


def _paths(text: str) -> list[str]:
    """What stands between commas, unless there is a folder of that name with them."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    return [text] if not words or Path(text).exists() else words


def refuse_names(models: Sequence[str]) -> None:
    """UserError where a model is typed by the name of its rows."""
    for name in models:
        if registry.find(name).family == TRAINED:
            raise UserError(trained.UNKNOWN.format(name))


def with_models(suite: Suite, axes: AxisValues, models: Sequence[TrainedModel], lengths_typed: bool) -> AxisValues:
    """The axes of a run of trained models, each beside what it was where the suite measures what depends on weights.

    UserError where one of them takes no such length, or its task has none.
    """
    own = list(dict.fromkeys(model.first.shape.layer.seq_len for model in models))
    if not lengths_typed and len(own) > 1:
        listed = ", ".join(map(str, sorted(own)))
        raise UserError(f"these models were trained at different lengths ({listed}); give one by --seq-len")
    lengths = axes["seq_len"] if lengths_typed else own
    for model in models:
        for seq_len in lengths:
            _refuse_beyond(model.first, seq_len)
            if suite.axes.of_weights:
                sizes_of(model.first.checkpoint, seq_len)
    names = [name for model in models for name in (model.names if suite.axes.of_weights else model.names[1:])]
    return axes | {"model": names, "seq_len": lengths}


def _refuse_beyond(kept: Kept, seq_len: int) -> None:
    learned = kept.shape.num_positions
    if learned and seq_len > learned:
        raise UserError(
            f"--seq-len {seq_len} is more than the {learned} positions that the {kept.checkpoint.model} of "
            f"{kept.folder.name} has learned vectors for; give at most {learned}"
        )


def with_rounds(suite: Suite, options: RunOptions, models: Sequence[TrainedModel]) -> RunOptions:
    """The options with a round for each seed, where a suite measures what depends on weights and there are several.

    UserError where more rounds are asked for than there are seeds.
    """
    seeds = [len(model.seeds) for model in models if len(model.seeds) > 1]
    if not suite.axes.of_weights or not seeds:
        return options
    if options.rounds is not None and options.rounds > min(seeds):
        raise UserError(
            f"--rounds {options.rounds} is more than the {min(seeds)} seeds that these models were trained with, of "
            f"which each has a round; give at most {min(seeds)}"
        )
    return replace(options, rounds=options.rounds or min(seeds))
