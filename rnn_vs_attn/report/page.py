"""One self-contained HTML page: sentences, tables and figures, in one look for every command that writes one.

Nothing is fetched from anywhere, no script runs, and every text is data: what anybody wrote is shown and not run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rnn_vs_attn import __version__
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.report.timeline import Timeline
from rnn_vs_attn.report.timeline_svg import STYLE, svg
from rnn_vs_attn.text.safe import encodable, one_line

_TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True)
class Illustration:
    """A figure, what it shows in words, and its numbers as a table."""

    chart: Timeline
    caption: str
    numbers: Table


@dataclass(frozen=True)
class Section:
    """A part of a page under a heading. folded: what is shown in its place until it is opened, "" where it is open."""

    heading: str
    sentences: Sequence[str] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Illustration] = ()
    folded: str = ""


@dataclass(frozen=True)
class Page:
    """What a page says. lead: the answer, its first sentence the most important one. notes: what a reader must know."""

    title: str
    lead: Sequence[str]
    sections: Sequence[Section]
    notes: Sequence[str] = field(default_factory=list)


def render(page: Page) -> str:
    """The page as HTML."""
    import jinja2
    from markupsafe import Markup

    surroundings = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    surroundings.filters["shown"] = one_line
    template = surroundings.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    drawn = [
        [Markup(svg(figure.chart, f"figure-{i}-{j}")) for j, figure in enumerate(section.figures)]
        for i, section in enumerate(page.sections)
    ]
    return encodable(template.render(page=page, drawn=drawn, style=Markup(STYLE), version=__version__))
