"""From pairs to verdicts, on a machine of known speed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeCase
from planted_pairs import CALL, Laboratory, slower

from rnn_vs_attn.ab import decide
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE
from rnn_vs_attn.compare.verdicts import FASTER, SAME, SLOWER, UNSURE
from rnn_vs_attn.errors import Interrupted
from rnn_vs_attn.limits import PairLimits
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.worker.protocol import TimeBlock

# Verdicts


@pytest.mark.long
@pytest.mark.parametrize(("factor", "verdict"), [(1.10, SLOWER), (0.90, FASTER), (1.01, SAME)])
def test_a_change_is_named_by_its_side_of_the_margin(laboratory: Laboratory, factor: float, verdict: str) -> None:
    laboratory.seconds = slower("lstm", factor)
    row = laboratory.judged("lstm")["lstm"]
    assert row.verdict == verdict
    assert row.centre == pytest.approx(factor, rel=0.01)
    assert row.low is not None
    assert row.high is not None
    assert row.low <= row.centre <= row.high
    assert row.detectable is not None
    assert 0.03 < row.detectable < 0.05


@pytest.mark.long
def test_a_change_at_the_margin_itself_is_not_slower(laboratory: Laboratory) -> None:
    laboratory.seconds = slower("lstm", 1.03)
    assert laboratory.judged("lstm")["lstm"].verdict in (SAME, UNSURE)


def test_time_that_runs_out_is_too_few_pairs_and_says_how_many_are_needed(laboratory: Laboratory) -> None:
    row = laboratory.judged("lstm", max_seconds=8.0)["lstm"]
    assert (row.verdict, row.undecidable) == (UNSURE, True)
    assert "too few pairs" in row.reason
    assert "8 are needed" in row.reason
    assert row.values < 8


@pytest.mark.long
def test_a_slowdown_that_time_does_not_let_confirm_is_no_verdict(laboratory: Laboratory) -> None:
    laboratory.seconds = slower("lstm", 2.0)
    row = laboratory.judged("lstm", max_seconds=40.0)["lstm"]
    assert (row.verdict, row.undecidable, row.stage) == (UNSURE, True, 2)
    assert "20 are needed" in row.reason


@pytest.mark.long
def test_so_few_confirming_pairs_that_none_could_be_found_are_refused(laboratory: Laboratory) -> None:
    laboratory.seconds = lambda side, model, name, pair: CALL * (2 if side == CANDIDATE else 1)
    found = laboratory.judged("lstm", "gru", "rnn", confirm=5)
    assert {c.verdict for c in found.values()} == {UNSURE}
    assert "7 are needed" in found["lstm"].reason  # 6 flagged passes: 2**-7 * 6 <= .05


@pytest.mark.long
def test_a_calibration_kernel_that_moved_unsettles_every_verdict(laboratory: Laboratory) -> None:
    laboratory.peak = lambda side, pair: 1e11 * (0.9 if side == CANDIDATE else 1.0) * (1 + 0.001 * (pair % 4))
    row = laboratory.judged("lstm")["lstm"]
    assert row.verdict == UNSURE
    assert "calibration kernel moved: peak_flops times 0.900" in row.reason
    assert not row.undecidable


@pytest.mark.long
def test_two_environments_are_not_held_to_the_same_calibration(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path / "run", peak=lambda side, pair: 1e11 * (0.9 if side == CANDIDATE else 1.0))
    assert laboratory.judged("lstm", gated=False)["lstm"].verdict == SAME


@pytest.mark.long
@pytest.mark.parametrize(
    ("clocks", "verdict", "said"),
    [
        ({BASELINE: 1500.0, CANDIDATE: 1500.0}, SLOWER, ""),
        ({BASELINE: 1500.0, CANDIDATE: 1300.0}, UNSURE, "not in clock cycles"),
        ({BASELINE: None, CANDIDATE: None}, UNSURE, "clock is not known"),
    ],
)
def test_on_cuda_a_slowdown_must_show_in_clock_cycles(
    laboratory: Laboratory, clocks: dict[str, float | None], verdict: str, said: str
) -> None:
    laboratory.seconds = slower("lstm", 1.15)
    laboratory.clock_mhz = lambda side: clocks[side]
    row = laboratory.judged(cases=[FakeCase(model="lstm", device="cuda:0", threads=1)])["lstm"]
    assert row.verdict == verdict
    assert said in row.reason


@pytest.mark.long
def test_a_slowdown_while_the_processors_clock_changes_is_unsure(laboratory: Laboratory) -> None:
    laboratory.seconds = slower("lstm", 1.15)
    laboratory.warnings = lambda side: ["the CPU clock went from 3000 to 2000 MHz during this case"]
    row = laboratory.judged("lstm")["lstm"]
    assert row.verdict == UNSURE
    assert "clock changed in 20 of 20 pairs" in row.reason


def sample(name: str, value: float, **axes: Any) -> Sample:
    return Sample(name, value, axes)


def test_exact_metrics_with_a_better_direction_are_compared_and_noisy_ones_are_not() -> None:
    case = BenchCase(model="lstm", device="cpu", threads=1)
    sides = {
        BASELINE: [
            sample("saved_bytes", 1000),
            sample("num_params", 5),
            sample("peak_memory", 10, **{"pass": "train"}),
        ],
        CANDIDATE: [
            sample("saved_bytes", 1100),
            sample("num_params", 9),
            sample("peak_memory", 99, **{"pass": "train"}),
        ],
    }
    found = decide.exact(BENCH, case, sides, PairLimits(margin=0.03))
    assert [(c.metric, c.verdict, c.centre) for c in found] == [("saved_bytes", SLOWER, pytest.approx(1.1))]
    on_cuda = dataclasses.replace(case, device="cuda:0")
    found = decide.exact(BENCH, on_cuda, sides, PairLimits(margin=0.03))
    assert {(c.metric, c.verdict) for c in found} == {("saved_bytes", SLOWER), ("peak_memory", SLOWER)}


# Interrupted


def stopped(path: Path, seconds: Any, after: int) -> dict[str, Any]:
    """The forward pass of each model as an interruption leaves it, that comes in the pair after so many."""
    laboratory = Laboratory(path, seconds)
    laboratory.trouble = lambda side, kind, model: (
        Interrupted(130) if kind is TimeBlock and len(laboratory.workers) > 2 * after else None
    )
    pairs = laboratory.pairs("lstm", "gru")
    with pytest.raises(Interrupted):
        pairs.run()
    pairs.folder.close()
    rows = decide.judge(pairs, gated=True, interrupted=True)
    return {str(c.axes["model"]): c for c in rows if c.metric == "forward_time"}


@pytest.mark.parametrize(("after", "looks"), [(0, None), (4, None), (5, "slower"), (7, "slower")])
def test_the_first_stage_alone_is_no_verdict_however_far_it_came(tmp_path: Path, after: int, looks: Any) -> None:
    found = stopped(tmp_path / "run", slower("gru", 2.0), after)
    assert {c.verdict for c in found.values()} == {UNSURE}
    assert all(c.undecidable and c.detectable is None for c in found.values())
    assert found["gru"].details.get("looks") == looks
    assert found["gru"].reason == f"preliminary: {after} of 8 pairs{', looks slower so far' * bool(looks)}"
    assert found["lstm"].reason == f"preliminary: {after} of 8 pairs"
    assert (found["gru"].centre is None) == (after == 0)


@pytest.mark.parametrize(("after", "stage"), [(8, 1), (15, 1), (16, 2), (27, 2)])
def test_the_second_stage_is_no_verdict_before_its_last_pair_and_the_first_one_stands(
    tmp_path: Path, after: int, stage: int
) -> None:
    found = stopped(tmp_path / "run", slower("gru", 2.0), after)
    assert (found["lstm"].verdict, found["lstm"].stage, found["lstm"].values) == (SAME, 1, 8)
    assert (found["gru"].verdict, found["gru"].undecidable) == (UNSURE, True)
    assert found["gru"].reason == f"preliminary: {after - 8} of 20 fresh pairs, looked slower before"
    assert found["gru"].stage == stage
