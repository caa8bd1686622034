"""JSON files of a folder, and values in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.documents import document, shown


def test_a_document_is_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"n_layer": 2, "name": "é"}', encoding="utf-8")
    assert document(tmp_path / "config.json") == {"n_layer": 2, "name": "é"}


@pytest.mark.parametrize("content", [b"{", b"", b"\xff", b"[" * 100_000])
def test_a_damaged_one_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError, match=r"/config.json is damaged: \w+: ."):
        document(tmp_path / "config.json")


def test_one_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*/none.json: No such file or directory; give a folder$"):
        document(tmp_path / "none.json", "; give a folder")


def test_a_long_or_deep_value_is_cut() -> None:
    assert shown("short") == "'short'"
    assert len(shown("long" * 1000)) == 120
    assert shown([[[[[1]]]]]) == "[[[[...]]]]"
