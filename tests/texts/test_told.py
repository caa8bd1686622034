"""A worker knows the text of its run, and nobody else does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from written_texts import of_files, written

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts import told
from rnn_vs_attn.texts.baselines import baselines_of
from rnn_vs_attn.texts.sources import Text
from rnn_vs_attn.texts.tokenizers import BYTES, tokenizer_for


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "_told", [])
    monkeypatch.delenv(told.VARIABLE, raising=False)


def tell(found: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    told.take()


def test_what_is_told_is_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = of_files(tmp_path, b"01234", b"56789")
    tell(told.variables(text, BYTES, tmp_path), monkeypatch)
    assert told.text() == text
    assert told.tokenizer() is BYTES
    assert told.tokens().train[0:9].tolist() == list(b"012345678")
    assert told.tokens() is told.tokens()
    assert told.VARIABLE not in os.environ


def test_a_text_of_very_many_files_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a variable takes."""
    text = written(tmp_path, b"0123456789")
    text = Text("20000 files", text.files * 2000, 20_000, text.sha256, 18_000)
    found = told.variables(text, BYTES, tmp_path / "cache")
    assert len(found[told.VARIABLE]) < 1 << 12
    tell(found, monkeypatch)
    assert told.text() == text
    next((tmp_path / "cache").iterdir()).unlink()
    monkeypatch.setenv(told.VARIABLE, found[told.VARIABLE])
    with pytest.raises(UserError, match=r"cannot read .*/text-.*.json, which lists the text's files: No such file"):
        told.take()


def test_merges_are_those_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tokenizers", reason="the extra [hf] is not installed")
    text = written(tmp_path, b"abab abab " * 10)
    tokenizer = tokenizer_for("bpe:300", text, tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    (tmp_path / "tokenizer.json").write_bytes(file.read_bytes())
    found = told.variables(text, tokenizer, tmp_path / "cache")
    tell(found, monkeypatch)
    assert told.tokenizer().sha256 == tokenizer.sha256
    assert told.tokenizer().decode(told.tokens().train[0:90].tolist()) == text.read(0, 90)
    gpt2 = tokenizer_for("gpt2", text, tmp_path / "cache", tmp_path)
    tell(told.variables(text, gpt2, tmp_path / "cache", tmp_path), monkeypatch)
    assert told.tokenizer().sha256 == gpt2.sha256
    other = tokenizer_for("bpe:258", text, tmp_path / "other")
    (tmp_path / "tokenizer.json").write_bytes(next((tmp_path / "other").iterdir()).read_bytes())
    assert other.sha256 != gpt2.sha256
    tell(told.variables(text, gpt2, tmp_path / "cache", tmp_path), monkeypatch)
    with pytest.raises(UserError, match="the tokenizer gpt2 is another one than when the run began; start a run of"):
        told.tokenizer()


PROGRAM = """
from rnn_vs_attn.texts import told
from rnn_vs_attn.texts.baselines import baselines_of
told.take()
print(told.text().name, len(told.tokens().train), told.tokens().held_out[0:2])
"""


def test_another_process_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = written(tmp_path, "é日 0123456789 0123456789".encode())
    environment = os.environ | told.variables(text, BYTES, tmp_path)
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert done.stdout == "book.txt 24 [55 56]\n", done.stderr


def test_baselines_are_those_of_the_text_and_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = written(tmp_path, b"0123456789" * 100)
    tell(told.variables(text, BYTES, tmp_path), monkeypatch)
    assert told.baselines(5) == baselines_of(text, 5)
    assert told.baselines(5) is told.baselines(5)


def test_where_nothing_was_told_it_is_said() -> None:
    told.take()
    for asked in (told.text, told.tokenizer, told.tokens, lambda: told.baselines(5)):
        with pytest.raises(UserError, match="no text is known here; `rnn-vs-attn lm` tells its processes which one is"):
            asked()
