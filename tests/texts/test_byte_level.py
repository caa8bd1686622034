"""Byte-level BPE: every text has ids, and they give it back byte for byte."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts.byte_level import BYTE_OF, ByteLevel, byte_level

tokenizers = pytest.importorskip("tokenizers", reason="the extra [hf] is not installed")

TEXT = "the cat sat on the mat, the hat that the cat had sat on. Ça déçoit: 日本語 日本語\r\n\r\n" * 3
END = "<|endoftext|>"


def trained(num_ids: int = 300, special: bool = True) -> dict[str, Any]:
    """What a tokenizer.json holds, as GPT-2's does with its special token."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=num_ids,
        show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[END] if special else [],
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    found: dict[str, Any] = json.loads(tokenizer.to_str())
    return found


DOCUMENT = trained()
OURS = byte_level("gpt2", json.dumps(DOCUMENT), "tokenizer.json")
THEIRS = tokenizers.Tokenizer.from_str(json.dumps(DOCUMENT))


@pytest.mark.long
@given(st.text(max_size=60) | st.text(alphabet="the cat's \r\n\t\0日本é𝄞" + END, max_size=200))
def test_ids_give_the_same_bytes_again_and_are_those_of_the_package(text: str) -> None:
    """No text has the special token, whatever it holds."""
    content = text.encode()
    ids = OURS.encode(content)
    assert ids.dtype == numpy.uint32
    assert OURS.decode(ids) == content
    assert OURS.num_bytes[ids].sum() == len(content)
    if END not in text:
        assert ids.tolist() == THEIRS.encode(text).ids


def test_the_special_token_is_never_made_of_text() -> None:
    special = DOCUMENT["added_tokens"][0]["id"]
    assert THEIRS.encode(f"a{END}b").ids.count(special) == 1
    ids = OURS.encode(f"a{END}b".encode())
    assert special not in ids
    assert OURS.decode(ids) == f"a{END}b".encode()
    assert (OURS.num_bytes[special], OURS.decode([special])) == (0, b"")
    assert OURS.vocab_size == THEIRS.get_vocab_size() == len(OURS.num_bytes)


def test_nor_where_whole_words_are_looked_up_first() -> None:
    """Llama's way, with which a word of the vocabulary need not be merged."""
    document = trained()
    document["model"]["ignore_merges"] = True
    document["added_tokens"][0]["content"] = "end"
    document["model"]["vocab"] = {"end" if k == END else k: v for k, v in document["model"]["vocab"].items()}
    ours = byte_level("gpt2", json.dumps(document), "tokenizer.json")
    assert document["model"]["vocab"]["end"] not in ours.encode(b"end end")
    assert ours.decode(ours.encode(b"end end")) == b"end end"


def test_a_token_beside_the_merges_counts() -> None:
    document = trained()
    document["added_tokens"].append(document["added_tokens"][0] | {"id": 300, "content": "<pad>"})
    ours = byte_level("gpt2", json.dumps(document), "tokenizer.json")
    assert (ours.vocab_size, ours.num_bytes[300]) == (301, 0)
    assert ours.decode(ours.encode(b"<pad>")) == b"<pad>"


def test_every_byte_has_a_character_of_the_package() -> None:
    assert set(tokenizers.pre_tokenizers.ByteLevel.alphabet()) == set(BYTE_OF)
    assert sorted(BYTE_OF.values()) == list(range(256))
    for text in ("\0\n\r\x1f !~\x7f", "\x80\xa0\xa1\xad\xae\xff", "日本𝄞"):
        (split,) = tokenizers.pre_tokenizers.ByteLevel(False, use_regex=False).pre_tokenize_str(text)
        assert bytes(BYTE_OF[character] for character in split[0]) == text.encode()


WORD = st.text(alphabet="thecat's,1", min_size=1, max_size=6)
SPACE = st.sampled_from([" ", "\n", "\r\n", "  ", "\n\t"])


@pytest.mark.long
@given(st.lists(st.tuples(WORD, SPACE), max_size=20), st.integers(12, 20))
def test_a_long_text_is_encoded_in_parts_with_the_ids_of_the_whole(words: list[tuple[str, str]], at_once: int) -> None:
    text = "".join(word + space for word, space in words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnn_vs_attn.texts.byte_level._AT_ONCE", at_once)
        assert OURS.encode(text.encode()).tolist() == THEIRS.encode(text).ids


@given(st.text(max_size=60), st.integers(4, 9))
def test_one_without_words_loses_nothing_either(text: str, at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnn_vs_attn.texts.byte_level._AT_ONCE", at_once)
        assert OURS.decode(OURS.encode(text.encode())) == text.encode()


def test_what_is_no_utf_8_is_refused() -> None:
    with pytest.raises(UserError, match=r"b'\\xe9 noir' is not UTF-8; --tokenizer bytes takes all"):
        OURS.encode(b"caf\xe9 noir")


def change(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.update(fields)


def change_model(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["model"].update(fields)


WORDS = {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}
PREFIXED = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (change(model=WORDS), r"tokenizer.json is WordLevel after ByteLevel, not byte-level BPE as GPT-2's; use"),
        (change(pre_tokenizer={"type": "Whitespace"}), r"is BPE after Whitespace, not byte-level BPE"),
        (change(pre_tokenizer=None), r"is BPE after None, not byte-level BPE"),
        (change(pre_tokenizer=PREFIXED), r"changes the text before it merges; use --tokenizer bytes or bpe:2000"),
        (change(normalizer={"type": "Lowercase"}), r"changes the text before it merges"),
        (change_model(dropout=0.1), r"has dropout 0.1; use --tokenizer bytes or bpe:2000"),
        (change_model(end_of_word_suffix="</w>"), r"has end_of_word_suffix '</w>'; use"),
        (change_model(vocab={"a": 0}, merges=[]), r"lacks a token for the byte \d+, and byte-level BPE has all"),
        (change_model(vocab=3), r"tokenizer.json is damaged: AttributeError"),
        (change_model(merges=[["x", "nowhere"]]), r"tokenizer.json is damaged: Exception"),
        (lambda document: document["model"]["vocab"].update(a=1 << 40), r"has 1099511627777 ids; at most 16777216 are"),
        (lambda document: document.clear(), r"tokenizer.json is damaged: KeyError"),
    ],
)
def test_another_kind_is_refused(changed: Callable[[dict[str, Any]], None], sentence: str) -> None:
    document = trained()
    changed(document)
    with pytest.raises(UserError, match=sentence):
        byte_level("gpt2", json.dumps(document), "tokenizer.json")


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000])
def test_what_is_no_document_is_damaged(content: str) -> None:
    with pytest.raises(UserError, match=r"tokenizer.json is damaged: "):
        byte_level("gpt2", content, "tokenizer.json")


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UserError, match=r"--tokenizer gpt2 needs the extra \[hf\]: pip install 'rnn-vs-attn\[hf\]'$"):
        byte_level("gpt2", json.dumps(DOCUMENT), "tokenizer.json")


def test_it_is_told_apart_by_its_content() -> None:
    assert ByteLevel("a", "{}").sha256 == ByteLevel("b", "{}").sha256 != ByteLevel("a", "{ }").sha256
