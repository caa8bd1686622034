"""The registry: every model that can be measured, by name; no torch is imported to read it."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from rnn_vs_attn.errors import UserError, unknown
from rnn_vs_attn.models import configured, trained
from rnn_vs_attn.models.catalogue.attention import ATTENTIONS
from rnn_vs_attn.models.catalogue.convolution import CONVOLUTIONS
from rnn_vs_attn.models.catalogue.delta_rule import DELTA_RULES
from rnn_vs_attn.models.catalogue.language import ENCODERS, LANGUAGE_MODELS
from rnn_vs_attn.models.catalogue.linear_attention import LINEAR_ATTENTIONS
from rnn_vs_attn.models.catalogue.recurrence import RECURRENCES
from rnn_vs_attn.models.catalogue.state_space import STATE_SPACES
from rnn_vs_attn.models.foreign.naming import split
from rnn_vs_attn.models.pattern import pattern
from rnn_vs_attn.models.spec import USER, ModelSpec
from rnn_vs_attn.text.safe import encodable

ENTRY_POINTS = "rnn_vs_attn.models"

MODELS = (*RECURRENCES, *STATE_SPACES, *LINEAR_ATTENTIONS, *DELTA_RULES, *CONVOLUTIONS, *ATTENTIONS)  # layers
BASELINE = next(spec.name for spec in MODELS if spec.traits.baseline)  # of layers
PYTHON_LOOPS = tuple(spec for spec in MODELS if spec.traits.loop_of)
LANGUAGE_BASELINE = next(spec.name for spec in LANGUAGE_MODELS if spec.traits.baseline)
BUILT_IN = (*MODELS, *LANGUAGE_MODELS, *ENCODERS)


def find(name: str) -> ModelSpec:
    """The model of that name: built in, an entry point, a pattern of layers, an import path, a configuration of
    transformers (hf:...), or a model of a checkpoint (trained:..., initial:...). UserError where it is none of them.
    """
    if encodable(name) != name:
        way = "use a locale of UTF-8, such as LC_ALL=C.UTF-8"
        raise UserError(f"model {name!r} has letters that are none in the encoding of this terminal; {way}")
    path, arguments = split(name)
    spec = _named(path)
    if not arguments:
        return spec
    if not spec.takes_arguments:
        raise UserError(f"model {path!r} is built in and takes no arguments, so {name!r} is none; leave them out")
    return replace(spec, name=name)


def recorded(name: str) -> ModelSpec:
    """The model of a record: one that is not here any more, or never was, as the user's own of which nothing is known.

    A stored run is read where its packages are not installed.
    """
    try:
        return find(name)
    except UserError:
        return ModelSpec(name, USER, name, "not here")


def _named(name: str) -> ModelSpec:
    for spec in BUILT_IN:
        if spec.name == name:
            return spec
    for point in plug_ins():
        if point.name == name:
            return ModelSpec(name, USER, point.value, _distribution(point))
    if name.startswith(configured.PREFIX):
        return configured.spec_of(name)
    if name.startswith(trained.PREFIXES):
        return trained.spec_of(name, _target_of(trained.layer_of(name)))
    stack = pattern(name, MODELS, _names())
    if stack is not None:
        return stack
    if ":" in name:
        module, _, attribute = name.rpartition(":")
        if not module or not attribute.isidentifier():
            way = "" if "(" not in attribute else ", and what it is built with as ClassName(name=value)"
            raise UserError(
                f"model {name!r} is not an import path; write package.module:ClassName or file.py:ClassName{way}"
            )
        return ModelSpec(name, USER, name, "your own module")
    raise unknown("model", name, _names(), "rnn-vs-attn models lists all; your own is package.module:ClassName")


def _target_of(layer: str) -> str:
    """Where the code of a layer is; the name itself where nothing is known of it any more."""
    try:
        return find(layer).target
    except UserError:
        return layer


def _names() -> list[str]:
    return [spec.name for spec in BUILT_IN] + [point.name for point in plug_ins()]


def plug_ins() -> list[EntryPoint]:
    """Models that installed packages offer, unimported."""
    return list(_found_on(tuple(sys.path)))


@cache
def _found_on(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Those on a search path, looked for once: it reads a file of every package, and every record has a model."""
    return tuple(entry_points(group=ENTRY_POINTS))


def _distribution(point: EntryPoint) -> str:
    return f"package {point.dist.name}" if point.dist else "a package"
