"""What both versions compute, and of which cases that is a verdict before any timing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from played_sides import PlayedSides

from rnn_vs_attn.ab.failures import Untimed
from rnn_vs_attn.ab.outcomes import Outcomes
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE
from rnn_vs_attn.compare.outcome import Outcome
from rnn_vs_attn.compare.verdicts import BROKEN, FAILED
from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import PairLimits, Plan
from rnn_vs_attn.records.timing import Ready
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.worker.protocol import CompareOutcome, MakeReady, Prepare, TimeBlock, Warnings

APART = Outcome(max_error=0.5, where="output", equal=False, rounding=False)
BOOM, KILLED = CaseFault("failed", "boom"), CaseFault("crashed", "signal 9")
ROOM = CaseFault("out_of_memory", "no room")
Answers = dict[tuple[str, int], Any]  # by side and number of the start


def play(answers: Answers, itself: Outcome | Exception | None = None) -> Callable[[str, int, CompareOutcome], Any]:
    """Equal outcomes but for these; itself: of the baseline against itself."""

    def answer(side: str, call: int, request: CompareOutcome) -> Any:
        if side == BASELINE and request.compare:
            return itself or Outcome()
        return answers.get((side, call), Outcome())

    return answer


def of(
    answers: Answers,
    itself: Outcome | Exception | None = None,
    passes: tuple[str, ...] = ("forward", "train"),
    required: bool = False,
    **case: Any,
) -> tuple[Outcome, Untimed | None, PlayedSides]:
    both = PlayedSides(play(answers, itself))
    outcomes = Outcomes(both, both.start(), PairLimits(), passes, required)  # type: ignore[arg-type]
    outcome, untimed = outcomes.of(BenchCase(model="layers:Mixer", device="cpu", threads=1, **case))
    assert both.running <= 1
    return outcome, untimed, both


def test_equal_outcomes_are_asked_once_and_timed() -> None:
    outcome, untimed, both = of({}, required=True)
    assert (outcome, untimed) == (Outcome(), None)
    assert [(side, request.compare) for _, side, request in both.asked] == [(BASELINE, False), (CANDIDATE, True)]


def test_a_difference_is_said_and_timed_unless_equality_is_required() -> None:
    outcome, untimed, both = of({(CANDIDATE, 0): APART})
    assert (outcome, untimed) == (APART, None)
    assert len(both.started) == 1


# What is required to be equal


def test_a_difference_that_is_there_again_in_fresh_processes_is_broken() -> None:
    outcome, untimed, both = of({(CANDIDATE, 0): APART, (CANDIDATE, 1): APART}, required=True)
    assert outcome == APART
    said = "it is not equal: output differs by up to 0.5 of its largest value (again in fresh processes"
    assert untimed == Untimed(BROKEN, f"{said}; the baseline equals itself)")
    # the older process of the baseline looks at what the fresh one kept
    last = both.asked[-1]
    assert (last[:2], last[2].compare, last[2].path) == ((0, BASELINE), True, both.asked[-2][2].path)


@pytest.mark.parametrize(
    ("answers", "itself", "said"),
    [
        ({(CANDIDATE, 0): APART}, None, "once, and equal in fresh processes)"),
        (
            {(CANDIDATE, 0): APART, (CANDIDATE, 1): APART},
            APART,
            "the baseline is not equal to itself either: output differs by up to 0.5 of its largest value)",
        ),
        ({(CANDIDATE, 0): APART, (CANDIDATE, 1): APART}, BOOM, "(the baseline fails: boom)"),
        ({(CANDIDATE, 0): APART, (CANDIDATE, 1): APART}, Outcome(fails="no"), "(the baseline fails: no)"),
    ],
)
def test_a_difference_that_the_baseline_has_from_itself_is_no_verdict(
    answers: Answers, itself: Outcome | Exception | None, said: str
) -> None:
    _, untimed, _ = of(answers, itself, required=True)
    assert untimed is not None
    assert untimed.verdict == FAILED
    assert untimed.reason.startswith("it is not equal: output differs")
    assert untimed.reason.endswith(said)


def test_what_cannot_be_compared_is_not_equal() -> None:
    unfit = Outcome("the weights of one do not fit the other: Missing key")
    _, untimed, _ = of({(CANDIDATE, 0): unfit, (CANDIDATE, 1): unfit}, required=True)
    assert untimed is not None
    assert untimed.verdict == BROKEN
    assert untimed.reason.startswith("it is not equal: the weights of one do not fit the other: Missing key (again")


def test_two_sides_that_fail_in_two_ways_are_no_verdict() -> None:
    _, untimed, _ = of({(BASELINE, 0): BOOM, (CANDIDATE, 0): KILLED}, required=True)
    assert untimed == Untimed(FAILED, "it fails in the baseline: boom; it crashes in the candidate: signal 9")


# What fails


@pytest.mark.parametrize("fault", [BOOM, KILLED])
def test_a_candidate_that_fails_alike_in_fresh_processes_is_broken(fault: CaseFault) -> None:
    outcome, untimed, _ = of({(CANDIDATE, 0): fault, (CANDIDATE, 1): fault})
    assert outcome.error == f"candidate: {fault.reason}"
    how = "fails" if fault is BOOM else "crashes"
    said = f"it {how} in the candidate: {fault.reason} (again in fresh processes; the baseline works)"
    assert untimed == Untimed(BROKEN, said)


@pytest.mark.parametrize("required", [False, True])
def test_a_candidate_that_fails_once_is_no_verdict(required: bool) -> None:
    _, untimed, _ = of({(CANDIDATE, 0): BOOM}, required=required)
    said = "it fails in the candidate: boom (once, and not again in fresh processes; the baseline works)"
    assert untimed == Untimed(FAILED, said)


@pytest.mark.parametrize(
    ("fault", "rest"),
    [
        (BOOM, {"passes": ("forward",)}),  # it may be the backward pass that fails
        (BOOM, {"compile": True}),
        (ROOM, {}),  # what is kept to compare takes memory of its own
    ],
)
def test_what_no_timed_pass_need_do_is_left_to_the_pairs(fault: CaseFault, rest: dict[str, Any]) -> None:
    answers = {(CANDIDATE, 0): fault, (CANDIDATE, 1): fault}
    assert of(answers, **rest)[1] is None
    required = of(answers, required=True, **rest)[1]
    assert required is not None
    assert required.verdict == BROKEN


# What hangs

HANGS = CaseFault("timeout", "no answer")
WAITED = (CompareOutcome, Prepare, MakeReady, TimeBlock)  # what a module that hangs would not answer


def hanging(
    hangs: dict[type, tuple[str, ...]], passes: tuple[str, ...], required: bool = False, **case: Any
) -> tuple[Untimed | None, int, Outcomes]:
    """Of sides that hang in requests of these kinds: the verdict, how often the candidate hung, and what was kept."""
    waited = []

    def play(side: str, call: int, request: Any) -> Any:
        if side in hangs.get(type(request), ()):
            waited.append(side)
            return HANGS
        return {CompareOutcome: Outcome(), MakeReady: Ready(Plan(1, 1), 0.0)}.get(type(request), Warnings(()))

    both = PlayedSides(play)
    outcomes = Outcomes(both, both.start(), PairLimits(), passes, required)  # type: ignore[arg-type]
    _, untimed = outcomes.of(BenchCase(model="layers:Mixer", device="cpu", threads=1, **case))
    assert both.running <= 1
    return untimed, waited.count(CANDIDATE), outcomes


@pytest.mark.parametrize("case", [{}, {"compile": True}])
@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("passes", [("forward",), ("forward", "train")])
@pytest.mark.parametrize("kinds", [WAITED, (CompareOutcome, MakeReady), (CompareOutcome, TimeBlock)])
def test_a_candidate_that_hangs_is_waited_for_twice_and_broken(
    kinds: tuple[type, ...], passes: tuple[str, ...], required: bool, case: dict[str, Any]
) -> None:
    untimed, waited, _ = hanging(dict.fromkeys(kinds, (CANDIDATE,)), passes, required, **case)
    assert untimed is not None
    assert untimed.verdict == BROKEN
    assert untimed.reason == ("it times out in the candidate: no answer (again in fresh processes; the baseline works)")
    assert waited == 2


@pytest.mark.parametrize("passes", [("forward",), ("forward", "train")])
def test_two_sides_that_hang_are_waited_for_twice_and_no_verdict(passes: tuple[str, ...]) -> None:
    untimed, waited, _ = hanging(dict.fromkeys(WAITED, (BASELINE, CANDIDATE)), passes)
    assert untimed is not None
    assert untimed.verdict == FAILED
    assert "(again in fresh processes; the baseline times out: " in untimed.reason
    assert waited == 2


def test_what_hangs_in_no_timed_pass_is_timed_and_waited_for_once() -> None:
    untimed, waited, outcomes = hanging({CompareOutcome: (CANDIDATE,)}, ("forward",))
    assert (untimed, waited) == (None, 1)
    assert list(outcomes.hung.values()) == ["no answer"]


def test_a_baseline_that_fails_is_no_verdict() -> None:
    _, untimed, _ = of({(BASELINE, 0): BOOM, (BASELINE, 1): BOOM})
    assert untimed == Untimed(FAILED, "it fails in the baseline: boom (again in fresh processes; the candidate works)")


def test_what_fails_alike_on_both_sides_is_said_and_timed() -> None:
    outcome, untimed, _ = of({(BASELINE, 0): BOOM, (CANDIDATE, 0): BOOM})
    assert (outcome, untimed) == (Outcome(fails="boom"), None)
