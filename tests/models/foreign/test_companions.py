"""What stands beside the input: masks of each form, positions, and angles by their formula."""

from __future__ import annotations

import math

import torch
from torch import nn

from rnn_vs_attn.models.foreign.companions import CAUSAL_MASKS, CausalMask, CompanionCache, Positions, Rotary, rotary_of

X = torch.zeros(2, 5, 4)


def test_each_mask_hides_what_comes_later() -> None:
    for mask in CAUSAL_MASKS:
        made = mask.made(X)
        assert made.shape == (1,) * (mask.rank - 2) + (5, 5)
        for i in range(5):
            for j in range(5):
                hidden = {"hidden": True, "seen": False, "added": -math.inf}[mask.kind]
                seen = {"hidden": False, "seen": True, "added": 0.0}[mask.kind]
                assert made[..., i, j].item() == (hidden if j > i else seen)


def test_a_position_turns_by_its_number_over_powers_of_the_base() -> None:
    cos, sin = Rotary(4, base=100.0).made(X.double())
    assert cos.shape == sin.shape == (1, 5, 4)
    for t in range(5):
        for i in range(4):
            angle = t / 100 ** (2 * (i % 2) / 4)
            assert math.isclose(cos[0, t, i].item(), math.cos(angle), abs_tol=1e-15)
            assert math.isclose(sin[0, t, i].item(), math.sin(angle), abs_tol=1e-15)


class Configured(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.config = type(
            "C", (), {"head_dim": None, "num_attention_heads": 4, "rope_parameters": {"rope_theta": 500}}
        )


def test_head_width_and_base_are_the_layers_own() -> None:
    assert rotary_of(Configured(), 32) == Rotary(8, 500.0)
    inner = Configured()
    inner.head_dim, inner.partial_rotary_factor = 16, 0.25  # type: ignore[assignment]
    assert rotary_of(nn.Sequential(nn.Linear(1, 1), inner), 32) == Rotary(4, 500.0)
    assert rotary_of(nn.Linear(1, 1), 32) == Rotary(32, 10_000.0)


def test_what_is_kept_follows_length_format_and_device() -> None:
    cache, beside = CompanionCache(), {"mask": CausalMask("added"), "positions": Positions(batched=False)}
    first = cache.of(beside, X)
    assert cache.of(beside, X)["mask"] is first["mask"]
    assert cache.of(beside, X.double())["mask"].dtype == torch.float64
    assert cache.of(beside, X[:, :3])["positions"].tolist() == [0, 1, 2]
    assert cache.of({"positions": Positions()}, X[:, :3])["positions"].shape == (1, 3)
    with torch.inference_mode():
        cache.of(beside, X[:, :2])
    assert not cache.of(beside, X[:, :2])["mask"].is_inference()
