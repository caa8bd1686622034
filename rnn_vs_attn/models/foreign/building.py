"""The layers of a target that anybody wrote: a class, a function, a module that is there already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from rnn_vs_attn.errors import CaseFault, UserError, first_line
from rnn_vs_attn.isolation import keeping, seeds
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.foreign import copies, uninitialised
from rnn_vs_attn.models.foreign.arguments import filled
from rnn_vs_attn.models.foreign.calling import fitted, sees_the_future, wrapped_call
from rnn_vs_attn.models.foreign.signatures import signature_of, wanted
from rnn_vs_attn.models.foreign.targets import OTHERWISE, Filled, Unfit, configurations, name_of
from rnn_vs_attn.models.foreign.writing import Written, importable, terms, written
from rnn_vs_attn.models.spec import ModelSpec

BATCH_FIRST = "batch_first"
_SEES_THE_FUTURE = "not causal: no mask that it takes hides later positions"


def layers_of(spec: ModelSpec, target: Any, shape: Shape) -> list[nn.Module]:
    """The modules that make up num_layers of it: one where it knows how many it has, else one a layer; each maps
    (B, L, D) to (B, L, D), whatever its own way is.

    What they were built as is noted for the row, but where that is only what the program calls by these names itself.
    UserError where it is not clear what the target, or the module, is called with.
    """
    made = unfitted(spec, target, shape)
    first = spec.arguments.get(BATCH_FIRST)
    ways: dict[str, Any] = {"causal": shape.causal, "seq_len": shape.seq_len}
    ways[BATCH_FIRST] = None if first is None else bool(first)
    ways["built_by"] = spec.name, str(spec.arguments), replace(shape, batch_size=0)
    ways["written"] = made.written
    try:
        fit = [fitted(layer, shape.d_model, **ways) for layer in made.layers]
    except UserError as error:
        raise UserError(f"model {spec.name!r} does not fit: {error}") from None
    called = wrapped_call(fit[0]).removesuffix(", [0] of its result")
    said = [made.built_as]
    if called not in ("", "forward(x)"):
        said.append(f"called as {called}")
    if sees_the_future(fit[0]):
        said.append(_SEES_THE_FUTURE)
    if len(said) > 1 or not made.plain:
        keeping.NOTES.built_as(", ".join(said), shape.seq_len)
    return fit


@dataclass(frozen=True)
class Unfitted:
    """Modules with their own ways of being called. built_as: in words; plain: whether that is what the program calls by
    these names itself; written: as a user writes it, None where that is not known.
    """

    layers: Sequence[nn.Module]
    built_as: str
    plain: bool = False
    written: Written | None = None


def unfitted(spec: ModelSpec, target: Any, shape: Shape) -> Unfitted:
    """The same modules, called their own ways."""
    if isinstance(target, nn.Module):
        there = f"a copy of the {type(target).__name__} that stands there, with its weights"
        return Unfitted(_copies(spec, target, shape.num_layers), there)
    call = _call(spec, target, shape)
    with keeping.kept(seeds.SEED_OF_WEIGHTS):
        count = 1 if _has_all_layers(spec, target, shape, call) else shape.num_layers
        layers = [_built(spec, call) for _ in range(count)]
    for layer in layers:
        if not isinstance(layer, nn.Module):
            raise UserError(f"model {spec.name!r} builds a {type(layer).__name__}; it must be a torch.nn.Module")
    return Unfitted(layers, str(call), call.plain, written(call, spec.arguments))


def _copies(spec: ModelSpec, module: nn.Module, count: int) -> list[nn.Module]:
    """A module that is there already, with its own weights, as often as there are layers."""
    if spec.arguments.keys() - {BATCH_FIRST}:
        raise UserError(
            f"model {spec.name!r} is a {type(module).__name__} that is built already and takes no arguments; "
            "give its class, or a function that returns it"
        )
    return [copies.copy_of(module) for _ in range(count)]


def _of_building(target: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments without the order of axes, where the target takes none: it is said of its calls then."""
    taken = BATCH_FIRST in signature_of(target).parameters
    return {name: value for name, value in arguments.items() if taken or name != BATCH_FIRST}


def _call(spec: ModelSpec, target: Callable[..., Any], shape: Shape) -> Filled:
    try:
        with keeping.kept(seeds.SEED_OF_WEIGHTS):  # configuration objects are tried
            return filled(target, shape, _of_building(target, spec.arguments))
    except Unfit as error:
        raise _refusal(spec, target, error) from None


def _built(spec: ModelSpec, call: Filled) -> Any:
    """One call. What a module of this program's own convention raises is left as it is: it costs its own case."""
    try:
        with uninitialised.marked():
            return call.make()
    except Unfit as error:
        raise _refusal(spec, call.target, Unfit(error.reason, call.values, error.way)) from error
    except (UserError, CaseFault, torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:
        if call.plain:
            raise
        raise _refusal(spec, call.target, _refused(spec, call, first_line(error))) from error


def _refused(spec: ModelSpec, call: Filled, raised: str) -> Unfit:
    """Why the target is not built, with the one argument that it refuses, where it is built with its own default."""
    reason, parameters = f"cannot be built: {call} raises {raised}", signature_of(call.target).parameters
    for name in call.values:
        if name in spec.arguments or name not in parameters or wanted(parameters[name]):
            continue
        others = {other: value for other, value in call.values.items() if other != name}
        try:
            replace(call, values=others).make()
        except Exception:
            continue
        own = f"{name}={parameters[name].default!r}"
        return Unfit(reason, others, f"with its own {own} it is built, so give --model-arg {own}")
    return Unfit(reason, call.values, OTHERWISE)


def _has_all_layers(spec: ModelSpec, target: Callable[..., Any], shape: Shape, call: Filled) -> bool:
    """Whether what is built has num_layers layers: it is told how many, and where it says so by another name than the
    program's own, or to a configuration object, one more has more parameters.
    """
    if not call.layers or shape.num_layers == 1 or call.plain:
        return call.layers
    fewer = _call(spec, target, replace(shape, num_layers=1))
    sizes = [sum(p.numel() for p in _built(spec, each).parameters()) for each in (fewer, call)]
    return sizes[0] != sizes[1]


# Refusals


def _refusal(spec: ModelSpec, target: Callable[..., Any], error: Unfit) -> UserError:
    """What is wrong, what would help, and the lines that would work whatever the target is like."""
    if not error.way:
        return UserError(f"model {spec.name!r} {error.reason}")
    name, path = name_of(target), spec.target.rpartition(":")[0]
    of_file = path.endswith(".py")
    inside = configurations(error.values)
    names = [*error.values, *(name for each in inside for name in each.values)]
    values = {**error.values, **{n: v for n, v in spec.arguments.items() if n not in names}}
    line = f"def layer(d_model, num_heads): return {name}({', '.join([*terms(values, spec.arguments), '...'])})"
    configs = [f"from {importable(each.target)} import {each.target.__name__}" for each in inside]
    imports = "; ".join([*([] if of_file else [f"from {path} import {name}"]), *configs])
    where = " ".join(
        [*([f"under {imports!r}"] if imports else []), "in that file" if of_file else "in a file layer.py"]
    )
    take = f"--model {path if of_file else 'layer.py'}:layer"
    return UserError(f"model {spec.name!r} {error.reason}; {error.way}, or write {line!r} {where} and give {take}")
