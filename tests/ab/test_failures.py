"""What is said of a side that failed, by what came of it once more."""

from __future__ import annotations

import pytest

from rnn_vs_attn.ab.failures import Failure, Untimed, faults_of
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE
from rnn_vs_attn.compare.verdicts import BROKEN, FAILED
from rnn_vs_attn.errors import CaseFault, DoesNotStart, UserError
from rnn_vs_attn.records.folder import StorageError

BOOM, HANGS = CaseFault("failed", "boom"), CaseFault("timeout", "no answer")


@pytest.mark.parametrize(
    ("side", "again", "verdict", "said"),
    [
        (CANDIDATE, {CANDIDATE: BOOM}, BROKEN, "again in fresh processes; the baseline works"),
        (
            CANDIDATE,
            {CANDIDATE: CaseFault("failed", "bang")},
            BROKEN,
            "again in fresh processes; the baseline works",
        ),
        (CANDIDATE, {}, FAILED, "once, and not again in fresh processes; the baseline works"),
        (
            CANDIDATE,
            {CANDIDATE: HANGS},
            FAILED,
            "in fresh processes it times out: no answer; the baseline works",
        ),
        (
            CANDIDATE,
            {CANDIDATE: BOOM, BASELINE: HANGS},
            FAILED,
            "again in fresh processes; the baseline times out: no answer",
        ),
        (
            CANDIDATE,
            {BASELINE: BOOM},
            FAILED,
            "once, and not again in fresh processes; the baseline fails: boom",
        ),
        (BASELINE, {BASELINE: BOOM}, FAILED, "again in fresh processes; the candidate works"),
        (
            BASELINE,
            {CANDIDATE: BOOM},
            FAILED,
            "once, and not again in fresh processes; the candidate fails: boom",
        ),
    ],
)
def test_only_what_fails_alike_twice_in_the_candidate_and_never_in_the_baseline_is_broken(
    side: str, again: dict[str, CaseFault], verdict: str, said: str
) -> None:
    assert Failure(side, BOOM, again).verdict == Untimed(verdict, f"it fails in the {side}: boom ({said})")


def raises(error: Exception) -> None:
    raise error


def test_what_a_user_can_mend_is_a_fault_of_its_side_and_others_are_asked_all_the_same() -> None:
    found = faults_of({BASELINE: lambda: raises(UserError("it does not fit")), CANDIDATE: lambda: raises(HANGS)})
    assert {side: (fault.status, fault.reason) for side, fault in found.items()} == {
        BASELINE: ("failed", "it does not fit"),
        CANDIDATE: ("timeout", "no answer"),
    }
    assert faults_of({BASELINE: lambda: 1, CANDIDATE: lambda: raises(BOOM)}) == {CANDIDATE: BOOM}


@pytest.mark.parametrize("kind", [DoesNotStart, StorageError])
def test_a_full_disk_or_a_process_that_does_not_start_is_no_fault_of_a_model(kind: type[UserError]) -> None:
    with pytest.raises(kind):
        faults_of({BASELINE: lambda: raises(kind("no"))})
