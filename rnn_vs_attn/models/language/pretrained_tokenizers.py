"""The tokenizer beside weights in Hugging Face's layout: tokenizer.json as it is, and it neither cuts nor pads.

transformers builds some tokenizers anew, by settings in tokenizer_config.json. Where those say otherwise than
tokenizer.json, the two would give other token ids, and neither is taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.models.language.documents import NEEDS_HF, shown

TOKENIZER = "tokenizer.json"
# settings of tokenizer_config.json, and where tokenizer.json has them
_SETTINGS = {
    "add_prefix_space": ("pre_tokenizer", "add_prefix_space"),
    "do_lower_case": ("normalizer", "lowercase"),
    "strip_accents": ("normalizer", "strip_accents"),
    "tokenize_chinese_chars": ("normalizer", "handle_chinese_chars"),
}


def tokenizer_of(folder: Path) -> Any:
    """The tokenizer (of the package tokenizers). UserError where there is none, or it cannot be used."""
    file = folder / TOKENIZER
    if not file.is_file():
        raise UserError(f"{folder} has no tokenizer.json; give token ids, or download it too")
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise UserError(f"a tokenizer {NEEDS_HF}") from None
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the package raises nothing more precise
        raise UserError(f"{file} is damaged: {first_line(error, 200)}") from None
    _check_settings(folder / "tokenizer_config.json", json.loads(tokenizer.to_str()))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _check_settings(file: Path, tokenizer: dict[str, Any]) -> None:
    """UserError for a setting that is another one than the tokenizer has."""
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"cannot read {file}: {first_line(error, 200)}") from None
    for name, (part, key) in _SETTINGS.items():
        for value in _values(tokenizer.get(part), key):
            if isinstance(settings, dict) and settings.get(name, value) != value:
                raise UserError(
                    f"{file} has {name} {shown(settings[name])} and tokenizer.json {shown(value)}; "
                    "which of them is meant cannot be told"
                )


def _values(part: object, key: str) -> Iterator[object]:
    """What a part of a tokenizer, or a part of that part, has under a name."""
    if isinstance(part, dict):
        if key in part:
            yield part[key]
        for inner in part.values():
            yield from _values(inner, key)
    elif isinstance(part, list):
        for inner in part:
            yield from _values(inner, key)
