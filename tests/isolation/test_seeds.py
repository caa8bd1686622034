"""Generators begin at the seed, whatever a module did."""

from __future__ import annotations

import random

import numpy
import torch
from torch import nn

from rnn_vs_attn.isolation.keeping import NOTES
from rnn_vs_attn.isolation.seeds import seed_all, undrawn
from rnn_vs_attn.models.build import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find


class DrawsFromAll(nn.Module):
    """Weights from torch, numpy and Python."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        drawn = [torch.randn(d_model), torch.tensor(numpy.random.randn(d_model)), torch.tensor([random.random()])]
        self.w = nn.Parameter(torch.cat([part.float() for part in drawn]))


def weights_of(seed: int) -> torch.Tensor:
    seed_all(seed)
    return DrawsFromAll(4).w.detach()


def test_the_next_models_weights_are_those_of_its_seed_after_a_module_that_seeds() -> None:
    expected = weights_of(3)
    torch.manual_seed(0)
    numpy.random.seed(0)
    random.seed(0)
    assert torch.equal(weights_of(3), expected)
    assert not torch.equal(weights_of(4), expected)


def test_a_seed_that_a_file_sets_when_it_is_imported_is_of_no_account() -> None:
    seed_all(3)
    expected = torch.randn(3), numpy.random.randn(3), random.random()
    seed_all(3)
    with undrawn():
        torch.manual_seed(0)
        numpy.random.seed(0)
        random.seed(0)
    assert torch.equal(torch.randn(3), expected[0])
    assert (numpy.random.randn(3) == expected[1]).all()
    assert random.random() == expected[2]


def test_a_module_that_seeds_when_it_is_built_does_not_fix_what_is_drawn_after_it() -> None:
    """Its weights are the same in every round, which is said; the input is that of the round."""
    drawn = []
    for seed in (5, 6):
        seed_all(seed)
        build(find("changes:SeedsWhenBuilt"), Shape(1, 8, 4))
        drawn.append(torch.randn(3))
    assert not torch.equal(*drawn)
    said = "the seed of torch's random numbers (its weights are the same in every round)"
    assert NOTES.tell() == [f"it changed {said}, which was put back"]
