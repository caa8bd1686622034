"""Switches of float32 precision, newer and older, are put back."""

from __future__ import annotations

import random

import pytest
import torch

from rnn_vs_attn.isolation.keeping import NOTES, kept

B = torch.backends


def test_newer_and_older_switches_of_float32_precision_are_put_back_whatever_their_mixture() -> None:
    """They follow from one another; torch refuses to read the older ones where the newer ones contradict them."""
    if not hasattr(torch._C, "_get_fp32_precision_getter"):
        pytest.skip("this torch has the older ones only")
    places = (B, B.mkldnn.matmul, B.mkldnn.rnn, B.cudnn.conv, B.cuda.matmul)
    chance = random.Random(0)
    for _ in range(30):
        with kept():
            for place in chance.sample(places, 2):
                place.fp32_precision = chance.choice(["ieee", "tf32"])
            if chance.random() < 0.5:
                torch.set_float32_matmul_precision(chance.choice(["high", "medium", "highest"]))
        assert torch.get_float32_matmul_precision() == "highest"
        assert B.cudnn.allow_tf32
        assert B.mkldnn.matmul.fp32_precision == "none"
    assert not NOTES.spoilt
