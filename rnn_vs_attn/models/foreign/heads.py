"""Heads that a class would refuse: what of them follows from the rest, or is left to it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from inspect import Parameter
from typing import Any

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.foreign.signatures import required, signature_of
from rnn_vs_attn.models.foreign.synonyms import HEAD_WIDTH, HEADS, plain, title_of
from rnn_vs_attn.models.foreign.targets import Filled, first_made

_FACTORS = ("expand", "expandfactor", "expansion", "expansionfactor")  # of the width within to the model's
_KEYS_AND_VALUES = ("dk", "dv", "dkv")
_GROUPS = "ngroups"  # of heads that share what their keys and queries are in a state space


def of_no_heads(name: str, parameters: Mapping[str, Parameter]) -> bool:
    """Whether a width of keys or values is of a layer that names no heads, where it may be that of all of them."""
    return plain(name) in _KEYS_AND_VALUES and not any(title_of(each) == HEADS for each in parameters)


def in_groups(
    parameters: Mapping[str, Parameter], values: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """The values, with groups that divide the number of heads where the default does not. given: by the user."""
    number = next((value for name, value in {**values, **given}.items() if title_of(name) == HEADS), None)
    groups = {n: p.default for n, p in parameters.items() if plain(n) == _GROUPS and n not in given}
    found = dict(values)
    for name, count in groups.items():
        if type(count) is int and type(number) is int and count > 0 and number % count:
            found[name] = math.gcd(count, number)
    return found


def taken(found: Filled, shape: Shape, given: Mapping[str, Any]) -> Filled:
    """The same, or where its class refuses it the first of those with other heads that it takes, if it takes one."""
    return first_made(found, _with_other_heads(found, shape, given))


def _with_other_heads(found: Filled, shape: Shape, given: Mapping[str, Any]) -> Iterator[Filled]:
    """Heads that share the width within, which is a multiple of the model's, and those that the class has itself.

    given: arguments of the user, which stay.
    """
    parameters = signature_of(found.target).parameters
    ours = [name for name, p in parameters.items() if name not in given and not required(p)]
    of_width = [name for name in ours if title_of(name) == HEAD_WIDTH]
    heads = [name for name in ours if title_of(name) == HEADS]
    yield from (replace(found, values={**found.values, **more}) for more in _sharing(found, shape, given, ours))
    for names in (of_width, heads, [*of_width, *heads]):
        yield replace(found, values={name: value for name, value in found.values.items() if name not in names})


def _sharing(found: Filled, shape: Shape, given: Mapping[str, Any], ours: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The head width, or else the number of heads, with which these make up a width within that is a multiple of ours.

    ours: names of what may be chosen; a head width that the user gives stays, and the number follows.
    """
    known = {name: p.default for name, p in signature_of(found.target).parameters.items()} | {**found.values, **given}
    factor = next((value for name, value in known.items() if plain(name) in _FACTORS), None)
    if not isinstance(factor, int | float):
        return
    for wanted_title, other_title in ((HEAD_WIDTH, HEADS), (HEADS, HEAD_WIDTH)):
        chosen = [name for name in ours if title_of(name) == wanted_title][:1]
        other = next((value for name, value in known.items() if title_of(name) == other_title), None)
        if chosen and isinstance(other, int) and other > 0:
            yield {chosen[0]: int(factor * shape.d_model) // other}
