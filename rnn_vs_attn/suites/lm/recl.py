"""Relative effective context length of a group of models, which share one baseline.

Source: Dai et al. 2019, section 4.3 and appendix C. A target costs the baseline b(c, t), the least that any model of
the group loses after c tokens. T are the targets of which the baseline loses most. With f(c, c') the mean over T of
min(b(c, t), l(c', t)), a model gains (exp f(c, c) - exp f(c, c')) / exp f(c, c) from c' tokens in place of c; its
context ends where that is less than 1 %. There c' is c plus a fixed number; here each is twice the one before, so that
a length stands for itself up to its double.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

LEAST_GAIN = 0.01
Losses = Mapping[int, Sequence[float]]  # nats of the same targets, by the tokens before them


def recl(group: Mapping[str, Losses], part: float = 1.0) -> dict[str, int]:
    """Of each model the tokens beyond which more of them gain nothing. part: of the targets, those that T has.

    All models have the same contexts and targets.
    """
    contexts = sorted(next(iter(group.values())))
    found = {}
    for name, losses in group.items():
        found[name] = contexts[0]
        for shorter, longer in pairwise(contexts):
            if _gain(losses, [own[shorter] for own in group.values()], shorter, longer, part) < LEAST_GAIN:
                break
            found[name] = longer
    return found


def _gain(own: Losses, every: Sequence[Sequence[float]], shorter: int, longer: int, part: float) -> float:
    """What a model gains from the longer context. every: the losses of all models with the shorter one."""
    baseline = [min(of_target) for of_target in zip(*every, strict=True)]
    hardest = sorted(range(len(baseline)), key=lambda t: -baseline[t])[: max(1, round(part * len(baseline)))]

    def f(context: int) -> float:
        return sum(min(baseline[t], own[context][t]) for t in hardest) / len(hardest)

    return 1 - math.exp(f(longer) - f(shorter))
