"""The schema of [tool.rnn-vs-attn.ab]: its keys are the options of `ab`, and its entries the fields of a case."""

from __future__ import annotations

import dataclasses
import difflib
import math
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass
from datetime import date, datetime
from functools import partial
from typing import Annotated, Any

from rnn_vs_attn import units
from rnn_vs_attn.ab.options import SUITE, AbOptions
from rnn_vs_attn.errors import UserError, unknown
from rnn_vs_attn.limits import Acceptance, OwnMargin
from rnn_vs_attn.run import cases
from rnn_vs_attn.run.cases import AxisValues, Words, option_name

PATH = ("tool", "rnn-vs-attn", "ab")
TITLE = f"[{'.'.join(PATH)}]"
OPTIONS = (
    *("passes", "setup", "reuse_setup", "model_arg", "require_equal", "margin", "strict"),
    *("screen", "confirm", "max_seconds", "timeout", "max_memory"),
)
METRICS = (
    *(f"{name}_time" for name in SUITE.rounds.passes),
    *(row.metric.name for row in SUITE.metrics if row.metric.exact and row.metric.better != "none"),
)
_MARGINS, _ACCEPT = "margins", "accept"
_SHOWN = 5  # faults of one file, before "and 2 more"


@dataclass(frozen=True)
class Checked:
    """What the table holds, by the names of fields."""

    words: Words
    options: dict[str, Any]
    margins: tuple[OwnMargin, ...]
    accepted: tuple[Acceptance, ...]


def checked(content: Mapping[str, Any], file: str) -> Checked:
    """The values of a table. UserError that names all that cannot be used."""
    from pydantic import ValidationError

    keys = _keys()
    try:
        made = _schema().model_validate(_with_underscores(content)).model_dump(exclude_unset=True)
    except ValidationError as error:
        faults = [_said(fault, keys) for fault in error.errors(include_url=False)]
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise UserError(f"{file}, {TITLE}: {'; '.join(faults[:_SHOWN])}{more}") from None
    _check_that_cases_are_named(made, file)
    values = {keys[key].name: value for key, value in made.items() if key in keys}
    axes = {field.name for field in _axes()}
    return Checked(
        words={name: value for name, value in values.items() if name in axes},
        options={name: value for name, value in values.items() if name not in axes},
        margins=tuple(OwnMargin(_of(entry), entry["margin"]) for entry in made.get(_MARGINS, ())),
        accepted=tuple(
            Acceptance(_of(entry), entry["until"], entry["why"], entry.get("at_most"))
            for entry in made.get(_ACCEPT, ())
        ),
    )


def _check_that_cases_are_named(made: Mapping[str, Any], file: str) -> None:
    for name in (_MARGINS, _ACCEPT):
        for number, entry in enumerate(made.get(name, ()), start=1):
            if not _of(entry):
                raise UserError(
                    f"{file}, {TITLE}: {name} {number} names no case; give it a model, seq_len, metric or another field"
                )


def key_of(name: str) -> str:
    """What a field is called in the file: seq_len is seq-len, passes is pass."""
    field = next((f for f in _fields() if f.name == name), None)
    if name == "accepted":
        return _ACCEPT
    return name.replace("_", "-") if field is None else _key(field).replace("_", "-")


def axis_values(name: str, words: Sequence[str] | bool) -> AxisValues:
    """The values that the words of an axis stand for. UserError where they stand for none."""
    return cases.parse(SUITE, {**cases.defaults(SUITE.axes.case), name: words})


# The schema


def _axes() -> list[Field[Any]]:
    return [f for f in dataclasses.fields(SUITE.axes.case) if not f.metadata.get("fixed")]


def _fields() -> list[Field[Any]]:
    return [*_axes(), *(f for f in dataclasses.fields(AbOptions) if f.name in OPTIONS)]


def _key(field: Field[Any]) -> str:
    return str(field.metadata["flag"] or option_name(field.name))[2:].replace("-", "_")


def _keys() -> dict[str, Field[Any]]:
    return {_key(field): field for field in _fields()}


def _schema() -> Any:
    """A model of pydantic, with unknown keys forbidden, of the table and of the entries in it."""
    from pydantic import BeforeValidator, ConfigDict, create_model

    config = ConfigDict(extra="forbid", protected_namespaces=())

    def read_by(read: Callable[[Any], Any]) -> Any:
        return Annotated[Any, BeforeValidator(partial(_read, read))]

    def model(name: str, given: Mapping[str, Callable[[Any], Any]], needed: Sequence[str] = ()) -> Any:
        kinds: dict[str, Any] = {key: (read_by(read), ... if key in needed else None) for key, read in given.items()}
        return create_model(name, __config__=config, **kinds)

    of = {f.name: partial(_case_values, f) for f in _axes()} | {"metric": _metrics}
    margins = model("Margin", of | {"margin": _part}, ["margin"])
    accept = model("Accept", of | {"until": _day, "why": _text, "at_most": _part}, ["until", "why"])
    kinds = typing.get_type_hints(AbOptions)
    axes = {_key(f): partial(_words, f) for f in _axes()}
    options = {_key(f): partial(_option, f, kinds[f.name]) for f in _fields() if f.name in OPTIONS}
    lists: dict[str, Any] = {
        _MARGINS: (list[margins], []),  # type: ignore[valid-type]
        _ACCEPT: (list[accept], []),  # type: ignore[valid-type]
    }
    return create_model("Table", __base__=model("Options", axes | options), **lists)


def _read(read: Callable[[Any], Any], value: Any) -> Any:
    """What pydantic takes for a fault of a value is a ValueError."""
    try:
        return read(value)
    except UserError as error:
        raise ValueError(str(error)) from None


def _with_underscores(content: Any) -> Any:
    """The keys of a table, and of the tables in its lists, as fields are named. UserError for one that stands twice."""
    if isinstance(content, list):
        return [_with_underscores(item) for item in content]
    if not isinstance(content, Mapping):
        return content
    made = {key.replace("-", "_"): _with_underscores(value) for key, value in content.items()}
    if len(made) < len(content):
        twice = next(key for key in content if "-" in key and key.replace("-", "_") in content)
        raise UserError(f"{TITLE}: {twice!r} stands there twice, with a dash and with an underscore; leave one out")
    return made


# Values


def _of(entry: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The values by which an entry means cases."""
    own = ("margin", "until", "why", "at_most")
    return {name: value for name, value in entry.items() if name not in own}


def _listed(value: Any) -> list[str]:
    """Texts of one value or of a list of them."""
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(v, str | int | float) and not isinstance(v, bool) for v in values):
        raise UserError(f"{value!r} is no text, no number and no list of them")
    return [str(v) for v in values]


def _words(field: Field[Any], value: Any) -> list[str] | bool:
    """The words of an axis, each of which is checked."""
    if isinstance(field.default, bool):
        return _truth(value)
    words = _listed(value)
    axis_values(field.name, words)
    return words


def _case_values(field: Field[Any], value: Any) -> list[Any]:
    if isinstance(field.default, bool):
        return [_truth(value)]
    return axis_values(field.name, _words(field, value))[field.name]


def _metrics(value: Any) -> list[str]:
    for name in _listed(value):
        if name not in METRICS:
            raise unknown("metric", name, METRICS)
    return _listed(value)


def _option(field: Field[Any], kind: Any, value: Any) -> Any:
    parse, least = field.metadata["parse"], field.metadata["minimum"]
    if isinstance(field.default, bool):
        return _truth(value)
    if isinstance(field.default, tuple):
        words = [word.strip() for text in _listed(value) for word in (text.split(",") if parse else [text])]
        return tuple(parse(word) if parse else word for word in words)
    if parse:
        return parse(_listed(value)[0])
    if kind in (int, float):
        if isinstance(value, bool) or not isinstance(value, kind if kind is int else int | float):
            raise UserError(f"{value!r} is no {'whole ' * (kind is int)}number")
        if not math.isfinite(value) or (least is not None and value < least):
            raise UserError(f"{value!r} is too small or no number; at least {least} is needed")
        return kind(value)
    return _text(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise UserError(f"{value!r} is neither true nor false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{value!r} is no text")
    return value


def _part(value: Any) -> float:
    """A percentage such as "5%", as a part of 1."""
    try:
        part = units.parse_fraction(_listed(value)[0])
    except ValueError:
        part = math.nan
    if not 0 <= part < math.inf:
        raise UserError(f"{value!r} is no percentage such as '5%'")
    return part


def _day(value: Any) -> str:
    """A date of TOML or its text, as text."""
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        day = None
    if not isinstance(day, date) or isinstance(day, datetime):
        raise UserError(f"{value!r} is no day such as 2026-12-31")
    return day.isoformat()


# Faults


def _said(fault: Any, keys: Mapping[str, Field[Any]]) -> str:
    """A fault in words: where, what, and the nearest name of a key that there is not."""
    *where, last = fault["loc"]
    entry = f"{where[0]} {where[1] + 1}, " if len(where) > 1 else ""
    if fault["type"] == "extra_forbidden":
        allowed = _entry_keys(where[0]) if where else [*keys, _MARGINS, _ACCEPT]
        near = difflib.get_close_matches(str(last), allowed, n=1, cutoff=0.5)
        hint = f"did you mean {near[0].replace('_', '-')!r}?" if near else f"allowed: {', '.join(allowed)}"
        return f"{entry}unknown key {last!r}; {hint}"
    if fault["type"] == "missing":
        return f"{entry}{last!r} is missing"
    if fault["type"] == "value_error":
        said = str(fault["ctx"]["error"])
        return f"{entry}{last}: {said.removeprefix(option_name(str(last)) + ' ')}"
    if not where:
        return f"{last} is no list; write [[{'.'.join(PATH)}.{last}]]"
    return f"{where[0]} {last + 1} is no table; write [[{'.'.join(PATH)}.{where[0]}]]"


def _entry_keys(name: str) -> list[str]:
    own = ["margin"] if name == _MARGINS else ["until", "why", "at_most"]
    return [*(field.name for field in _axes()), "metric", *own]
