"""Parts of the lesson: what each measures, and the time that it gets."""

from __future__ import annotations

import pytest

from rnn_vs_attn.lesson.lines import LINES
from rnn_vs_attn.lesson.parts import PARTS, LessonPart, share
from rnn_vs_attn.run.cases import cases_of, check

TIMED = PARTS[4:]  # bench 85, recall 75, transformer-xl 43, decode 45: 248; those before them 64


def test_time_is_divided_by_what_each_part_takes_elsewhere() -> None:
    assert share(496.0, 64.0, TIMED) == 170.0
    assert share(326.0, 125.0, TIMED[1:]) == 150.0
    assert share(176.0, 210.0, TIMED[2:]) == 86.0
    assert share(20.0, 100.0, TIMED[3:]) == 20.0


def test_what_a_part_leaves_goes_to_those_after_it() -> None:
    assert share(496.0 - 50.0, 64.0 + 50.0, TIMED[1:]) == pytest.approx(446 * 75 / 163)


def test_where_those_before_were_slow_the_last_ones_wait() -> None:
    assert share(206.0, 64.0, TIMED) == pytest.approx(min(1.2 * 85, 206 * 85 / 203))  # 248 > 1.2 * 206 >= 203
    assert share(206.0, 32.0, TIMED) == pytest.approx(206 * 85 / 248)  # twice as fast: 124 are needed
    assert share(175.0, 96.0, TIMED) == pytest.approx(1.2 * 1.5 * 85)  # 160 * 1.5 > 1.2 * 175: bench alone
    assert share(10.0, 1000.0, TIMED[3:]) == 10.0


@pytest.mark.parametrize("first", range(4))
def test_a_part_that_ends_by_itself_may_take_all(first: int) -> None:
    assert share(60.0, 10.0, PARTS[first:]) == 60.0


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_part_is_one_that_its_command_takes(part: LessonPart) -> None:
    axes = part.axes("cpu", 1)
    check(part.suite, axes, force=True)
    part.suite.axes.check(axes)
    cases = cases_of(part.suite, axes)
    assert {(case.device, case.threads) for case in cases} == {("cpu", 1)}


def test_the_device_and_the_threads_are_those_of_every_part() -> None:
    for part in PARTS:
        axes = part.axes("cuda:1", 2)
        assert (axes["device"], axes["threads"]) == (["cuda:1"], [2])


def test_every_line_rests_on_a_part_and_every_part_has_a_line() -> None:
    assert {line.part for line in LINES} == {part.name for part in PARTS}


def test_names_are_folders_of_their_own() -> None:
    assert [part.name for part in PARTS] == list(dict.fromkeys(part.name for part in PARTS))


def test_what_ends_by_itself_comes_first() -> None:
    assert [part.ends_by_itself for part in PARTS] == [True] * 4 + [False] * 4
