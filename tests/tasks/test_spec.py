"""Sizes of tasks: defaults, what does not fit and the sentence for it, and another length."""

from __future__ import annotations

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.tasks.registry import TASKS, find
from rnn_vs_attn.tasks.spec import Sizes


@pytest.mark.parametrize(
    ("name", "seq_len", "sizes"),
    [
        ("adding", 100, Sizes(100)),
        ("copy", 70, Sizes(70, vocab_size=10, num_symbols=10)),
        ("selective-copy", 72, Sizes(72, vocab_size=16, num_symbols=8)),
        ("induction", 64, Sizes(64, vocab_size=16)),
        ("mqar", 64, Sizes(64, vocab_size=32, num_pairs=4)),
        ("mqar", 128, Sizes(128, vocab_size=64, num_pairs=8)),
        ("mqar", 512, Sizes(512, vocab_size=256, num_pairs=32)),
        ("lookup-prefix", 64, Sizes(64, vocab_size=27, num_symbols=8)),
        ("parity", 32, Sizes(32, vocab_size=2)),
        ("mod-arithmetic", 32, Sizes(32, vocab_size=9, modulus=5)),
        ("permutation", 32, Sizes(32, vocab_size=120, num_symbols=5)),
    ],
)
def test_a_length_alone_is_enough(name: str, seq_len: int, sizes: Sizes) -> None:
    assert find(name).sizes(seq_len) == sizes


@pytest.mark.parametrize("spec", TASKS, ids=lambda spec: spec.name)
def test_every_task_is_there_at_the_lengths_that_commands_sweep(spec) -> None:
    for seq_len in (32, 64, 128, 256, 512, 1024):
        assert spec.sizes(seq_len).seq_len == seq_len


def test_what_is_given_is_taken_and_none_is_the_default() -> None:
    assert find("mqar").sizes(32, num_pairs=4, vocab_size=None) == Sizes(32, vocab_size=32, num_pairs=4)
    assert find("mqar").sizes(64, vocab_size=8192) == Sizes(64, vocab_size=8192, num_pairs=4)


def test_another_length_is_the_same_task() -> None:
    mqar = find("mqar")
    assert mqar.at(mqar.sizes(64), 256) == Sizes(256, vocab_size=32, num_pairs=4)
    with pytest.raises(UserError, match="mqar with 4 pairs needs at least 16 tokens, and 14 were asked for"):
        mqar.at(mqar.sizes(64), 14)


FEW = "different examples at"
KEPT = "tokens, too few to keep some for testing"
REFUSED = [
    ("mqar", 14, {"num_pairs": 4}, "mqar with 4 pairs needs at least 16 tokens, and 14 were asked for"),
    ("mqar", 63, {}, "mqar with 4 pairs needs an even number of tokens, and 63 is odd"),
    (
        "mqar", 64, {"vocab_size": 9},
        "mqar with 4 pairs needs an even vocab_size of at least 10, half of it for keys, not 9",
    ),
    (
        "mqar", 64, {"vocab_size": 8},
        "mqar with 4 pairs needs an even vocab_size of at least 10, half of it for keys, not 8",
    ),
    ("mqar", 4, {}, f"mqar with 1 pair has 240 {FEW} 4 {KEPT}; it needs at least 12 tokens"),
    ("copy", 20, {}, "copy with 10 symbols needs at least 21 tokens, and 20 were asked for"),
    ("copy", 64, {"num_symbols": 1}, f"copy with 1 symbol has 8 {FEW} 64 {KEPT}; raise num_symbols or vocab_size"),
    (
        "copy", 64, {"vocab_size": 3},
        "copy with 10 symbols needs a vocab_size of at least 4: two symbols, blank and mark, not 3",
    ),
    ("selective-copy", 16, {}, "selective-copy with 8 symbols needs at least 17 tokens, and 16 were asked for"),
    ("lookup-prefix", 22, {}, "lookup-prefix with 8 symbols needs at least 23 tokens, and 22 were asked for"),
    (
        "lookup-prefix", 64, {"vocab_size": 4},
        "lookup-prefix with 8 symbols needs a vocab_size of at least 5 at 64 tokens, or most keys stand in "
        "several places",
    ),
    ("induction", 2, {}, "induction needs at least 3 tokens, and 2 were asked for"),
    ("induction", 4, {}, f"induction has 450 {FEW} 4 {KEPT}; it needs at least 5 tokens"),
    ("induction", 9, {"vocab_size": 2}, "induction needs a vocab_size of at least 3: two symbols and the mark, not 2"),
    ("adding", 1, {}, "adding needs at least 2 tokens, and 1 were asked for"),
    ("parity", 4, {}, f"parity has 16 {FEW} 4 {KEPT}; it needs at least 10 tokens"),
    ("mod-arithmetic", 7, {}, "mod-arithmetic needs an even number of tokens, and 7 is odd"),
    ("mod-arithmetic", 4, {}, "mod-arithmetic needs at least 6 tokens, and 4 were asked for"),
    ("mod-arithmetic", 6, {"modulus": 3}, f"mod-arithmetic has 243 {FEW} 6 {KEPT}; it needs at least 8 tokens"),
    ("mod-arithmetic", 8, {"modulus": 6}, "mod-arithmetic needs a modulus that is a prime, such as 5, not 6"),
    ("permutation", 8, {"num_symbols": 6}, "permutation with 6 symbols is none that is drawn here; take 2 to 5"),
    ("parity", 8, {"num_pairs": 2}, "parity has no num_pairs; it takes seq_len"),
    ("mqar", 64, {"modulus": 2}, "mqar has no modulus; it takes seq_len, num_pairs, vocab_size"),
    ("mqar", 64, {"num_pairs": 0}, "num_pairs of mqar must be at least 1, not 0"),
    ("parity", 0, {}, "seq_len of parity must be at least 1, not 0"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "seq_len", "given", "sentence"), REFUSED)
def test_what_does_not_fit_is_said_with_the_way_out(name: str, seq_len: int, given: dict, sentence: str) -> None:
    with pytest.raises(UserError) as raised:
        find(name).sizes(seq_len, **given)
    assert str(raised.value) == sentence


def fits(spec, seq_len: int) -> bool:
    try:
        spec.sizes(seq_len)
    except UserError:
        return False
    return True


@pytest.mark.parametrize("spec", TASKS, ids=lambda spec: spec.name)
def test_every_length_from_the_least_on_is_taken(spec) -> None:
    """By default sizes; mqar and mod-arithmetic take even ones only."""
    step = 2 if spec.name in ("mqar", "mod-arithmetic") else 1
    taken = [seq_len for seq_len in range(1, 80) if fits(spec, seq_len)]
    assert taken == list(range(taken[0], 80, step))
