"""Models of transformers by name: `hf:` and a model type, a folder or a JSON file, with fields that are set anew.

What stands behind such a name is read in the worker alone (`models.language.transformers_configs`), so a name is one
whether or not its folder is there, or the package: records of a run can be read anywhere.
"""

from __future__ import annotations

from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.foreign.naming import split
from rnn_vs_attn.models.spec import CONFIGURED, ModelSpec

PREFIX = "hf:"
IMPORTS = "RNN_VS_ATTN_IMPORTS_TRANSFORMERS"  # the variable that has a worker import it while it starts
_TARGET = "rnn_vs_attn.models.language.transformers_models:build"
_NONE = (
    f"{PREFIX} names no configuration; write {PREFIX}gpt2 for a model type of transformers, or {PREFIX}./folder for a "
    "folder with a config.json"
)


def spec_of(name: str) -> ModelSpec:
    """The model of a name that begins with `hf:`. UserError where nothing stands behind it.

    >>> spec_of("hf:mamba(num_hidden_layers=4)").family
    'transformers'
    """
    if not source_of(name):
        raise UserError(_NONE)
    return ModelSpec(name, CONFIGURED, _TARGET, "transformers, from a configuration")


def source_of(name: str) -> str:
    """The model type, folder or file of a name.

    >>> source_of("hf:mamba(num_hidden_layers=4)")
    'mamba'
    """
    return split(name)[0].removeprefix(PREFIX).strip()


def fields_of(name: str) -> dict[str, Any]:
    """The fields of the configuration that a name sets.

    >>> fields_of("hf:mamba(num_hidden_layers=4, tie_word_embeddings=False)")
    {'num_hidden_layers': 4, 'tie_word_embeddings': False}
    """
    return split(name)[1]
