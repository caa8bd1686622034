"""What a look before the run says of cases that it did not look at, on workers of known speed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import Budget, Limits, Plan
from rnn_vs_attn.records.timing import Block, Ready
from rnn_vs_attn.run.estimates import estimates
from rnn_vs_attn.run.schedule import Look
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.worker.protocol import MakeReady, Prepare, Request, TimeBlock, Warnings

SHORT = Limits(max_seconds=0.0, budget=Budget())  # two lengths of each family are looked at, and no more
LENGTHS = (64, 128, 1024)


class Sized:
    """A worker whose calls take what `seconds` says of model, pass and length."""

    alive = True

    def __init__(
        self, seconds: Callable[[str, str, int], float], too_long: int = 1 << 30, to_train: int = 1 << 30
    ) -> None:
        self.seconds, self.too_long, self.too_long_to_train = seconds, too_long, to_train
        self.looked: list[tuple[str, int]] = []

    def ask(self, request: Request[Any], timeout: float) -> Any:
        if isinstance(request, Prepare):
            self.case = request.about.axes
            self.looked.append((self.case["model"], self.case["seq_len"]))
            if self.case["model"].startswith("broken"):
                raise CaseFault("failed", "it is broken")
            if self.case["seq_len"] >= self.too_long:
                raise CaseFault("out_of_memory", "refused beforehand")
        if isinstance(request, MakeReady):
            if request.name == "train" and self.case["seq_len"] >= self.too_long_to_train:
                raise CaseFault("out_of_memory", "refused beforehand")
            return Ready(Plan(1, 1), 0.0)
        if isinstance(request, TimeBlock):
            return Block(self.seconds(self.case["model"], request.name, self.case["seq_len"]))
        return Warnings(())


def cases(model: str, lengths: tuple[int, ...] = LENGTHS) -> list[Case]:
    return [BenchCase(model, length, device="cpu", threads=1) for length in lengths]


def looks(seconds: Callable[[str, str, int], float], *models: str) -> dict[tuple[str, int], Look]:
    worker = Sized(seconds)
    found = estimates(lambda: worker, BENCH, [case for model in models for case in cases(model)], SHORT)
    assert {length for _, length in worker.looked} == {64, 128}
    return {(case.model, case.seq_len): look for case, look in found.items()}


def a_call(look: Look) -> float:
    """Seconds of one call of both passes, of which memory takes three."""
    return look.cost.after / 3


def test_a_length_that_was_not_looked_at_takes_as_much_longer_as_it_has_flops() -> None:
    """Those of an LSTM grow nearly with n; those of causal attention are 8 n d^2 + 2 n (n + 1) d, here with d 128."""
    found = looks(lambda model, name, length: 1e-5 * length, "lstm", "attention")
    assert a_call(found["lstm", 128]) == pytest.approx(2 * 128e-5)
    assert a_call(found["lstm", 1024]) == pytest.approx(2 * 128e-5 * 8, rel=0.01)
    more = (8 * 1024 * 128**2 + 2 * 1024 * 1025 * 128) / (8 * 128 * 128**2 + 2 * 128 * 129 * 128)
    assert a_call(found["attention", 1024]) == pytest.approx(2 * 128e-5 * more)


@pytest.mark.parametrize(("exponent", "expected"), [(0.0, 1.0), (1.5, 1.5), (3.0, 2.0)])
def test_a_users_layer_is_taken_to_grow_as_it_did_but_between_n_and_its_square(
    exponent: float, expected: float
) -> None:
    found = looks(lambda model, name, length: 1e-3 * (length / 64) ** exponent, "layers:RunningMean")
    seen = 2 * 1e-3 * 2**exponent
    assert a_call(found["layers:RunningMean", 1024]) == pytest.approx(seen * 8**expected)


def test_a_short_length_takes_no_longer_than_a_longer_one() -> None:
    """It was looked at in a bad moment."""
    found = looks(lambda model, name, length: 1.0 if length == 64 else 1e-3, "lstm")
    assert a_call(found["lstm", 64]) == pytest.approx(2e-3)


def test_a_round_takes_one_block_of_each_pass_at_least_and_more_with_all_of_them() -> None:
    """3 ms and 9 ms a call: blocks of two calls and of one, 14 and 9 of which take the 0.08 s of a case."""
    budget = Budget(block=0.005, min_blocks=5, case=0.08, max_warm_up=0.0)
    worker = Sized(lambda model, name, length: {"forward": 3e-3, "train": 9e-3}[name])
    (case,) = cases("lstm", (64,))
    look = estimates(lambda: worker, BENCH, [case], dataclasses.replace(SHORT, budget=budget))[case]
    assert look.cost.least == pytest.approx(12e-3 + 2 * 3e-3 + 9e-3, abs=0.01)  # and what it takes to prepare
    assert look.cost.more == pytest.approx((14 - 1) * 6e-3 + (9 - 1) * 9e-3)
    assert look.plans == {}


def test_a_long_call_is_a_block_by_itself() -> None:
    worker = Sized(lambda model, name, length: 5.0)
    (case,) = cases("lstm", (64,))
    look = estimates(lambda: worker, BENCH, [case], SHORT)[case]
    assert look.plans == {"forward": Plan(1, 1), "train": Plan(1, 1)}
    assert look.cost.after == 30.0


def test_a_model_that_cannot_be_looked_at_has_no_estimate() -> None:
    worker = Sized(lambda model, name, length: 1e-3)
    found = estimates(lambda: worker, BENCH, [*cases("broken:Layer"), *cases("lstm")], SHORT)
    assert {case.model for case in found} == {"lstm"}


def test_what_there_is_no_memory_for_takes_no_time() -> None:
    """It was scaled from a short length to hours, and left out "for want of time"."""
    worker = Sized(lambda model, name, length: 0.01, too_long=128)
    found = estimates(lambda: worker, BENCH, cases("attention-naive"), SHORT)
    assert [look.cost.least == 0 for look in found.values()] == [False, True, True]
    assert [look.cost.after == 0 for look in found.values()] == [False, True, True]


def test_a_pass_that_there_is_no_memory_for_takes_no_time() -> None:
    worker = Sized(lambda model, name, length: 0.01, to_train=128)
    short, middle, long = estimates(lambda: worker, BENCH, cases("attention-naive"), SHORT).values()
    assert (a_call(short), a_call(middle)) == (pytest.approx(0.02), pytest.approx(0.01))
    assert a_call(long) > 0.01


def test_what_is_too_long_for_a_look_is_looked_at_shorter() -> None:
    worker = Sized(lambda model, name, length: 1e-5 * length)
    (case,) = cases("lstm", (4096,))
    look = estimates(lambda: worker, BENCH, [case], SHORT)[case]
    assert worker.looked == [("lstm", 256)]
    assert a_call(look) == pytest.approx(2 * 4096e-5, rel=0.01)
