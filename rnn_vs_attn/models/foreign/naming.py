"""A model's name with what its layer is built with beside the shape: `torch.nn:GRU(bias=False)`. No torch."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnn_vs_attn.errors import UserError, unknown

_OPENING, _CLOSING = "([{", ")]}"


def split(name: str) -> tuple[str, dict[str, Any]]:
    """A model's name without its arguments, and these; a name that ends with no arguments stays as it is."""
    if name.endswith(")"):
        for at in (index for index, letter in enumerate(name) if letter == "("):
            found = _keywords(name[at + 1 : -1]) if at else None
            if found:
                return name[:at].rstrip(), found
    return name, {}


def _keywords(text: str) -> dict[str, Any] | None:
    """`bias=False, size=3` as a dict, None where it is none."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or not isinstance(call.func, ast.Name):
            return None
        return {str(each.arg): ast.literal_eval(each.value) for each in call.keywords if each.arg is not None}
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def joined(path: str, arguments: Mapping[str, Any]) -> str:
    """The name of a model with arguments, which `split` takes apart again."""
    return f"{path}({written(arguments)})" if arguments else path


def written(arguments: Mapping[str, Any]) -> str:
    """Arguments as they are typed in Python."""
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def names_in(text: str) -> list[str]:
    """What stands between the commas of a list of models, but for those within brackets."""
    found, begun = [], 0
    for at in (*_outside(text, ","), len(text)):
        found.append(text[begun:at].strip())
        begun = at + 1
    return [word for word in found if word]


def _outside(text: str, wanted: str) -> list[int]:
    """Where a letter stands outside of brackets, and of texts in them; everywhere where a bracket stays open."""
    depth, quote, escaped, found = 0, "", False, []
    for at, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote and not escaped else quote
            escaped = letter == "\\" and not escaped
        elif letter in "'\"" and depth:
            quote = letter
        elif letter in _OPENING + _CLOSING:
            depth = max(0, depth + (1 if letter in _OPENING else -1))
        elif letter == wanted and depth == 0:
            found.append(at)
    return found if depth == 0 else [at for at, letter in enumerate(text) if letter == wanted]


# --model-arg


@dataclass(frozen=True)
class Argument:
    """One `--model-arg`. model: the one that it is for, "" for all of the user's own; text: as it was typed."""

    model: str
    name: str
    value: Any
    text: str


def argument(text: str) -> Argument:
    """`NAME=VALUE` or `MODEL:NAME=VALUE`, the name following the last colon before the first `=` outside of brackets.

    UserError where it is neither.
    """
    at = next(iter(_outside(text, "=")), -1)
    model, _, name = text[:at].rpartition(":")
    name = name.strip()
    if at < 0 or not name.isidentifier():
        raise UserError(f"--model-arg {text!r} is not NAME=VALUE, nor MODEL:NAME=VALUE for one model of several")
    return Argument(model.strip(), name, _value(text, text[at + 1 :].strip()), text)


def _value(text: str, word: str) -> Any:
    """A Python literal, or the word itself."""
    try:
        value = ast.literal_eval(word)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        if not word or word[0] in _OPENING + "'\"":
            raise UserError(f"--model-arg {text!r} gives no value: {word!r} is no Python literal, nor a word") from None
        return word
    if _keywords(f"x={value!r}") != {"x": value}:
        raise UserError(f"--model-arg {text!r} gives {word}, which no name can hold; give a finite number or a text")
    return value


def with_arguments(models: Sequence[str], own: Iterable[str], texts: Sequence[str]) -> list[str]:
    """The names of models with what `--model-arg` gives them; other values of one name make a model each.

    own: those of `models` that can take arguments. UserError where an argument is for none of them.
    """
    given, takers = [argument(text) for text in texts], list(own)
    for each in given:
        if not each.model and not takers:
            raise UserError(f"--model-arg {each.text!r} is for no model: none that is named is your own or a package's")
        if each.model and not any(_is_for(each, name) for name in takers):
            way = "MODEL is one of your own or of a package that --model names"
            raise unknown("model of --model-arg", each.model, takers or models, way)
    found = [name for model in models for name in _variants(model, given if model in takers else [])]
    return list(dict.fromkeys(found))


def _is_for(argument: Argument, model: str) -> bool:
    return argument.model in ("", model, split(model)[0])


def _variants(model: str, given: Sequence[Argument]) -> list[str]:
    """A model with each combination of the values that it is given."""
    path, own = split(model)
    values: dict[str, dict[str, Any]] = {}
    for each in given:
        if _is_for(each, model):
            values.setdefault(each.name, {})[repr(each.value)] = each.value  # 1, 1.0 and True are three
    products = itertools.product(*(each.values() for each in values.values()))
    return [joined(path, own | dict(zip(values, chosen, strict=True))) for chosen in products]
