"""What `lm` draws, against the records."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import pytest
from planted_lm import TEXT, contexts, record, trained

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.plots import Figure, Level, as_text, render
from rnn_vs_attn.suites.lm import figures


def drawn(records: Sequence[Record], name: str) -> Figure:
    (found,) = [figure for figure in figures.figures(records) if figure.name == name]
    return found


def names(records: Sequence[Record]) -> list[str]:
    return [figure.name for figure in figures.figures(records)]


def test_curves_are_those_of_the_best_rate_without_their_beginning() -> None:
    gpt = trained("gpt", [2.0, 3.0, 2.5], middle=[4.0, 5.0, 3.0], seconds=[40.0, 60.0, 44.0])
    records = [*gpt, *trained("gpt", [9.0], 3e-3), *trained("lstm-lm", [3.0], seconds=80.0)]
    by_time, by_tokens = drawn(records, "bits-seconds"), drawn(records, "bits-tokens")
    assert [line.label for line in by_time.series] == ["gpt", "lstm-lm"]
    of_gpt = by_time.series[0]
    assert (of_gpt.x, of_gpt.y, of_gpt.low, of_gpt.high) == ([22, 44], [4, 2.5], [3, 2], [5, 3])
    assert (by_time.series[1].x, by_tokens.series[1].x) == ([40, 80], [6400, 12800])
    assert by_tokens.series[0].y == of_gpt.y
    assert (by_time.x_label, by_tokens.x_label, by_time.linear_x) == ("s", "tokens", True)
    assert figures.chart(records) == by_time
    assert by_time.title == f"{TEXT}, by time: median and range of the seeds"


def test_a_seed_that_failed_is_in_no_curve() -> None:
    (line,) = drawn(trained("gpt", [2.0, None, 3.0], middle=[4.0, None, 6.0]), "bits-tokens").series
    assert (line.y, line.low, line.high) == ([5.0, 2.5], [4.0, 2.0], [6.0, 3.0])


def test_what_the_text_costs_without_a_network_is_a_level_each() -> None:
    costs = {"lzma": 2.5, "bigram": 3.25}
    records = [
        record(model, "baseline_bits", [bits], {"method": name})
        for model in ("gpt", "lstm-lm")
        for name, bits in costs.items()
    ]
    found = drawn([*trained("gpt", [2.0]), *records], "bits-seconds")
    assert found.levels == [Level(name, bits) for name, bits in costs.items()]


def test_positions_and_contexts_are_drawn_in_their_order() -> None:
    places = [record("gpt", "bits_at_position", [bits], {"position": n}) for n, bits in ((16, 2.0), (1, 5.0), (2, 4.0))]
    tested = contexts("gpt", {64: [1.5], 16: [2.0], 4: [0.0]})
    records = [*trained("gpt", [2.0]), *places, *tested]
    (by_place,) = drawn(records, "bits-position").series
    (by_context,) = drawn(records, "bits-context").series
    assert (by_place.x, by_place.y) == ([1, 2, 16], [5, 4, 2])
    assert (by_context.x, by_context.y) == ([4, 16, 64], [0, 2, 1.5])


def test_a_single_point_is_no_line() -> None:
    """A training of one step ended in an error, when its curve was drawn on the terminal."""
    assert names(trained("gpt", [2.0])) == ["bits-seconds", "bits-tokens"]
    one = [r for r in trained("gpt", [2.0], steps=1) if r.metric == "bits_per_byte"]
    one += [record("gpt", "curve_bits", [bits], {"step": step}, steps=1) for step, bits in ((0, 8.0), (1, 2.0))]
    one.append(record("gpt", "curve_seconds", [0.5], {"step": 1}, steps=1))
    assert names([*one, *contexts("gpt", {16: [2.0]}, steps=1)]) == []
    assert figures.chart(one) is None


def test_groups_have_figures_of_their_own_that_say_which_they_are() -> None:
    records = [each for n in (16, 32) for model in ("gpt", "mingru") for each in trained(model, [2.0], seq_len=n)]
    found = figures.figures([*records, *trained("gpt", [2.0], d_model=32)])
    assert [figure.name for figure in found] == [f"bits-{of}-{n}" for n in (1, 2, 3) for of in ("seconds", "tokens")]
    assert [figure.title[len(TEXT) :].split(", by")[0] for figure in found[::2]] == [
        ", seq_len 16 d_model 64",
        ", seq_len 32 d_model 64",
        ", seq_len 16 d_model 32",
    ]
    assert [line.label for line in found[0].series] == ["gpt", "mingru"]


def test_nothing_to_draw_is_no_figure() -> None:
    assert figures.figures([]) == []
    assert figures.chart([]) is None


def test_on_a_terminal_bits_stand_as_they_are() -> None:
    """2 bits a byte were 1e+2."""
    chart = figures.chart(trained("gpt", [2.0], middle=[4.0]))
    assert chart is not None
    labels = [line.split("|")[0].strip() for line in as_text(chart, 40, height=14)[1:-3]]
    assert [float(label) for label in labels if label] == pytest.approx([3.93, 3.42, 2.92, 2.41, 1.9], abs=0.01)


@pytest.mark.long
def test_a_text_known_by_heart_is_drawn() -> None:
    """0 bits have no place on a scale of logarithms, nor has a level at 0."""
    zero = record("gpt", "baseline_bits", [0.0], {"method": "bigram"})
    found = drawn([*trained("gpt", [0.0], middle=[0.5]), zero], "bits-seconds")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(render(found)) == {"svg", "png"}
