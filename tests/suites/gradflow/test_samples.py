"""Which distances of a round are samples."""

from __future__ import annotations

from typing import Any

import pytest
from gradients import D, of_case

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.suites.gradflow import measure, samples
from rnn_vs_attn.suites.gradflow.case import GradflowCase

pytestmark = pytest.mark.usefixtures("in_float64")


def test_a_round_samples_distances_that_double_and_the_last() -> None:
    case = GradflowCase(model="rnn", seq_len=33, d_model=D, device="cpu", threads=1)
    samples = list(measure.measure(case, Turn(0)))
    assert [s.axes["distance"] for s in samples if "distance" in s.axes] == [0, 1, 2, 4, 8, 16, 32]
    assert [s.metric for s in samples[-3:]] == ["reach", "spectral_radius", "largest_singular_value"]


@pytest.mark.parametrize(("last", "expected"), [(0, [0]), (1, [0, 1]), (2, [0, 1, 2]), (9, [0, 1, 2, 4, 8, 9])])
def test_the_grid(last: int, expected: list[int]) -> None:
    assert samples.grid(last) == expected


@pytest.mark.long
def test_all_rounds_have_the_distances_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = list(of_case("gaps:RandomDelay"))
    monkeypatch.setattr(measure, "_BESIDE_GRID", {})  # as in a process that goes on with a run
    for seed in (3, 4):
        assert list(of_case("gaps:RandomDelay", seed)) == expected


@pytest.mark.long
def test_distances_beside_the_grid_that_a_resumed_run_could_not_find_were_left_out_unsaid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its first round is taken again in the new process, and may fail there."""
    take = measure._round

    def fails_at_first(case: GradflowCase, seed: int) -> Any:
        if seed == 0:
            raise ValueError("not today")
        return take(case, seed)

    monkeypatch.setattr(measure, "_BESIDE_GRID", {})
    monkeypatch.setattr(measure, "_round", fails_at_first)
    reason = "which failed (ValueError: not today)"
    said = f"no distances beside the grid are shown: they are those of the first round, {reason}"
    for seed in (3, 4):
        found = of_case("gaps:Delay", seed)
        assert 5 not in found
        assert said in found[4].warnings
