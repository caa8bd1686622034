"""When a task was solved, on curves that are written out, and what a reader sees of the speed."""

from __future__ import annotations

import pytest

from rnn_vs_attn.training.course import Course, Point, Progress, accurate, close, merit, progress, solved


def curve(*accuracies: float | None) -> list[Point]:
    """A point every 10 steps and 2 seconds, with half of what is lacking as its loss."""
    return [Point(10 * i, 0, 2.0 * i, None, 0.5 - (a or 0) / 2, a) for i, a in enumerate(accuracies)]


@pytest.mark.parametrize(
    ("accuracies", "step"),
    [
        ((0.1, 0.5, 0.995, 1.0), 20),
        ((0.1, 0.995, 0.5, 0.995, 1.0), 30),  # it was lost again meanwhile
        ((0.1, 0.995, 0.5), None),
        ((1.0, 1.0), 0),
        ((0.1, 0.99), 10),
        ((None, None), None),
        ((), None),
    ],
)
def test_a_task_is_solved_from_where_all_that_follows_is_good_enough(
    accuracies: tuple[float | None, ...], step: int | None
) -> None:
    points = curve(*accuracies)
    assert solved(points, accurate(0.99)) == (None if step is None else points[step // 10])


def test_a_task_of_numbers_is_solved_by_its_loss() -> None:
    points = curve(0.0, 0.9, 0.98)
    assert solved(points, close(0.011)) == points[2]
    assert solved(points, close(0.05)) == points[1]


def test_progress_has_the_mean_speed_and_what_is_left_at_it() -> None:
    course = Course(step=25, tokens=5000, seconds=2.0)
    found = progress(course, 100, 0.5)
    assert found == Progress(25, 100, seconds=2.0, loss=0.5, tokens_per_second=2500)
    assert found.seconds_left == 6.0
    assert not found.over


def test_progress_ends_with_the_last_step_and_knows_no_speed_before_the_first() -> None:
    assert progress(Course(step=100, tokens=5000, seconds=2.0), 100, 0.5).over
    before = progress(Course(), 100, 2.0)
    assert (before.tokens_per_second, before.seconds_left) == (0.0, 0.0)


def test_trainings_are_ranked_by_what_is_right_and_then_by_their_loss() -> None:
    ranked = [merit(None, 0.2), merit(None, 0.1), merit(0.5, 2.0), merit(0.5, 1.0), merit(0.6, 3.0)]
    assert ranked == sorted(ranked)
