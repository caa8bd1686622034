"""A training as a worker goes through it: in stretches, kept whenever it was evaluated, and taken up again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.training import checkpoint, snapshot
from rnn_vs_attn.training.course import DIVERGED, DONE, Progress, progress
from rnn_vs_attn.training.loop import Data, Training

STRETCH = 0.5  # seconds between two answers


class Kept:
    """Where a training is kept: a folder, or None for nowhere. shape: the fields of its model's shape."""

    def __init__(self, folder: Path | None, model: str, shape: Mapping[str, Any], **about: Any) -> None:
        self._folder, self._model, self._shape, self._about = folder, model, shape, about

    def go_on(self, training: Training) -> None:
        """From what is there, if anything is. CaseFault where it cannot be used; no folder above the run is named."""
        folder = self._folder
        if folder is None or not (folder / checkpoint.NAME).exists():
            return
        try:
            snapshot.resume(folder, training, self._model, self._shape)
        except UserError as error:
            run = folder.parent.parent
            said = str(error).replace(f"{run}/", "")
            way = f"remove {folder.relative_to(run)} of the run, and --resume with --retry trains it anew"
            raise CaseFault("failed", f"{said}; {way}") from None

    def keep(self, training: Training) -> None:
        """Where it was just evaluated."""
        if self._folder is not None and training.course.curve[-1].step == training.course.step:
            snapshot.save(self._folder, training, self._model, self._shape, **self._about)


def stretches(training: Training, data: Data, kept: Kept) -> Iterator[Progress]:
    """How a training goes, stretch by stretch, to its end. CaseFault where the loss is no number any more."""
    steps = training.plan.steps
    while training.course.ending != DONE:
        course = training.run(data, keep=kept.keep, stop=_after(STRETCH))
        if course.ending == DIVERGED:
            raise CaseFault("failed", course.reason)
        if course.ending != DONE:
            yield progress(course, steps, _last_loss(training))
    yield progress(training.course, steps, _last_loss(training))


def _after(seconds: float) -> Callable[[], bool]:
    """Whether so many have passed."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


def _last_loss(training: Training) -> float:
    """The mean since the last evaluation, or up to it."""
    total, number = training.course.losses
    last = training.course.curve[-1]
    return total / number if number else last.loss if last.train_loss is None else last.train_loss
