"""Batches: splits that share no example and are alike, the same numbers everywhere, and docstrings that show them."""

from __future__ import annotations

import doctest
import hashlib
import inspect
import math
from collections import Counter

import numpy
import pytest
import torch
from fakes import unhurried
from hypothesis import given
from hypothesis import strategies as st
from task_examples import batch, examples

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.tasks.drawing import batches, memory, recall, state_tracking
from rnn_vs_attn.tasks.drawing.batches import DRAWERS, SPLITS, TEST, TRAIN, draw, for_testing, shown
from rnn_vs_attn.tasks.drawing.random_numbers import Stream
from rnn_vs_attn.tasks.registry import TASKS

EVERY = pytest.mark.parametrize("spec", TASKS, ids=lambda spec: spec.name)
DISCRETE = [spec for spec in TASKS if not spec.real]
# Spaces of one or two thousand examples
TINY = {
    "copy": (10, {"num_symbols": 4, "vocab_size": 8}),
    "selective-copy": (8, {"num_symbols": 3, "vocab_size": 7}),
    "induction": (7, {"vocab_size": 4}),
    "mqar": (6, {"num_pairs": 1, "vocab_size": 64}),
    "lookup-prefix": (9, {"num_symbols": 1, "vocab_size": 7}),
    "parity": (10, {}),
    "mod-arithmetic": (6, {}),
    "permutation": (10, {"num_symbols": 2}),
}


# Shapes


@EVERY
def test_shapes_and_types(spec) -> None:
    found = batch(spec.name, 32, 5)
    assert found.inputs.shape == ((5, 32, 2) if spec.real else (5, 32))
    assert found.inputs.dtype == (torch.float32 if spec.real else torch.int64)
    assert found.targets.shape == ((5,) if spec.real else (5, 32))
    assert found.targets.dtype == found.inputs.dtype
    assert (found.answers.shape, found.answers.dtype) == ((5, 32), torch.bool)


@EVERY
@pytest.mark.parametrize("seq_len", [32, 64, 256])
def test_counts_are_those_of_the_closed_forms(spec, seq_len: int) -> None:
    """Also at lengths that were not trained."""
    sizes = spec.at(spec.sizes(32), seq_len)
    found = draw(spec, sizes, 0, TEST, 0, 64)
    assert (found.answers.sum(1) == spec.forms.num_answers(sizes)).all()
    if not spec.real:
        assert found.inputs.min() >= 0
        assert found.inputs.max() < sizes.vocab_size
        assert found.targets.min() >= 0
        assert found.targets.max() < spec.forms.num_classes(sizes)


sizes_given = st.fixed_dictionaries(
    {}, optional={name: st.integers(1, 40) for name in ("vocab_size", "num_pairs", "num_symbols", "modulus")}
)


@pytest.mark.long
@unhurried
@given(st.sampled_from(TASKS), st.integers(1, 90), sizes_given, st.sampled_from(SPLITS))
def test_sizes_are_refused_or_drawn(spec, seq_len: int, chosen: dict[str, int], split: str) -> None:
    try:
        sizes = spec.sizes(seq_len, **{name: size for name, size in chosen.items() if name in spec.takes})
    except UserError:
        return
    found = draw(spec, sizes, 0, split, 0, 3)
    assert found.inputs.shape[:2] == (3, seq_len)
    assert (found.answers.sum(1) == spec.forms.num_answers(sizes)).all()
    if not spec.real:
        assert 0 <= found.inputs.min() <= found.inputs.max() < sizes.vocab_size
        assert 0 <= found.targets.min() <= found.targets.max() < spec.forms.num_classes(sizes)
        assert 0 < spec.forms.chance(sizes).accuracy < 1
        assert spec.forms.bits(sizes) > 0


# Numbers


@EVERY
def test_a_batch_follows_from_its_numbers_alone(spec) -> None:
    one, other = batch(spec.name, 32, 8, seed=3), batch(spec.name, 32, 8, seed=3)
    assert all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("inputs", "targets", "answers"))
    torch.manual_seed(0)
    before = torch.get_rng_state()
    batch(spec.name, 32, 8)
    assert torch.equal(before, torch.get_rng_state())


def test_batches_are_the_same_on_every_machine() -> None:
    """Of all bytes; what changes this changes every result that was stored."""
    digest = hashlib.sha256()
    for spec in TASKS:
        for split in SPLITS:
            found = batch(spec.name, 64, 16, split, seed=1, **({"vocab_size": 64} if spec.name == "mqar" else {}))
            for part in (found.inputs, found.targets, found.answers):
                digest.update(part.numpy().astype("<f8").tobytes())
    assert digest.hexdigest() == DIGEST


DIGEST = "29b4759a7f63738007eeb7cbc27b67386e4deef14ee0d84dab68e61950036bed"


@pytest.mark.long
@EVERY
def test_no_two_batches_are_alike(spec) -> None:
    sizes = spec.sizes(32)
    steps = [draw(spec, sizes, seed, split, i, 4).inputs for seed in (-1, 0, 1) for split in SPLITS for i in range(40)]
    assert len({each.numpy().tobytes() for each in steps}) == 240


# Splits


@pytest.mark.long
@pytest.mark.parametrize("spec", DISCRETE, ids=lambda spec: spec.name)
def test_no_example_is_in_both_splits_and_every_one_is_in_one(spec) -> None:
    """Drawn so often that all are seen; so their number is that of the closed form."""
    seq_len, given = TINY[spec.name]
    space = 2 ** spec.forms.space(spec.sizes(seq_len, **given))
    assert 1024 - 1e-6 <= space < 2600
    seen = [
        {tuple(row) for row in batch(spec.name, seq_len, number, split, **given).inputs.tolist()}
        for split, number in ((TRAIN, 40_000), (TEST, 6000))
    ]
    assert not seen[0] & seen[1]
    total = len(seen[0] | seen[1])
    if spec.name == "lookup-prefix":  # of which the strings that have the key twice are none
        assert 0.9 * space < total < space
    else:
        assert total == round(space)
    assert abs(len(seen[1]) - total / 8) < 5 * (total * 7 / 64) ** 0.5


@pytest.mark.long
def test_numbers_that_are_drawn_are_in_one_split() -> None:
    rows = [batch("adding", 2, 500, split).inputs for split in SPLITS]
    assert not set(map(str, rows[0].tolist())) & set(map(str, rows[1].tolist()))


@pytest.mark.long
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("spec", DISCRETE, ids=lambda spec: spec.name)
def test_the_best_constant_answer_scores_chance_in_both_splits(spec, split: str) -> None:
    """One example counts once: answers of one example may hang together."""
    sizes = spec.sizes(32)
    found = draw(spec, sizes, 0, split, 0, 6000)
    chance = spec.forms.chance(sizes).accuracy
    first = found.targets[torch.arange(6000), found.answers.int().argmax(1)]
    counts = Counter(first.tolist())
    bound = 5 * (6000 * chance * (1 - chance)) ** 0.5
    assert abs(counts.most_common(1)[0][1] - 6000 * chance) < bound
    values = spec.forms.num_classes(sizes) if spec.family == "state tracking" else round(1 / chance)
    assert len(counts) == values


@pytest.mark.long
@pytest.mark.parametrize("spec", DISCRETE, ids=lambda spec: spec.name)
def test_guessing_scores_chance(spec) -> None:
    """Each of the values that answers have, alike: no more than the best constant, and as much where all are alike."""
    sizes = spec.sizes(32)
    found = draw(spec, sizes, 5, TEST, 0, 3000)
    right = found.targets[found.answers]
    values = right.unique()
    guesses = values[torch.from_numpy(Stream(9).below(len(values), len(right)))]
    score, chance = (guesses == right).double().mean().item(), 1 / len(values)
    assert abs(score - chance) < 5 * (chance * (1 - chance) / len(right)) ** 0.5
    assert chance == pytest.approx(
        spec.forms.chance(sizes).accuracy, rel=0.01 if spec.name == "mod-arithmetic" else 1e-12
    )


@pytest.mark.long
@pytest.mark.parametrize("spec", DISCRETE, ids=lambda spec: spec.name)
def test_a_model_that_copies_its_input_scores_chance(spec) -> None:
    """But at the first position of parity and permutation, whose answer it is; less where it cannot be right."""
    sizes = spec.sizes(32)
    found = draw(spec, sizes, 5, TEST, 0, 3000)
    right = (found.inputs == found.targets) & found.answers
    if spec.name in ("parity", "permutation"):
        assert right[:, 0].all()
        right, answers = right[:, 1:], found.answers[:, 1:]
    else:
        answers = found.answers
    score, chance = right[answers].double().mean().item(), spec.forms.chance(sizes).accuracy
    assert score < chance + 5 * (chance * (1 - chance) / answers.sum().item()) ** 0.5


@pytest.mark.long
def test_the_hash_is_near_no_parity_of_its_bits() -> None:
    """Were the split a parity of some of the tokens, a model of `parity` could tell it."""
    every = numpy.array([[i >> bit & 1 for bit in range(10)] for i in range(1024)])
    chosen = for_testing(every)
    signs = 1 - 2 * chosen.astype(int)
    for subset in every[1:]:
        characters = 1 - 2 * ((every * subset).sum(1) % 2)
        assert abs((signs * characters).sum()) < 5.5 * 1024**0.5
    assert abs(chosen.sum() - 128) < 5 * math.sqrt(112)


def test_a_split_without_examples_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_allowed(stream, rows, sizes):
        found = state_tracking.parity(stream, rows, sizes)
        found.allowed[:] = False
        return found

    monkeypatch.setitem(DRAWERS, "parity", none_allowed)
    with pytest.raises(UserError, match="examples of parity to test on are too rare at 16 tokens; raise its length"):
        batch("parity", 16, 4, TEST)


@pytest.mark.long
def test_much_is_drawn_in_parts() -> None:
    """A row at a time where one is longer than what is drawn at once."""
    found = batch("parity", 1 << 20, 2)
    assert found.inputs.shape == (2, 1 << 20)
    assert found.targets[:, -1].tolist() == (found.inputs.sum(1) % 2).tolist()


# Examples in docstrings


@pytest.mark.parametrize("module", [memory, recall, state_tracking], ids=lambda module: module.__name__)
def test_docstrings_show_what_is_drawn(module) -> None:
    done = doctest.testmod(module, extraglobs={"shown": shown})
    drawers = [each for each in DRAWERS.values() if each.__module__ == module.__name__]
    assert all("shown(" in inspect.getdoc(each) for each in drawers)
    assert (done.failed, done.attempted) == (0, len(drawers))


def test_what_is_shown_is_the_first_example() -> None:
    read, asked = (line.split() for line in shown("mqar", 32, seed=4).splitlines())
    example = examples("mqar", 32, 1)
    assert example[0].inputs == [int(token) for token in shown("mqar", 32).splitlines()[0].split()]
    assert len(read) == len(asked) == 32
    assert asked.count("-") == 28
    assert shown("adding", 4).count("*") == 2
    assert batches.__doc__
