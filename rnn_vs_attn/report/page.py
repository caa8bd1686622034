"""One self-contained HTML page: sentences, tables and figures, in one look for every command that writes one.

Nothing is fetched from anywhere, no script runs but this program's own, and every text is data: what anybody wrote is
shown and not run.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnn_vs_attn import __version__
from rnn_vs_attn.report import curve_svg, timeline_svg
from rnn_vs_attn.report.glossary import Word
from rnn_vs_attn.report.plots import Figure
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.report.timeline import Timeline
from rnn_vs_attn.text.safe import encodable, one_line

_TEMPLATE, _SCRIPT = (Path(__file__).with_name(f"page.{ending}") for ending in ("html", "js"))
GENERATOR = "rnn-vs-attn"  # what a page says that made it
BEST, ABSENT, HOLDS, FAILS, UNDECIDED = "best", "absent", "holds", "fails", "undecided"


class Cell(str):
    """A cell of a table with a look of its own.

    kind: BEST, ABSENT, or what became of a claim. lead: its beginning, which alone has that look; "" for all of it.
    anchor: of the section that it leads to.
    """

    kind: str
    lead: str
    anchor: str

    def __new__(cls, text: str, kind: str = "", *, lead: str = "", anchor: str = "") -> Cell:
        made = super().__new__(cls, text)
        made.kind, made.lead, made.anchor = kind, lead, anchor
        return made

    @property
    def rest(self) -> str:
        """What stands behind its lead."""
        return self.removeprefix(self.lead)


@dataclass(frozen=True)
class Illustration:
    """A figure, what it shows in words, and its numbers as a table."""

    chart: Timeline | Figure
    caption: str
    numbers: Table


@dataclass(frozen=True)
class Section:
    """A part of a page under a heading, which may be "". folded: what stands in its place until it is opened.

    code: a command line. parts: what stands within it, below all else. anchor: what links to it name. stacked: whether
    rows of its tables stand one below another where the page is narrow.
    """

    heading: str
    sentences: Sequence[str] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Illustration] = ()
    folded: str = ""
    code: str = ""
    parts: Sequence[Section] = ()
    anchor: str = ""
    stacked: bool = False


@dataclass(frozen=True)
class Page:
    """What a page says. lead: the answer, its first sentence the most important one. notes: what a reader must know.

    scripted: whether its tables sort and copy. words: what is explained at the end, and linked where it is first said.
    """

    title: str
    lead: Sequence[str]
    sections: Sequence[Section]
    notes: Sequence[str] = field(default_factory=list)
    scripted: bool = False
    words: Sequence[Word] = ()


def render(page: Page) -> str:
    """The page as HTML."""
    import jinja2
    from markupsafe import Markup

    surroundings = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    surroundings.filters |= {"shown": one_line, "linked": _Links(page.words)}
    surroundings.globals |= {"drawn": _Drawing(), "keys": _keys, "look": _look}
    template = surroundings.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    script = _SCRIPT.read_text(encoding="utf-8") if page.scripted else ""
    styles = f"{timeline_svg.STYLE}\n{curve_svg.STYLE}"
    return encodable(
        template.render(
            page=page,
            style=Markup(styles),
            script=Markup(script),
            hash=Markup(_hash(script)),
            generator=GENERATOR,
            version=__version__,
        )
    )


def is_ours(beginning: str) -> bool:
    """Whether a file that begins so is a page of this program's."""
    return f'<meta name="generator" content="{GENERATOR} ' in beginning


def _hash(script: str) -> str:
    """What a page's policy calls the only script that may run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


class _Links:
    """Sentences in which each word is a link to what it means, where it is said first."""

    def __init__(self, words: Sequence[Word]) -> None:
        self._words = {f"word-{number}": word for number, word in enumerate(words)}

    def __call__(self, text: str) -> Any:
        from markupsafe import Markup, escape

        shown = one_line(text)
        found = {anchor: place for anchor, word in self._words.items() if (place := word.place(shown))}
        parts, end = list[Any](), 0
        for anchor, place in sorted(found.items(), key=lambda item: item[1].start()):
            if place.start() < end:
                continue  # within another one
            link = Markup('<a class="word" href="#{}">{}</a>').format(anchor, place[0])
            parts += [escape(shown[end : place.start()]), link]
            end = place.end()
            del self._words[anchor]
        return Markup("").join([*parts, escape(shown[end:])])


class _Drawing:
    """Draws figures of a page, each with names of its own."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def __call__(self, chart: Timeline | Figure) -> Any:
        from markupsafe import Markup

        name = f"figure-{next(self._numbers)}"
        return Markup(timeline_svg.svg(chart, name) if isinstance(chart, Timeline) else curve_svg.svg(chart, name))


def _keys(chart: Timeline | Figure) -> list[tuple[Any, str]]:
    """What stands for each line of a figure of several; a figure over time says it by itself."""
    from markupsafe import Markup

    return [(Markup(drawn), label) for drawn, label in curve_svg.keys(chart)] if isinstance(chart, Figure) else []


def _look(cell: str) -> Cell:
    return cell if isinstance(cell, Cell) else Cell(cell)
