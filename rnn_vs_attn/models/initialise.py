"""Giving a module's recurrent layers the weights that `--init` names."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def apply(text: str, module: nn.Module, seq_len: int) -> None:
    """Give every recurrent layer in `module` the weights that `text` names.

    Without an argument the gain is 1 and T_max is seq_len (at least 3). A forget gate's bias is the sum of torch's two;
    the value stands in the first and the second is 0.
    """
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
    return [m for m in module.modules() if isinstance(m, nn.RNNBase | nn.RNNCellBase)]


def _gates(layer: Any, kind: str) -> list[Tensor]:
    """Views of the parts of all parameters of that kind that belong to one gate, (D, ...) each."""
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
    layer.mode, layer.nonlinearity = "RNN_RELU", "relu"
    for matrix in _gates(layer, "weight_hh"):
        torch.nn.init.eye_(matrix)
    for matrix in _gates(layer, "weight_ih"):
        torch.nn.init.normal_(matrix, std=0.001)
    for bias in (*_gates(layer, "bias_ih"), *_gates(layer, "bias_hh")):
        bias.zero_()
