"""A training as a worker goes through it, of a task of a few lines."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from pathlib import Path

import pytest
from training_data import DATA, SHAPE, same, training, weights

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.suites import stretches
from rnn_vs_attn.suites.stretches import Kept
from rnn_vs_attn.training import checkpoint, loop
from rnn_vs_attn.training.course import DONE, Course, Point
from rnn_vs_attn.training.loop import Training
from rnn_vs_attn.training.plan import TrainingPlan

PLAN = TrainingPlan(steps=9, learning_rate=1e-2, evaluate_every=4)


@pytest.fixture(autouse=True)
def _short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer after each step."""
    monkeypatch.setattr(stretches, "STRETCH", -1.0)
    monkeypatch.setattr(loop, "WINDOW_STEPS", 1)


def kept_in(folder: Path | None, **about: object) -> Kept:
    return Kept(folder, "lstm", asdict(SHAPE), **about)


def ended(of: Training, folder: Path | None = None) -> Training:
    kept = kept_in(folder)
    kept.go_on(of)
    assert [each.step for each in stretches.stretches(of, DATA, kept)][-1] == PLAN.steps
    return of


def step_kept(folder: Path) -> int:
    return checkpoint.read(folder).course.step


def test_a_reader_is_told_of_each_stretch_up_to_the_end() -> None:
    told = list(stretches.stretches(training(PLAN), DATA, kept_in(None)))
    assert [each.step for each in told] == list(range(1, 10))
    assert [each.over for each in told] == [False] * 8 + [True]
    assert all(each.tokens_per_second > 0 for each in told)


def test_the_loss_that_is_told_is_the_mean_since_the_last_evaluation() -> None:
    """By hand: after an evaluation that of the steps up to it, and of what has no step yet the evaluation's own."""
    of, points = training(PLAN), [Point(0, 0, 0.0, None, 3.0, None), Point(4, 4, 0.0, 2.0, 2.5, None)]
    of.course = Course(step=0, curve=points[:1])
    assert stretches._last_loss(of) == 3.0
    of.course = Course(step=4, curve=points)
    assert stretches._last_loss(of) == 2.0
    of.course = Course(step=6, losses=(3.0, 2), curve=points)
    assert stretches._last_loss(of) == 1.5


def test_a_training_is_kept_when_it_was_evaluated_and_never_between(tmp_path: Path) -> None:
    """After steps 4, 8 and 9; what is told at once after a step may be of one that is not kept yet."""
    of, kept, seen = training(PLAN), kept_in(tmp_path / "kept"), []
    for _ in stretches.stretches(of, DATA, kept):
        seen.append(step_kept(tmp_path / "kept") if (tmp_path / "kept" / checkpoint.NAME).exists() else None)
    assert seen == [None, None, None, 4, 4, 4, 4, 8, 9]


@pytest.mark.parametrize("cut_off", [1, 4, 6, 8])
def test_what_was_cut_off_goes_on_from_the_last_evaluation_bit_for_bit(cut_off: int, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    list(islice(stretches.stretches(training(PLAN), DATA, kept_in(folder)), cut_off))
    again = training(PLAN)
    kept_in(folder).go_on(again)
    assert again.course.step == cut_off // 4 * 4
    assert same(weights(ended(training(PLAN), folder)), weights(ended(training(PLAN))))


def test_what_has_ended_says_so_once_and_trains_no_further(tmp_path: Path) -> None:
    first = ended(training(PLAN), tmp_path / "kept")
    again, kept = training(PLAN), kept_in(tmp_path / "kept")
    kept.go_on(again)
    assert again.course.ending == DONE
    (told,) = stretches.stretches(again, DATA, kept)
    assert told.over
    assert same(weights(again), weights(first))


def test_what_is_known_of_a_training_is_kept_with_it(tmp_path: Path) -> None:
    kept = kept_in(tmp_path / "kept", task="recall", round=2)
    list(stretches.stretches(training(PLAN), DATA, kept))
    assert checkpoint.read(tmp_path / "kept").about == {"task": "recall", "round": 2}


def test_without_a_folder_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended(training(PLAN))
    (tmp_path / "marker").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["marker"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / checkpoint.NAME).write_text("nothing"), "checkpoint.json is damaged"),
        (lambda folder: next(folder.glob("weights-*")).write_bytes(b"x"), "weights-"),
    ],
)
def test_what_cannot_be_taken_up_says_what_to_remove_and_no_folder_above_the_run(
    change: object, said: str, tmp_path: Path
) -> None:
    folder = tmp_path / "run" / "trained" / "one"
    ended(training(PLAN), folder)
    assert callable(change)
    change(folder)
    with pytest.raises(CaseFault, match="remove trained/one of the run, and --resume with --retry trains it") as fault:
        kept_in(folder).go_on(training(PLAN))
    assert fault.value.status == "failed"
    assert said in fault.value.reason
    assert str(tmp_path) not in fault.value.reason


def test_another_plan_is_not_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "trained" / "one"
    ended(training(PLAN), folder)
    with pytest.raises(CaseFault, match="was trained by another plan"):
        kept_in(folder).go_on(training(TrainingPlan(steps=10, learning_rate=1e-2, evaluate_every=4)))


def test_a_loss_that_is_no_number_is_a_fault() -> None:
    of = training(PLAN)
    of.parameters[0].data.fill_(float("nan"))
    of.course = Course(curve=[Point(0, 0, 0.0, None, 1.0, 0.0)])
    with pytest.raises(CaseFault, match="the loss became nan at step 1 of 9") as fault:
        list(stretches.stretches(of, DATA, kept_in(None)))
    assert fault.value.status == "failed"
