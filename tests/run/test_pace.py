"""How many steps fit, by a look at workers whose steps take what is said."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from planted_recall import RATES, case
from played_workers import PlayedMachine, PlayedWorker

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import Limits
from rnn_vs_attn.run import pace
from rnn_vs_attn.run.pace import LEAST_STEPS, WHOLE, Paced, at_once, paced
from rnn_vs_attn.suites.recall.case import RecallCase
from rnn_vs_attn.suites.recall.suite import RECALL
from rnn_vs_attn.suites.suite import Rounds, Trains
from rnn_vs_attn.worker.lanes import Lanes
from rnn_vs_attn.worker.protocol import Train, Trained

WANTED, BESIDE, SPARE = 1000, 50, 1.1
TRAINS = dataclasses.replace(
    RECALL.rounds.trains or Trains(lambda case: None, lambda cases: 0),
    wanted_steps=lambda cases: WANTED,
    beside=lambda case: BESIDE,
)
SUITE = dataclasses.replace(RECALL, rounds=Rounds(trains=TRAINS))
GRID = [case("lstm", rate, steps=0) for rate in RATES]
Speeds = dict[str, float | Exception]


class Track:
    """Lanes whose trainings take so many seconds a step. The first stretch is ten times slower, and in the third one
    something else had the machine.
    """

    def __init__(self, speeds: Speeds, number: int) -> None:
        self.speeds = speeds
        self.stretches: dict[str, int] = {}
        self.machine = PlayedMachine(self._train)
        self.lanes = Lanes(self.machine.start, number, timeout=60.0)

    @property
    def asked(self) -> list[Train]:
        return [request for _, request in self.machine.asked]

    def _train(self, worker: PlayedWorker, request: Train) -> None:
        model = str(request.about.axes["model"])
        speed = self.speeds[model]
        if isinstance(speed, Exception):
            worker.reply(speed)
            return
        number = self.stretches[model] = self.stretches.get(model, 0) + 1
        seconds = 10 * 10 * speed + (number - 1) * 50 * speed + (number >= 3) * 500 * speed
        worker.reply(Trained(10 + (number - 1) * 50, 1 << 20, seconds, 2.0, 1e4))

    def pace(self, cases: Sequence[RecallCase], seconds: float, rounds: int = 3, suite: Any = SUITE) -> Paced:
        """With so many seconds left on a clock that stands still, of a command that had as many."""
        return paced(suite, cases, self.lanes, Limits(rounds=rounds, max_seconds=seconds), ends=seconds)


@pytest.fixture
def track(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Track]]:
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: 0.0))
    made: list[Track] = []

    def new(number: int = 1, **speeds: float | Exception) -> Track:
        made.append(Track(speeds, number))
        return made[-1]

    yield new
    for each in made:
        each.lanes.end()


def needed(steps: int, a_step: float, turns: int) -> float:
    """Seconds of so many trainings one after the other, with what is to spare."""
    return SPARE * turns * a_step * (steps + BESIDE)


@pytest.mark.parametrize(
    ("costs", "lanes", "seconds"),
    [([], 2, 0), ([5], 4, 5), ([1, 1, 1], 2, 2), ([4, 1, 1, 1, 1], 2, 4), ([1, 2, 3], 1, 6), ([2, 2, 3, 3, 2], 2, 7)],
)
def test_a_round_takes_as_long_as_its_busiest_worker(costs: list[float], lanes: int, seconds: float) -> None:
    assert pace.together(costs, lanes) == seconds


def steps_of(found: Paced) -> int:
    (steps,) = {each.steps for each in found.cases}
    return int(steps)


@pytest.mark.parametrize(
    ("number", "rounds", "turns"), [(1, 1, 3), (1, 3, 5), (2, 1, 2), (2, 3, 4), (3, 3, 3), (8, 3, 3)]
)
def test_as_many_steps_as_fit_into_the_time(number: int, rounds: int, turns: int, track: Callable[..., Track]) -> None:
    """A grid of three in the first round, one of them in each later one, which leaves other workers without work."""
    fits = needed(200, 0.01, turns)
    assert steps_of(track(number, lstm=0.01).pace(GRID, fits + 1e-6, rounds)) == 200
    assert steps_of(track(number, lstm=0.01).pace(GRID, fits - 1e-6, rounds)) == 200 - WHOLE


@pytest.mark.parametrize(("wanted", "steps"), [(1000, 1000), (1010, 1000), (LEAST_STEPS, LEAST_STEPS)])
def test_never_more_than_are_wanted(wanted: int, steps: int, track: Callable[..., Track]) -> None:
    trains = dataclasses.replace(TRAINS, wanted_steps=lambda cases: wanted)
    suite = dataclasses.replace(RECALL, rounds=Rounds(trains=trains))
    assert steps_of(track(lstm=0.01).pace(GRID, 1e6, suite=suite)) == steps


def test_steps_that_were_given_are_kept_whatever_they_take(track: Callable[..., Track]) -> None:
    found = track(lstm=0.01).pace([dataclasses.replace(each, steps=37) for each in GRID], 0.5)
    assert steps_of(found) == 37
    assert found.seconds == pytest.approx(5 * 0.01 * (37 + BESIDE))


def test_too_few_steps_are_refused_with_a_time_that_has_all(track: Callable[..., Track]) -> None:
    least = needed(LEAST_STEPS, 0.1, 5)
    assert steps_of(track(lstm=0.1).pace(GRID, least + 1e-6)) == LEAST_STEPS
    with pytest.raises(UserError, match="--max-seconds") as raised:
        track(lstm=0.1).pace(GRID, least - 1e-6)
    asked = re.search(r"give --max-seconds (\d+) for (\d+) steps", str(raised.value))
    assert asked is not None
    assert int(asked[2]) == WANTED
    assert steps_of(track(lstm=0.1).pace(GRID, float(asked[1]))) == WANTED


def test_the_speed_of_each_kind_is_that_of_the_middle_one_of_its_stretches(track: Callable[..., Track]) -> None:
    made = track(lstm=0.01, gru=0.03)
    cases = [*GRID, *(case("gru", rate, steps=0) for rate in RATES)]
    found = made.pace(cases, 1e6)
    assert {each.model: look.cost.least for each, look in found.looked.items()} == {
        "lstm": pytest.approx(0.01 * (WANTED + BESIDE)),
        "gru": pytest.approx(0.03 * (WANTED + BESIDE)),
    }
    assert found.seconds == pytest.approx(5 * 0.04 * (WANTED + BESIDE))
    assert [(r.about.axes["model"], r.seed, r.folder) for r in made.asked] == [
        *[("lstm", 0, "")] * 4,
        *[("gru", 0, "")] * 4,
    ]


def test_a_kind_that_fails_in_the_look_stays_to_fail_in_its_own_case(track: Callable[..., Track]) -> None:
    for fault in (CaseFault("failed", "NaN"), UserError("no"), CaseFault("crashed", "died")):
        cases = [*GRID, *(case("gru", rate, steps=0) for rate in RATES)]
        found = track(lstm=0.01, gru=fault).pace(cases, needed(200, 0.01, 5) + 1e-6)
        assert [(each.model, each.learning_rate) for each in found.cases] == [(c.model, c.learning_rate) for c in cases]
        assert steps_of(found) == 200
        assert {each.model for each in found.looked} == {"lstm"}


def test_where_nothing_can_be_trained_all_is_left_to_the_run(track: Callable[..., Track]) -> None:
    found = track(lstm=CaseFault("failed", "NaN")).pace(GRID, 10.0)
    assert (steps_of(found), found.looked, found.seconds) == (WANTED, {}, 0)


@pytest.mark.parametrize(
    ("threads", "devices", "cores", "memory", "number"),
    [
        ([1], ["cpu"], 2, None, 2),
        ([1], ["cpu"], 64, None, pace.MOST_AT_ONCE),
        ([2], ["cpu"], 5, None, 2),
        ([1, 4], ["cpu"], 8, None, 2),
        ([4], ["cpu"], 2, None, 1),  # --force
        ([1], ["cpu"], 8, 3 << 30, 3),
        ([1], ["cpu"], 8, 1 << 20, 1),
        ([1], ["cuda"], 64, None, 1),
        ([1], ["cpu", "cuda:1"], 64, None, 1),
    ],
)
def test_as_many_at_once_as_cores_and_memory_have_room_for(
    threads: list[int],
    devices: list[str],
    cores: int,
    memory: int | None,
    number: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace.environment, "usable_cores", lambda: cores)
    monkeypatch.setattr(pace.environment, "available_memory", lambda: memory)
    assert at_once(threads, devices) == number
