"""Closed forms of `adding`, `copy` and `selective-copy`, against sums and what is drawn."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from task_examples import batch

from rnn_vs_attn.tasks.catalogue.memory import lag
from rnn_vs_attn.tasks.registry import find


@pytest.mark.parametrize("blank", [1, 50, 100, 1000])
def test_the_memoryless_loss_of_copy_is_10_ln_8_over_t_plus_20(blank: int) -> None:
    """Over all positions, of which those without an answer cost nothing; 0.020387 at T = 1000, as is published."""
    spec = find("copy")
    sizes = spec.sizes(blank + 20)
    assert lag(sizes) == blank
    over_all = spec.forms.chance(sizes).loss * spec.forms.num_answers(sizes) / sizes.seq_len
    assert over_all == pytest.approx(10 * math.log(8) / (blank + 20), rel=1e-15)


@pytest.mark.parametrize("blank", [1, 30])
def test_that_loss_is_the_cross_entropy_of_what_is_drawn(blank: int) -> None:
    """Of the memoryless answer: blank while nothing is asked, then each of eight digits alike."""
    found = batch("copy", blank + 20, 16)
    logits = torch.full((16, blank + 20, 10), -torch.inf, dtype=torch.float64)
    logits[:, : blank + 10, 0] = 0
    logits[:, blank + 10 :, 1:9] = 0
    loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), found.targets)
    assert loss.item() == pytest.approx(10 * math.log(8) / (blank + 20), rel=1e-14)


def test_the_constant_1_has_an_error_of_one_sixth_on_adding() -> None:
    """E (x + y - 1)^2 by the moments of a uniform number, 1 / 2 and 1 / 3."""
    first, second = Fraction(1, 2), Fraction(1, 3)
    exact = 2 * second + 2 * first**2 - 2 * 2 * first + 1
    chance = find("adding").forms.chance(find("adding").sizes(100))
    assert exact == Fraction(1, 6)
    assert (chance.accuracy, chance.loss) == (None, 1 / 6)


@pytest.mark.long
@pytest.mark.parametrize("seq_len", [2, 100])
def test_that_error_is_found_on_what_is_drawn(seq_len: int) -> None:
    targets = batch("adding", seq_len, 4000).targets.double()
    errors = (targets - 1) ** 2
    assert abs(errors.mean().item() - 1 / 6) < 4 * errors.std().item() / 4000**0.5
    constants = torch.linspace(0.8, 1.2, 9, dtype=torch.float64)
    assert ((targets[:, None] - constants) ** 2).mean(0).argmin() == 4  # no other constant is better


def test_what_must_be_remembered() -> None:
    copy, selective, adding = (find(name) for name in ("copy", "selective-copy", "adding"))
    assert copy.forms.bits(copy.sizes(1020)) == 30
    assert copy.forms.bits(copy.sizes(30)) == 30
    assert selective.forms.bits(selective.sizes(64)) == pytest.approx(8 * math.log2(14))
    assert adding.forms.bits(adding.sizes(64)) is None


def test_chance_is_one_of_the_symbols() -> None:
    assert find("copy").forms.chance(find("copy").sizes(70)).accuracy == 1 / 8
    assert find("selective-copy").forms.chance(find("selective-copy").sizes(72)).accuracy == 1 / 14
    assert find("copy").forms.num_classes(find("copy").sizes(70)) == 10
    assert find("adding").forms.num_classes(find("adding").sizes(70)) == 1
