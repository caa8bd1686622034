"""How far a training has come: its curve, whether and when it solved its task, how it ended; no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

DONE, STOPPED, DIVERGED = "done", "stopped", "diverged"  # how a training ends; "" while it has not


@dataclass(frozen=True)
class Point:
    """One evaluation on held-out batches, after `step` steps.

    seconds: of the training steps alone, evaluations and checkpoints aside. train_loss: the mean over the steps since
    the evaluation before, None before the first step. accuracy: over the answers, None where these are numbers.
    """

    step: int
    tokens: int
    seconds: float
    train_loss: float | None
    loss: float
    accuracy: float | None


@dataclass
class Course:
    """Where a training stands: what its last point has, the losses since then, and how it ended.

    losses: their sum since the last point, and how many they are. reason: of one that diverged, one sentence.
    """

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    losses: tuple[float, int] = (0.0, 0)
    curve: list[Point] = field(default_factory=list)
    ending: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Progress:
    """What a reader sees of a training while it runs. seconds: of its steps so far; loss: of the last ones."""

    step: int
    steps: int
    seconds: float
    loss: float
    tokens_per_second: float

    @property
    def over(self) -> bool:
        return self.step >= self.steps

    @property
    def seconds_left(self) -> float:
        """By the mean speed of all of its steps."""
        return self.seconds / self.step * (self.steps - self.step) if self.step else 0.0


def progress(course: Course, steps: int, loss: float) -> Progress:
    """Where a training stands that has begun."""
    speed = course.tokens / course.seconds if course.seconds else 0.0
    return Progress(course.step, steps, course.seconds, loss, speed)


def accurate(threshold: float) -> Callable[[Point], bool]:
    """Whether a point's accuracy is at least that."""
    return lambda point: point.accuracy is not None and point.accuracy >= threshold


def close(threshold: float) -> Callable[[Point], bool]:
    """Whether a point's loss is at most that."""
    return lambda point: point.loss <= threshold


def merit(accuracy: float | None, loss: float) -> tuple[float, float]:
    """By which trainings are ranked, the higher the better: the most right, and of equal ones the least loss."""
    return accuracy or 0.0, -loss


def solved(curve: Sequence[Point], enough: Callable[[Point], bool]) -> Point | None:
    """The first evaluation that is good enough with all that follow; None where the budget ended before."""
    found = None
    for point in reversed(curve):
        if not enough(point):
            break
        found = point
    return found
