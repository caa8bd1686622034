"""Models of transformers by name: `hf:` and a model type, a folder or a JSON file, with fields that are set anew.

What stands behind such a name is read in the worker alone (`models.language.transformers_configs`), so a name is one
whether or not its folder is there, or the package: records of a run can be read anywhere.
"""

from __future__ import annotations

import ast
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.spec import CONFIGURED, ModelSpec

PREFIX = "hf:"
_TARGET = "rnn_vs_attn.models.language.transformers_models:build"
_NONE = (
    f"{PREFIX} names no configuration; write {PREFIX}gpt2 for a model type of transformers, or {PREFIX}./folder for a "
    "folder with a config.json"
)


def spec_of(name: str) -> ModelSpec:
    """The model of a name that begins with `hf:`. UserError where nothing stands behind it, or no fields in brackets.

    >>> spec_of("hf:mamba(num_hidden_layers=4)").family
    'transformers'
    """
    source_of(name)
    fields_of(name)
    return ModelSpec(name, CONFIGURED, _TARGET, "transformers, from a configuration")


def source_of(name: str) -> str:
    """The model type, folder or file of a name. UserError where there is none.

    >>> source_of("hf:mamba(num_hidden_layers=4)")
    'mamba'
    """
    source = name.removeprefix(PREFIX).partition("(")[0].strip()
    if not source:
        raise UserError(_NONE)
    return source


def fields_of(name: str) -> dict[str, Any]:
    """The fields of the configuration that a name sets. UserError where they are no NAME=VALUE of Python's literals.

    >>> fields_of("hf:mamba(num_hidden_layers=4, tie_word_embeddings=False)")
    {'num_hidden_layers': 4, 'tie_word_embeddings': False}
    """
    _, bracket, text = name.partition("(")
    if not bracket:
        return {}
    wrong = UserError(f"model {name!r}: what stands in brackets must be NAME=VALUE, such as (num_hidden_layers=4)")
    try:
        call = ast.parse(f"fields({text}", mode="eval").body
    except SyntaxError:
        raise wrong from None
    if not isinstance(call, ast.Call) or call.args or not all(keyword.arg for keyword in call.keywords):
        raise wrong
    try:
        return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except ValueError:
        raise wrong from None
