"""Warm-up and calibration, on a clock that is moved by hand."""

from __future__ import annotations

from rnn_vs_attn.limits import Budget, Plan
from rnn_vs_attn.measure.timing.warm_up import calibrate, make_ready, warm_up
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.records.timing import Block


class ScriptedClock:
    """A clock whose calls take the seconds given, the last of them for ever."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = list(seconds)
        self.loops: list[int] = []

    def block(self, workload: Workload, name: str, loops: int) -> Block:
        self.loops.append(loops)
        call = self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]
        return Block(call, wall=call * loops)


def test_calibration_finds_loops_that_fill_a_block(workload: Workload) -> None:
    plan, spent = calibrate(ScriptedClock(0.001), workload, "forward", Budget(block=0.005, case=0.06))
    assert 0.005 <= plan.loops * 0.001 <= 0.007
    assert plan.num_blocks == 10
    assert spent > plan.loops * 0.001


def test_a_case_gets_at_least_the_least_number_of_blocks(workload: Workload) -> None:
    plan, _ = calibrate(ScriptedClock(0.1), workload, "forward", Budget(min_blocks=3))
    assert plan == Plan(loops=1, num_blocks=3)


def test_a_call_above_two_seconds_is_called_once_before_its_one_block(workload: Workload) -> None:
    clock = ScriptedClock(2.5)
    ready = make_ready(clock, workload, "train", Budget(), None, first_of_model=True)
    assert ready.plan == Plan(1, 1)
    assert clock.loops == [1]


def test_a_plan_of_an_earlier_round_is_kept(workload: Workload) -> None:
    clock = ScriptedClock(0.001)
    ready = make_ready(clock, workload, "train", Budget(), Plan(7, 5), first_of_model=False)
    assert ready.plan == Plan(7, 5)
    assert clock.loops == [1]


def test_warm_up_goes_on_until_the_time_has_settled(workload: Workload) -> None:
    falling = [0.05 * 0.9**i for i in range(8)]
    ready = warm_up(ScriptedClock(*falling, 0.02), workload, "train", Budget(warm_up=0.2, max_warm_up=5.0))
    assert ready.settled
    assert ready.warm_up_seconds > sum(falling)


def test_warm_up_that_never_settles_ends_and_says_so(workload: Workload) -> None:
    swinging = ScriptedClock(*[0.06, 0.1] * 50)
    ready = warm_up(swinging, workload, "train", Budget(warm_up=0.2, max_warm_up=0.6))
    assert not ready.settled
    assert 0.6 <= ready.warm_up_seconds < 0.8
