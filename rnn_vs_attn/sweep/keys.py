"""The keys of a part: the options of its suite's command, named with underscores, and what TOML may give them."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import MOST
from rnn_vs_attn.run import cases
from rnn_vs_attn.run.asked import options_of
from rnn_vs_attn.run.options import RunOptions
from rnn_vs_attn.suites.case import Whole
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.sweep.problems import shown

# What the command line of a sweep says, and no file
_OF_THE_CALL = ("output", "resume", "retry", "dry_run", "as_json", "quiet", "debug")
_NUMBERS = (int, float)
_INTEGERS = (1 << 63) - 1  # the largest of files


@dataclasses.dataclass(frozen=True)
class Keys:
    """axes: the fields of the suite's case; options: those of its run."""

    suite: Suite
    axes: Mapping[str, dataclasses.Field[Any]]
    options: Mapping[str, dataclasses.Field[Any]]

    @classmethod
    def of(cls, suite: Suite) -> Keys:
        options = _choices(options_of(suite))
        own = {name: field for name, field in options.items() if name not in _OF_THE_CALL}
        return cls(suite, _choices(suite.axes.case), own)

    def __contains__(self, name: str) -> bool:
        return name in self.axes or name in self.options

    def __iter__(self) -> Iterator[str]:
        return iter((*self.axes, *self.options))

    def reads_whole(self, name: str) -> bool:
        """Whether all that a key is given is one value."""
        return name in self.axes and isinstance(self.axes[name].metadata["parse"], Whole)

    # What a value is read as

    def check(self, name: str, value: Any) -> None:
        """UserError where a key does not take a value."""
        if name in self.axes:
            words = words_of(self.axes[name], value)
            if not isinstance(words, bool):
                cases.values_of(self.axes[name], words)
        else:
            self._option(name, value)

    def words(self, given: Mapping[str, Any]) -> cases.Words:
        """The words of every axis, those of the suite's own defaults where nothing is given."""
        own = {name: [word] * bool(word) for name, word in self.suite.axes.run_defaults.items() if name in self.axes}
        typed = {name: words_of(self.axes[name], value) for name, value in given.items() if name in self.axes}
        return {**cases.defaults(self.suite.axes.case), **own, **typed}

    def made(self, given: Mapping[str, Any]) -> RunOptions:
        """The options of its run."""
        own = {name: value for name, value in self.suite.axes.run_defaults.items() if name in self.options}
        typed = {name: self._option(name, value) for name, value in given.items() if name in self.options}
        return options_of(self.suite)(**{**own, **typed})

    def _option(self, name: str, value: Any) -> Any:
        field = self.options[name]
        kind = typing.get_type_hints(options_of(self.suite))[name]
        parse = field.metadata["parse"]
        if isinstance(field.default, tuple):
            texts = _texts(value)
            words = [word.strip() for text in texts for word in text.split(",")] if parse else texts  # as when typed
            return tuple(dict.fromkeys((parse or str)(word) for word in words if word))
        if parse is not None:
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise UserError(f"{shown(value)} is no text or number")
            return parse(str(value))
        kinds = [each for each in typing.get_args(kind) or (kind,) if each is not type(None)]
        return _plain(value, kinds[0], field.metadata["minimum"])


def _choices(kind: type) -> dict[str, dataclasses.Field[Any]]:
    return {field.name: field for field in dataclasses.fields(kind) if not field.metadata.get("fixed")}


def words_of(field: dataclasses.Field[Any], value: Any) -> list[str] | bool:
    """What would be typed of an axis. UserError where the value is of no type that it takes."""
    if isinstance(field.default, bool):
        if not isinstance(value, bool):
            raise UserError(f"{shown(value)} is neither true nor false")
        return value
    values = value if isinstance(value, list) else [value]
    if not values:
        raise UserError("[] has no value; leave the key out for the default")
    takes_text_alone = isinstance(field.default, str) and field.metadata["parse"] is None
    for each in values:
        if isinstance(each, bool) or not isinstance(each, str if takes_text_alone else str | int | float):
            raise UserError(f"{shown(each)} is no {'text' if takes_text_alone else 'number or text'}")
    return [str(each) for each in values]


def _texts(value: Any) -> Sequence[str]:
    """A text, or several in a list."""
    values = value if isinstance(value, list) else [value]
    wrong = next((each for each in values if not isinstance(each, str)), None)
    if wrong is not None or not values:
        raise UserError(f"{shown(value if wrong is None else wrong)} is no text, or list of texts")
    return values


def _plain(value: Any, kind: type, least: float | None) -> Any:
    """A value of an option that is one switch, number, text or path."""
    if kind is bool:
        if not isinstance(value, bool):
            raise UserError(f"{shown(value)} is neither true nor false")
        return value
    if kind in _NUMBERS:
        return _number(value, kind, least)
    if not isinstance(value, str):
        raise UserError(f"{shown(value)} is no text")
    return Path(value) if kind is Path else value


def _number(value: Any, kind: type, least: float | None) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float):
        raise UserError(f"{shown(value)} is no {'whole number' if kind is int else 'number'}")
    most = int(MOST) if kind is float else _INTEGERS
    if not abs(value) <= most:
        raise UserError(f"{shown(value)} is no number that clocks and files hold; give at most {most:,}")
    if least is not None and value < least:
        raise UserError(f"{value} is less than {least:g}")
    return value if kind is int else float(value)
