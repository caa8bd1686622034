"""The option --pattern: stacks of layers, which are models by their names, beside those of --model."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Annotated

import typer

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.run.cases import Words

PATTERN = "pattern"
_HELP = "Stacks of layers, such as lstm+lstm+attention, num_layers of each; without --model these alone."
PARAMETER = inspect.Parameter(
    PATTERN,
    inspect.Parameter.KEYWORD_ONLY,
    annotation=Annotated[list[str], typer.Option("--pattern", help=_HELP, rich_help_panel="What", show_default=False)],
    default=[],
)


def with_patterns(words: Words, given: Sequence[str], beside_models: bool) -> Words:
    """The words of a case with the patterns among its models. beside_models: whether --model was typed too.

    UserError for a pattern of no layer or of one.
    """
    patterns = [word.strip() for text in given for word in text.split(",") if word.strip()]
    if given and not patterns:
        raise UserError("--pattern names no stack; write layers with + between them")
    if not patterns:
        return words
    single = next((pattern for pattern in patterns if "+" not in pattern), None)
    if single is not None:
        raise UserError(f"--pattern {single!r} is no stack; write layers with + between them, or --model {single}")
    models = words["model"] if beside_models else []
    return {**words, "model": [*(models if not isinstance(models, bool) else []), *patterns]}
