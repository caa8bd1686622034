"""What `recall` draws, against the records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from planted_recall import RATES, grid, record, trained

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.plots import Figure
from rnn_vs_attn.suites.recall import figures

CURVE = {0: 0.1, 20: 0.4, 40: 1.0}


def curve(model: str, metric: str = "curve_accuracy", rate: float = RATES[1], **fields: Any) -> list[Record]:
    return [record(model, metric, [y, y, y], {"step": x}, rate, **fields) for x, y in CURVE.items()]


def at_lengths(model: str, scores: dict[int, float | None], metric: str = "accuracy_at_length") -> list[Record]:
    return [record(model, metric, [score], {"length": n}) for n, score in scores.items()]


def named(records: Sequence[Record], part: str) -> Figure:
    (found,) = [figure for figure in figures.figures(records) if part in figure.name]
    return found


def test_learning_curves_are_those_of_the_best_rate() -> None:
    records = [*grid("attention", [40] * 3), *grid("lstm", [None] * 3), *curve("lstm"), *curve("attention")]
    records += curve("lstm", rate=RATES[0])
    drawn = named(records, "-steps-")
    assert [line.label for line in drawn.series] == ["attention", "lstm"]
    assert all((line.x, line.y) == (list(CURVE), list(CURVE.values())) for line in drawn.series)
    assert drawn.series[0].low == [None] * 3
    assert (drawn.share, drawn.linear_x, [level.y for level in drawn.levels]) == (True, True, [1 / 16])
    assert figures.chart(records) == drawn


def test_a_curve_of_six_seeds_has_its_interval() -> None:
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    points = [record("lstm", "curve_accuracy", values, {"step": step}) for step in (0, 20)]
    (line,) = named([*grid("lstm", [None] * 6), *points], "-steps-").series
    assert [(low, y, high) for low, y, high in zip(line.low, line.y, line.high, strict=True)] == [(0.1, 0.35, 0.6)] * 2


def test_all_rates_of_a_model_are_drawn() -> None:
    records = [*grid("lstm", [100] * 3, others=(None, 200)), *trained("attention", [100])]
    drawn = named(records, "-rates-")
    assert [(line.label, line.x, line.y) for line in drawn.series] == [("lstm", list(RATES), [0.5, 1.0, 1.0])]


def test_lengths_are_drawn_as_far_as_there_is_an_accuracy() -> None:
    lstm, attention = {32: 1.0, 64: 0.9, 128: 0.4}, {32: 1.0, 64: None, 128: None}
    records = [*grid("lstm", [100]), *grid("attention", [100])]
    records += [*at_lengths("lstm", lstm), *at_lengths("attention", attention)]
    (line,) = named(records, "-lengths-").series  # one point is no curve, and what is absent is not 0
    assert (line.label, line.x, line.y) == ("lstm", list(lstm), list(lstm.values()))


def test_of_adding_losses_are_drawn() -> None:
    losses = dict(zip(RATES, (0.2, 0.1, 0.3), strict=True))
    records = [each for r, loss in losses.items() for each in trained("gru", [None], r, [None], [loss], task="adding")]
    records += curve("gru", "curve_loss", task="adding")
    steps = named(records, "-steps-")
    assert steps.series[0].y == [math.log10(loss) for loss in CURVE.values()]  # a figure of logarithms
    assert steps.log10
    assert [level.y for level in steps.levels] == [math.log10(1 / 6)]
    rates = named(records, "-rates-")
    assert (rates.y_label, rates.series[0].y) == ("loss", [math.log10(loss) for loss in losses.values()])


def test_each_task_has_figures_and_files_of_its_own() -> None:
    records = [each for task in ("mqar", "parity") for each in grid("lstm", [100], task=task)]
    names = [figure.name for figure in figures.figures(records)]
    assert len(set(names)) == len(names) == 2
    assert not any(" " in name for name in names)


def test_nothing_to_draw_is_no_figure() -> None:
    assert figures.figures([]) == []
    assert figures.chart([]) is None
    assert figures.figures(trained("lstm", [100])) == []
