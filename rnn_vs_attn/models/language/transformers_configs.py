"""Configurations of transformers: a model type, a folder with config.json or a JSON file, read and never downloaded."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.models import load
from rnn_vs_attn.models.configured import fields_of, source_of
from rnn_vs_attn.models.language.documents import NEEDS_HF
from rnn_vs_attn.models.language.pretrained_files import PICKLES

CAUSAL, MASKED = "causal", "masked"  # what a language model predicts: the next token, or those that are masked
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_HEADS = {"ForCausalLM": CAUSAL, "LMHeadModel": CAUSAL, "ForMaskedLM": MASKED}
_CONFIG = "config.json"


@dataclass(frozen=True)
class Configuration:
    """What a name stands for. config: transformers' own object. predicts: CAUSAL or MASKED. weights: the folder that
    holds them, None where they are drawn. said: what it was read from, in words.
    """

    name: str
    config: Any
    predicts: str
    weights: Path | None
    said: str


def library() -> ModuleType:
    """transformers, imported so that it neither downloads anything nor writes on standard error.

    UserError where it is not installed.
    """
    os.environ.update(dict.fromkeys(_OFFLINE, "1"))
    try:
        import transformers
    except ImportError as error:
        raise UserError(f"a model of transformers {NEEDS_HF} ({first_line(error)})") from None
    transformers.logging.set_verbosity_error()
    found: ModuleType = transformers
    return found


def import_models() -> None:
    """What all of its models import, which takes seconds; one of these puts another module `transformers` in the place
    of the first. UserError where it is not installed.
    """
    library()
    import transformers.generation
    import transformers.modeling_layers
    import transformers.modeling_utils
    import transformers.models.auto.modeling_auto  # noqa: F401


def read(name: str) -> Configuration:
    """The configuration that a name `hf:SOURCE(FIELD=VALUE)` stands for. UserError where there is none to be built."""
    library()
    source = source_of(name)
    path = load.from_start(source)
    if _is_type(source):
        if (path / _CONFIG).is_file():
            raise UserError(
                f"{name!r} is a model type and a folder here; write hf:./{source} for the folder, or start in another "
                "folder for the type"
            )
        return _configuration(name, source, {}, None, f"model type {source}")
    if path.is_dir():
        return _of_file(name, path / _CONFIG, _folder_with_weights(path))
    if source.endswith(".json") or path.is_file():
        return _of_file(name, path, None)
    raise _no_source(name, source)


def _no_source(name: str, source: str) -> UserError:
    if "/" not in source and not source.startswith("."):
        near = difflib.get_close_matches(source, _types(), n=1, cutoff=0.5)
        hint = f"did you mean 'hf:{near[0]}'? " if near else ""
        return UserError(
            f"model {name!r}: {source!r} is no model type of transformers and no folder here; {hint}".rstrip("; ")
        )
    return UserError(
        f"model {name!r}: there is no folder {source}, and nothing is downloaded; download it first (hf download "
        f"{source} --local-dir FOLDER) and give hf:FOLDER, or give its model type for random weights"
    )


def _folder_with_weights(folder: Path) -> Path | None:
    """The folder where it holds weights as safetensors. UserError where it holds them as pickles alone."""
    if not (folder / _CONFIG).is_file():
        raise UserError(f"{folder} has no {_CONFIG}; a folder of transformers holds one beside its weights")
    names = sorted(path.name for path in folder.iterdir())
    if any(name.endswith(".safetensors") for name in names):
        return folder
    pickles = [name for name in names if name.endswith(PICKLES) and name != "training_args.bin"]
    if pickles:
        raise UserError(
            f"{folder / pickles[0]} is a pickle, which can run anything when it is read, and is refused; convert it to "
            f"model.safetensors, or give hf:{folder / _CONFIG} for random weights"
        )
    return None


def _of_file(name: str, file: Path, weights: Path | None) -> Configuration:
    """The configuration that a JSON file holds."""
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"there is no file {file}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read as JSON: {first_line(error, 200)}") from None
    kind = held.get("model_type") if isinstance(held, dict) else None
    if not isinstance(kind, str):
        raise UserError(f"{file} names no model_type, so it is no configuration of transformers")
    if not _is_type(kind):
        near = difflib.get_close_matches(kind, _types(), n=1, cutoff=0.7)
        hint = f"; did you mean {near[0]!r}?" if near else ", and code that lies beside it is not run"
        raise UserError(f"{file} is of model_type {kind!r}, which transformers {library().__version__} has not{hint}")
    return _configuration(name, kind, held, weights, source_of(name))


def _configuration(name: str, kind: str, held: Mapping[str, Any], weights: Path | None, said: str) -> Configuration:
    config = _built(name, kind, held)
    return Configuration(name, config, _predicted(name, config), weights, said)


def _built(name: str, kind: str, held: Mapping[str, Any]) -> Any:
    """transformers' configuration of a type, from the fields of a file and those that the name sets."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    made = CONFIG_MAPPING[kind]
    given = _renamed(made, kind, fields_of(name))
    try:
        return made.from_dict({**_renamed(made, kind, held, known=True), **given}) if held else made(**given)
    except Exception as error:
        raise UserError(f"model {name!r}: transformers refuses its configuration: {_why(error)}") from None


def _renamed(made: Any, kind: str, fields: Mapping[str, Any], known: bool = False) -> dict[str, Any]:
    """Fields under the configuration's own names for them (hidden_size is n_embd of gpt2).

    UserError where there is no such field, which transformers would take in silence; not asked of what is `known`.
    """
    own = dict(getattr(made, "attribute_map", {}))
    plain = None if known or not fields else made()
    for field in fields:
        if plain is not None and not hasattr(plain, field):
            names = [*own, *(each for each in vars(plain) if not each.startswith("_"))]
            near = difflib.get_close_matches(field, names, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UserError(f"the configuration of {kind} has no field {field!r}{hint}")
    return {own.get(field, field): value for field, value in fields.items()}


def _why(error: Exception) -> str:
    """The reason that a configuration gives, without the names of its checks."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _predicted(name: str, config: Any) -> str:
    """CAUSAL or MASKED. UserError where transformers has neither for such a configuration."""
    from transformers.models.auto import modeling_auto

    kind = config.model_type
    if getattr(config, "is_encoder_decoder", False):
        raise UserError(
            f"model {name!r}: {kind} is an encoder and a decoder, of two sequences; models of one are measured, causal "
            "or masked, such as hf:gpt2 or hf:bert"
        )
    causal = kind in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    masked = kind in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    if causal and masked:
        heads = [_HEADS[end] for each in config.architectures or () for end in _HEADS if each.endswith(end)]
        return heads[0] if heads else CAUSAL if getattr(config, "is_decoder", False) else MASKED
    if not causal and not masked:
        raise UserError(f"model {name!r}: transformers has no causal and no masked language model of type {kind}")
    return CAUSAL if causal else MASKED


def _is_type(kind: str) -> bool:
    return kind in _types()


def _types() -> list[str]:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return list(CONFIG_MAPPING_NAMES)
