"""What is kept of a pair: the median over blocks."""

from __future__ import annotations

import math

import pytest
from planted_pairs import CALL, Laboratory, equal

from rnn_vs_attn.ab.stages import Cell
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, SIDES
from rnn_vs_attn.records.folder import read_run, read_samples


@pytest.mark.long
def test_an_observation_is_the_median_over_blocks_of_the_log_ratio(laboratory: Laboratory) -> None:
    pairs = laboratory.pairs("lstm")
    pairs.run()
    pairs.folder.close()
    differences = pairs.stages[0].differences(Cell(pairs.cases[0], "forward"))
    expected = [
        math.log(equal(CANDIDATE, "lstm", "forward", p) / equal(BASELINE, "lstm", "forward", p)) for p in range(8)
    ]
    assert differences == pytest.approx(expected)
    lines = read_samples(laboratory.path)
    ratios = [line for line in lines if line.metric == "ratio" and line.axes["pass"] == "forward"]
    assert [line.value for line in ratios] == pytest.approx([math.exp(d) for d in expected])
    assert {line.details["stage"] for line in ratios} == {1}
    times = [line for line in lines if line.metric == "forward_time"]
    assert {line.axes["side"] for line in times} == set(SIDES)
    assert all(len(line.blocks) == 6 for line in times)
    metrics = {record.metric for record in read_run(laboratory.path).records}
    assert metrics == {"forward_time", "train_time", "ratio", "peak_flops"}


@pytest.mark.long
def test_medians_in_a_row_are_those_of_its_stage(laboratory: Laboratory) -> None:
    laboratory.seconds = lambda side, model, name, pair: (
        CALL * (2 if side == CANDIDATE else 1) * (1 if pair < 8 else 10)
    )
    row = laboratory.judged("lstm")["lstm"]
    assert (row.baseline, row.candidate) == pytest.approx((10 * CALL, 20 * CALL))
    assert row.centre == pytest.approx(2.0)
