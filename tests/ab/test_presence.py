"""Models that one side has not, cannot import or cannot call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from played_sides import PlayedSides

from rnn_vs_attn.ab.failures import Untimed
from rnn_vs_attn.ab.presence import Models
from rnn_vs_attn.ab.proof import Presence
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE
from rnn_vs_attn.compare.verdicts import BROKEN, FAILED, MISSING, NEW
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import PairLimits
from rnn_vs_attn.worker.protocol import Check, FindOrigin, Origin, Warnings

MODEL = "layers:Mixer"
AXES: dict[str, list[Any]] = {
    "model": [MODEL],
    "seq_len": [16, 8],
    "device": ["cpu"],
    "threads": [1],
}
HANGS, BOOM = CaseFault("timeout", "no answer"), CaseFault("failed", "boom")
Play = Callable[[str, int, Any], Any]


def well(side: str, call: int, request: Any) -> Any:
    return Warnings(()) if isinstance(request, Check) else Origin("python", "torch", "layers.py", strays=())


def untimed(presence: Presence, play: Play = well) -> tuple[Untimed | None, PlayedSides]:
    """The verdict of the shortest case, and the sides that were asked; every fresh process has been ended."""
    found, both = by_length(presence, play)
    return found.get(8), both


def by_length(presence: Presence, play: Play = well) -> tuple[dict[int, Untimed], PlayedSides]:
    both = PlayedSides(play)
    workers = both.start()
    models = Models(both, workers, AXES, PairLimits())  # type: ignore[arg-type]
    found = models.untimed({MODEL: presence})
    assert both.running <= 1
    return {case.seq_len: verdict for case, verdict in found.items()}, both


def at_check(answers: dict[tuple[str, int], Exception]) -> Play:
    """By side and start what is raised where the model is called."""
    return lambda side, call, request: (
        (answers.get((side, call)) if isinstance(request, Check) else None) or well(side, call, request)
    )


def test_a_model_that_works_on_both_sides_is_timed() -> None:
    found, both = untimed(Presence({}, {}))
    assert found is None
    assert len(both.started) == 1
    lengths = {request.about.axes["seq_len"] for _, _, request in both.asked if isinstance(request, Check)}
    assert lengths == {8}


def test_a_model_that_is_gone_is_broken_where_the_baseline_works() -> None:
    found, _ = untimed(Presence({CANDIDATE: "there is no module layers"}, {}))
    assert found == Untimed(
        BROKEN, "it is missing in the candidate: there is no module layers (the baseline works at 8 tokens)"
    )


def test_a_model_that_is_gone_and_never_worked_is_missing() -> None:
    found, _ = untimed(Presence({CANDIDATE: "there is no module layers"}, {}), at_check({(BASELINE, 0): BOOM}))
    assert found == Untimed(
        MISSING, "it is missing in the candidate: there is no module layers (the baseline fails at 8 tokens: boom)"
    )
    found, _ = untimed(Presence({CANDIDATE: "there is no module layers"}, {BASELINE: BOOM}))
    assert found == Untimed(
        MISSING, "it is missing in the candidate: there is no module layers (the baseline fails: boom)"
    )


def test_a_new_model_is_new_and_one_that_fails_is_failed() -> None:
    assert untimed(Presence({BASELINE: "there is no module layers"}, {}))[0] == Untimed(
        NEW, "it is not in the baseline: there is no module layers"
    )
    found, _ = untimed(Presence({BASELINE: "there is no module layers"}, {CANDIDATE: BOOM}))
    assert found == Untimed(FAILED, "it fails in the candidate: boom (it is not in the baseline)")


@pytest.mark.parametrize("fault", [BOOM, HANGS, CaseFault("crashed", "signal 6"), UserError("it does not fit")])
def test_a_call_that_fails_alike_in_fresh_processes_is_broken(fault: Exception) -> None:
    found, both = untimed(Presence({}, {}), at_check({(CANDIDATE, 0): fault, (CANDIDATE, 1): fault}))
    assert found is not None
    assert found.verdict == BROKEN
    assert str(fault) in found.reason
    assert len(both.started) == 2


@pytest.mark.parametrize(
    ("again", "said"),
    [
        ({}, "once, and not again in fresh processes; the baseline works)"),
        ({(CANDIDATE, 1): HANGS}, "in fresh processes it times out: no answer; the baseline works)"),
        ({(CANDIDATE, 1): BOOM, (BASELINE, 1): HANGS}, "the baseline times out: no answer)"),
    ],
)
def test_a_call_that_fails_in_another_way_or_not_again_is_no_verdict(
    again: dict[tuple[str, int], Exception], said: str
) -> None:
    found, _ = untimed(Presence({}, {}), at_check({(CANDIDATE, 0): BOOM} | again))
    assert found is not None
    assert found.verdict == FAILED
    assert found.reason.startswith("it fails in the candidate: boom (")
    assert found.reason.endswith(said)


def test_an_import_that_fails_is_tried_once_more() -> None:
    def play(side: str, call: int, request: Any) -> Any:
        return HANGS if isinstance(request, FindOrigin) and side == CANDIDATE else well(side, call, request)

    found, both = untimed(Presence({}, {CANDIDATE: HANGS}), play)
    assert found is not None
    assert found.verdict == BROKEN
    assert [call for call, side, _ in both.asked if side == CANDIDATE] == [1]
    found, _ = untimed(Presence({}, {CANDIDATE: HANGS}))
    assert found is not None
    assert found.verdict == FAILED


def test_a_baseline_that_fails_is_no_verdict() -> None:
    found, _ = untimed(Presence({}, {}), at_check({(BASELINE, 0): BOOM, (BASELINE, 1): BOOM}))
    assert found == Untimed(FAILED, "it fails in the baseline: boom (again in fresh processes; the candidate works)")


def test_what_fits_on_neither_side_is_refused_and_what_ends_both_processes_is_left_to_its_cases() -> None:
    with pytest.raises(UserError, match="model 'layers:Mixer' cannot be measured at 8 tokens: boom"):
        untimed(Presence({}, {}), at_check({(BASELINE, 0): BOOM, (CANDIDATE, 0): BOOM}))
    killed = CaseFault("crashed", "signal 9")
    found, both = untimed(Presence({}, {}), at_check({(BASELINE, 0): killed, (CANDIDATE, 0): killed}))
    assert found is None
    assert len(both.started) == 1


def test_a_call_that_fails_settles_its_own_length_and_leaves_others_to_be_tried() -> None:
    found, _ = by_length(Presence({}, {}), at_check({(CANDIDATE, 0): BOOM, (CANDIDATE, 1): BOOM}))
    said = "it fails in the candidate: boom (again in fresh processes; the baseline works)"
    assert found == {8: Untimed(BROKEN, said)}


def test_a_model_that_is_not_there_or_does_not_import_has_no_length_that_could_be_tried() -> None:
    assert by_length(Presence({CANDIDATE: "there is no module layers"}, {}))[0].keys() == {8, 16}
    assert by_length(Presence({}, {CANDIDATE: BOOM}))[0].keys() == {8, 16}


def test_what_hangs_on_both_sides_is_waited_for_twice_and_is_no_verdict() -> None:
    hangs: dict[tuple[str, int], Exception] = {(side, call): HANGS for side in (BASELINE, CANDIDATE) for call in (0, 1)}
    found, both = untimed(Presence({}, {}), at_check(hangs))
    said = "it times out in the candidate: no answer (again in fresh processes; the baseline times out: no answer)"
    assert found == Untimed(FAILED, said)
    assert sum(isinstance(request, Check) for _, side, request in both.asked if side == CANDIDATE) == 2
