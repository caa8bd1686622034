"""Training: tokens a second of the loop ÷ those of a bare PyTorch loop, on the same models and data, alternately.

python benchmarks/harness/training.py [--model lstm attention mingru] [--turns 31] [--steps 20] [--threads 1] [--quick]

The bare loop is AdamW in one kernel, clipping and a loss at the answers, and nothing else: no evaluation, no schedule,
no progress, no check of the loss. Batches are drawn on the fly by both. The loop's seconds are those that its curve
has: its steps with all that goes on between them, evaluations aside. Target: the interval of the ratio begins at 0.95
or above.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from time import perf_counter

import torch
from alternating import ratio
from reporting import Figure, at_least, parsed, parser, report
from torch import nn
from torch.nn import functional as F

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.tasks.drawing.batches import Batch
from rnn_vs_attn.training.loop import Data, Training
from rnn_vs_attn.training.objectives import Classes
from rnn_vs_attn.training.plan import TrainingPlan
from rnn_vs_attn.training.token_model import TokenModel, positioned, token_model
from rnn_vs_attn.training.token_shape import TokenShape

BATCH_SIZE, LENGTH, WIDTH, VOCABULARY = 64, 32, 64, 64
SHAPE = TokenShape(Shape(1, LENGTH, WIDTH, num_heads=4, num_layers=2), VOCABULARY, VOCABULARY, inner_width=2 * WIDTH)
ANSWERS = 4  # of each sequence


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--model", nargs="+", default=["lstm", "attention", "mingru"])
    options.add_argument("--turns", type=int, default=31)
    options.add_argument("--steps", type=int, default=20, help="of each side in a turn")
    options.add_argument("--threads", type=int, default=1)
    given = parsed(options, turns=intervals.MIN_ROUNDS, steps=4)
    torch.set_num_threads(given.threads)
    details: list[dict[str, object]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, object]]) -> Iterator[Figure]:
    for name in given.model:
        sides = Sides(name, given.steps, given.turns)
        found = ratio(sides.ours, sides.bare, given.turns)
        text = f"{name}, tokens a second of the loop ÷ of a bare one"
        details.append({"what": text, "model": name} | vars(found))
        yield at_least(text, found, 0.95)


class Sides:
    """A model for each loop, with the same weights at the beginning; both go on from turn to turn."""

    def __init__(self, name: str, steps: int, turns: int) -> None:
        shape = positioned(find(name), SHAPE)
        trained, self.model = (token_model(find(name), shape) for _ in range(2))
        self.steps = steps
        plan = TrainingPlan(steps * (turns + 1), 1e-4, batch_size=BATCH_SIZE, evaluate_every=steps)
        self.training = Training(trained, Classes(), plan)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-4, fused=True)

    def ours(self) -> float:
        """Tokens a second, up to the next evaluation."""
        course = self.training.course
        tokens, seconds, end = course.tokens, course.seconds, course.step + self.steps
        self.training.run(Data(batch, [batch(0)]), stop=lambda: course.step == end)
        return (course.tokens - tokens) / (course.seconds - seconds)

    def bare(self) -> float:
        """Tokens a second."""
        model: TokenModel = self.model
        begun = perf_counter()
        for step in range(self.steps):
            drawn = batch(step)
            places = drawn.answers.flatten().nonzero().squeeze(1)
            loss = F.cross_entropy(model(drawn.inputs, places), drawn.targets.flatten()[places])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            self.optimiser.step()
            self.optimiser.zero_grad()
        return self.steps * BATCH_SIZE * LENGTH / (perf_counter() - begun)


def batch(step: int) -> Batch:
    """Random ids, with random ones asked for at the last places."""
    generator = torch.Generator().manual_seed(step)
    inputs, targets = torch.randint(VOCABULARY, (2, BATCH_SIZE, LENGTH), generator=generator)
    answers = torch.zeros(BATCH_SIZE, LENGTH, dtype=torch.bool)
    answers[:, -ANSWERS:] = True
    return Batch(inputs, targets, answers)


if __name__ == "__main__":
    main()
