"""The command line as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from command_tree import every_command
from edited_runs import called
from paths import REFERENCE
from rich.text import Text

from rnn_vs_attn.cli import app
from rnn_vs_attn.errors import OF_CODE

LONG = "x" * 300  # of a name, as no file system takes it


@pytest.mark.long
def test_no_help_text_holds_markup_or_a_code_of_an_emoji() -> None:
    """The command line's own texts go through a console that would take it for such."""

    def texts(command: Any) -> list[str]:
        own = [command.help or "", command.epilog or ""]
        return own + [getattr(parameter, "help", "") or "" for parameter in command.params]

    found = [text for command in every_command().values() for text in texts(command)]
    assert len(found) > 100
    assert [text for text in found if Text.from_markup(text).plain != text] == []


@pytest.mark.long
def test_nothing_typed_is_the_help_and_no_empty_sentence() -> None:
    """It ended with "error: ; rnn-vs-attn --help lists what is allowed"."""
    code, out, err = called()
    assert code == 2
    assert "Usage: " in out + err
    assert "error" not in err


def test_lines_of_code_stand_below_the_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are printed as lines; any other line break is escaped."""

    class Ended(Exception):
        pass

    def end(code: int) -> None:
        raise Ended(code)

    monkeypatch.setattr(app, "_exit", end)
    with pytest.raises(Ended, match="2"):
        app._fail(f"it is a\nmodel; in a file:{OF_CODE}def layer(d_model):{OF_CODE}    return 1", False)
    assert capsys.readouterr().err == "error: it is a\\nmodel; in a file:\n    def layer(d_model):\n        return 1\n"


@pytest.mark.parametrize("words", [("--nonsens",), ("bench", "--nonsens"), ("variants", "gpt", "--nonsens")])
def test_a_wrong_option_names_the_command_whose_help_has_the_others(words: tuple[str, ...]) -> None:
    code, _, err = called(*words)
    assert code == 2
    assert f"; {' '.join(['rnn-vs-attn', *words[:-1]])} --help lists what is allowed\n" in err


@pytest.mark.parametrize("value", ["inf", "nan", "-inf"])
@pytest.mark.parametrize("command", ["bench", "lesson", "run"])
def test_a_number_that_is_none_is_one_sentence(command: str, value: str) -> None:
    """It ended in an OverflowError."""
    code, _, err = called(command, "--max-seconds", value)
    assert code == 2
    assert "--max-seconds" in err
    assert "this is a fault of" not in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("bench", "--model", "lstm", "--output", LONG),
        ("bench", "--checkpoint", LONG),
        ("report", str(REFERENCE / "full/gradflow"), "--output", LONG),
        ("compare", str(REFERENCE / "full/bench"), str(REFERENCE / "full/bench"), "--spread-from", LONG),
    ],
)
def test_a_path_that_the_system_refuses_is_the_user_s_and_no_fault_of_ours(words: tuple[str, ...]) -> None:
    """As a folder is that may not be looked into."""
    code, out, err = called(*words)
    assert (code, out) == (2, "")
    assert err == f"error: cannot use {LONG}: File name too long; name another path\n"
