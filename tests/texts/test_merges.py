"""Byte-level BPE trained on a text: known merges, of the part that is learnt alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from written_texts import written

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts import merges
from rnn_vs_attn.texts.merges import trained
from rnn_vs_attn.texts.sources import Text, text_of

pytest.importorskip("tokenizers", reason="the extra [hf] is not installed")


def vocabulary(text: Text, num_ids: int, cache: Path) -> list[str]:
    """The tokens that are no bytes, in their order."""
    vocab = json.loads(trained(text, num_ids, cache).read_text())["model"]["vocab"]
    return sorted(vocab, key=vocab.__getitem__)[256:]


def test_merges_by_hand(tmp_path: Path) -> None:
    """aaabdaaabac, in which aa comes four times, then ab twice, and aaab of both; nothing else comes twice."""
    text = written(tmp_path, b"aaabdaaabac" + b"\n")
    assert text.held_out_from == 10
    assert vocabulary(text, 300, tmp_path) == ["aa", "ab", "aaab"]
    assert vocabulary(text, 257, tmp_path) == ["aa"]


def test_the_held_out_part_is_not_looked_at(tmp_path: Path) -> None:
    text = written(tmp_path, b"ab " * 60 + b"xy " * 6)
    assert text.held_out_from <= 180
    assert {"ab", "Ġab"} & set(vocabulary(text, 300, tmp_path))
    assert not any("x" in token for token in vocabulary(text, 300, tmp_path))


def test_of_a_long_text_pieces_from_all_over_it_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merges, "_AT_ONCE", 10)
    text = written(tmp_path, "".join(f"{i:03}é " for i in range(100)).encode())
    assert text.held_out_from == 540
    found = list(merges._looked_at(text, 30))
    assert found == ["000é 001", "44é 045é", text.read(530, 540).decode(errors="ignore")]
    assert "".join(merges._looked_at(text, 540)) == text.read(0, 540).decode()


PROGRAM = """
import sys
from pathlib import Path
from rnn_vs_attn.texts.merges import trained
from rnn_vs_attn.texts.sources import text_of
print(trained(text_of([sys.argv[1]]), 400, Path(sys.argv[2])).read_text())
"""


@pytest.mark.long
def test_every_process_trains_the_same(tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text(" ".join(f"{i * i} words of {i % 7}" for i in range(400)))
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(book), str(tmp_path)], capture_output=True, text=True)
    file = trained(text_of([str(book)]), 400, tmp_path / "cache")
    assert done.stdout == file.read_text() + "\n", done.stderr
    assert len(json.loads(done.stdout)["model"]["vocab"]) == 400


def test_it_is_trained_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = written(tmp_path, b"abab " * 20)
    file = trained(text, 260, tmp_path)
    monkeypatch.setattr(merges, "_looked_at", None)
    assert trained(text, 260, tmp_path) == file
    other = written(tmp_path, b"baba " * 20)
    with pytest.raises(TypeError):
        trained(other, 260, tmp_path)


def test_a_text_that_is_no_utf_8_says_where(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"book.txt is not UTF-8 at byte 3; convert it, or use --tokenizer bytes"):
        trained(written(tmp_path, b"caf\xe9 noir"), 300, tmp_path)


def test_without_the_package_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    sentence = r"--tokenizer bpe:300 needs the extra \[hf\]: pip install 'rnn-vs-attn\[hf\]'; --tokenizer bytes needs n"
    with pytest.raises(UserError, match=sentence):
        trained(written(tmp_path, b"words"), 300, tmp_path)
