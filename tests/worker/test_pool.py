"""The workers of one command, in order, with processes that are none."""

from __future__ import annotations

from typing import Any

import pytest

from rnn_vs_attn.worker import pool
from rnn_vs_attn.worker.pool import Workers


class Started:
    """Stands for a process."""

    made: list[Started]

    def __init__(self, debug: bool, wait: bool = True, variables: Any = None) -> None:
        self.alive, self.ready, self.start_up, self.variables = True, wait, 0.0, variables
        self.made.append(self)

    def wait_until_ready(self) -> None:
        self.ready = True

    def close(self) -> None:
        self.alive = False


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Started]:
    Started.made = []
    monkeypatch.setattr(pool, "ChildWorker", Started)
    return Started.made


@pytest.mark.parametrize(("timed", "at_once", "number"), [(True, 1, 2), (False, 1, 1), (False, 3, 3)])
def test_those_that_will_be_needed_start_together(timed: bool, at_once: int, number: int, made: list[Started]) -> None:
    with Workers(timed, False, [1], at_once=at_once) as workers:
        workers.asked()
        assert len(made) == number
        assert workers.asked() is made[0]
    assert not any(each.alive for each in made)


def test_those_that_work_at_once_are_the_one_that_was_asked_those_beside_it_and_then_new_ones(
    made: list[Started],
) -> None:
    with Workers(False, False, [1], at_once=3) as workers:
        asked: Any = workers.asked()
        given: list[Any] = [workers.next() for _ in range(4)]
        assert given[0] is asked
        assert set(given[1:3]) == set(made[1:3])
        assert len({id(each) for each in given}) == len(made) == 4
        assert all(each.ready and each.alive for each in given)


def test_a_worker_that_has_ended_is_not_given_away(made: list[Started]) -> None:
    with Workers(False, False, [1], at_once=2) as workers:
        workers.asked()
        made[0].close()
        given: Any = workers.next()
        assert given is made[1]


def test_what_is_timed_has_a_process_that_was_asked_nothing(made: list[Started]) -> None:
    with Workers(True, False, [1]) as workers:
        workers.asked()
        given: Any = workers.next()
        assert given is made[1]
        assert not made[0].alive


def test_all_of_them_are_told_the_same(made: list[Started]) -> None:
    with Workers(False, False, [1], at_once=2, told={"RNN_VS_ATTN_TEXT": "book"}) as workers:
        workers.asked()
        for _ in range(3):
            workers.next()
    assert [each.variables["RNN_VS_ATTN_TEXT"] for each in made] == ["book"] * 3
    with Workers(False, False, [1]) as workers:
        workers.asked()
    assert "RNN_VS_ATTN_TEXT" not in made[-1].variables
