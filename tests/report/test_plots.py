"""Figures as files: both kinds, the same bytes twice, log axes, crossings with their labels."""

from __future__ import annotations

import dataclasses
import itertools
import re
import xml.etree.ElementTree as ElementTree
from functools import lru_cache
from pathlib import Path

import pytest

from rnn_vs_attn.report import plots
from rnn_vs_attn.report.plots import Figure, Level, Mark, Series, as_text, render

LENGTHS = [64.0, 128.0, 256.0, 512.0]
NONE: list[float | None] = [None] * 4


def line(label: str, y: list[float], dashed: bool = False) -> Series:
    return Series(label, LENGTHS, y, [v * 0.9 for v in y], [v * 1.1 for v in y], dashed)


FIGURE = Figure(
    name="train_time",
    title="Training pass: time over seq_len",
    x_label="seq_len (tokens)",
    y_label="ms",
    series=[line("lstm", [0.001 * 2**i for i in range(4)]), line("attention", [0.0005 * 4**i for i in range(4)])],
    marks=[Mark("lstm = attention at 128", 128.0, 0.002)],
    scale=1e3,
)


@lru_cache
def rendered() -> dict[str, bytes]:
    return plots.render(FIGURE)


def svg(figure: Figure | None = None) -> str:
    return (plots.render(figure) if figure else rendered())["svg"].decode()


def texts(document: str) -> list[str]:
    root = ElementTree.fromstring(document)
    return ["".join(node.itertext()).strip() for node in root.iter("{http://www.w3.org/2000/svg}text")]


def points(document: str, colour: str) -> list[tuple[float, float]]:
    """The points of the line of that colour, in the coordinates of the file."""
    drawn = re.findall(rf'<path d="([^"]+)" clip-path="[^"]+" style="fill: none[^"]*stroke: {colour}', document)
    (path,) = [d for d in drawn if d.count("L") == len(LENGTHS) - 1]
    return [(float(x), float(y)) for x, y in re.findall(r"[ML] (\S+) (\S+)", path)]


@pytest.mark.long
def test_a_figure_is_an_svg_and_a_png() -> None:
    assert sorted(rendered()) == ["png", "svg"]
    assert rendered()["png"].startswith(b"\x89PNG\r\n")
    assert ElementTree.fromstring(rendered()["svg"]).tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.long
@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_same_records_give_the_same_bytes(kind: str) -> None:
    assert plots.render(FIGURE)[kind] == rendered()[kind]


@pytest.mark.long
@pytest.mark.parametrize("kind", ["svg", "png"])
def test_other_numbers_give_another_figure(kind: str) -> None:
    other = dataclasses.replace(FIGURE, series=FIGURE.series[:1])
    assert plots.render(other)[kind] != rendered()[kind]


@pytest.mark.long
def test_both_axes_are_logarithmic() -> None:
    """A doubling is the same step everywhere, a power law is a straight line, and a square is twice as steep."""
    slopes = []
    for colour in ("#0072b2", "#d55e00"):
        steps = [(b[0] - a[0], a[1] - b[1]) for a, b in itertools.pairwise(points(svg(), colour))]
        assert steps == [pytest.approx(steps[0], rel=1e-4)] * 3
        assert min(steps[0]) > 0
        slopes.append(steps[0][1] / steps[0][0])
    assert slopes[1] == pytest.approx(2 * slopes[0], rel=1e-4)


@pytest.mark.long
def test_text_of_the_figure_is_text() -> None:
    shown = texts(svg())
    assert {"Training pass: time over seq_len", "seq_len (tokens)", "ms", "lstm", "attention"} <= set(shown)


@pytest.mark.long
def test_a_crossing_is_labelled() -> None:
    assert "lstm = attention at 128" in texts(svg())
    assert "lstm = attention at 128" not in texts(svg(dataclasses.replace(FIGURE, marks=[])))


@pytest.mark.long
def test_every_length_is_a_tick_in_plain_numbers() -> None:
    assert {"64", "128", "256", "512"} <= set(texts(svg()))


@pytest.mark.long
def test_base_units_are_scaled_to_those_of_the_label() -> None:
    marks = [dataclasses.replace(mark, y=mark.y * 1e3) for mark in FIGURE.marks]
    series = [
        dataclasses.replace(s, **{name: [v * 1e3 for v in getattr(s, name)] for name in ("y", "low", "high")})
        for s in FIGURE.series
    ]
    assert svg(dataclasses.replace(FIGURE, series=series, marks=marks, scale=1.0)) == svg()
    assert svg(dataclasses.replace(FIGURE, scale=1.0)) != svg()


@pytest.mark.long
def test_intervals_are_bands_and_their_absence_is_none() -> None:
    bare = dataclasses.replace(FIGURE, series=[dataclasses.replace(s, low=NONE, high=NONE) for s in FIGURE.series])
    assert svg().count("fill-opacity: 0.2") == 2
    assert svg(bare).count("fill-opacity: 0.2") == 0


@pytest.mark.long
def test_a_python_loop_is_dashed() -> None:
    dashed = dataclasses.replace(FIGURE, series=[line("lstm-cell", [1.0, 2.0, 4.0, 8.0], dashed=True)])
    assert "stroke-dasharray: 5.92,2.56" in svg(dashed)


@pytest.mark.long
def test_one_length_alone_can_be_drawn() -> None:
    single = Figure("one", "One", "seq_len", "ms", [Series("lstm", [64.0], [0.001], [None], [None])])
    assert {"64", "lstm"} <= set(texts(svg(single)))


@pytest.mark.long
def test_more_lines_than_colours_can_be_drawn() -> None:
    many = dataclasses.replace(FIGURE, series=[line(f"model {i}", [i + 1.0] * 4) for i in range(11)])
    assert {f"model {i}" for i in range(11)} <= set(texts(svg(many)))


@pytest.mark.long
@pytest.mark.parametrize("label", ["<a&b>.py:Net", "_mine:Net", "$x$.py:Net"])
def test_a_model_of_the_users_own_stands_in_the_legend_under_its_name(label: str) -> None:
    assert label in texts(svg(dataclasses.replace(FIGURE, series=[line(label, [1.0, 2.0, 4.0, 8.0])])))


@pytest.mark.long
def test_figures_are_saved_whole_under_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "plots"
    plots.save([FIGURE], folder)
    plots.save([FIGURE], folder)
    assert sorted(file.name for file in folder.iterdir()) == ["train_time.png", "train_time.svg"]
    assert (folder / "train_time.svg").read_bytes() == rendered()["svg"]


# Logarithms


def deep(label: str, *values: float) -> Series:
    return Series(label, [1.0, 2.0, 4.0], list(values), [None] * 3, [None] * 3)


def logs(*values: float, bound: float = 45.0) -> Figure:
    levels = [Level("here", -20.0)]
    return Figure("norm", "Norm", "distance", "norm", [deep("deep", *values)], log10=True, levels=levels, bound=bound)


@pytest.mark.long
def test_exponents_beyond_any_float_are_drawn() -> None:
    svg = render(logs(-1.0, -400.0, -900.0, bound=1000.0))["svg"].decode()
    assert "1e-400" in svg
    assert ">here<" in svg


def test_what_is_beyond_the_bound_is_cut_off() -> None:
    low, high = logs(-1.0, -400.0, -900.0).limits()
    assert -50 < low < -45
    assert -1 < high < 2


def test_a_figure_as_text() -> None:
    drawn = as_text(logs(0.0, -2.0, -4.0), 31, height=5)
    assert drawn == [
        "Norm",
        "        |oo",
        "   1e-1 | ooooooo",
        "        |       ooooooo",
        "        |             ooooooo",
        "   1e-4 |                   oo",
        "        +---------------------",
        "         1     distance      4",
        "         o deep",
    ]


@pytest.mark.long
def test_the_ticks_of_logarithms_are_powers_of_ten() -> None:
    shown = texts(svg(logs(0.0, -12.0, -30.0)))
    assert {"1e+0", "1e-10", "1e-20", "1e-30", "1", "2", "4", "deep", "here"} <= set(shown)


@pytest.mark.long
def test_no_tick_is_a_fraction_of_a_power_of_ten() -> None:
    shown = [text for text in texts(svg(logs(-0.1, -0.5, -1.0))) if text.startswith("1e")]
    assert shown == ["1e-1", "1e+0"]


@pytest.mark.long
def test_what_is_beyond_the_bound_has_no_tick() -> None:
    shown = [float(text) for text in texts(svg(logs(-1.0, -400.0, -900.0))) if text.startswith("1e")]
    assert 1e-50 < min(shown) <= 1e-40


@pytest.mark.long
def test_a_level_is_one_dotted_line() -> None:
    dotted = "stroke-dasharray: 1,1.65"
    assert svg(logs(0.0, -12.0, -30.0)).count(dotted) == 1
    assert svg(dataclasses.replace(logs(0.0, -12.0, -30.0), levels=[])).count(dotted) == 0


@pytest.mark.parametrize(("values", "limits"), [((-3.0, -3.0, -3.0), (-3.5, -2.5)), ((0.0, 0.0, -40.0), (-42.0, 2.0))])
def test_there_is_room_above_and_below_logarithms(values: list[float], limits: tuple[float, float]) -> None:
    assert logs(*values).limits() == limits


def test_two_series_as_text_the_later_one_over_the_earlier() -> None:
    series = [deep("down", 0.0, -10.0, -20.0), deep("up", -20.0, -10.0, 0.0)]
    assert as_text(dataclasses.replace(logs(0.0), series=series), 31, height=7) == [
        "Norm",
        "        |oo                 xx",
        "   1e-3 | oooo          xxxxx",
        "        |    ooooo   xxxx",
        "        |        xxxxx",
        "  1e-14 |    xxxxx   ooooo",
        "        | xxxx           oooo",
        "        |xx                 oo",
        "        +---------------------",
        "         1     distance      4",
        "         o down   x up",
    ]


def test_values_that_are_no_logarithms_stand_as_they_are() -> None:
    """2 to 8 bits a byte were 1e+2 to 1e+8."""
    plain = dataclasses.replace(logs(8.0, 5.0, 2.0), log10=False)
    assert as_text(plain, 31, height=5) == [
        "Norm",
        "        |ooo",
        "   6.65 |  oooooo",
        "        |       ooooooo",
        "        |             oooooo",
        "    1.7 |                  ooo",
        "        +---------------------",
        "         1     distance      4",
        "         o deep",
    ]


@pytest.mark.parametrize(
    ("values", "limits"), [((3.0, 1.0), (0.9, 3.1)), ((3.0, 3.0), (2.85, 3.15)), ((0.0, 0.0), (-1.0, 1.0))]
)
def test_there_is_a_little_room_above_and_below_plain_values(
    values: tuple[float, float], limits: tuple[float, float]
) -> None:
    assert dataclasses.replace(logs(*values), log10=False).limits() == pytest.approx(limits)


def test_text_cuts_off_what_is_beyond_the_bound() -> None:
    assert as_text(logs(0.0, -400.0, -900.0), 31, height=7) == [
        "Norm",
        "        |o",
        "   1e-6 |o",
        "        |o",
        "        |oo",
        "  1e-31 | o",
        "        | o",
        "        | o",
        "        +---------------------",
        "         1     distance      4",
        "         o deep",
    ]


def test_text_has_a_least_width() -> None:
    assert as_text(logs(0.0, -2.0, -4.0), 5) == as_text(logs(0.0, -2.0, -4.0), 30)


def shares(*values: float) -> Figure:
    """A figure of parts of 1 over steps from 0 on."""
    steps = [20.0 * i for i in range(len(values))]
    none: list[float | None] = [None] * len(values)
    line = Series("lstm", steps, list(values), none, none)
    levels = [Level("chance", 0.25)]
    return Figure("accuracy", "Accuracy", "step", "accuracy", [line], levels=levels, share=True, linear_x=True)


def test_shares_over_steps_are_on_linear_axes() -> None:
    drawn = svg(shares(0.0, 0.5, 0.5, 1.0))
    path = points(drawn, "#0072b2")
    xs, ys = zip(*path, strict=True)
    assert [b - a for a, b in itertools.pairwise(xs)] == pytest.approx([xs[1] - xs[0]] * 3, abs=1e-3)
    assert ys[0] - ys[1] == pytest.approx(ys[1] - ys[3], abs=1e-3)
    assert "chance" in texts(drawn)


def test_shares_as_text_have_their_ends_and_a_step_0() -> None:
    assert as_text(shares(0.0, 0.5, 1.0), 31, height=5) == [
        "Accuracy",
        "        |                 oooo",
        "   0.75 |             ooooo",
        "        |       ooooooo",
        "        |   ooooo",
        "   0.00 |oooo",
        "        +---------------------",
        "         0       step       40",
        "         o lstm",
    ]
