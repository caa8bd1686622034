"""The training loop: AdamW, warm-up and cosine, clipping, evaluation, and an end that keeps what was learnt.

The same plan, data and weights give the same weights bit for bit on a CPU with one thread, also where a training was
interrupted and went on from what `snapshot` had kept. Losses are read once in a while, as on a GPU to read one is to
wait for it; one that is not finite is found then, by its step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor, nn

from rnn_vs_attn.isolation import seeds
from rnn_vs_attn.models.language.token_ids import trust_ids
from rnn_vs_attn.tasks.drawing.batches import Batch
from rnn_vs_attn.texts.segments import Segment
from rnn_vs_attn.training.course import DIVERGED, DONE, STOPPED, Course, Point, Progress, progress
from rnn_vs_attn.training.objectives import Objective, asked_of, score
from rnn_vs_attn.training.plan import TrainingPlan, learning_rate

WINDOW_STEPS, WINDOW_SECONDS = 100, 0.5  # after which losses are read, whichever comes first, and at evaluations


@dataclass(frozen=True)
class Data:
    """batch: that of a step, counted from 0, by itself. held_out: gone through at each evaluation, never trained on."""

    batch: Callable[[int], Batch | Segment]
    held_out: Iterable[Batch | Segment]


class Diverged(Exception):
    """A loss that is not finite."""


class Training:
    """A model in training: with its optimiser, and the course that it has taken.

    random: states of torch's generators to go on from, of the CPU and of the GPU if there is one; None for those of the
    plan's seed.
    """

    def __init__(self, model: nn.Module, objective: Objective, plan: TrainingPlan) -> None:
        self.model, self.objective, self.plan = model, objective, plan
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.device = self.parameters[0].device
        self.optimiser = adamw(self.parameters, plan)
        self.course = Course()
        self.random: list[Tensor] | None = None

    def run(
        self,
        data: Data,
        watch: Callable[[Progress], None] = lambda progress: None,
        keep: Callable[[Training], None] = lambda training: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Course:
        """Train to the end of the plan, from wherever the course stands.

        watch: told whenever losses are read. keep: called after each evaluation and where training stops, never with
        weights that diverged. stop: asked as often as watch is told. What is drawn within is drawn as if nothing had
        been afterwards. An exception from elsewhere may leave a step half done: go on from what was kept.
        """
        course = self.course
        if course.ending in (DONE, DIVERGED):
            return course
        course.ending = ""
        trust_ids(self.model)
        with seeds.same_draws(self.plan.seed):
            self._draw_on()
            try:
                self._run(data, watch, keep, stop)
            except Diverged as error:
                course.ending, course.reason = DIVERGED, str(error)
        return course

    def _run(
        self,
        data: Data,
        watch: Callable[[Progress], None],
        keep: Callable[[Training], None],
        stop: Callable[[], bool],
    ) -> None:
        course, plan = self.course, self.plan
        if not course.curve:
            self._evaluate(data.held_out)
        while course.step < plan.steps and not course.ending:
            end = min(plan.steps, (course.step // plan.evaluate_every + 1) * plan.evaluate_every)
            self.model.train()
            while course.step < end and not course.ending:
                watch(progress(course, plan.steps, self._window(data.batch, end)))
                course.ending = STOPPED if stop() else ""
            if course.step == end:
                self._evaluate(data.held_out)
                course.ending = DONE if end == plan.steps else course.ending
            self.random = _random_states(self.device)
            keep(self)

    def _window(self, batch: Callable[[int], Batch | Segment], end: int) -> float:
        """Train for a while, to step `end` at most; the mean loss of these steps."""
        course, begun = self.course, perf_counter()
        end, losses, now = min(end, course.step + WINDOW_STEPS), [], begun
        while course.step < end and now - begun < WINDOW_SECONDS:
            losses.append(self._step(batch(course.step)))
            now = perf_counter()
        read: list[float] = torch.stack(losses).tolist()
        course.seconds += perf_counter() - begun
        for i, loss in enumerate(read, start=course.step - len(read) + 1):
            if not math.isfinite(loss):
                raise Diverged(f"the loss became {loss} at step {i} of {self.plan.steps}")
            course.losses = course.losses[0] + loss, course.losses[1] + 1
        return sum(read) / len(read)

    def _step(self, batch: Batch | Segment) -> Tensor:
        """One step; the loss before it, which is not read."""
        asked = asked_of(batch, self.device)
        loss = self.objective.loss(self.model, asked)
        loss.backward()
        if self.plan.clip:
            nn.utils.clip_grad_norm_(self.parameters, self.plan.clip, foreach=True)
        rate = learning_rate(self.plan, self.course.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.course.step += 1
        self.course.tokens += asked.inputs.shape[0] * asked.inputs.shape[1]
        return loss.detach()

    def _evaluate(self, held_out: Iterable[Batch | Segment]) -> None:
        """Put a point on the curve."""
        course = self.course
        found = score(self.model, self.objective, held_out, self.device)
        if not math.isfinite(found.loss):
            raise Diverged(f"the loss on held-out data was {found.loss} after step {course.step} of {self.plan.steps}")
        total, number = course.losses
        mean = total / number if number else None
        course.curve.append(Point(course.step, course.tokens, course.seconds, mean, found.loss, found.accuracy))
        course.losses = 0.0, 0

    def _draw_on(self) -> None:
        """Let torch draw from where it was."""
        if self.random is not None:
            torch.set_rng_state(self.random[0])
            for state in self.random[1:]:
                torch.cuda.set_rng_state(state, self.device)


def adamw(parameters: Sequence[nn.Parameter], plan: TrainingPlan) -> torch.optim.AdamW:
    """AdamW, Loshchilov and Hutter 2019, algorithm 2; decay for parameters with two dimensions and more alone.

    A module exempts others by setting `_no_weight_decay` on them, as state-space layers do. One kernel for all
    parameters, where none of them is complex.
    """

    def decays(parameter: nn.Parameter) -> bool:
        return parameter.ndim > 1 and not getattr(parameter, "_no_weight_decay", False)

    groups = [
        {"params": [p for p in parameters if decays(p)], "weight_decay": plan.weight_decay},
        {"params": [p for p in parameters if not decays(p)], "weight_decay": 0.0},
    ]
    fused = all(parameter.is_floating_point() for parameter in parameters)
    given = [group for group in groups if group["params"]]
    return torch.optim.AdamW(given, lr=plan.learning_rate, betas=plan.betas, fused=fused or None)


def _random_states(device: torch.device) -> list[Tensor]:
    of_gpu = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [torch.get_rng_state(), *of_gpu]
