"""JSON files of a folder in Hugging Face's layout, and what a sentence says of them. Without torch."""

from __future__ import annotations

import json
import reprlib
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UserError, first_line

NEEDS_HF = "needs the extra [hf]: pip install 'rnn-vs-attn[hf]'"


def document(file: Path, hint: str = "") -> Any:
    """What a file of JSON holds. UserError, with a hint where it cannot be read, or where it is damaged."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}{hint}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is damaged: {first_line(error, 200)}") from None


_BRIEF = reprlib.Repr()
_BRIEF.maxlevel, _BRIEF.maxstring = 3, 120


def shown(value: object) -> str:
    """A value of a file in a sentence: on one line, and cut where it is long or deep."""
    return _BRIEF.repr(value)
