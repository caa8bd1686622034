"""How many steps fit, by a look at workers whose steps take what is said."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from planted_lm import case as lm_case
from planted_recall import RATES, case
from played_workers import PlayedMachine, PlayedWorker

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import Limits
from rnn_vs_attn.run import pace
from rnn_vs_attn.run.pace import LEAST_STEPS, WHOLE, Paced, at_once, paced
from rnn_vs_attn.suites.lm.case import LmCase
from rnn_vs_attn.suites.lm.suite import LM
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

    def pace(self, cases: Sequence[RecallCase | LmCase], seconds: float, rounds: int = 3, suite: Any = SUITE) -> Paced:
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


# Equal time

SPARE_TIME = 1.4  # where trainings fill whatever time there is
EQUAL_TIME = dataclasses.replace(LM, rounds=Rounds(trains=dataclasses.replace(TRAINS, equal_time=True)))
EACH_RATE = [lm_case("gpt", rate, steps=0) for rate in RATES]
BOTH = [*EACH_RATE, *(lm_case("mingru", rate, steps=0) for rate in RATES)]


def in_time(track: Track, cases: Sequence[LmCase], seconds: float, rounds: int = 3) -> dict[str, tuple[int, int]]:
    """Seconds and steps of each model's trainings, which all of them share."""
    found = track.pace(cases, seconds, rounds, EQUAL_TIME)
    each = {(case.model, case.seconds_per_model, case.steps) for case in found.cases}
    assert len(each) == len({case.model for case in cases})
    return {model: (seconds, steps) for model, seconds, steps in each}


@pytest.mark.parametrize(
    ("number", "rounds", "turns"), [(1, 1, 3), (1, 3, 5), (2, 1, 2), (2, 3, 4), (3, 3, 3), (8, 3, 3)]
)
def test_as_many_whole_seconds_for_each_as_fit(
    number: int, rounds: int, turns: int, track: Callable[..., Track]
) -> None:
    """By hand: 20 s are 2,000 steps of 10 ms, beside which evaluations take 50."""
    fits = SPARE_TIME * turns * 0.01 * (2000 + BESIDE)
    assert in_time(track(number, gpt=0.01), EACH_RATE, fits + 1e-6, rounds) == {"gpt": (20, 2000)}
    assert in_time(track(number, gpt=0.01), EACH_RATE, fits - 1e-6, rounds) == {"gpt": (19, 1900)}


def test_a_slow_model_has_fewer_steps_in_the_same_time(track: Callable[..., Track]) -> None:
    """By hand: in 20 s 2,000 steps of 10 ms, and of 30 ms 666, of which 660 are a whole number of twenties."""
    fits = SPARE_TIME * 5 * (0.01 * (2000 + BESIDE) + 0.03 * (660 + BESIDE)) + 1e-6
    assert in_time(track(gpt=0.01, mingru=0.03), BOTH, fits) == {"gpt": (20, 2000), "mingru": (20, 660)}


@pytest.mark.parametrize("seconds", [120.0, 285.0, 1234.5, 86400.0, 1e6])
def test_no_second_more_would_fit(seconds: float, track: Callable[..., Track]) -> None:
    def needed(each: int) -> float:
        steps = {speed: int(each / speed) // WHOLE * WHOLE for speed in (0.0125, 0.037)}
        return SPARE_TIME * 5 * sum(speed * (number + BESIDE) for speed, number in steps.items())

    found = in_time(track(gpt=0.0125, mingru=0.037), BOTH, seconds)
    ((each, _), _) = found.values()
    assert needed(each) <= seconds < needed(each + 1)


def test_too_little_time_for_the_slowest_is_refused_with_one_that_is_enough(track: Callable[..., Track]) -> None:
    """By hand: its hundred steps take 50 s."""
    least = SPARE_TIME * 5 * (0.01 * (5000 + BESIDE) + 0.5 * (LEAST_STEPS + BESIDE))
    expected = {"gpt": (50, 5000), "mingru": (50, LEAST_STEPS)}
    assert in_time(track(gpt=0.01, mingru=0.5), BOTH, least + 1e-6) == expected
    with pytest.raises(UserError, match="leaves no 100 steps for each training; give --max-seconds") as raised:
        in_time(track(gpt=0.01, mingru=0.5), BOTH, least - 1e-6)
    asked = re.search(r"give --max-seconds (\d+), fewer models", str(raised.value))
    assert asked is not None
    assert in_time(track(gpt=0.01, mingru=0.5), BOTH, float(asked[1]))["mingru"][1] >= LEAST_STEPS


@pytest.mark.parametrize(("each", "gpt", "mingru"), [(20, 2000, 660), (2, 200, 60), (1, 100, 20)])
def test_seconds_that_were_given_are_kept_whatever_they_take(
    each: int, gpt: int, mingru: int, track: Callable[..., Track]
) -> None:
    cases = [dataclasses.replace(case, seconds_per_model=each) for case in BOTH]
    found = in_time(track(gpt=0.01, mingru=0.03), cases, 0.5)
    assert found == {"gpt": (each, gpt), "mingru": (each, mingru)}


def test_of_a_very_slow_model_there_is_at_least_a_step(track: Callable[..., Track]) -> None:
    cases = [dataclasses.replace(case, seconds_per_model=3) for case in BOTH]
    assert in_time(track(gpt=4.0, mingru=0.2), cases, 0.5) == {"gpt": (3, 1), "mingru": (3, 15)}


def test_steps_that_were_given_are_equal_tokens(track: Callable[..., Track]) -> None:
    cases = [dataclasses.replace(case, steps=37) for case in BOTH]
    assert in_time(track(gpt=0.01, mingru=0.03), cases, 0.5) == {"gpt": (0, 37), "mingru": (0, 37)}


def test_a_model_that_fails_in_the_look_leaves_the_time_to_the_others(track: Callable[..., Track]) -> None:
    fits = SPARE_TIME * 5 * 0.01 * (2000 + BESIDE) + 1e-6
    found = in_time(track(gpt=0.01, mingru=CaseFault("failed", "NaN")), BOTH, fits)
    assert found == {"gpt": (20, 2000), "mingru": (20, LEAST_STEPS)}


def test_where_no_model_can_be_trained_there_is_an_answer_all_the_same(track: Callable[..., Track]) -> None:
    """There was none: it looked for the most seconds of what takes none, without end."""
    assert in_time(track(gpt=CaseFault("failed", "NaN")), EACH_RATE, 10.0) == {"gpt": (1, LEAST_STEPS)}


# How many at once


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
