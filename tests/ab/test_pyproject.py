"""The user's pyproject.toml: where it is read, what wins, and what is said of it."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from repositories import repository, write

from rnn_vs_attn.ab import pyproject
from rnn_vs_attn.ab.options import SUITE, AbOptions
from rnn_vs_attn.ab.pyproject import Settings, read, with_file
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.run import cases

TODAY = date(2026, 11, 28)
MAIN = AbOptions(baseline="main")
TABLE = "[tool.rnn-vs-attn.ab]\n"
FULL = 'model = "a:B"\nseq-len = 32\nmargin = "5%"\npass = "train"\n'
PLAIN: dict[str, Any] = {**cases.defaults(SUITE.axes.case), "model": [], "seq_len": ["128,512"]}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose subfolder is the current one."""
    made = repository(tmp_path / "repository", {"package/layers.py": "x\n"})
    monkeypatch.chdir(made / "package")
    return made


def accept(until: str, **of: Any) -> str:
    lines = [f"{name} = {value!r}" for name, value in {**of, "until": until, "why": "so"}.items()]
    return "\n".join(["[[tool.rnn-vs-attn.ab.accept]]", *lines, ""])


# Reading


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'\n", "[tool]\n", "[tool.other]\n", TABLE])
def test_without_the_table_there_is_nothing(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"pyproject.toml": text})
    assert read(tmp_path / "pyproject.toml", TODAY) == Settings()


def test_without_the_file_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")  # which would be waited for
    for name in ("nothing", "folder", "pipe"):
        assert read(tmp_path / name, TODAY) == Settings()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[tool", "is no TOML file: "),
        (b"\xff\xfe", "is no TOML file: "),
        (b"x = " + b"[" * 100_000, "is no TOML file: "),
        (b"tool = 3", "tool is no table; write [tool.rnn-vs-attn.ab]"),
        (b"[tool]\nrnn-vs-attn = 3", "rnn-vs-attn is no table"),
        (b"[[tool.rnn-vs-attn.ab]]\nmargin = 1", "ab is no table"),
        (b"#" * (1 << 20) + b"\n", "is larger than 1 MiB"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_bytes(content)
    with pytest.raises(UserError) as error:
        read(file, TODAY)
    assert said in str(error.value)
    assert "pyproject.toml" in str(error.value)


@pytest.mark.parametrize(("until", "ran_out"), [("2026-11-27", True), ("2026-11-28", False), ("2026-11-29", False)])
def test_an_acceptance_holds_through_its_last_day(tmp_path: Path, until: str, ran_out: bool) -> None:
    write(tmp_path, {"pyproject.toml": accept(until, model="a:B")})
    (entry,) = read(tmp_path / "pyproject.toml", TODAY).accepted
    assert entry.ran_out is ran_out


# What wins


def test_the_file_of_the_repositorys_root_is_taken_where_nothing_was_typed(root: Path) -> None:
    write(root, {"pyproject.toml": TABLE + FULL + "strict = true\n"})
    words, options = with_file(PLAIN, MAIN, [])
    assert (words["model"], words["seq_len"], words["d_model"]) == (["a:B"], ["32"], PLAIN["d_model"])
    assert (options.margin, options.strict, options.passes) == (0.05, True, ("train",))
    taken = "model, seq-len, pass, margin, strict"
    assert options.said == (f"from pyproject.toml, which the command to repeat it reads again: {taken}",)


def test_what_was_typed_wins_and_is_not_said(root: Path) -> None:
    write(root, {"pyproject.toml": TABLE + FULL})
    typed = {**PLAIN, "model": ["c:D"], "seq_len": ["64"]}
    words, options = with_file(typed, AbOptions(baseline="main", margin=0.01), ["model", "seq_len", "margin"])
    assert (words["model"], words["seq_len"]) == (["c:D"], ["64"])
    assert (options.margin, options.passes) == (0.01, ("train",))
    assert options.said == ("from pyproject.toml, which the command to repeat it reads again: pass",)


def test_stacks_that_were_typed_stand_for_models(root: Path) -> None:
    write(root, {"pyproject.toml": TABLE + 'model = "a:B"\n'})
    words, options = with_file({**PLAIN, "model": ["lstm+gru"]}, MAIN, ["pattern"])
    assert (words["model"], options.said) == (["lstm+gru"], ())


def test_the_limits_of_cases_hold_whatever_was_typed(root: Path) -> None:
    margins = '[[tool.rnn-vs-attn.ab.margins]]\nseq_len = 512\nmargin = "9%"\n'
    write(root, {"pyproject.toml": margins + accept("2999-01-01", seq_len=512)})
    _, options = with_file(PLAIN, MAIN, ["margin"])
    assert options.limits.margin_of("train_time", {"seq_len": 512}) == 0.09
    assert options.limits.acceptance("train_time", {"seq_len": 512}) is not None
    assert options.said == ("from pyproject.toml, which the command to repeat it reads again: margins, accept",)


@pytest.mark.parametrize(
    "options",
    [
        AbOptions(aa=True),
        AbOptions(baseline_python="python3"),
        AbOptions(candidate_python="python3"),
        AbOptions(baseline="main", bisect=True),
    ],
)
def test_other_ways_to_compare_do_not_read_it(root: Path, options: AbOptions) -> None:
    write(root, {"pyproject.toml": "[tool"})
    assert with_file(PLAIN, options, []) == (PLAIN, options)


# What no case has


@pytest.mark.parametrize(
    ("lines", "of", "said"),
    [
        ('model = ["a:B"]', {"model": "a:C"}, "the accepted slowdown of model a:C is for model a:C, which neither"),
        ('model = ["a:B"]', {"model": "a:B"}, ""),
        ('model = ["a:B"]', {"model": "typed:T"}, ""),
        ("", {"model": "a:C"}, ""),  # another call may measure it
        ("seq-len = [128, 512]", {"seq_len": 521}, "is for seq-len 521, which neither this call nor pyproject.toml"),
        ('seq-len = "64:512"', {"seq_len": 256}, ""),
        ("", {"metric": "train_time"}, ""),
    ],
)
def test_a_value_that_no_case_has_is_said(root: Path, lines: str, of: dict[str, Any], said: str) -> None:
    write(root, {"pyproject.toml": f"{TABLE}{lines}\n{accept('2999-01-01', **of)}"})
    _, options = with_file({**PLAIN, "model": ["typed:T"]}, MAIN, ["model"])
    assert [said in line for line in options.said[1:]] == [True] * bool(said)


def test_the_day_is_that_of_the_program(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, {"pyproject.toml": accept("2031-05-06", model="a:B")})
    for now, ran_out in (("2031-05-06T23:59:59+00:00", False), ("2031-05-07T00:00:00+00:00", True)):
        monkeypatch.setattr(pyproject, "now", lambda now=now: now)
        assert with_file(PLAIN, MAIN, [])[1].accepted[0].ran_out is ran_out
