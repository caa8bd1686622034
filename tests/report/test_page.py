"""The page: whole, of nothing but itself, and with names that are data."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from rnn_vs_attn.report.glossary import Word
from rnn_vs_attn.report.page import Illustration, Page, Section, render
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.report.timeline import Dot, Line, Timeline

HOSTILE = "<img src=x onerror=alert(1)> {{ 7 * 7 }} </script> & \x1b[2J\u202e"
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Parsed(HTMLParser):
    """Tags in their order; `open` is empty where all of them are closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


def page(name: str) -> Page:
    chart = Timeline(name, f"shows {name}", "date", "s", [Line(name, [Dot(1.0, 0.01, 0.009, 0.011, name)])])
    numbers = Table("", ["run", "median"], [[name, "10.0 ms"]], [], grouped=False)
    table = Table(name, ["model", "changes"], [[name, name]], [name], grouped=False, prose=("changes",))
    figure = Illustration(chart, name, numbers)
    sections = [Section(name, [name], [table], [figure]), Section("rest", figures=[figure], folded=name)]
    return Page(name, [name, "and more"], sections, [name])


def test_every_tag_is_closed_and_every_section_is_there() -> None:
    found = Parsed(render(page("lstm")))
    assert found.open == []
    tags = [tag for tag, _ in found.tags]
    assert (tags.count("section"), tags.count("svg"), tags.count("figcaption"), tags.count("h1")) == (2, 2, 2, 1)
    assert tags.count("table") == 3
    assert found.words.count("10.0 ms") == 2
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) == 4


def test_nothing_is_fetched_and_nothing_runs() -> None:
    text = render(page("lstm"))
    assert "default-src 'none'" in text
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert {tag for tag, _ in Parsed(text).tags} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "base",
        "form",
    } == set()
    assert "@import" not in text
    assert "url(" not in text


def test_hostile_names_are_shown_and_not_run() -> None:
    text = render(page(HOSTILE))
    found = Parsed(text)
    assert found.open == []
    assert {tag for tag, _ in found.tags} & {"img", "script"} == set()
    assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
    shown = "<img src=x onerror=alert(1)> {{ 7 * 7 }} </script> & \\x1b[2J\\u202e"
    assert found.words.count(shown) >= 10
    assert "49" not in found.words
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_word_is_linked_once_and_its_text_stays_text() -> None:
    words = [Word("round", "A process.", "method.md"), Word("fresh round", "None.", "method.md")]
    sentences = ["A fresh round & <b> two rounds", "round"]
    text = render(Page("t", [], [Section("s", sentences)], words=words))
    assert '<p>A <a class="word" href="#word-1">fresh round</a> &amp; &lt;b&gt; two rounds</p>' in text
    assert '<p><a class="word" href="#word-0">round</a></p>' in text
    assert '<dt id="word-0">round</dt><dd>A process.</dd>' in text


def test_it_is_light_and_dark_narrow_and_on_paper() -> None:
    text = render(page("lstm"))
    for words in ("prefers-color-scheme: dark", "@media print", 'name="viewport"', 'lang="en"', 'charset="utf-8"'):
        assert words in text
    for tag, attributes in Parsed(text).tags:
        if tag == "th":
            assert attributes["scope"] in ("col", "row")
        if tag == "svg":
            assert attributes["role"] == "img"


def test_a_surrogate_of_a_path_can_be_written() -> None:
    content = render(page("\udcff")).encode()
    assert b"\\udcff" in content
