"""Which of a signature's parameters are the layer's width; where two readings are possible, none."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from inspect import Parameter

from rnn_vs_attn.models.foreign.signatures import wanted
from rnn_vs_attn.models.foreign.synonyms import HIDDEN, INPUT, MODEL, OUTPUT, WIDTHS, meaning_of, plain

_LISTS = ("list", "List", "Sequence", "tuple", "Tuple", "ArrayLike", "Iterable", "collections.abc.Sequence")
_PLURAL = ("hiddensizes", "hiddendims", "layersizes", "channelsizes")
_ALONE = ("dmodel", "dim")  # names of nothing but the width of a whole layer


class Ambiguous(Exception):
    """Two readings are possible. first: the parameter that is a width in both; other: the one that need not be."""

    def __init__(self, first: str, other: str) -> None:
        super().__init__(first, other)
        self.first, self.other = first, other


@dataclass(frozen=True)
class _Widths:
    """Parameters that are widths by their names, with what kind of width. sized: those that have a number; None or -1
    stand for one that follows from others.
    """

    kinds: Mapping[str, str]
    wanted: tuple[str, ...]
    sized: tuple[str, ...]

    def of(self, names: Collection[str], *kinds: str) -> list[str]:
        return [name for name in names if self.kinds[name] in kinds]

    @property
    def inputs(self) -> list[str]:
        """Those of an input that is told apart from what comes out."""
        return self.of([*self.wanted, *self.sized], INPUT)


def widths(parameters: Mapping[str, Parameter], given: Collection[str] = ()) -> list[str]:
    """The parameters that get the layer's width, [] where there is none. Ambiguous where there are two readings.

    given: those that the user gives; they leave less to be read.
    """
    kinds = {name: kind for name, p in parameters.items() if name not in given and (kind := _kind(p)) in WIDTHS}
    found = _Widths(
        kinds,
        tuple(name for name in kinds if wanted(parameters[name])),
        tuple(name for name in kinds if not wanted(parameters[name]) and parameters[name].default not in (None, -1)),
    )
    chosen = _with_input(found) if found.inputs else _of_one(found)
    return [name for name in parameters if name in chosen]


def _kind(parameter: Parameter) -> str:
    meaning = meaning_of(parameter.name)
    default = parameter.default
    fits = wanted(parameter) or default is None or isinstance(default, int | list | tuple)
    return meaning.title if meaning is not None and fits and not isinstance(default, bool) else ""


def _with_input(found: _Widths) -> list[str]:
    """An input and its partners: what must be given, and what comes out, by the name of an output or of what it is."""
    out = found.of(found.kinds, OUTPUT)
    beside = found.of(found.sized, OUTPUT) if out else found.of(found.sized, HIDDEN, MODEL)
    return [*found.wanted, *found.inputs, *beside]


def _of_one(found: _Widths) -> list[str]:
    """The width of a layer that does not tell its input from its output, and the output where that has a name too."""
    out = found.of([*found.wanted, *found.sized], OUTPUT)
    every = tuple(found.kinds)
    for names in (found.wanted, found.sized, every):
        models = sorted(found.of(names, MODEL, INPUT), key=lambda name: plain(name) not in _ALONE)
        hidden = found.of(names, HIDDEN)
        if not models and not hidden:
            continue
        first, others = (models or hidden)[0], [*models[1:], *hidden][0 if models else 1 :]
        if names is not found.wanted and (plain(first) in _ALONE or names is every):
            others = [name for name in others if name in models and plain(first) not in _ALONE]
        if plain(first).startswith(("emb", "demb")):  # what comes in, where what is within has another name
            others += found.of(found.sized, HIDDEN)
        if others:
            raise Ambiguous(first, others[0])
        return [first, *out]
    return out


def is_list(parameter: Parameter, beside_input: bool) -> bool:
    """Whether a width is one of each layer, in a list."""
    if isinstance(parameter.default, list | tuple) or plain(parameter.name) in _PLURAL:
        return True
    given = parameter.annotation is not Parameter.empty
    kind = inspect.formatannotation(parameter.annotation).strip("'") if given else ""
    if plain(parameter.name) == "numchannels" and beside_input and not kind.startswith("int"):
        return True
    return kind.removeprefix("typing.").startswith(_LISTS)
