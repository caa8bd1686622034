"""What `gradflow` draws of curves with known answers."""

from __future__ import annotations

import pytest
from planted_gradflow import DISTANCES, absent, by_round, exponential, norms, nothing, power, record

from rnn_vs_attn.report.plots import as_text
from rnn_vs_attn.suites.gradflow import figures


def test_a_figure_begins_at_distance_1_and_says_where_float32_ends() -> None:
    (figure,) = figures.figures([*norms("lstm", exponential(0.3)), *norms("attention", lambda k: -3.0)])
    assert [line.label for line in figure.series] == ["lstm", "attention"]
    assert figure.series[0].x == DISTANCES
    assert [level.label for level in figure.levels] == ["below: 0 in float32"]
    assert figure.limits()[0] > -50
    (figure,) = figures.figures(norms("lstm", exponential(0.9)))
    assert figure.levels == []


def test_a_curve_ends_where_nothing_arrives_and_leaves_the_future_out() -> None:
    early = record("flows:Own", "gradient_norm_log10", [-1.0] * 6, {"distance": -8})
    records = [early, *norms("flows:Own", exponential(0.9), distances=[1, 2, 4]), nothing("flows:Own", 8)]
    (figure,) = figures.figures(records)
    assert [line.x for line in figure.series] == [[1, 2, 4]]


def test_a_curve_is_not_drawn_over_a_gap() -> None:
    gap = [nothing("flows:Own", 8), absent("flows:Own", 16)]
    records = [*norms("flows:Own", exponential(0.9), distances=[1, 2, 4, 32, 64]), *gap]
    (figure,) = figures.figures(records)
    assert [line.x for line in figure.series] == [[1, 2, 4]]


def test_a_curve_has_the_intervals_of_its_norms() -> None:
    (figure,) = figures.figures(by_round("lstm", [lambda k, at=at: at - k for at in range(6)]))
    (line,) = figure.series
    assert (line.low[0], line.y[0], line.high[0]) == (-1, 1.5, 4)


def test_curves_of_one_model_are_named_by_what_tells_them_apart() -> None:
    (figure,) = figures.figures([*norms("lstm", exponential(0.9)), *norms("lstm", power(-0.5), init="chrono")])
    assert [line.label for line in figure.series] == ["lstm init default", "lstm init chrono"]


def test_one_distance_is_no_curve() -> None:
    assert figures.figures(norms("lstm", exponential(0.9), distances=[1])) == []


@pytest.mark.parametrize(("deepest", "levels"), [(-44.9, []), (-45.1, [-45.0])])
def test_the_end_of_float32_is_drawn_where_a_curve_goes_below_it(deepest: float, levels: list[float]) -> None:
    (figure,) = figures.figures(norms("lstm", lambda k: deepest - 0.025 if k == 64 else -1.0))
    assert [level.y for level in figure.levels] == levels


def test_no_norms_no_figure() -> None:
    assert figures.figures([]) == []
    assert figures.chart([]) is None


def test_a_terminal_sees_both_curves() -> None:
    figure = figures.chart([*norms("lstm", exponential(0.3)), *norms("attention", lambda k: -3.0)])
    assert figure is not None
    drawn = as_text(figure, 60)
    assert drawn[-1].split() == ["o", "lstm", "x", "attention"]
    rows = [line.partition("|")[2] for line in drawn if "|" in line]
    assert sum("x" in row for row in rows) == 1
    assert [row.find("o") for row in rows if "o" in row] == sorted(row.find("o") for row in rows if "o" in row)
    assert max(map(len, drawn)) <= 60
    assert drawn[-2].split() == ["1", "distance", "(tokens)", "127"]
