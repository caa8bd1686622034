"""Effective lengths of context, by hand and against an implementation of their own from the paper's words."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy
import pytest
from numpy.typing import NDArray

from rnn_vs_attn.suites.lm.recl import LEAST_GAIN, recl

Group = dict[str, dict[int, list[float]]]
STEP = -math.log(1 - LEAST_GAIN)  # nats that are exactly the least gain


def test_by_hand() -> None:
    """Two targets. `far` loses 2 nats less with 2 tokens and 0.5 less with 4; `near` as much with 1 as with any.

    At 1 token the baseline is (1, 1). `far` with 2 tokens loses (0, 0.5), so that f goes from 1 to 0.25; `near` has 1
    and 1, as before, and ends there. At 2 tokens the baseline is (0, 0.5): with 4 `far` loses 0.1 less of the second
    target alone, 0.05 in the mean, a gain of 4.9 %. With 8 it gains nothing.
    """
    group = {
        "near": {1: [1.0, 1.0], 2: [1.0, 1.0], 4: [1.0, 1.0], 8: [1.0, 1.0]},
        "far": {1: [3.0, 1.5], 2: [0.0, 0.5], 4: [0.0, 0.4], 8: [0.0, 0.4]},
    }
    assert recl(group) == {"near": 1, "far": 4}


def test_a_gain_of_a_model_that_others_had_already_counts_for_nothing() -> None:
    """It is what the group does not know yet that counts: the better model's short context covers all of it."""
    late = {1: [3.0, 3.0], 2: [1.0, 1.0]}
    assert recl({"late": late}) == {"late": 2}
    assert recl({"late": late, "early": {1: [1.0, 1.0], 2: [1.0, 1.0]}}) == {"late": 1, "early": 1}


def test_where_more_context_hurts_a_target_the_shorter_one_counts() -> None:
    """min(b(c, t), l(c', t)): the first target is lost, and the second is a gain all the same."""
    assert recl({"one": {1: [1.0, 1.0], 2: [9.0, 0.9]}}) == {"one": 2}


@pytest.mark.parametrize(("gain", "length"), [(0.0, 1), (STEP - 1e-6, 1), (STEP + 1e-6, 2)])
def test_a_context_ends_where_one_percent_is_not_gained(gain: float, length: int) -> None:
    assert recl({"one": {1: [2.0, 3.0], 2: [2.0 - gain, 3.0 - gain]}}) == {"one": length}


def test_what_comes_after_a_context_that_gained_nothing_is_not_looked_at() -> None:
    assert recl({"one": {1: [2.0], 2: [2.0], 4: [1.0]}}) == {"one": 1}


@pytest.mark.parametrize(("part", "length"), [(0.1, 2), (0.5, 2), (1.0, 1)])
def test_of_a_part_those_targets_count_of_which_the_baseline_loses_most(part: float, length: int) -> None:
    """Ten targets; with more context the hardest one costs 0.08 less, in the mean 0.008 of ten and 0.016 of five."""
    short = [1.0 + i / 10 for i in range(10)]
    assert recl({"one": {1: short, 2: [*short[:9], short[9] - 0.08]}}, part) == {"one": length}


def test_a_small_part_of_few_targets_is_one_of_them() -> None:
    assert recl({"one": {1: [1.0, 2.0], 2: [0.0, 2.0]}}, 0.1) == {"one": 1}
    assert recl({"one": {1: [1.0, 2.0], 2: [1.0, 1.0]}}, 0.1) == {"one": 2}


def test_contexts_are_taken_from_the_shortest_on_in_whatever_order_they_come() -> None:
    assert recl({"one": {4: [1.0], 1: [3.0], 2: [2.0]}}) == {"one": 4}


# Against another implementation


def by_the_paper(group: Group, part: float) -> dict[str, int]:
    """Section 4.3 and appendix C, with arrays of (models, contexts, targets)."""
    lengths = sorted(next(iter(group.values())))
    losses: NDArray[numpy.float64] = numpy.array([[each[c] for c in lengths] for each in group.values()])
    baseline = losses.min(axis=0)
    number = max(1, round(part * losses.shape[2]))
    found = {}
    for name, own in zip(group, losses, strict=True):
        at = 0
        while at + 1 < len(lengths):
            hardest = numpy.argsort(-baseline[at], kind="stable")[:number]
            before = numpy.minimum(baseline[at], own[at])[hardest].mean()
            after = numpy.minimum(baseline[at], own[at + 1])[hardest].mean()
            if (numpy.exp(before) - numpy.exp(after)) / numpy.exp(before) < 0.01:
                break
            at += 1
        found[name] = lengths[at]
    return found


def test_f_of_a_context_and_itself_is_the_baseline_of_the_group() -> None:
    """min(b(c, t), l(c, t)) is b(c, t), which the other implementation does not take for granted."""
    group = {"a": {1: [2.0, 1.0], 2: [1.5, 1.0]}, "b": {1: [1.0, 2.0], 2: [1.0, 1.5]}}
    assert recl(group) == by_the_paper(group, 1.0) == {"a": 1, "b": 1}


@pytest.mark.parametrize("part", [0.1, 0.5, 1.0])
def test_lengths_are_those_of_another_implementation(part: float) -> None:
    draw, seen = random.Random(7), set()
    for _ in range(200):
        models, targets = draw.randint(1, 4), draw.randint(1, 40)
        contexts = sorted(draw.sample(range(1, 300), draw.randint(2, 6)))
        group: Group = {
            f"model {i}": {
                c: [max(0.0, 3 + draw.gauss(0, 1) - draw.random() * 0.3 * math.log(c)) for _ in range(targets)]
                for c in contexts
            }
            for i in range(models)
        }
        for own in group.values():  # targets keep most of their loss from context to context
            for near, far in pairwise(contexts):
                own[far] = [a + draw.choice([0.0, -0.02, -0.3, 0.1]) for a in own[near]]
        found = recl(group, part)
        assert found == by_the_paper(group, part)
        seen |= {contexts.index(length) for length in found.values()}
    assert len(seen) > 3
