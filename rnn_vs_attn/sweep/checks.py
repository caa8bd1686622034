"""What is wrong with one part of a sweep, as far as that can be said before anything is measured; no torch."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import USER
from rnn_vs_attn.report import tables
from rnn_vs_attn.run import cases
from rnn_vs_attn.run.asked import Asked, asked
from rnn_vs_attn.run.cases import AxisValues
from rnn_vs_attn.suites import takers
from rnn_vs_attn.sweep import lines
from rnn_vs_attn.sweep.keys import Keys, words_of
from rnn_vs_attn.sweep.problems import Problems

_WORD = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
_FLAG = re.compile(r"--([a-z0-9]+(?:-[a-z0-9]+)*)")


def checked(
    keys: Keys, part: str, shared: Mapping[str, Any], own: Mapping[str, Any], problems: Problems, elsewhere: bool
) -> Asked | None:
    """What a part asks its suite for; None where something is wrong with it, which `problems` has then.

    elsewhere: whether it is measured on other machines, which may have more processors.
    """
    given = {name: value for name, value in {**shared, **own}.items() if name in keys}
    place = {name: ("part", part, name) if name in own else ("shared", name) for name in given}
    before = len(problems)
    for name in own:
        if name not in keys:
            problems.unknown(("part", part, name), f"key of {keys.suite.command}", name, ("suite", *keys))
    usable: dict[str, Any] = {}
    for name, value in given.items():
        usable[name], reasons = _sorted_out(keys, name, value)
        for reason in reasons:
            own_words = name in _WORD.findall(as_keys(reason, keys))
            problems.add(place[name], as_keys(reason if own_words else f"{name}: {reason}", keys))
    if None in usable.values():
        return None
    try:
        what = asked(keys.suite, keys.words(usable), keys.made(usable), list(usable))
        reasons = list(_wrong_on_any_machine(what, elsewhere))
    except UserError as error:
        reasons = [str(error)]
    for reason in reasons:
        problems.add(_named(reason, keys, place) or ("part", part), as_keys(reason, keys))
    return what if len(problems) == before else None


def as_keys(text: str, keys: Keys) -> str:
    """A sentence with options as they stand in a file: --num-heads is num_heads."""

    def named(flag: re.Match[str]) -> str:
        name = flag[1].replace("-", "_")
        return name if name in keys else flag[0]

    return _FLAG.sub(named, text)


def _named(reason: str, keys: Keys, place: Mapping[str, lines.Path]) -> lines.Path | None:
    """Where the first key stands that a sentence names and the file has."""
    names = _WORD.findall(as_keys(reason, keys))
    return next((place[name] for name in names if name in place), None)


# One value


def _sorted_out(keys: Keys, name: str, value: Any) -> tuple[Any, list[str]]:
    """What of a value a key takes, None where that is nothing, and why it does not take the rest."""
    several = isinstance(value, list) and len(value) > 1 and not keys.reads_whole(name)
    if not several:
        reasons = list(_wrong(keys, name, value))
        return (None if reasons else value), reasons
    by_element = [(each, list(_wrong(keys, name, [each]))) for each in value]
    taken = [each for each, reasons in by_element if not reasons]
    return taken or None, [reason for _, reasons in by_element for reason in reasons]


def _wrong(keys: Keys, name: str, value: Any) -> Iterator[str]:
    """Why a key does not take a value."""
    try:
        keys.check(name, value)
        if name == "model":
            yield from _wrong_models(keys, value)
    except UserError as error:
        yield str(error)


def _wrong_models(keys: Keys, value: Any) -> Iterator[str]:
    words = words_of(keys.axes["model"], value)
    for model in [] if isinstance(words, bool) else cases.values_of(keys.axes["model"], words):
        try:
            spec = find(model)
        except UserError as error:
            yield str(error)
            continue
        path = spec.target.rpartition(":")[0]
        if spec.family == USER and path.endswith(".py") and not Path(path).is_file():
            yield f"there is no file {path!r} here; give the path from where you call this"
        elif reason := takers.refusal(keys.suite, spec):
            yield reason


# All values of a part


def _wrong_on_any_machine(what: Asked, elsewhere: bool) -> Iterator[str]:
    axes, force = what.axes, what.options.force or elsewhere
    shapes = itertools.product(axes["d_model"], axes["num_heads"])
    singles: list[AxisValues] = [{**axes, "d_model": [width], "num_heads": [heads]} for width, heads in shapes]
    checks: list[Callable[[], None]] = [partial(cases.check_heads, single) for single in singles]
    found = list(_refusals(checks))
    found = found or list(_refusals([partial(cases.check, what.suite, dict(axes), force)]))
    yield from found
    for reason in _refusals([partial(tables.chosen, what.suite.view.columns, what.options.columns)]):
        yield f"columns: {reason}"
    devices = [["cpu"], ["cuda"]] if "auto" in axes["device"] else [axes["device"]]  # auto is settled where it runs
    excluded = list(_refusals([partial(what.suite.axes.check, {**axes, "device": each}) for each in devices]))
    if len(excluded) == len(devices):
        yield excluded[0]


def _refusals(checks: Sequence[Callable[[], object]]) -> Iterator[str]:
    for check in checks:
        try:
            check()
        except UserError as error:
            yield str(error)
