"""Names for the same thing: each stands for one, and the table in docs/your_layer.md is that of the code."""

from __future__ import annotations

from collections import Counter

import pytest
from paths import ROOT

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.foreign.synonyms import MEANINGS, OWN, meaning_of, plain, rank_of, table


def test_no_name_stands_for_two_things() -> None:
    counts = Counter(plain(name) for meaning in MEANINGS for name in meaning.names)
    assert [name for name, count in counts.items() if count > 1] == []


def test_the_programs_own_names_stand_for_themselves_and_come_first() -> None:
    assert set(OWN) == {"d_model", "num_heads", "head_dim", "num_layers", "causal", "seq_len", "kernel_size", "window"}
    assert all(rank_of(name) == 0 for name in OWN)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nHeads", 4),
        ("dModel", 48),
        ("n_embd", 48),
        ("dim_head", 12),
        ("num_hidden_layers", 3),
        ("is_causal", False),
        ("n_ctx", 20),
        ("d_conv", 5),
        ("local_attn_window_size", 7),
        ("summary_first_dropout", 0.0),
        ("dim_feedforward", 192),
    ],
)
def test_a_name_gets_what_it_stands_for(name: str, value: object) -> None:
    meaning = meaning_of(name)
    assert meaning is not None
    assert meaning.value(Shape(2, 20, 48, 4, 3, False, 5, 7)) == value


def test_a_name_that_is_not_known_stands_for_nothing() -> None:
    assert meaning_of("expansion_factor") is None


def test_the_page_has_the_table_of_the_code() -> None:
    assert table() in (ROOT / "docs" / "your_layer.md").read_text(encoding="utf-8")
