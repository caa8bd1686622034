"""The pairs of `ab` and what is judged from them, with a clock that stands still and workers that measure nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import FAKE, fake_cases
from planted_pairs import CALL, Laboratory, slower

from rnn_vs_attn.ab import decide, report
from rnn_vs_attn.ab.failures import Untimed
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE
from rnn_vs_attn.compare.verdicts import BROKEN, FAILED, NEW, SAME, SLOWER, UNSURE
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.records.folder import read_samples
from rnn_vs_attn.records.timing import Care
from rnn_vs_attn.worker.protocol import (
    MakeReady,
    Prepare,
    ReadMachinePeaks,
    Release,
    Request,
    TimeBlock,
)

# Order


@pytest.mark.long
def test_nothing_flagged_is_eight_pairs_of_fresh_processes_and_no_more(laboratory: Laboratory) -> None:
    found = laboratory.judged("lstm", "gru")
    assert {c.verdict for c in found.values()} == {SAME}
    assert {(c.stage, c.values) for c in found.values()} == {(1, 8)}
    assert len(laboratory.workers) == 16


@pytest.mark.long
def test_flagged_cases_alone_are_measured_again_on_twenty_fresh_pairs(laboratory: Laboratory) -> None:
    laboratory.seconds = slower("gru", 1.10)
    found = laboratory.judged("lstm", "gru")
    assert (found["gru"].verdict, found["gru"].stage, found["gru"].values) == (SLOWER, 2, 20)
    assert (found["lstm"].verdict, found["lstm"].stage, found["lstm"].values) == (SAME, 1, 8)
    assert len(laboratory.workers) == 2 * 28
    late = [model for pair, model in laboratory.prepared() if pair >= 8]
    assert set(late) == {"gru"}
    seeds = [request.seed for _, side, request in laboratory.requests(Prepare) if side == BASELINE]
    assert sorted(set(seeds)) == list(range(28))


@pytest.mark.long
@pytest.mark.parametrize(("settle", "verdict", "stage", "values"), [(False, UNSURE, 1, 8), (True, SAME, 2, 20)])
def test_what_is_unsure_is_measured_again_where_all_must_be_settled(
    laboratory: Laboratory, settle: bool, verdict: str, stage: int, values: int
) -> None:
    """Pairs that scatter by 4 % around nothing: too wide for a margin of 3 %, and nothing speaks for a slowdown."""
    laboratory.seconds = lambda side, model, name, pair: CALL * (1 + 0.04 * (pair % 2) * (side == CANDIDATE) - 0.02)
    row = laboratory.judged("lstm", settle=settle)["lstm"]
    assert (row.verdict, row.stage, row.values) == (verdict, stage, values)


@pytest.mark.long
def test_what_each_side_needs_renewed_is_seen_in_the_first_pair_and_sent_in_all_later_ones(
    laboratory: Laboratory,
) -> None:
    laboratory.judged("lstm")
    cares = {(pair, side): ready.care for pair, side, ready in laboratory.requests(MakeReady)}
    assert cares == {
        (pair, side): Care(in_place=side == CANDIDATE) if pair else None
        for pair in range(8)
        for side in (BASELINE, CANDIDATE)
    }


def test_what_is_to_be_known_of_a_layer_is_noted_once_with_its_side(laboratory: Laboratory) -> None:
    laboratory.seen = lambda side: ["it works in place"] if side == CANDIDATE else []
    pairs = laboratory.pairs("lstm")
    pairs.run()
    assert pairs.noted == {("lstm", "it works in place"): {CANDIDATE}}
    assert report.said_of_models(pairs) == ["lstm, candidate: it works in place"]


@pytest.mark.long
def test_the_order_is_that_of_the_seed(tmp_path: Path) -> None:
    def order(name: str, seed: int) -> list[tuple[int, str, str, Any]]:
        laboratory = Laboratory(tmp_path / name)
        laboratory.judged("lstm", "gru", "rnn", seed=seed)
        return [(pair, side, type(request).__name__, model) for pair, side, request, model in laboratory.asked]

    assert order("a", 1) == order("b", 1) != order("c", 2)


# Faults

HOW = {"failed": "fails", "crashed": "crashes", "timeout": "times out", "out_of_memory": "runs out of memory"}


@pytest.mark.long
@pytest.mark.parametrize("status", ["crashed", "failed", "out_of_memory", "timeout"])
@pytest.mark.parametrize("kind", [Prepare, MakeReady, TimeBlock, Release])
def test_what_fails_alike_again_in_the_candidate_alone_is_broken_and_costs_its_case_only(
    laboratory: Laboratory, status: str, kind: type[Request[Any]]
) -> None:
    laboratory.trouble = lambda side, asked, model: (
        CaseFault(status, "its reason") if (side, asked, model) == (CANDIDATE, kind, "gru") else None
    )
    found = laboratory.judged("lstm", "gru", "rnn")
    assert found["gru"].verdict == BROKEN
    assert found["gru"].reason.startswith(f"it {HOW[status]} in the candidate: ")
    assert found["gru"].reason.endswith(" (again in fresh processes; the baseline works)")
    assert (found["lstm"].verdict, found["rnn"].verdict) == (SAME, SAME)
    assert found["lstm"].values == 8
    lines = [line for line in read_samples(laboratory.path) if line.status != "ok"]
    assert {(line.status, line.axes["model"], line.axes["side"]) for line in lines} == {(status, "gru", CANDIDATE)}


def test_what_the_user_can_mend_in_one_case_is_its_fault_too(laboratory: Laboratory) -> None:
    laboratory.trouble = lambda side, asked, model: (
        UserError("it maps (1, 2) to (3,)") if (side, asked) == (BASELINE, Prepare) else None
    )
    row = laboratory.judged("lstm")["lstm"]
    assert row.verdict == FAILED
    assert (
        row.reason == "it fails in the baseline: it maps (1, 2) to (3,) (again in fresh processes; the candidate works)"
    )


Trouble = Callable[[str, type[Request[Any]], str], BaseException | None]


def only(number: int, fault: CaseFault, kind: type[Request[Any]] = Prepare, of: str = CANDIDATE) -> Trouble:
    """A fault of one side at one of its requests of a kind, counted over all processes."""
    asked: Counter[str] = Counter()

    def trouble(side: str, what: type[Request[Any]], model: str) -> BaseException | None:
        asked[side] += what is kind
        return fault if (side, what, asked[side]) == (of, kind, number) else None

    return trouble


@pytest.mark.parametrize("kind", [Prepare, MakeReady, TimeBlock, Release])
@pytest.mark.parametrize("status", ["crashed", "failed", "timeout"])
def test_what_fails_once_and_not_again_is_no_verdict(
    laboratory: Laboratory, status: str, kind: type[Request[Any]]
) -> None:
    laboratory.trouble = only(1, CaseFault(status, "its reason"), kind)
    row = laboratory.judged("lstm")["lstm"]
    assert row.verdict == FAILED
    assert row.reason.startswith(f"it {HOW[status]} in the candidate: ")
    assert row.reason.endswith(" (once, and not again in fresh processes; the baseline works)")


def test_what_fails_is_tried_again_in_fresh_processes_each_side_by_itself_over_as_many_blocks(
    laboratory: Laboratory,
) -> None:
    laboratory.trouble = only(1, CaseFault("failed", "its reason"), Release)
    laboratory.judged("lstm")
    assert {pair for pair, _, _, _ in laboratory.asked} == {0, 1}
    own = [asked for asked in laboratory.asked if not isinstance(asked[2], ReadMachinePeaks)]
    again = [(side, request) for pair, side, request, _ in own if pair == 1]
    ways = [side for side, _ in again]
    assert ways == sorted(ways)  # all of the baseline, then all of the candidate
    for name in ("forward", "train"):
        blocks = [request for side, request in again if isinstance(request, TimeBlock) and request.name == name]
        assert [block.loops for block in blocks] == [30] * 6 * 2
    assert {request.seed for _, request in again if isinstance(request, Prepare)} == {0}


def test_what_fails_in_a_later_pair_is_tried_again_with_its_weights_and_data(laboratory: Laboratory) -> None:
    laboratory.trouble = only(4, CaseFault("failed", "its reason"))
    assert laboratory.judged("lstm")["lstm"].verdict == FAILED
    seeds = [request.seed for _, side, request in laboratory.requests(Prepare) if side == CANDIDATE]
    assert seeds == [0, 1, 2, 3, 3]


@pytest.mark.long
def test_what_fails_in_the_second_stage_is_broken_too(laboratory: Laboratory) -> None:
    laboratory.seconds = slower("lstm", 1.10)
    laboratory.trouble = lambda side, kind, model: (
        CaseFault("failed", "out of luck")
        if (side, kind) == (CANDIDATE, Prepare) and len(laboratory.workers) > 24
        else None
    )
    assert laboratory.judged("lstm")["lstm"].verdict == BROKEN


def test_where_the_baseline_fails_too_nothing_is_broken(laboratory: Laboratory) -> None:
    laboratory.trouble = lambda side, kind, model: CaseFault("failed", "no kernel") if kind is MakeReady else None
    row = laboratory.judged("lstm")["lstm"]
    assert row.verdict == FAILED
    assert row.reason in [
        f"it fails in the {first}: no kernel (again in fresh processes; the {other} fails: no kernel)"
        for first, other in ((CANDIDATE, BASELINE), (BASELINE, CANDIDATE))
    ]


@pytest.mark.long
def test_a_machine_whose_peak_cannot_be_measured_still_compares(laboratory: Laboratory) -> None:
    laboratory.trouble = lambda side, kind, model: CaseFault("failed", "no peak") if kind is ReadMachinePeaks else None
    pairs = laboratory.pairs("lstm")
    pairs.run()
    pairs.folder.close()
    assert pairs.peak_unknown == "no peak"
    assert {c.verdict for c in decide.judge(pairs, gated=True)} == {SAME}


def test_an_interruption_ends_both_processes_and_keeps_the_samples(laboratory: Laboratory) -> None:
    def trouble(side: str, kind: type[Request[Any]], model: str) -> BaseException | None:
        return KeyboardInterrupt() if kind is TimeBlock and len(laboratory.workers) == 6 else None

    laboratory.trouble = trouble
    pairs = laboratory.pairs("lstm")
    with pytest.raises(KeyboardInterrupt):
        pairs.run()
    pairs.folder.close()
    assert not any(worker.alive for worker in laboratory.workers)
    assert {line.round for line in read_samples(laboratory.path) if line.metric == "ratio"} == {0, 1}


# What is not timed


def test_a_case_that_is_not_timed_is_a_row_a_pass_with_its_verdict_and_reason() -> None:
    found = decide.untimed(FAKE, fake_cases("lstm")[0], FAKE.rounds.passes, Untimed(NEW, "there is no module a.b"))
    assert [(c.metric, c.verdict, c.reason) for c in found] == [
        ("forward_time", NEW, "there is no module a.b"),
        ("train_time", NEW, "there is no module a.b"),
    ]
