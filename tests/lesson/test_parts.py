"""Parts of the lesson: what each measures, and the time that it gets."""

from __future__ import annotations

import dataclasses

import pytest

from rnn_vs_attn.lesson.lines import LINES
from rnn_vs_attn.lesson.parts import PARTS, Part, share
from rnn_vs_attn.run.cases import cases_of, check
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.recall.suite import RECALL

BY_PRECISION = Part(BENCH, {}, None, 30.0)
COUNTED = Part(BENCH, {}, 1, 10.0)
TRAINED = Part(RECALL, {}, 3, 45.0)


def test_time_is_divided_by_what_each_part_takes_elsewhere() -> None:
    assert share(150.0, [BY_PRECISION, COUNTED, TRAINED]) == pytest.approx(150 * 30 / 85)
    assert share(100.0, [BY_PRECISION, dataclasses.replace(BY_PRECISION, seconds=10.0)]) == 75.0


def test_what_a_part_leaves_goes_to_those_after_it() -> None:
    first = share(100.0, [BY_PRECISION, BY_PRECISION])
    assert first == 50.0
    assert share(100.0 - first / 2, [BY_PRECISION]) == 75.0


@pytest.mark.parametrize("part", [COUNTED, TRAINED])
def test_a_part_that_ends_by_itself_may_take_all(part: Part) -> None:
    assert share(60.0, [part, BY_PRECISION]) == 60.0


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_part_is_one_that_its_command_takes(part: Part) -> None:
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


def test_counts_come_before_times_and_trainings_last() -> None:
    assert PARTS[0].rounds == 1
    assert PARTS[-1].suite is RECALL
