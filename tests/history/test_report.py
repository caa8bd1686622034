"""A history as people and programs get it: tests/data/history holds what a terminal, a pipe and a file show."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from edited_runs import edited
from paths import TESTS
from planted_history import history, steady, stepped
from screens import MARKUP, OldScreen, Screen

from rnn_vs_attn.compare.runs import Rules
from rnn_vs_attn.history import report
from rnn_vs_attn.history.runs import DATE, History, read
from rnn_vs_attn.history.series import Series, judged
from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.suites.metrics import CALIBRATION
from rnn_vs_attn.text.safe import json_text

pytestmark = pytest.mark.long
RULES = Rules(0.02, ("model", "seq_len"), calibration=CALIBRATION)
GOLDEN = TESTS / "data/history"


def read_in(folder: Path) -> tuple[History, list[Series]]:
    found = read([folder], DATE)
    return found, judged(found, RULES)


@pytest.fixture(scope="module")
def two_machines(tmp_path_factory: pytest.TempPathFactory) -> tuple[History, list[Series]]:
    levels = {("lstm", 512): stepped(12, 1.1), ("lstm", 64): stepped(12, 1.06), ("gru", 512): steady}
    levels[("gru", 64)] = lambda n: 0.8 if 5 <= n < 14 else 1.0
    folder = tmp_path_factory.mktemp("history")
    history(folder, levels, runs=28, machine=lambda n: {"torch": "2.14.0"} if n >= 24 else {})
    return read_in(folder)


def shown(found: tuple[History, list[Series]], width: int, screen: type[Screen] = Screen) -> str:
    file = screen()
    report.show(*found, 0.02, Terminal(file=file, width=width))
    return re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())


def stored(name: str, text: str) -> str:
    """The text that is stored; RENEW=1 stores this one, to be read before it is committed."""
    if os.environ.get("RENEW"):
        (GOLDEN / name).write_text(text)
    return (GOLDEN / name).read_text()


@pytest.mark.parametrize("width", [80, 100])
def test_on_a_terminal(width: int, two_machines: tuple[History, list[Series]]) -> None:
    text = shown(two_machines, width)
    assert text == stored(f"terminal-{width}.txt", text)
    drawn = [line for line in text.splitlines() if line[:1] in "┏┃┡│└ "]
    assert max(map(len, drawn)) <= width


def test_as_markdown(two_machines: tuple[History, list[Series]]) -> None:
    text = report.markdown(*two_machines, 0.02)
    assert text == stored("markdown.md", text)
    assert text.startswith(
        "**gru, forward at 64 tokens: 25 % slower (23 to 26 %) since 2026-03-15"
    )  # as it was planted


def test_a_pipe_gets_markdown(two_machines: tuple[History, list[Series]], capsys: pytest.CaptureFixture[str]) -> None:
    report.show(*two_machines, 0.02, Terminal())
    assert capsys.readouterr().out == (GOLDEN / "markdown.md").read_text()


def test_as_one_document(two_machines: tuple[History, list[Series]]) -> None:
    document = json.loads(json_text(report.document(*two_machines, 0.02)))
    assert [len(document["runs"]), len(document["series"]), document["margin"]] == [28, 8, 0.02]
    first = document["series"][0]
    assert (first["axes"], first["metric"], first["machine"]) == ({"model": "lstm", "seq_len": 512}, "forward_time", 1)
    (change,) = first["changes"]
    assert (change["run"], change["before"], change["after"], change["verdict"]) == (12, 12, 12, "slower")
    assert change["low"] < change["centre"] < change["high"]
    assert document["runs"][12]["commit"].startswith("0c0c0c")
    assert [point["run"] for point in first["points"]] == list(range(24))
    assert first["visible"] > 0
    assert document["summary"][0] in (GOLDEN / "markdown.md").read_text()


def test_of_many_rows_a_terminal_shows_the_first_and_counts_the_rest(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", n): steady for n in range(1, 31)}, runs=4)
    found = read_in(tmp_path)
    text = shown(found, 100)
    assert text.count("lstm, forward at ") == 13  # and over the figure
    assert "and 18 more rows, with --markdown FILE or | cat" in text
    assert report.markdown(*found, 0.02).count("| forward_time |") == 30


def test_the_page_has_what_changed_first_and_folds_the_rest(two_machines: tuple[History, list[Series]]) -> None:
    page = report.page(*two_machines, 0.02)
    assert [(s.heading, len(s.figures), s.folded) for s in page.sections] == [
        ("Levels that changed", 3, ""),
        ("Every series", 0, ""),
        ("No level changed", 1, "1 figure without a change"),
    ]
    assert len(page.sections[1].tables[0].rows) == 8


def test_a_page_of_steady_levels_shows_its_figures(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 64): steady}, runs=9)
    page = report.page(*read_in(tmp_path), 0.02)
    assert [(s.heading, s.folded) for s in page.sections] == [("Every series", ""), ("No level changed", "")]


def test_hostile_names_are_data_wherever_they_stand(tmp_path: Path) -> None:
    name = MARKUP + "\x1b[2J\n::error::x | y <b>"
    history(tmp_path, {(name, 64): stepped(10, 1.3)}, runs=20, machine=lambda n: {"cpu": name} if n == 19 else {})
    edited(tmp_path / "run-03", "run.json", lambda head: head | {"status": "interrupted"})
    found = read_in(tmp_path)
    for text in (shown(found, 80), shown(found, 80, OldScreen), report.markdown(*found, 0.02)):
        assert "\x1b[2J" not in text
        assert "\n::error::" not in text
        assert "slower" in text
    assert "<b>" not in report.markdown(*found, 0.02)
    shown(found, 80, OldScreen).encode("ascii")
