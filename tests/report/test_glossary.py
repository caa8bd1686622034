"""The glossary: few plain sentences, pages that have more, and which words a text uses."""

from __future__ import annotations

import re

import pytest
from paths import REFERENCE, ROOT

from rnn_vs_attn.report.glossary import WORDS, Word, words_in


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.name)
def test_each_word_has_one_or_two_sentences_and_a_page_that_uses_it(word: Word) -> None:
    assert 1 <= len(re.findall(r"\.(?: |$)", word.meaning)) <= 2
    assert word.meaning.endswith(".")
    assert word.is_in((ROOT / "docs" / word.page).read_text())


def test_words_are_in_alphabetical_order_and_each_once() -> None:
    names = [word.name.casefold() for word in WORDS]
    assert names == sorted(set(names))
    assert 20 <= len(names) <= 30


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Six rounds; the Interval is wide", ["interval", "round"]),
        ("reaches around the background", []),
        ("half-lives of 1.4 tokens", ["half-life", "token"]),
        ("30 MFLOP/s", []),
        ("at 30 FLOP/s, launch-bound", ["FLOPs", "launch-bound"]),
        ("transformer-xl (memory 64): undecided", ["memory of Transformer-XL"]),
        ("a cache of keys and values", ["key-value cache"]),
        ("", []),
    ],
)
def test_words_of_a_text_are_found_whole_in_the_plural_and_in_other_spellings(text: str, names: list[str]) -> None:
    assert [word.name for word in words_in(text)] == names


def test_what_a_run_of_lm_says_is_explained() -> None:
    found = {word.name for word in words_in((REFERENCE / "full/lm" / "table.md").read_text())}
    assert {"bits a byte", "held out", "recl", "seed", "segment", "token", "learning rate"} <= found
