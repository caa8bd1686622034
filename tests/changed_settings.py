"""Layers that change settings, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from rnn_vs_attn.isolation.keeping import kept


def set_of(module: Any, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(module, name, value)


def attribute(module: Any, name: str) -> Callable[[], Any]:
    return lambda: getattr(module, name)


# Labels


def timed(*calls: Callable[[], object]) -> None:
    """What stands around calls that are timed."""
    with kept(timed=True):
        for call in calls:
            call()


# A model's own


def bent(x: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    return x
