"""Figures over time on a terminal."""

from __future__ import annotations

from rnn_vs_attn.report.timeline import Dot, Flag, Line, Stretch, Timeline
from rnn_vs_attn.report.timeline_text import as_text

DOTS = [Dot(float(day), 0.010 + 0.002 * (day >= 4), None, None) for day in range(8)]
CHART = Timeline(
    "lstm, forward at 64 tokens",
    "",
    "date",
    "s",
    [Line("machine 1", DOTS[:6]), Line("machine 2", DOTS[6:])],
    [Stretch(0.0, 3.0, 0.010), Stretch(4.0, 5.0, 0.012)],
    [Flag(4.0, "20 % slower", "worse"), Flag(6.0, "other machine", "machine")],
    [(0.0, "2026-03-01"), (7.0, "2026-03-08")],
)


def test_a_figure_letter_for_letter() -> None:
    assert as_text(CHART, 54) == [
        "lstm, forward at 64 tokens, ms",
        "      12 |                        o-----o     x     x",
        "         |                        :           :",
        "         |                        :           :",
        "         |                        :           :",
        "      11 |                        :           :",
        "         |                        :           :",
        "         |                        :           :",
        "         |                        :           :",
        "      10 |o-----o-----o-----o     :           :",
        "         +-------------------------------------------",
        "                                  ^ 20 % slower",
        "                                other machine ^",
        "          2026-03-01         date          2026-03-08",
    ]


def test_no_line_is_longer_than_the_terminal() -> None:
    for width in (40, 80, 100):
        assert all(len(line) <= width for line in as_text(CHART, width))
