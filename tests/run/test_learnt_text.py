"""The text of a run: what its cases are named by, what is too short, and how it is found again."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.pretrained_tokenizers import TOKENIZER
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.run.learnt_text import LearntText, again, for_axes
from rnn_vs_attn.texts import told
from rnn_vs_attn.texts.sources import TOPICS

CONTENT = bytes(range(65, 91)) * 50  # 1,300 bytes, of which 130 are held out
AXES: dict[str, list[Any]] = {"tokenizer": ["bytes"], "batch_size": [2], "seq_len": [16], "text": [""]}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_bytes(CONTENT)
    return path


def learnt(*words: Path, **axes: Any) -> LearntText:
    return for_axes([str(word) for word in words], AXES | axes)


def test_cases_name_the_text_and_the_beginning_of_its_hash(book: Path) -> None:
    axes = dict(AXES)
    found = for_axes([str(book)], axes)
    assert axes["text"] == [found.label] == [f"book.txt@{hashlib.sha256(CONTENT).hexdigest()[:12]}"]
    assert (len(found.tokens.train), len(found.tokens.held_out)) == (1170, 130)


def test_without_words_it_is_the_text_that_every_python_has() -> None:
    found = learnt()
    assert found.label.startswith(f"{TOPICS}@")
    assert found.words == ()


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ({"seq_len": [16, 130]}, "the last tenth of the text, which is held out, has 130 tokens, and --seq-len 130"),
        ({"batch_size": [2, 1000]}, "1000"),
    ],
)
def test_a_text_that_is_too_short_is_refused_before_anything_is_trained(
    axes: dict[str, list[int]], said: str, book: Path
) -> None:
    assert learnt(book, seq_len=[129]).text.size == 1300
    with pytest.raises(UserError, match=said):
        learnt(book, **axes)


def test_a_worker_is_told_which_it_is(book: Path) -> None:
    (content,) = learnt(book).variables.values()
    assert set(learnt(book).variables) == {told.VARIABLE}
    assert json.loads(content)[0]["sha256"] == hashlib.sha256(CONTENT).hexdigest()


def test_it_is_found_again_wherever_the_run_goes_on(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stored = learnt(Path("book.txt")).settings(anonymous=False)
    assert stored["files"] == [str(book)]
    monkeypatch.chdir("/")
    assert again(json.loads(json.dumps(stored))).text == learnt(book).text


def test_the_text_that_every_python_has_is_found_again_by_an_anonymous_run_too() -> None:
    stored = learnt().settings(anonymous=True)
    assert again(stored).label == learnt().label


def test_an_anonymous_run_keeps_no_paths(book: Path) -> None:
    stored = learnt(book).settings(anonymous=True)
    assert str(book.parent) not in json.dumps(stored)
    with pytest.raises(UserError, match="an anonymous run does not say where its text is"):
        again(stored)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sha256": "0" * 64}, "the text book.txt is another one than when the run began"),
        ({"tokenizer_sha256": "0" * 64}, "the tokenizer bytes is another one than when the run began"),
        ({"files": ["/nowhere/book.txt"]}, "/nowhere/book.txt"),
    ],
)
def test_another_text_is_refused(changed: dict[str, Any], said: str, book: Path) -> None:
    with pytest.raises(UserError, match=said):
        again(learnt(book).settings(anonymous=False) | changed)


def test_a_text_that_was_written_again_is_refused(book: Path) -> None:
    stored = learnt(book).settings(anonymous=False)
    book.write_bytes(CONTENT[::-1])
    with pytest.raises(UserError, match=r"the text book\.txt is another one"):
        again(stored)


def test_a_tokenizer_other_than_bytes_is_kept_with_the_run(book: Path, tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="the extra [hf] is not installed")
    folder = RunFolder.create(tmp_path / "run")
    learnt(book).put_tokenizer(folder)
    assert not (folder.path / TOKENIZER).exists()
    found = learnt(book, tokenizer=["bpe:260"])
    found.put_tokenizer(folder)
    folder.close()
    kept = json.loads((folder.path / TOKENIZER).read_text())
    assert len(kept["model"]["vocab"]) == 260
    assert again(found.settings(anonymous=False)).tokenizer.sha256 == found.tokenizer.sha256


def test_a_file_that_is_new_in_a_folder_makes_another_text(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_bytes(CONTENT)
    settings = learnt(tmp_path / "texts").settings(anonymous=False)
    (tmp_path / "texts" / "b.txt").write_bytes(b"more")
    with pytest.raises(UserError, match=r"the text a\.txt is another one than when the run began"):
        again(settings)


@pytest.mark.parametrize("change", [{"files": 3}, {"files": [3]}, {"files": "book.txt"}, {"tokenizer": 3}])
def test_settings_that_are_none_are_an_error_of_settings(change: dict[str, Any], book: Path) -> None:
    settings = learnt(book).settings(anonymous=False)
    with pytest.raises((TypeError, ValueError, AttributeError)):
        again(settings | change)


def test_a_name_that_records_cannot_hold_is_refused(tmp_path: Path) -> None:
    """They are UTF-8: the run would not find its text again."""
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_bytes(CONTENT)
    with pytest.raises(UserError, match=r"--text .*/caf\\xe9\.txt is no UTF-8, and the run could not find it again"):
        learnt(path)
