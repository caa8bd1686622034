"""Figures of curves as SVG: what is drawn, words for who does not see it, names that are data."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from rnn_vs_attn.report.curve_svg import STYLE, keys, svg, told
from rnn_vs_attn.report.plots import Figure, Level, Mark, Series

NAMESPACE = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert('x')</script> & \"quoted\" \x1b[2J\u202e]]>"


def figure(label: str = "lstm") -> Figure:
    lengths, times = [64.0, 128.0, 256.0], [0.001, 0.002, 0.004]
    lstm = Series(label, lengths, times, [0.9 * time for time in times], [1.1 * time for time in times])
    other = Series("attention", lengths, [0.0005, 0.002, 0.008], [None] * 3, [None] * 3, dashed=True)
    marks, levels = [Mark(f"{label} = 128", 128.0, 0.002)], [Level(label, 0.003)]
    return Figure("f", f"{label}: time", "tokens", "ms", [lstm, other], marks, 1e3, levels=levels)


def parts(text: str, tag: str, kind: str = "") -> list[ElementTree.Element]:
    found = ElementTree.fromstring(text).iter(f"{NAMESPACE}{tag}")
    return [element for element in found if not kind or kind in (element.get("class") or "").split()]


def test_each_line_has_its_points_and_its_band_where_it_has_intervals() -> None:
    drawn = svg(figure(), "figure-0")
    assert len(parts(drawn, "polyline")) == 2
    assert len(parts(drawn, "polyline", "loop")) == 1
    assert len(parts(drawn, "polygon", "band")) == 1
    assert (len(parts(drawn, "circle", "dot")), len(parts(drawn, "polygon", "dot"))) == (3, 3)
    assert (len(parts(drawn, "circle", "ring")), len(parts(drawn, "line", "level"))) == (1, 1)


def test_it_has_words_and_names_of_its_own() -> None:
    drawn = svg(figure(), "figure-7")
    (image,) = parts(drawn, "svg")
    assert (image.get("role"), image.get("aria-labelledby")) == ("img", "figure-7-title figure-7-text")
    (text,) = parts(drawn, "desc")
    assert text.text == told(figure())
    ends = "lstm: 1.00 ms at 64, 4.00 ms at 256; attention: 0.500 ms at 64, 8.00 ms at 256"
    assert text.text == f"ms over tokens. {ends}; lstm = 128."


def test_lines_are_told_apart_without_colour() -> None:
    series = [Series(str(n), [1.0, 2.0], [1.0, 2.0], [None] * 2, [None] * 2) for n in range(16)]
    signs = [drawn.split("</line>")[0] for drawn, _ in keys(Figure("f", "t", "x", "y", series))]
    without_colour = {sign.replace(f'class="k{n % 8}"', "") for n, sign in enumerate(signs)}
    assert len(without_colour) == 16


def test_logarithms_are_written_as_powers_of_ten() -> None:
    line = Series("rnn", [1.0, 512.0], [-0.3, -300.5], [None] * 2, [None] * 2)
    text = told(Figure("f", "t", "distance", "gradient_norm", [line], log10=True, bound=45.0))
    assert text == "gradient_norm over distance. rnn: 5.0e-01 at 1, 3.2e-301 at 512."


def test_marks_are_not_on_top_of_each_other() -> None:
    marks = [Mark(f"mark {n}", 128.0, 0.002) for n in range(3)]
    drawn = svg(Figure("f", "t", "x", "ms", figure().series, marks, 1e3), "n")
    heights = [float(text.get("y") or 0) for text in parts(drawn, "text", "halo")]
    assert len({round(height) for height in heights}) == 3


def test_hostile_names_are_text() -> None:
    drawn = svg(figure(HOSTILE), "figure-0")
    assert parts(drawn, "script") == []
    assert "\x1b" not in drawn
    assert "\u202e" not in drawn
    assert any("<script>alert('x')</script>" in (text.text or "") for text in parts(drawn, "title"))


def test_colours_are_those_of_the_page() -> None:
    assert "prefers-color-scheme: dark" in STYLE
    assert "@media print" in STYLE
    assert "#" not in svg(figure(), "figure-0")
