"""How a model is trained, fixed before it begins, and the learning rate of each step; no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rnn_vs_attn.errors import UserError


@dataclass(frozen=True)
class TrainingPlan:
    """A fixed number of steps of AdamW.

    learning_rate: the highest. warm_up: steps until it is reached. weight_decay: of parameters with two dimensions and
    more. clip: the largest norm of all gradients together, 0 for any. batch_size: sequences of a step, which whoever
    draws them reads. evaluate_every: steps. seed: of whatever the model draws while it is trained.
    """

    steps: int
    learning_rate: float
    warm_up: int = 0
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = 1.0
    batch_size: int = 64
    evaluate_every: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "evaluate_every"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} {getattr(self, name)} must be at least 1")
        if not 0 < self.learning_rate < math.inf:
            raise UserError(f"learning_rate {self.learning_rate:g} must be a number above 0")
        if not 0 <= self.warm_up < self.steps:
            raise UserError(f"warm_up {self.warm_up} must be at least 0 and below the {self.steps} steps of the whole")
        for name in ("weight_decay", "clip"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UserError(f"{name} {getattr(self, name):g} must be a number from 0 on")


def learning_rate(plan: TrainingPlan, step: int) -> float:
    """That of a step, counted from 0: a line up to the highest in `warm_up` steps, then half a cosine down to 0.

    The step after the last would have 0, and the first one has a share of the highest, so that none is for nothing.
    Source: Loshchilov and Hutter 2017 (SGDR), equation 5, with one run, from the end of the warm-up to the last step.
    """
    if step < plan.warm_up:
        return plan.learning_rate * (step + 1) / plan.warm_up
    done = (step - plan.warm_up) / (plan.steps - plan.warm_up)
    return plan.learning_rate * (1 + math.cos(math.pi * done)) / 2
