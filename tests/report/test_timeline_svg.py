"""Figures over time as SVG: places of what is drawn, words for who does not see it, and names that are data."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree

import pytest

from rnn_vs_attn.report.timeline import Dot, Flag, Line, Stretch, Timeline
from rnn_vs_attn.report.timeline_svg import HEIGHT, WIDTH, svg, svg_file

NAMESPACE = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert('x')</script> & \"quoted\" \x1b[2J\u202e]]>"


def chart(title: str = "lstm, forward at 64 tokens", label: str = "8 % slower") -> Timeline:
    dots = [Dot(float(day), 0.010 + 0.001 * (day >= 4), 0.0098, 0.0112, f"day {day}") for day in range(8)]
    return Timeline(
        title,
        "8 runs: 10 % slower.",
        "date",
        "s",
        [Line("machine 1", dots[:6]), Line("machine 2", dots[6:])],
        [Stretch(0.0, 3.0, 0.010), Stretch(4.0, 5.0, 0.011)],
        [Flag(4.0, label, "worse"), Flag(6.0, "other machine", "machine")],
        [(0.0, "2026-03-01"), (7.0, "2026-03-08")],
    )


def parts(text: str, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(text).iter(f"{NAMESPACE}{tag}"))


def test_every_run_is_a_dot_with_its_interval_and_its_machine_a_shape() -> None:
    drawn = svg(chart(), "figure-0")
    assert len(parts(drawn, "circle")) == 6
    assert len(parts(drawn, "polygon")) == 2
    intervals = [line for line in parts(drawn, "line") if line.get("class") == "interval"]
    assert len(intervals) == 8
    xs = [float(circle.get("cx", "")) for circle in parts(drawn, "circle")]
    assert [round(b - a, 1) for a, b in itertools.pairwise(xs)] == pytest.approx([xs[1] - xs[0]] * 5, abs=0.11)
    ys = [float(circle.get("cy", "")) for circle in parts(drawn, "circle")]
    assert ys[4] < ys[3]  # higher values stand higher


def test_all_lies_within_the_figure() -> None:
    for element in ElementTree.fromstring(svg(chart(), "f")).iter():
        for name, most in (("x", WIDTH), ("x1", WIDTH), ("x2", WIDTH), ("cx", WIDTH), ("y", HEIGHT), ("cy", HEIGHT)):
            assert 0 <= float(element.get(name, "0")) <= most


def test_marks_and_axes_have_their_words() -> None:
    words = [text.text for text in parts(svg(chart(), "f"), "text")]
    assert {"8 % slower", "other machine", "2026-03-01", "2026-03-08", "date", "ms", "10.0"} <= set(words)


def test_who_does_not_see_it_hears_what_it_shows() -> None:
    root = ElementTree.fromstring(svg(chart(), "figure-3"))
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "figure-3-title figure-3-text"
    named = {element.get("id"): element.text for element in root}
    assert named["figure-3-title"] == "lstm, forward at 64 tokens"
    assert named["figure-3-text"] == "8 runs: 10 % slower."


def test_hostile_names_are_text() -> None:
    drawn = svg(chart(HOSTILE, HOSTILE), "f")
    assert "<script" not in drawn
    assert "\x1b" not in drawn
    assert "\u202e" not in drawn
    root = ElementTree.fromstring(drawn)
    assert (root[0].text or "").startswith("<script>alert('x')</script> & \"quoted\" \\x1b[2J\\u202e")


def test_a_file_of_its_own_has_its_title_and_its_style() -> None:
    text = svg_file(chart(HOSTILE))
    assert len(parts(text, "style")) == 1
    assert (parts(text, "text")[0].text or "").startswith("<script>alert('x')</script>")
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
