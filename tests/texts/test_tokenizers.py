"""Tokenizers by their names."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_texts import written

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts.tokenizers import BYTES, parse_tokenizer, stored, tokenizer_for


@pytest.mark.long
@given(st.binary(max_size=50))
def test_bytes_are_ids(content: bytes) -> None:
    ids = BYTES.encode(content)
    assert ids.tolist() == list(content)
    assert BYTES.decode(ids) == BYTES.decode(ids.tolist()) == content
    assert BYTES.num_bytes[ids].sum() == len(content)
    assert BYTES.vocab_size == len(BYTES.num_bytes) == 256


@pytest.mark.parametrize(
    ("word", "name"), [("bytes", "bytes"), (" BYTES ", "bytes"), ("bpe:0300", "bpe:300"), ("gpt2", "gpt2")]
)
def test_names_that_there_are(word: str, name: str) -> None:
    assert parse_tokenizer(word) == name


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("byte", "unknown tokenizer 'byte'; did you mean 'bytes'?"),
        ("bpe", "unknown tokenizer 'bpe'; did you mean 'bpe:2000'?"),
        ("bpe:many", "unknown tokenizer 'bpe:many'; did you mean 'bpe:2000'?"),
        ("bpe:²", "unknown tokenizer 'bpe:²'; did you mean 'bpe:2000'?"),
        ("2000", "unknown tokenizer '2000'; did you mean 'bpe:2000'?"),
        ("gpt-2", "unknown tokenizer 'gpt-2'; did you mean 'gpt2'?"),
        ("", r"unknown tokenizer ''; allowed: bytes, bpe:2000, gpt2."),
        ("bpe:256", "--tokenizer bpe:256: give 257 to 1000000 ids, one for each byte and the others for merges"),
        ("bpe:1000001", "--tokenizer bpe:1000001: give 257 to 1000000 ids"),
        ("bpe:" + "9" * 5000, "give 257 to 1000000 ids"),
    ],
)
def test_names_that_there_are_not(word: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_tokenizer(word)
    assert sentence in str(caught.value)


def test_bytes_need_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    text = written(tmp_path, b"words")
    assert tokenizer_for("bytes", text, tmp_path) is BYTES
    with pytest.raises(UserError, match=r"--tokenizer bpe:300 needs the extra \[hf\]"):
        tokenizer_for("bpe:300", text, tmp_path)


def test_merges_are_trained_on_the_text(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="the extra [hf] is not installed")
    tokenizer = tokenizer_for("bpe:300", written(tmp_path, b"abab abab " * 10), tmp_path / "cache")
    assert (tokenizer.name, tokenizer.decode(tokenizer.encode(b"abab abab"))) == ("bpe:300", b"abab abab")
    assert len(tokenizer.encode(b"abab abab")) < 5
    (file,) = (tmp_path / "cache").iterdir()
    assert stored("bpe:300", file).sha256 == tokenizer.sha256


def test_gpt2_comes_with_its_folder(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="the extra [hf] is not installed")
    text = written(tmp_path, b"abab abab " * 10)
    with pytest.raises(UserError, match="--tokenizer gpt2 comes with weights; give their folder by --init-from FOLDER"):
        tokenizer_for("gpt2", text, tmp_path)
    with pytest.raises(UserError, match=r"has no tokenizer.json; download it too, or use --tokenizer bytes"):
        tokenizer_for("gpt2", text, tmp_path, tmp_path)
    trained = tokenizer_for("bpe:300", text, tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    document = json.loads(file.read_text()) | {"truncation": {"max_length": 2, "stride": 0, "strategy": "LongestFirst"}}
    document["truncation"]["direction"] = "Right"
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    found = tokenizer_for("gpt2", text, tmp_path, tmp_path)
    assert found.name == "gpt2"
    assert found.encode(b"abab and much more").tolist() == trained.encode(b"abab and much more").tolist()


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read the tokenizer .*/none.json: FileNotFoundError"):
        stored("bpe:300", tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff")
    with pytest.raises(UserError, match=r"cannot read the tokenizer .*/bytes.json: UnicodeDecodeError"):
        stored("bpe:300", tmp_path / "bytes.json")
