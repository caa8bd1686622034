"""What `models` lists: a row a model, from closed forms or, for the user's own, from a worker."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.models import LANGUAGE, ModelSpec
from rnn_vs_attn.models.configurations import LanguageShape
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.session import console

VOCAB_SIZE = 256  # bytes


def model_row(spec: ModelSpec, shape: Shape, named: bool, debug: bool) -> dict[str, Any]:
    complexity = spec.complexity
    row: dict[str, Any] = {
        "name": spec.name,
        "family": spec.family,
        "num_params": None,
        "train_flops": None,
        "time": complexity.time if complexity else None,
        "memory": complexity.memory if complexity else None,
        "sequential_operations": complexity.sequential_operations if complexity else None,
        "path_length": complexity.path_length if complexity else None,
        "decodes": None,
        "causal": "always" if spec.always_causal else "by --causal" if spec.costs else "up to the module",
        "source": spec.source,
        "note": spec.note,
    }
    if spec.family == LANGUAGE:
        note = f"takes token ids, in decode and variants; counted with {VOCAB_SIZE} of them and a context of seq_len"
        return row | {"num_params": _language_params(spec, shape), "decodes": True, "note": note}
    if spec.costs:
        flops = spec.costs.flops(shape).train
        return row | {"num_params": spec.costs.num_params(shape), "train_flops": flops, "decodes": True}
    try:
        described = ask_once("describe", debug, model=spec.name, shape=dataclasses.asdict(shape))
    except (UserError, CaseFault) as error:
        if named and isinstance(error, UserError):
            raise
        return row | {"note": f"broken: {error}"}
    return row | {
        "num_params": described["num_params"],
        "train_flops": described["flops"],
        "decodes": described["decodes"],
    }


def _language_params(spec: ModelSpec, shape: Shape) -> int:
    size = (shape.d_model, shape.num_heads, shape.num_layers, VOCAB_SIZE)
    return LanguageShape(*size, context_len=shape.seq_len, memory_len=shape.seq_len).num_params(spec.name)


def ask_once(do: str, debug: bool, **fields: Any) -> dict[str, Any]:
    from rnn_vs_attn.child import ChildWorker

    worker = ChildWorker(debug)
    try:
        return worker.ask(do, 60.0, **fields)
    finally:
        if worker.alive:
            worker.close()


def print_models(rows: Sequence[dict[str, Any]], shape: Shape) -> None:
    titles = {
        "name": "model",
        "family": "family",
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
    cells = [[_written(name, row[name], row["family"]) for name in titles] for row in rows]
    text = ", ".join(f"{name} {value}" for name, value in dataclasses.asdict(shape).items() if name != "causal")
    noted: dict[str, list[str]] = {}
    for told in rows:
        noted.setdefault(told["note"], []).append(told["name"])
    notes = [f"{', '.join(names)}: {note}" for note, names in noted.items() if note]
    notes.append(
        "n is seq_len and d is d_model, projections included; FLOPs are of matrix products, a multiply-add is two"
    )
    from rnn_vs_attn.tables import Table
    from rnn_vs_attn.terminal import print_table

    print_table(Table(text, list(titles.values()), cells, notes, grouped=False, prose=("source",)), console())


def _written(name: str, value: Any, family: str) -> str:
    if value is None:
        return "–" if family == LANGUAGE else "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "num_params":
        return f"{value:,}"
    return units.scaled(value) if name == "train_flops" else str(value)
