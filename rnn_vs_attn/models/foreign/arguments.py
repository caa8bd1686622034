"""From a target's signature and a shape to what the target is called with."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from inspect import Parameter
from typing import Any

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.foreign import configs, heads, widths
from rnn_vs_attn.models.foreign.signatures import Signature, required, signature_of, wanted
from rnn_vs_attn.models.foreign.synonyms import (
    BLOCK,
    DROPOUT,
    HEAD_WIDTH,
    INPUT,
    LAYERS,
    LENGTH,
    OWN,
    PLACE,
    WIDTHS,
    Meaning,
    meaning_of,
    rank_of,
    title_of,
)
from rnn_vs_attn.models.foreign.targets import Filled, Unfit, configurations, first_made
from rnn_vs_attn.models.foreign.widths import is_list


def _missing(names: Sequence[str]) -> str:
    """What the user can do about arguments that are not known, "" names where it is not known which."""
    given = " ".join(f"--model-arg {name}=VALUE" for name in names or ["NAME"])
    return f"give {'it' if len(names) == 1 else 'them' if names else 'what is missing'} by {given}"


def filled(target: Callable[..., Any], shape: Shape, given: Mapping[str, Any]) -> Filled:
    """What a target is called with at a shape. given: arguments by name, of it or of its configuration object.

    Unfit where that is not clear, or the target takes no such argument.
    """
    found = _filled(target, shape, given)
    if not found.takes_width and not given:
        raise Unfit(f"takes no width by a name that is known here ({_listed(found.names)})", found.values, _missing([]))
    _check_names(found, given)
    missing = [n for n, p in signature_of(target).parameters.items() if required(p) and n not in found.values]
    if missing:
        raise Unfit(
            f"needs {', '.join(missing)}, which {'has' if len(missing) == 1 else 'have'} no standard name",
            found.values,
            _missing(missing),
        )
    return found


def _listed(names: Sequence[str]) -> str:
    return f"it takes {', '.join(names)}" if names else "it takes nothing"


def _check_names(found: Filled, given: Mapping[str, Any]) -> None:
    names = [name for each in (found, *configurations(found.values)) for name in each.names]
    for name in given:
        if name not in names and not found.open:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else _listed(names)
            raise Unfit(f"takes no argument {name!r}; {hint}")


def _filled(target: Callable[..., Any], shape: Shape, given: Mapping[str, Any]) -> Filled:
    signature = signature_of(target)
    parameters = signature.parameters
    own = {name: value for name, value in given.items() if name in parameters}
    values = {**_by_width(parameters, shape, own), **_by_meaning(parameters, shape, own)}
    values |= _by_block(target, parameters, shape, {**values, **own})
    has_width = any(title_of(name) in WIDTHS for name in values)
    inner = _configured(target, signature, shape, given, {**values, **own}, has_width)
    if signature.open:
        taken = {name for each in configurations(inner) for name in each.names}
        own |= {name: value for name, value in given.items() if name not in own and name not in taken}
        if not has_width and not inner and not own.keys() & {"d_model"}:
            values, has_width = {"d_model": shape.d_model, **values}, True
    layers = any(title_of(name) == LAYERS or isinstance(values.get(name), list) for name in parameters)
    named = values.keys()
    changed = {name: v for name, v in values.items() if name not in parameters or not _same(parameters[name], v)}
    ordered = {**changed, **inner, **own}
    return Filled(
        target,
        {name: ordered[name] for name in [*parameters, *ordered] if name in ordered},
        names=tuple(parameters),
        layers=layers or any(each.layers for each in inner.values()),
        plain="d_model" in named and ordered.keys() <= set(OWN) and not own,
        takes_width=has_width or any(each.takes_width for each in inner.values()),
        open=signature.open,
    )


def _same(parameter: Parameter, value: Any) -> bool:
    """Whether a value is what the parameter has anyway."""
    return type(parameter.default) is type(value) and bool(parameter.default == value)


# By what names mean


def _by_width(parameters: Mapping[str, Parameter], shape: Shape, own: Mapping[str, Any]) -> dict[str, Any]:
    """The width for each parameter that is one, in a list where a layer's each is asked for."""
    try:
        names = widths.widths(parameters, own)
    except widths.Ambiguous as error:
        first, other, width = error.first, error.other, shape.d_model
        raise Unfit(
            f"can be read in two ways: {first}={width} with {other}={width}, or {first}={width} with {other} of a size "
            "of its own",
            {first: width},
            f"say which by --model-arg {other}={width} or another number",
        ) from None
    beside_input = any(title_of(name) == INPUT for name in [*names, *own])
    return {
        name: [shape.d_model] * shape.num_layers if is_list(parameters[name], beside_input) else shape.d_model
        for name in names
    }


def _by_meaning(parameters: Mapping[str, Parameter], shape: Shape, own: Mapping[str, Any]) -> dict[str, Any]:
    """Heads, length and the like for parameters that are known by their names, but for widths."""
    named: dict[str, list[Parameter]] = {}
    for parameter in parameters.values():
        title = title_of(parameter.name)
        if title and title not in (*WIDTHS, BLOCK) and not heads.of_no_heads(parameter.name, parameters):
            named.setdefault(title, []).append(parameter)
    found: dict[str, Any] = {}
    for group in named.values():
        meaning = meaning_of(group[0].name)
        assert meaning is not None
        found |= {p.name: meaning.value(shape) for p in _chosen(meaning, group, shape) if p.name not in own}
    return heads.in_groups(parameters, found, own)


def _by_block(
    target: Callable[..., Any], parameters: Mapping[str, Parameter], shape: Shape, values: Mapping[str, Any]
) -> dict[str, Any]:
    """The length for a block of a configuration object, which knows no other one; any other block keeps its default.

    Unfit where it has none: a language model's is the length, and a sparse attention's is a part of it.
    """
    blocks = [p for p in parameters.values() if title_of(p.name) == BLOCK and p.name not in values]
    if not blocks or any(title_of(name) == LENGTH for name in parameters):
        return {}
    block = blocks[0]
    if configs.is_config(target):
        return {block.name: shape.seq_len} if block.default is not None else {}
    if wanted(block):
        length = f"{block.name}={shape.seq_len}"
        raise Unfit(
            f"can be read in two ways: {length}, the length of the sequence, or {block.name} of a size of its own",
            values,
            f"say which by --model-arg {length} or another number",
        )
    return {}


def _chosen(meaning: Meaning, group: Sequence[Parameter], shape: Shape) -> list[Parameter]:
    """Those of one meaning that are given a value: all that must be, or else the one of the most usual name."""
    must = [p for p in group if wanted(p)]
    if meaning.required_only:
        return must
    may = [p for p in group if not wanted(p) and _fits(meaning, p, meaning.value(shape))]
    if meaning is DROPOUT or meaning.title == HEAD_WIDTH:  # keys and values may have one each
        return [*must, *may]
    return must or sorted(may, key=lambda p: rank_of(p.name))[:1]


def _fits(meaning: Meaning, parameter: Parameter, value: Any) -> bool:
    """Whether a parameter with a default is of the kind that the value is of."""
    default = parameter.default
    if default is None:
        return not meaning.unless_none or parameter.name == meaning.own
    if meaning.title == LAYERS and default == 0:  # which of the layers it is
        return False
    if isinstance(value, bool) or isinstance(default, bool):
        return type(default) is type(value)
    return isinstance(default, int | float)


# Configuration objects


def _configured(
    target: Callable[..., Any],
    signature: Signature,
    shape: Shape,
    given: Mapping[str, Any],
    values: Mapping[str, Any],
    has_width: bool,
) -> dict[str, Filled]:
    """What configuration objects and layers are made with: those that must be given, and others where the width can be
    in them.
    """
    found: dict[str, Filled] = {}
    for name, parameter in signature.parameters.items():
        if name in values or not (wanted(parameter) or (not has_width and parameter.default is None)):
            continue
        kind = _config_of(target, parameter) or (configs.layer_of(target, parameter) if wanted(parameter) else None)
        if kind is None or kind is target:
            continue
        mine = {each: value for each, value in given.items() if each not in signature.parameters}
        try:
            made = heads.taken(_filled(kind, shape, mine), shape, mine)
            of_one = any(title_of(each) == PLACE for each in signature.parameters)
            found[name] = _of_any_depth(made, mine) if of_one else made
        except Unfit as error:
            raise Unfit(error.reason, {**values, name: Filled(kind, error.values)}, error.way) from None
    return {name: each for name, each in found.items() if each.takes_width or required(signature.parameters[name])}


def _of_any_depth(found: Filled, given: Mapping[str, Any]) -> Filled:
    """The same for a layer that is told its place, without the number of layers where the class takes it only so: one
    that has a list of them takes no other number. given: by the user, which stays.
    """
    names = [name for name in found.values if title_of(name) == LAYERS and name not in given]
    without = replace(found, values={name: value for name, value in found.values.items() if name not in names})
    return first_made(found, [without])


def _config_of(target: Callable[..., Any], parameter: Parameter) -> type | None:
    try:
        return configs.config_of(target, parameter)
    except configs.Several as error:
        kinds = " or ".join(kind.__name__ for kind in error.kinds)
        way = "put the one that is meant into a function"
        raise Unfit(f"takes {parameter.name}, which may be {kinds}", way=way) from None
