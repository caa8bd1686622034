"""A call as it stands in a file of the user's: in terms of d_model and num_heads, with what it imports."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

from rnn_vs_attn.isolation.modules import PRIVATE
from rnn_vs_attn.models.foreign.synonyms import WIDTHS, meaning_of
from rnn_vs_attn.models.foreign.targets import Filled, configurations, name_of

_TERMS = {"d_model": "d_model", "num_heads": "num_heads", "head_dim": "d_model // num_heads"}


@dataclass(frozen=True)
class Written:
    """text: the call; imports: lines that it needs."""

    text: str
    imports: tuple[str, ...] = ()

    @property
    def of(self) -> str:
        """The names that it speaks of, as parameters of a function."""
        return "d_model, num_heads" if re.search(r"\bnum_heads\b(?!=)", self.text) else "d_model"


def written(call: Filled, given: Mapping[str, Any]) -> Written | None:
    """A call as it was made, None where it is of no class or function. given: by the user, which stays as it is."""
    if not isinstance(call.target, type | FunctionType):
        return None
    inside = [each.target for each in configurations(call.values)]
    lines = [f"from {importable(target)} import {name_of(target)}" for target in (call.target, *inside)]
    return Written(f"{name_of(call.target)}({', '.join(terms(call.values, given))})", tuple(lines))


def terms(values: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Arguments as they stand in a function of d_model and num_heads."""
    return [f"{name}={_term(name, value, given)}" for name, value in values.items()]


def _term(name: str, value: Any, given: Mapping[str, Any]) -> str:
    if isinstance(value, Filled):
        return f"{name_of(value.target)}({', '.join(terms(value.values, given))})"
    meaning = meaning_of(name)
    if meaning is None or name in given or isinstance(value, list):
        return repr(value)
    return "d_model" if meaning.title in WIDTHS else _TERMS.get(meaning.own, repr(value))


def importable(kind: Callable[..., Any]) -> str:
    """The module of a class or function as another file imports it: here a file is read under a name of its own."""
    name = kind.__module__
    return Path(str(sys.modules[name].__file__)).stem if name.startswith(PRIVATE) else name
