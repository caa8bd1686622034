"""Initialisations that can be asked for by name, and the models that each is for."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnn_vs_attn.errors import UserError, unknown

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Initialisation:
    """models: those that it is for, all where empty. argument: what follows the colon, "" where nothing may."""

    name: str
    models: tuple[str, ...]
    source: str
    argument: str = ""
    above: float = -math.inf  # the argument must be larger


_LSTMS = ("lstm", "lstm-cell")
INITIALISATIONS = (
    Initialisation("default", (), "torch's own, or the module's"),
    Initialisation(
        "orthogonal",
        ("rnn", "gru", *_LSTMS),
        "recurrent matrices gain * Q, Q orthogonal; a matrix a gate (Saxe et al. 2014)",
        argument="gain",
        above=0.0,
    ),
    Initialisation("forget-bias-1", _LSTMS, "the forget gate's bias 1 (Jozefowicz et al. 2015)"),
    Initialisation(
        "chrono",
        _LSTMS,
        "forget bias log U(1, T_max - 1), input bias its negative (Tallec and Ollivier 2018, eq. 16)",
        argument="T_max",
        above=2.0,
    ),
    Initialisation("identity", ("rnn",), "IRNN: recurrent matrix I, ReLU, input weights N(0, 0.001) (Le et al. 2015)"),
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
    number = float(argument) if re.fullmatch(r"[0-9]*\.?[0-9]+(e-?[0-9]+)?", argument) else math.nan
    if not found.above < number < math.inf:
        raise UserError(f"--init {text!r}: {found.argument} must be a number above {found.above:g}")
    return f"{name}:{number:g}"


def _named(name: str) -> Initialisation:
    return next(i for i in INITIALISATIONS if i.name == name)


def check(inits: Sequence[str], models: Sequence[str]) -> None:
    """UserError where one of the initialisations does not apply to one of the models."""
    for text in inits:
        fitting = _named(text.partition(":")[0]).models
        wrong = [model for model in models if fitting and model not in fitting]
        if wrong:
            raise UserError(
                f"init {text!r} does not apply to {wrong[0]}; it is for {', '.join(fitting)}, "
                f"so measure {wrong[0]} in a run of its own with --init default"
            )


def apply(text: str, module: nn.Module, seq_len: int) -> None:
    """Give every recurrent layer in `module` the weights that `text` names.

    Without an argument the gain is 1 and T_max is seq_len (at least 3). A forget gate's bias is the sum of torch's two;
    the value stands in the first and the second is 0.
    """
    import torch

    name, _, argument = text.partition(":")
    layers = _recurrent_layers(module)
    with torch.no_grad():
        for layer in layers:
            if name == "orthogonal":
                for matrix in _gates(layer, "weight_hh"):
                    torch.nn.init.orthogonal_(matrix, float(argument or 1))
            elif name == "forget-bias-1":
                _set_biases(layer, forget=lambda gate: torch.ones_like(gate))
            elif name == "chrono":
                t_max = float(argument or max(seq_len, 3))
                _set_biases(
                    layer, forget=lambda gate, t=t_max: torch.empty_like(gate).uniform_(1, t - 1).log(), opposed=True
                )
            elif name == "identity":
                _make_identity(layer)


def _recurrent_layers(module: nn.Module) -> list[Any]:
    from torch import nn

    return [m for m in module.modules() if isinstance(m, nn.RNNBase | nn.RNNCellBase)]


def _gates(layer: Any, kind: str) -> list[Tensor]:
    """Views of the parts of all parameters of that kind that belong to one gate, (H, ...) each."""
    parameters = [p for name, p in layer.named_parameters() if name.startswith(kind)]
    return [part for parameter in parameters for part in parameter.detach().split(layer.hidden_size)]


def _set_biases(layer: Any, forget: Any, opposed: bool = False) -> None:
    """torch's order of gates is input, forget, cell, output."""
    firsts, seconds = _gates(layer, "bias_ih"), _gates(layer, "bias_hh")
    for i in range(0, len(firsts), 4):
        firsts[i + 1].copy_(forget(firsts[i + 1]))
        seconds[i + 1].zero_()
        if opposed:
            firsts[i].copy_(-firsts[i + 1])
            seconds[i].zero_()


def _make_identity(layer: Any) -> None:
    import torch

    layer.mode, layer.nonlinearity = "RNN_RELU", "relu"
    for matrix in _gates(layer, "weight_hh"):
        torch.nn.init.eye_(matrix)
    for matrix in _gates(layer, "weight_ih"):
        torch.nn.init.normal_(matrix, std=0.001)
    for bias in (*_gates(layer, "bias_ih"), *_gates(layer, "bias_hh")):
        bias.zero_()
