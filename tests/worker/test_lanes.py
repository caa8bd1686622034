"""Conversations with several workers at the same time, played over pipes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from played_workers import PlayedMachine, PlayedWorker

from rnn_vs_attn.errors import CaseFault, DoesNotStart, UserError
from rnn_vs_attn.worker.lanes import Conversation, Lanes

PATIENCE = 60.0  # seconds; only a test that fails waits for them
Play = Callable[[PlayedWorker, Any], None]


class Stage:
    """Lanes of played workers. heard: what each conversation was sent or thrown, by its name."""

    def __init__(self, play: Play, number: int, timeout: float = PATIENCE) -> None:
        self.machine = PlayedMachine(play)
        self.lanes = Lanes(self.machine.start, number, timeout)
        self.heard: dict[str, list[Any]] = {}

    @property
    def requests(self) -> list[Any]:
        return [request for _, request in self.machine.asked]

    def talk(self, name: str, times: int = 2) -> Conversation:
        """Asks a1, a2 and so on, whatever comes back."""
        heard = self.heard[name] = []
        for i in range(times):
            try:
                heard.append((yield f"{name}{i + 1}"))  # type: ignore[misc]
            except (CaseFault, UserError) as fault:
                heard.append(str(fault))

    def through(self, names: str, times: int = 2) -> None:
        self.lanes.through(self.talk(name, times) for name in names)

    def alive(self) -> list[bool]:
        return [worker.alive for worker in self.machine.workers]


@pytest.fixture
def stage() -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def new(play: Play, number: int = 2, timeout: float = PATIENCE) -> Stage:
        made.append(Stage(play, number, timeout))
        return made[-1]

    yield new
    for each in made:
        each.lanes.end()
        assert not any(each.alive())


def at_once(worker: PlayedWorker, request: Any) -> None:
    worker.reply(request.upper())


def together(number: int) -> Play:
    """Nobody is answered before so many have asked; the last one is answered first."""
    waiting: list[tuple[PlayedWorker, Any]] = []

    def play(worker: PlayedWorker, request: Any) -> None:
        waiting.append((worker, request))
        if len(waiting) == number:
            for asked, about in reversed(waiting):
                asked.reply(about.upper())
            waiting.clear()

    return play


def by_request(replies: dict[str, Any]) -> Play:
    """Some requests are answered in a way of their own, None for never."""

    def play(worker: PlayedWorker, request: Any) -> None:
        reply = replies.get(request, request.upper())
        if reply is not None:
            worker.reply(reply)

    return play


def test_conversations_go_on_at_the_same_time(stage: Callable[..., Stage]) -> None:
    made = stage(together(2))
    made.through("ab")
    assert made.heard == {"a": ["A1", "A2"], "b": ["B1", "B2"]}
    assert made.requests[:2] == ["a1", "b1"]


def test_one_lane_holds_one_conversation_after_the_other(stage: Callable[..., Stage]) -> None:
    made = stage(at_once, number=1)
    made.through("abc")
    assert made.requests == ["a1", "a2", "b1", "b2", "c1", "c2"]
    assert len(made.machine.workers) == 1


def test_who_has_ended_makes_room_for_the_next_in_order(stage: Callable[..., Stage]) -> None:
    """The first one is answered when the last one asks."""
    first: list[PlayedWorker] = []

    def play(worker: PlayedWorker, request: Any) -> None:
        if request == "a1":
            first.append(worker)
            return
        if request == "d1":
            first[0].reply("at last")
        worker.reply(request.upper())

    made = stage(play)
    made.through("abcd", times=1)
    assert made.machine.asked == [(0, "a1"), (1, "b1"), (1, "c1"), (1, "d1")]
    assert made.heard["a"] == ["at last"]


def test_no_more_workers_start_than_there_is_to_talk_about(stage: Callable[..., Stage]) -> None:
    made = stage(at_once, number=8)
    made.through("")
    assert made.machine.workers == []
    made.through("ab")
    made.through("cd")
    assert len(made.machine.workers) == 2


def test_a_conversation_that_asks_nothing_costs_nothing(stage: Callable[..., Stage]) -> None:
    made = stage(at_once, number=1)
    made.through("ab", times=0)
    assert (made.heard, made.machine.workers) == ({"a": [], "b": []}, [])


# Faults


@pytest.mark.parametrize("fault", [CaseFault("failed", "NaN"), UserError("NaN")], ids=["fault", "user"])
def test_a_fault_is_thrown_into_its_own_conversation_which_goes_on(
    fault: Exception, stage: Callable[..., Stage]
) -> None:
    made = stage(by_request({"a1": fault}))
    made.through("ab")
    assert made.heard == {"a": ["NaN", "A2"], "b": ["B1", "B2"]}
    assert made.alive() == [True, True]


def test_a_worker_that_dies_is_replaced(stage: Callable[..., Stage]) -> None:
    made = stage(by_request({"a1": CaseFault("crashed", "killed")}), number=1)
    made.through("ab")
    assert made.heard == {"a": ["killed", "A2"], "b": ["B1", "B2"]}
    assert made.machine.asked == [(0, "a1"), (1, "a2"), (1, "b1"), (1, "b2")]
    assert made.alive() == [False, True]


def test_a_worker_that_hangs_is_given_up_and_replaced(stage: Callable[..., Stage]) -> None:
    made = stage(by_request({"a1": None}), timeout=0.02)
    made.through("ab")
    assert made.heard == {"a": ["no answer within 20 ms", "A2"], "b": ["B1", "B2"]}
    assert [number for number, request in made.machine.asked if request == "a2"] == [2]
    assert made.alive() == [False, True, True]


def test_a_worker_that_cannot_be_asked_is_a_fault_of_who_asks(stage: Callable[..., Stage]) -> None:
    """It has ended between two requests."""

    def play(worker: PlayedWorker, request: Any) -> None:
        if request == "a2":
            worker.close()
            raise CaseFault("crashed", "ended")
        worker.reply(request.upper())

    made = stage(play, number=1)
    made.through("ab")
    assert made.heard == {"a": ["A1", "ended"], "b": ["B1", "B2"]}


def test_a_worker_that_does_not_start_twice_is_a_fault_of_who_asks(stage: Callable[..., Stage]) -> None:
    made, left = stage(at_once, number=1), [3]

    def start() -> PlayedWorker:
        if left[0]:
            left[0] -= 1
            raise DoesNotStart("it does not start")
        return made.machine.start()

    made.lanes.start = start
    made.through("ab")
    assert made.heard == {"a": ["it does not start, twice", "A2"], "b": ["B1", "B2"]}


# What ends all of them


class Enough(Exception):
    """What a conversation has had."""


def test_an_exception_out_of_a_conversation_ends_all_workers_in_the_middle_of_a_request(
    stage: Callable[..., Stage],
) -> None:
    made = stage(by_request({"b1": None}))

    def impatient() -> Conversation:
        yield "a1"  # type: ignore[misc]
        raise Enough

    with pytest.raises(Enough):
        made.lanes.through([impatient(), made.talk("b"), made.talk("c")])
    assert made.requests == ["a1", "b1"]
    assert made.alive() == [False, False]


def test_a_fault_that_a_conversation_does_not_take_ends_all_workers(stage: Callable[..., Stage]) -> None:
    made = stage(by_request({"a1": CaseFault("failed", "NaN")}))

    def fragile() -> Conversation:
        yield "a1"  # type: ignore[misc]

    with pytest.raises(CaseFault, match="NaN"):
        made.lanes.through([made.talk("b"), fragile()])
    assert not any(made.alive())


def test_lanes_that_have_ended_begin_anew(stage: Callable[..., Stage]) -> None:
    made = stage(at_once)
    made.through("ab")
    made.lanes.end()
    made.lanes.end()
    assert made.alive() == [False, False]
    made.through("c")
    assert made.heard["c"] == ["C1", "C2"]
    assert made.alive() == [False, False, True]
