"""Initialisations that can be asked for by name, and the models that each is for."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rnn_vs_attn.errors import UserError, unknown
from rnn_vs_attn.models.registry import MODELS, find


@dataclass(frozen=True)
class Initialisation:
    """argument: what follows the colon, "" where nothing may. Which models it is for stands with them."""

    name: str
    source: str
    argument: str = ""
    above: float = -math.inf  # the argument must be larger


DEFAULT = "default"  # for all models
INITIALISATIONS = (
    Initialisation(DEFAULT, "torch's own, or the module's"),
    Initialisation(
        "orthogonal",
        "recurrent matrices gain * Q, Q orthogonal; a matrix a gate (Saxe et al. 2014)",
        argument="gain",
        above=0.0,
    ),
    Initialisation("forget-bias-1", "the forget gate's bias 1 (Jozefowicz et al. 2015)"),
    Initialisation(
        "chrono",
        "forget bias log U(1, T_max - 1), input bias its negative (Tallec and Ollivier 2018, eq. 16)",
        argument="T_max",
        above=2.0,
    ),
    Initialisation("identity", "IRNN: recurrent matrix I, ReLU, input weights N(0, 0.001) (Le et al. 2015)"),
)


def parse(text: str) -> str:
    """The initialisation as records name it: "orthogonal:0.90" -> "orthogonal:0.9". UserError where there is none."""
    name, colon, argument = text.partition(":")
    names = [i.name for i in INITIALISATIONS]
    if name not in names:
        raise unknown("init", name, names, "orthogonal:GAIN and chrono:T_MAX take a number")
    found = _named(name)
    if not colon:
        return name
    if not found.argument:
        raise UserError(f"--init {name} takes no argument, but {text!r} has one")
    number = float(argument) if re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e-?[0-9]+)?", argument) else math.nan
    if not found.above < number < math.inf:
        raise UserError(f"--init {text!r}: {found.argument} must be a number above {found.above:g}")
    return f"{name}:{number:.15g}"


def _named(name: str) -> Initialisation:
    return next(i for i in INITIALISATIONS if i.name == name)


def check(inits: Sequence[str], models: Sequence[str]) -> None:
    """UserError where one of the initialisations does not apply to one of the models."""
    for text in inits:
        name = text.partition(":")[0]
        fitting = [spec.name for spec in MODELS if name in spec.traits.initialisations]
        wrong = [model for model in models if name != DEFAULT and name not in find(model).traits.initialisations]
        if wrong:
            raise UserError(
                f"init {text!r} does not apply to {wrong[0]}; it is for {', '.join(fitting)}, "
                f"so measure {wrong[0]} in a run of its own with --init default"
            )
