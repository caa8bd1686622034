"""JSON as a run's files hold it: UTF-8, no NaN, no infinity, no field twice, nothing nested deeply."""

from __future__ import annotations

import json
import math
from typing import Any

from rnn_vs_attn.text.safe import encodable

_LEVELS = 32  # far below what recursion can follow


def parsed(content: bytes) -> Any:
    """The value of a text of JSON; a ValueError that says what is wrong with it otherwise."""
    try:
        value = json.loads(
            content.decode("utf-8"), object_pairs_hook=_object, parse_float=_number, parse_constant=_none
        )
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    may_be_deep = content.count(b"{") + content.count(b"[") > _LEVELS  # else there is no need to walk through it
    if may_be_deep and _is_deeper(value, _LEVELS):
        raise ValueError("it is nested too deeply")
    return value


def _object(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(fields)
    if len(found) < len(fields):
        names = [name for name, _ in fields]
        raise ValueError(f"it has {next(name for name in names if names.count(name) > 1)!r} twice")
    return found


def _number(text: str) -> float:
    return float(text) if math.isfinite(float(text)) else _none(text)


def _none(text: str) -> float:
    raise ValueError(f"{text} is no number that it can hold")


def _is_deeper(value: Any, levels: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(inside) and (levels == 0 or any(_is_deeper(item, levels - 1) for item in inside))


def dump(value: object) -> str:
    """One line of JSON that UTF-8 can hold; NaN and infinity are a ValueError."""
    return encodable(json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False))
