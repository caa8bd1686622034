"""Weights under the names that they have in a layer, whether or not there is a module around it that calls it."""

from __future__ import annotations

from typing import Any

from torch import nn

from rnn_vs_attn.models.foreign.calling import Fitted

_INSIDE = "module."


def of(module: nn.Module) -> dict[str, Any]:
    """Its state dict. Two versions of a layer that are called in two ways have the same names for the same weights."""
    weights = module.state_dict()
    return {_plain(name, _fitted(module)): value for name, value in weights.items()}


def give(module: nn.Module, weights: dict[str, Any]) -> None:
    """Load what `of` has returned. RuntimeError where it does not fit."""
    names = {_plain(name, _fitted(module)): name for name in module.state_dict()}
    module.load_state_dict({names.get(name, name): value for name, value in weights.items()})


def _fitted(module: nn.Module) -> list[str]:
    """Where layers stand in a module that calls them: the beginnings of their weights' names."""
    parts = module.named_modules()
    return [f"{prefix}." if prefix else "" for prefix, part in parts if isinstance(part, Fitted)]


def _plain(name: str, fitted: list[str]) -> str:
    for prefix in fitted:
        if name.startswith(prefix + _INSIDE):
            return prefix + name.removeprefix(prefix + _INSIDE)
    return name
