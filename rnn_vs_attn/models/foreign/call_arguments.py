"""With which arguments a layer's forward can be called, as its signature says; in the order in which they are tried."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from inspect import Parameter
from typing import Any

from torch import nn

from rnn_vs_attn.models.foreign.companions import Companion, Constant, OpenMask, Positions, rotary_of
from rnn_vs_attn.models.foreign.signatures import required

_TRIPLES = (("query", "key", "value"), ("q", "k", "v"), ("queries", "keys", "values"))
_POSITIONS = ("position_ids", "positions", "position", "pos", "cache_position", "pos_ids")
_ROTARY = ("position_embeddings", "rotary_emb", "cos_sin")
_EXTRA_OUTPUTS = ("need_weights", "output_attentions", "return_attention", "return_attn", "return_weights", "use_cache")
_OF_EVERY_POSITION = {"all", "full", "sequence", "sequences"}
_NONE = ("mask", "cache", "past", "state", "states", "hx", "hidden", "memory", "alibi", "context", "params", "bias")


@dataclass(frozen=True)
class Arguments:
    """x by keyword where `keyword` names one, else as the first `times` arguments; and what stands beside it."""

    times: int = 1
    keyword: str = ""
    beside: Mapping[str, Companion] = field(default_factory=dict)

    def __str__(self) -> str:
        given = [f"{self.keyword}=x"] if self.keyword else ["x"] * self.times
        return f"forward({', '.join([*given, *(f'{name}={c.said}' for name, c in self.beside.items())])})"

    def with_beside(self, **more: Companion) -> Arguments:
        return replace(self, beside={**self.beside, **more})


def parameters_of(function: Any) -> Mapping[str, Parameter]:
    """The parameters of a function by name; none where Python cannot tell."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def optional(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """The parameters that have a default, with it."""
    return {name: p.default for name, p in parameters.items() if not required(p)}


def words(name: str) -> set[str]:
    """The words of a Python name."""
    return set(name.lower().split("_"))


def attempts(module: nn.Module, d_model: int) -> Iterator[Arguments]:
    """Arguments for a module's forward, the fewest first. Nothing where it needs what has no known meaning."""
    parameters = parameters_of(module.forward)
    plain = _plain(parameters, module, d_model)
    if plain is None:
        return
    masks: dict[str, Companion] = {name: OpenMask() for name in plain.beside if "mask" in words(name)}
    for open_masks in ({}, masks) if masks else ({},):
        for more in _positions(parameters, plain, module, d_model):
            yield plain.with_beside(**{**open_masks, **more})
    for name, default in optional(parameters).items():
        if default is False and "return" in words(name) and words(name) & _OF_EVERY_POSITION:
            yield plain.with_beside(**{name: Constant(True)})


def _positions(
    parameters: Mapping[str, Parameter], plain: Arguments, module: nn.Module, d_model: int
) -> Iterator[dict[str, Companion]]:
    """The positions that a forward takes and does not say that it needs: none, angles, numbers, both."""
    angles: dict[str, Companion] = {
        name: rotary_of(module, d_model) for name in _ROTARY if name in parameters and name not in plain.beside
    }
    numbers = [name for name in _POSITIONS if name in parameters and name not in plain.beside]
    yield {}
    if angles:
        yield angles
    for batched in (True, False):
        if numbers:
            yield {numbers[0]: Positions(batched)}
            if angles:
                yield {numbers[0]: Positions(batched), **angles}


def unknown(module: nn.Module) -> list[str]:
    """Names of what its forward needs beside x and what is known."""
    parameters = parameters_of(module.forward)
    begins = _inputs(parameters)
    return [name for name in _required(parameters) if name not in begins and _filled(name, parameters[name]) is None]


def taken_for_none(module: nn.Module) -> list[str]:
    """Names of what its forward needs and is given as None, by nothing but what it is called."""
    parameters = parameters_of(module.forward)
    needed = {name: parameters[name] for name in _required(parameters) if name not in _inputs(parameters)}
    by_name = [name for name, p in needed.items() if "None" not in str(p.annotation)]
    return [name for name in by_name if _filled(name, needed[name]) == Constant(None)]


def _plain(parameters: Mapping[str, Parameter], module: nn.Module, d_model: int) -> Arguments | None:
    inputs = _inputs(parameters)
    beside: dict[str, Companion] = {}
    for name in _required(parameters):
        if name in inputs:
            continue
        companion = rotary_of(module, d_model) if name in _ROTARY else _filled(name, parameters[name])
        if companion is None:
            return None
        beside[name] = companion
    for name, default in optional(parameters).items():
        if default is True and name in _EXTRA_OUTPUTS:
            beside[name] = Constant(False)
    by_keyword = len(inputs) == 1 and parameters[inputs[0]].kind is Parameter.KEYWORD_ONLY
    return Arguments(max(1, len(inputs)), inputs[0] if by_keyword else "", beside)


def _inputs(parameters: Mapping[str, Parameter]) -> tuple[str, ...]:
    """The parameters that x is given as: the first, or query, key and value."""
    names = [n for n, p in parameters.items() if p.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)]
    takes_any = any(p.kind is Parameter.VAR_POSITIONAL for p in parameters.values())
    if tuple(names[:3]) in _TRIPLES:
        return tuple(names[:3])
    return () if takes_any and _all_keywords(parameters, names) else tuple(names[:1])


def _all_keywords(parameters: Mapping[str, Parameter], names: list[str]) -> bool:
    return all(parameters[name].kind is Parameter.KEYWORD_ONLY for name in names)


def _required(parameters: Mapping[str, Parameter]) -> list[str]:
    variadic = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return [name for name, p in parameters.items() if required(p) and p.kind not in variadic]


def _filled(name: str, parameter: Parameter) -> Companion | None:
    """What a parameter without a default is given, None where its name says nothing."""
    if name in _POSITIONS:
        return Positions()
    if name in _EXTRA_OUTPUTS or parameter.annotation in (bool, "bool"):
        return Constant(False)
    if words(name) & set(_NONE) or "None" in str(parameter.annotation):
        return Constant(None)
    return None
