"""Several modules, one after the other, and what layers have in common."""

from __future__ import annotations

import pytest
import torch

from rnn_vs_attn.models.build import build, build_blocks
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.mixer import advances_at_once, head_dim, state_dtype
from rnn_vs_attn.models.registry import find


def test_a_users_module_is_stacked() -> None:
    module = build(find("layers:RunningMean"), Shape(1, 8, 16, num_layers=3))
    assert len(module) == 3


def test_heads_divide_the_width_or_are_refused() -> None:
    assert head_dim(12, 3) == 4
    with pytest.raises(ValueError, match="d_model 12 is not divisible by num_heads 5"):
        head_dim(12, 5)


def test_states_have_the_digits_of_float32_at_least() -> None:
    wide = [state_dtype(dtype) for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)]
    assert wide == [torch.float32] * 3 + [torch.float64]


def test_what_is_carried_on_by_a_step_a_token_is_told_from_what_takes_several_at_once() -> None:
    shape = Shape(1, 8, 16, num_heads=2, num_layers=2)
    at_once = {name: advances_at_once(build_blocks(find(name), shape)) for name in ("lstm", "lstm-cell", "mingru")}
    assert at_once == {"lstm": True, "lstm-cell": False, "mingru": True}
    assert not advances_at_once(build_blocks(find("layers:RunningMean"), shape))
    assert advances_at_once(build_blocks(find("carrying:Mean"), shape))
