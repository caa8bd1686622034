"""Names are data: whatever is in one, it is shown letter for letter where it stands, and does nothing there."""

from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree

import pytest
from build_logs import begins_a_command
from fakes import unhurried
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rnn_vs_attn.text.safe import annotation, encodable, json_text, markdown, one_line, spreadsheet, xml, yaml

DANGEROUS = "\n\r\t\x1b\x00\x7f\x85\x9b\u2028\u200b\u202e\ufeff\ud800\U000e0041|`*_~$\\<>&#:@[](){}!+-=.'\"/ aZ1é模🦙"
texts = st.text(st.sampled_from(DANGEROUS), max_size=24) | st.text(st.characters(exclude_categories=()), max_size=12)
COMMANDS = (
    "::error::x",
    "  ::set-output name=a::b",
    "##[error]x",
    "a ##vso[task.x]b",
    "##teamcity[x]",
    "b\n::stop-commands::x",
)


# A terminal, a log


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("attention-naive", "attention-naive"),
        ("päckchen.schichten:Größe 模型 🦙", "päckchen.schichten:Größe 模型 🦙"),
        ("w.py:Llama: [bold]red[/] :llama:", "w.py:Llama: [bold]red[/] :llama:"),
        ("c10::Error: at::native", "c10::Error: at::native"),
        ("a\nb\r\n\tc", r"a\nb\r\n\tc"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("\x9b31m\x85", r"\x9b31m\x85"),
        ("abc\u202ecba\u200b", r"abc\u202ecba\u200b"),
        ("half \ud800", r"half \ud800"),
        ("::error::gone", r"\x3a:error::gone"),
        ("x ##[error]gone", r"x \x23#[error]gone"),
    ],
)
def test_what_does_something_to_a_terminal_stands_as_its_escape(text: str, shown: str) -> None:
    assert one_line(text) == shown


@pytest.mark.long
@unhurried
@given(texts)
@example("\n".join(COMMANDS))
def test_any_text_is_one_line_that_does_nothing(text: str) -> None:
    shown = one_line(text)
    assert shown.isprintable()
    assert not begins_a_command(shown)
    assert one_line(shown) == shown


@pytest.mark.parametrize("text", COMMANDS)
def test_no_command_reaches_a_log(text: str) -> None:
    assert not begins_a_command(one_line(text))
    assert not any(map(begins_a_command, markdown(text).splitlines()))
    assert not any(map(begins_a_command, json_text({"model": text}).splitlines()))


# Markdown, read by another program


def rendered(source: str) -> tuple[str, set[str]]:
    """The text that a reader of Markdown sees, and the kinds of what it is made of."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source)
    inside = [child for token in tokens for child in token.children or ()]
    text = "".join(child.content for child in inside).replace("\u200b", "")
    return text, {token.type for token in (*tokens, *inside)} - {"inline", "text", "text_special"}


@pytest.mark.long
@unhurried
@given(texts)
@example("<script>alert(1)</script> &lt; &#60;")
@example("[x](http://a) ![y](http://b) <http://c> [z]: d")
@example("__init__ *a* **b** `c` ~~d~~ ~e~ \\* \\`")
@example("# head")
@example("1. a")
@example("---")
@example("    code")
def test_any_text_is_read_letter_for_letter_in_markdown(text: str) -> None:
    seen, kinds = rendered(markdown(text))
    assert seen == " ".join(one_line(text).strip().split(" "))
    assert kinds <= {"paragraph_open", "paragraph_close"}


@pytest.mark.long
@unhurried
@given(texts)
def test_any_text_is_one_cell_of_a_markdown_table(text: str) -> None:
    from rnn_vs_attn.report.tables import Table

    table = Table("", [f"a{text}", "b"], [[f"a{text}", "b"]], [])
    tokens = MarkdownIt("commonmark").enable("table").parse(table.markdown())
    cells = [t.type for t in tokens if t.type in ("th_open", "td_open")]
    assert cells == ["th_open"] * 2 + ["td_open"] * 2
    assert not any(child.type == "html_inline" for t in tokens for child in t.children or ())


@pytest.mark.parametrize(
    "text", ["HEAD~1 (5b7fd75e0b)", "[1] failed", "2.50 [2.25, 2.75]", "-1", "±", "||dy_T||_F", "n_1"]
)
def test_what_is_plain_is_not_changed(text: str) -> None:
    assert markdown(text) == text
    assert one_line(text) == text


@pytest.mark.parametrize(
    ("text", "inert"), [("@octocat", "@&#8203;octocat"), ("see #12", "see #&#8203;12"), (":tada:", ":&#8203;tada:")]
)
def test_markdown_calls_nobody_and_draws_nothing(text: str, inert: str) -> None:
    assert markdown(text) == inert
    assert markdown("a@b 04:59:18 a#1") == "a@b 04:59:18 a#1"


# Files


def test_an_annotation_keeps_line_breaks_as_github_codes_them() -> None:
    assert annotation("50%\r\n::error::\x1b\u202e") == "50%25%0D%0A::error::\\x1b\\u202e"


@pytest.mark.long
@unhurried
@given(texts)
def test_any_text_is_an_attribute_of_xml(text: str) -> None:
    element = ElementTree.Element("a", {"b": xml(text)})
    assert ElementTree.fromstring(ElementTree.tostring(element, encoding="utf-8")).attrib["b"] == xml(text)


@pytest.mark.long
@unhurried
@given(texts)
def test_json_is_printable_and_gives_every_letter_back(text: str) -> None:
    for ascii_only in (False, True):
        written = json_text({"a": [text]}, ascii_only)
        assert json.loads(written) == {"a": [text]}
        assert all(line.isprintable() for line in written.split("\n"))
        assert not ascii_only or written.isascii()


@pytest.mark.long
@unhurried
@given(texts)
def test_a_quoted_text_is_read_by_yaml(text: str) -> None:
    loaded = pytest.importorskip("yaml")
    assert loaded.safe_load(yaml(text)) == encodable(text)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_spreadsheet_runs_no_name_as_a_formula(text: str) -> None:
    assert spreadsheet(text) == "'" + text
    assert spreadsheet("lstm") == "lstm"


def test_what_utf_8_cannot_hold_is_replaced_by_the_sign_for_that() -> None:
    assert encodable("a\udcff🦙").encode() == "a\ufffd🦙".encode()


def test_a_name_with_a_line_break_is_one_row_of_a_table_of_commas() -> None:
    from fakes import record

    from rnn_vs_attn import export
    from rnn_vs_attn.records.types import Run

    made = record("train_time", 1.0, model="=a\n::error::b", seq_len=8)
    run = Run("bench", [], {}, {}, "2026-01-01", None, "complete", [made])
    for name in ("csv", "otava"):
        text = str(export.exported([run], name))
        assert len(text.splitlines()) == len(list(csv.reader(io.StringIO(text)))) == 2
        assert not any(map(begins_a_command, text.splitlines()))
    assert "'=a\\n::error::b" in str(export.exported([run], "csv"))
