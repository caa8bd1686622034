"""What a memory of so many bits allows at best: where that is less than all, no training mends it; no torch."""

from __future__ import annotations

import math

from rnn_vs_attn.tasks.spec import STATE_TRACKING, Sizes, TaskSpec

_HALVINGS = 60


def best_accuracy(spec: TaskSpec, sizes: Sizes, memory_bits: float) -> float | None:
    """The share of answers that is right at most, in the mean over examples, where a state of so many bits is all that
    is kept of what the answers are about. None for real numbers, and where the state is the answer.

    n answers of v values have H bits. With a share a of them right, what is kept must tell H - n (h(a) + (1 - a)
    log2(v - 1)) bits of them, h the entropy of a share (Fano's inequality, over n answers: Cover and Thomas 2006,
    sections 2.10 and 10.4). Training reaches less; below log2 of all answers no training reaches 1, as Jelassi et al.
    2024 have it for copying.
    """
    bits, chance = spec.forms.bits(sizes), spec.forms.chance(sizes).accuracy
    if spec.family == STATE_TRACKING or bits is None or chance is None:
        return None
    answers, values = spec.forms.num_answers(sizes), round(1 / chance)
    entropy = min(bits, answers * math.log2(values))
    if memory_bits >= entropy:
        return 1.0
    low, high = 1 / values, 1.0
    for _ in range(_HALVINGS):
        share = (low + high) / 2
        told = entropy - answers * _doubt(share, values)
        low, high = (share, high) if told <= memory_bits else (low, share)
    return high


def _doubt(share: float, values: int) -> float:
    """Bits of an answer that are left open where a guess of it is right with that probability, 1 / v < share < 1."""
    wrong = 1 - share
    return -share * math.log2(share) - wrong * math.log2(wrong) + wrong * math.log2(values - 1)
