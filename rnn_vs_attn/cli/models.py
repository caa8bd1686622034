"""The command `models`: a row a model, from closed forms or, for the user's own, from a worker."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.ab.options import SUITE
from rnn_vs_attn.ab.stages import NAME
from rnn_vs_attn.cli.options import Call, command
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.models import trained
from rnn_vs_attn.models.costs import Shape, default_kv_heads
from rnn_vs_attn.models.foreign.naming import names_in
from rnn_vs_attn.models.registry import BUILT_IN, find, plug_ins
from rnn_vs_attn.models.shapes import AlbertShape, LanguageShape
from rnn_vs_attn.models.spec import BACKEND, CONFIGURED, ENCODER, LANGUAGE, PATTERN, TRAINED, Complexity, ModelSpec
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.report.terminal import Terminal, print_table
from rnn_vs_attn.run.cases import check_heads, with_model_arguments
from rnn_vs_attn.suites import takers
from rnn_vs_attn.suites.case import option
from rnn_vs_attn.text.streams import print_json
from rnn_vs_attn.worker.pool import ask_once
from rnn_vs_attn.worker.protocol import Describe

VOCAB_SIZE = 256  # bytes
_GROWTHS = tuple(field.name for field in dataclasses.fields(Complexity))


@dataclasses.dataclass(frozen=True)
class ListOptions:
    """Which models are listed, and at which shape."""

    model: tuple[str, ...] = option((), "Only these; your own by import path.", panel=None)
    model_arg: tuple[str, ...] = option((), "NAME=VALUE or MODEL:NAME=VALUE, as for bench.", panel=None)
    seq_len: int = option(512, "Tokens.", minimum=1, panel=None)
    batch_size: int = option(1, "Sequences a batch.", minimum=1, panel=None)
    d_model: int = option(128, "Width.", minimum=1, panel=None)
    num_heads: int = option(4, "Attention heads.", minimum=1, panel=None)
    num_layers: int = option(1, "Layers stacked.", minimum=1, panel=None)
    as_json: bool = option(False, "One JSON document on standard output.", flag="--json", panel=None)
    debug: bool = option(False, "Show stack traces.", panel=None)

    @property
    def shape(self) -> Shape:
        """What models are counted at."""
        size = self.batch_size, self.seq_len, self.d_model, self.num_heads, self.num_layers
        return Shape(*size, num_kv_heads=default_kv_heads(self.num_heads))


def _models(call: Call[ListOptions]) -> None:
    options, shape = call.options, call.options.shape
    names = with_model_arguments([name for text in options.model for name in names_in(text)], options.model_arg)
    every = [*BUILT_IN, *(find(point.name) for point in plug_ins())]
    specs = [find(name) for name in names] if names else every
    check_heads({"model": [s.name for s in specs], "d_model": [shape.d_model], "num_heads": [shape.num_heads]})
    rows = [model_row(spec, shape, bool(names), options.debug) for spec in specs]
    if options.as_json:
        print_json({"shape": dataclasses.asdict(shape), "models": rows})
        return
    print_models(rows, shape)


models_command = command(_models, ListOptions)


def model_row(spec: ModelSpec, shape: Shape, named: bool, debug: bool) -> dict[str, Any]:
    """What is known of a model at a shape. named: whether it was asked for, so that a wrong one is an error."""
    facts: dict[str, Any] = {"num_params": None, "train_flops": None, "decodes": None, "note": spec.note}
    broken = False
    try:
        facts |= _facts(spec, shape, debug)
    except (UserError, CaseFault) as error:
        if named and isinstance(error, UserError):
            raise
        facts["note"], broken = f"broken: {error}", True
    complexity = dataclasses.asdict(spec.complexity) if spec.complexity else dict.fromkeys(_GROWTHS)
    return {
        "name": spec.name,
        "family": spec.family,
        "commands": [] if broken else commands(spec, bool(facts["decodes"])),
        **complexity,
        "causal": _causal(spec),
        "source": spec.source,
        **facts,
    }


def commands(spec: ModelSpec, decodes: bool) -> list[str]:
    """What is typed behind the program's name to measure a model."""
    suites = takers.taking(spec, decodes)
    return [suite.command for suite in suites] + [NAME] * (SUITE in suites)


def _facts(spec: ModelSpec, shape: Shape, debug: bool) -> dict[str, Any]:
    """Counts by closed forms; of the user's own from a worker. CaseFault or UserError where that cannot build it."""
    if spec.family == TRAINED:
        raise UserError(trained.UNKNOWN.format(spec.name))
    if spec.family == LANGUAGE:
        note = f"takes token ids; counted with {VOCAB_SIZE} of them and a context of seq_len"
        return {"num_params": _language_params(spec, shape), "decodes": True, "note": note}
    if spec.family == ENCODER:
        made = _encoder_shape(shape)
        note = (
            f"takes token ids and predicts none; counted with {VOCAB_SIZE} of them, a context of seq_len, embeddings "
            f"of width {made.embedding_dim} and the pooler; --size has the published ones"
        )
        return {"num_params": made.num_params, "decodes": False, "note": note}
    if spec.costs:
        flops = spec.costs.flops(shape).train
        return {"num_params": spec.costs.num_params(shape), "train_flops": flops, "decodes": True}
    return dataclasses.asdict(ask_once(Describe(spec.name, shape), debug))


def _causal(spec: ModelSpec) -> str:
    if spec.family == ENCODER:
        return "never"
    if spec.family == CONFIGURED:
        return "by its configuration"
    return "always" if spec.always_causal else "by --causal" if spec.costs else "up to the module"


def _language_params(spec: ModelSpec, shape: Shape) -> int:
    size = (shape.d_model, shape.num_heads, shape.num_layers, VOCAB_SIZE)
    assert spec.language_shape is not None
    return spec.language_shape(LanguageShape(*size, context_len=shape.seq_len, memory_len=shape.seq_len)).num_params


def _encoder_shape(shape: Shape) -> AlbertShape:
    size = (shape.num_layers, shape.d_model, shape.num_heads)
    return AlbertShape(*size, vocab_size=VOCAB_SIZE, context_len=shape.seq_len)


_TITLES = {
    "name": "model",
    "family": "family",
    "commands": "commands",
    "num_params": "parameters",
    "train_flops": "FLOPs (train)",
    "time": "time",
    "memory": "memory (train)",
    "sequential_operations": "sequential",
    "path_length": "path",
    "decodes": "decodes",
    "causal": "causal",
    "source": "source",
}
_PROSE = ("commands", "source")
_NOTES = (
    "n is seq_len and d is d_model, projections included; FLOPs are of matrix products, a multiply-add is two",
    "ab takes what bench takes: built-in models under --aa and between two environments, your own between commits too",
)


def print_models(rows: Sequence[dict[str, Any]], shape: Shape) -> None:
    """The list as one table, or as several where the terminal is narrow."""
    caption = ", ".join(
        f"{name} {value}" for name, value in dataclasses.asdict(shape).items() if name not in ("causal", BACKEND)
    )
    noted: dict[str, list[str]] = {}
    for told in rows:
        noted.setdefault(told["note"], []).append(told["name"])
    notes = [f"{', '.join(names)}: {note}" for note, names in noted.items() if note]
    cells = [[_written(name, row[name], row["family"]) for name in _TITLES] for row in rows]
    table = Table(caption, list(_TITLES.values()), cells, [*notes, *_NOTES], grouped=False, prose=_PROSE)
    print_table(table, Terminal())


def _written(name: str, value: Any, family: str) -> str:
    if value is None:
        return "–" if family in (LANGUAGE, ENCODER, PATTERN) else "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "commands":
        return ", ".join(value) or "none"
    if name == "num_params":
        return f"{value:,}"
    return units.scaled(value) if name == "train_flops" else str(value)
