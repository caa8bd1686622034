"""Several modules, one after the other."""

from __future__ import annotations

from rnn_vs_attn.models.build import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find


def test_a_users_module_is_stacked() -> None:
    module = build(find("layers:RunningMean"), Shape(1, 8, 16, num_layers=3))
    assert len(module) == 3
