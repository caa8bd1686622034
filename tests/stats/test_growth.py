"""How counts grow: laws that are the only ones to fit, what is not named, exponents and crossings of counts."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from rnn_vs_attn.stats import growth
from rnn_vs_attn.suites.scaling.case import CHAIN_LENGTHS, ROUTE_LENGTHS

Count = Callable[[int], int]


def of_chain(count: Count) -> list[int]:
    return [count(n) for n in CHAIN_LENGTHS]


def laws(count: Count) -> set[str | None]:
    """Over the lengths of chains, and over those of routes."""
    lengths = (CHAIN_LENGTHS, (*CHAIN_LENGTHS, 2048), ROUTE_LENGTHS[:10], ROUTE_LENGTHS)
    return {growth.law(some, [count(n) for n in some]) for some in lengths}


@pytest.mark.parametrize(
    ("lengths", "counts", "expected"),
    [
        ([16, 32, 64, 128], [5, 5, 5, 5], "1"),
        ([16, 32, 64, 128], [19, 35, 67, 131], "n"),
        ([4, 8, 16, 32], [1, 3, 5, 11], None),
        ([4, 6, 8, 12, 16, 24, 32], [1, 2, 3, 4, 5, 8, 11], "n"),
        ([4, 6, 8, 12, 16, 24, 32, 48, 64, 96], [1, 2, 2, 2, 2, 3, 3, 3, 3, 4], "log n"),
        ([16, 32, 64, 128, 256, 512, 1024], [3, 3, 6, 6, 6, 6, 6], None),
        ([16, 32, 64, 128, 256, 512, 1024], [9, 4, 4, 4, 4, 10, 5], None),
        ([4, 6, 8, 12, 16, 24, 32], [4, 5, 6, 7, 8, 10, 12], None),
        ([16, 32, 64, 128, 256], [21, 23, 27, 38, 40], None),
        ([16, 32, 64, 128, 256, 512, 1024], [21, 23, 27, 38, 40, 44, 55], "log n"),
        ([16, 32, 64, 128, 256, 512, 1024], [11, 13, 15, 17, 19, 21, 23], "log n"),
        ([16, 32, 64, 128], [4, 6, 8, 20], None),
        ([16, 64, 256, 1024], [4, 8, 16, 32], None),
        ([16, 32, 64, 128], [256, 1024, 4096, 16384], None),
        ([16, 32, 64], [16, 32, 64], None),
        ([4, 5, 6, 7, 8, 9], [1, 1, 1, 1, 1, 1], None),
        ([16, 32, 64, 128], [9, 8, 7, 6], None),
    ],
)
def test_a_law_is_named_where_it_is_the_only_one(lengths: list[int], counts: list[int], expected: str | None) -> None:
    assert growth.law(lengths, counts) == expected


@pytest.mark.parametrize(
    ("lengths", "counts", "one", "other"),
    [
        ([4, 6, 8, 12, 16, 24, 32], [2, 2, 3, 3, 4, 5, 6], "floor(sqrt(n)) + 1", "ceil(n / 7) + 1"),
        ([4, 6, 8, 12, 16, 24], [2, 3, 3, 4, 4, 5], "ceil(sqrt(n))", "ceil(log2(n))"),
        ([4, 6, 8, 12, 16, 24, 32], [1, 2, 2, 2, 2, 3, 3], "ceil(log2(log2(n)))", "ceil(log4(n))"),
        ([4, 8, 16, 32], [2, 3, 4, 5], "ceil(sqrt(n) - 0.8)", "log2(n)"),
        ([4, 8, 16, 32, 64], [2, 3, 4, 5, 6], "ceil(sqrt(n / 2) + 0.3)", "log2(n)"),
        ([4, 6, 8, 12, 16, 24], [1, 2, 3, 4, 5, 8], "ceil(2 n / log2(n)) - 3", "ceil((n - 1) / 3)"),
    ],
)
def test_counts_that_two_laws_give_are_named_after_neither(
    lengths: list[int], counts: list[int], one: str, other: str
) -> None:
    assert growth.law(lengths, counts) is None


def logarithm(n: int, base: int) -> int:
    return next(m for m in range(64) if base**m >= n)


@pytest.mark.long
@pytest.mark.parametrize("a", [1, 2, 3])
@pytest.mark.parametrize("add", [0, 3])
@pytest.mark.parametrize("rounded", [math.ceil, math.floor, round])
@pytest.mark.parametrize(
    "grows",
    [
        lambda n: math.log2(math.log2(n)),
        lambda n: math.log(math.log(n)),
        lambda n: math.log2(n) ** 2,
        lambda n: n ** (1 / 3),
        math.sqrt,
        lambda n: math.sqrt(n / 2),
        lambda n: n ** (2 / 3),
        lambda n: n / math.log2(n),
        lambda n: n / math.log(n),
        lambda n: n * math.log2(n),
        lambda n: n**2,
    ],
)
def test_what_grows_otherwise_is_not_named(
    grows: Callable[[float], float], rounded: Callable[[float], int], add: int, a: int
) -> None:
    for count in (lambda n: rounded(a * grows(n)) + add, lambda n: a * rounded(grows(n)) + add):
        assert laws(count) <= {None, "1"}  # where it takes one value alone it is constant, up to there


@pytest.mark.parametrize("count", [lambda n: 2 * logarithm(n, 2) + 3, lambda n: 3 * logarithm(n, 4) + 1])
def test_levels_of_a_tree_are_logarithmic_over_lengths_enough(count: Count) -> None:
    assert growth.law((*CHAIN_LENGTHS, 2048), [count(n) for n in (*CHAIN_LENGTHS, 2048)]) == "log n"
    assert growth.law(ROUTE_LENGTHS, [count(n) for n in ROUTE_LENGTHS]) == "log n"


@pytest.mark.parametrize("step", [1, 2, 3, 7, 16])
def test_steps_of_some_positions_are_linear(step: int) -> None:
    assert laws(lambda n: 5 * math.ceil(n / step) + 2) == {"n"}


@pytest.mark.parametrize("block", [32, 64, 100, 128, 256, 300])
def test_a_chain_that_stays_as_it_is_beyond_a_block_follows_no_law(block: int) -> None:
    assert growth.law(CHAIN_LENGTHS, of_chain(lambda n: 2 * min(n, block) + 2)) is None
    assert growth.law(CHAIN_LENGTHS, of_chain(lambda n: 7 * min(n, block) + 3 * math.ceil(n / block))) is None
    assert growth.law(CHAIN_LENGTHS, of_chain(lambda n: logarithm(min(n, block), 2) + 1)) is None


def test_exponents_of_counts_are_exact_where_they_are_powers_or_polynomials() -> None:
    sizes = [128, 256, 512, 1024]
    assert growth.exponent(sizes, [16 * n for n in sizes]) == (1, True)
    assert growth.exponent(sizes, [n * (n + 1) for n in sizes]) == (2, True)
    fitted = growth.exponent(sizes, [round(n**1.5) for n in sizes])
    assert fitted is not None
    assert fitted[0] == pytest.approx(1.5, abs=1e-3)
    assert not fitted[1]
    assert growth.exponent([128], [7]) is None


def test_counts_cross_where_their_polynomials_do() -> None:
    sizes = [128, 256, 512, 1024]
    square, line = [n * n for n in sizes], [300 * n for n in sizes]
    assert growth.polynomial_crossing(sizes, square, line, 1 << 20) == 301
    assert growth.polynomial_crossing(sizes, line, line, 1 << 20) is None
    odd = [round(n**1.5) for n in sizes]
    assert growth.polynomial_crossing(sizes, odd, line, 1 << 20) is None


def test_counts_that_cross_twice_have_no_length_from_which_one_is_the_larger() -> None:
    sizes = [128, 256, 512, 1024]
    assert growth.polynomial_crossing(sizes, [n * n + 2000 for n in sizes], [300 * n for n in sizes], 1 << 20) is None


@pytest.mark.parametrize("first", [1, 2, 7, 99, 100])
def test_the_first_length_above_is_found_at_both_ends_and_between(first: int) -> None:
    assert growth.first_above(lambda n: n >= first, 100) == first


def test_what_is_above_nowhere_has_no_first_length() -> None:
    assert growth.first_above(lambda n: n > 100, 100) is None
