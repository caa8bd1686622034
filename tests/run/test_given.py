"""What a run is given beside its options: told to its workers, kept in its settings, and found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.run.given import NOTHING, Given, again, of_settings
from rnn_vs_attn.run.learnt_text import learnt_text


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Given:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "book.txt").write_bytes(b"once " * 100)
    return Given(text=learnt_text([str(tmp_path / "book.txt")], "bytes"))


def test_nothing_is_kept_and_told_of_nothing() -> None:
    assert (NOTHING.variables, NOTHING.settings(anonymous=False)) == ({}, {})
    assert (list(again({"axes": {}}).trained), again({"axes": {}}).text) == ([], None)
    assert of_settings({"axes": {}, "limits": {}}) == {}


def test_a_text_is_told_kept_and_found_again(given: Given) -> None:
    assert given.text is not None
    assert given.variables == given.text.variables
    settings = {"axes": {}} | given.settings(anonymous=False)
    assert settings["text"] == given.text.settings(anonymous=False)
    assert of_settings(settings) == {"text": settings["text"]}
    found = again(settings)
    assert found.text is not None
    assert found.text.label == given.text.label
    assert not found.trained


def test_an_anonymous_run_keeps_no_paths_of_what_it_was_given(given: Given, tmp_path: Path) -> None:
    settings = given.settings(anonymous=True)
    assert str(tmp_path) not in str(settings)
    with pytest.raises(UserError, match="anonymous"):
        again(settings)
