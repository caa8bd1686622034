"""Laws of growth of chains and paths, up to where they were counted and no further."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from fakes import record
from fakes import record as planted
from paths import SCALES
from planted_scaling import only

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.scaling import measure
from rnn_vs_attn.suites.scaling.analysis import derive
from rnn_vs_attn.suites.scaling.case import CHAIN_LENGTHS, GRAPH, ROUTE, ROUTE_LENGTHS, ScalingCase
from rnn_vs_attn.suites.scaling.claims import claims
from rnn_vs_attn.suites.scaling.tables import tables


@cache
def law_of_paths(name: str, chains: tuple[int, ...] = CHAIN_LENGTHS, **options: Any) -> Record:
    """The law of a layer's paths, of all that the suite counts of it. chains: where the chain is counted."""
    routes_of = ScalingCase(name, 4, 1, 8, num_heads=2, device="cpu", part=ROUTE, **options)
    graphs = [dataclasses.replace(routes_of, seq_len=n, part=GRAPH) for n in chains]
    found = []
    for case in (routes_of, *graphs):
        for sample in measure.measure(case, Turn(0)):
            axes = axes_of(case) | sample.axes
            status = {"status": "ok" if sample.value is not None else "unsupported", "exact": True}
            extra = {"details": sample.details, "warnings": sample.warnings}
            found.append(planted(sample.metric, sample.value, **axes, **status, **extra))
    return only(derive(found), "growth", of="path_length")


@pytest.mark.slow
def test_a_path_is_constant_only_where_it_is_at_lengths_beyond_those_counted() -> None:
    assert law_of_paths("attention").text == "1"
    assert law_of_paths(f"{SCALES}:Blocks").text == "undecided"
    assert "begins to grow" in law_of_paths(f"{SCALES}:Blocks").details["reason"]
    assert law_of_paths(f"{SCALES}:Window").text == "undecided"
    assert "does not over 1024" in law_of_paths(f"{SCALES}:Window").details["reason"]


@pytest.mark.long
def test_a_layer_that_takes_no_long_sequence_is_not_said_not_to_reach_over_one() -> None:
    """A fault at 1,024 positions was told as "what reaches over 16 positions does not over 1024"."""
    found = law_of_paths(f"{SCALES}:TakesFew")
    assert found.text == "undecided"
    assert "does over 1024 could not be asked (ValueError: at most 100 tokens)" in found.details["reason"]
    assert "does not over" not in found.details["reason"]


@pytest.mark.slow
def test_a_path_of_what_looks_both_ways_is_a_lower_bound() -> None:
    both = law_of_paths(f"{SCALES}:BothWays", chains=CHAIN_LENGTHS[:5])  # a recurrence's chains take long
    assert both.details["at_least"]
    assert both.text == "undecided"
    assert "both ways" in both.details["reason"]
    attention = law_of_paths("attention", causal=False)
    assert attention.details["at_least"]
    assert attention.text == "1"  # no path is longer than the chain, which is constant
    assert "at_least" not in law_of_paths("attention").details


@pytest.mark.long
def test_a_length_that_a_module_refuses_costs_only_itself() -> None:
    case = ScalingCase(f"{SCALES}:WholeBlocks", 4, 1, 8, num_heads=2, device="cpu", part=ROUTE)
    found = {s.axes["seq_len"]: s.value for s in measure.measure(case, Turn(0))}
    assert found == {n: n for n in (8, 16, 24, 32, 48, 64, 96, 128, 192)}


@pytest.mark.long
def test_a_module_that_refuses_short_sequences_and_float64_is_counted_over_longer_ones() -> None:
    case = ScalingCase(f"{SCALES}:Particular", 4, 1, 8, num_heads=2, device="cpu", part=ROUTE)
    found = {s.axes["seq_len"]: s.value for s in measure.measure(case, Turn(0))}
    assert found == {n: n for n in (24, 32, 48, 64, 96, 128, 192)}
    (short,) = measure.measure(dataclasses.replace(case, seq_len=16, part=GRAPH), Turn(0))
    assert short.value is None
    assert "not this one" in short.warnings[0]


Count = Callable[[int], int]


def logarithm(n: int, base: int) -> int:
    return next(m for m in range(64) if base**m >= n)


def found(path: Count, chain: Count | None, last: int = 192, **details: object) -> list[Record]:
    """What is derived of counts: of routes up to `last` positions, and of chains."""
    model = "lstm"

    def counted(metric: str, n: int, value: int, part: str, known: dict[str, object]) -> Record:
        axes = {"model": model, "seq_len": n, "part": part, "threads": 1, "kernel_size": 4}
        return record(metric, float(value), unit="1", exact=True, details=dict(known), **axes)  # type: ignore[arg-type]

    routes = [counted("path_length", n, path(n), ROUTE, details) for n in ROUTE_LENGTHS if n <= last]
    graphs = [counted("sequential_operations", n, chain(n), GRAPH, {}) for n in CHAIN_LENGTHS] if chain else []
    return [*routes, *graphs, *derive([*routes, *graphs])]


def path_of(records: list[Record]) -> Record:
    (law,) = (r for r in records if r.metric == "growth" and r.axes["of"] == "path_length")
    return law


@pytest.mark.parametrize("block", [200, 256, 300])
def test_a_recurrence_inside_blocks_has_no_path_that_grows_as_n(block: int) -> None:
    """It was told "at least 191 at n = 192, grows as n", though its own chain stays at 514 beyond 256."""
    records = found(lambda n: n - 1, lambda n: 2 * min(n, block) + 2, at_least=True, in_chain=True, layers=1)
    law = path_of(records)
    assert law.text == "undecided"
    assert law.details["reason"].startswith("grows as n up to there, but its chain does not follow one law to n = 1024")
    (said,) = (each for each in claims(records) if each.key == "path")
    assert (said.verdict, said.why) == ("undecided", law.details["reason"])
    assert any("at least 191 at n = 192, undecided" in cell for t in tables(records) for r in t.rows for cell in r)


def test_a_path_whose_chain_grows_alike_says_up_to_where_it_was_counted() -> None:
    records = found(lambda n: n, lambda n: 7 * n + 1)
    assert path_of(records).text == "n"
    (said,) = (each for each in claims(records) if each.key == "path")
    assert said.figure.endswith("grows as n: 4 operations at n = 4 tokens, 192 at n = 192")
    assert any(cell == "192 at n = 192, as n" for t in tables(records) for r in t.rows for cell in r)


def test_a_path_is_no_longer_than_the_chain_that_it_is_part_of() -> None:
    """Eight dilated convolutions reach over 256 positions: log n up to there, and no further."""
    dilated: tuple[Count, Count] = (lambda n: logarithm(n, 2), lambda n: 17)
    assert (
        "no longer than its chain, which is constant"
        in path_of(found(*dilated, in_chain=True, layers=1)).details["reason"]
    )
    assert path_of(found(*dilated, layers=1)).text == "log n"  # of steps, which are not what the chain is counted of


def test_a_constant_path_is_undecided_where_the_chain_begins_to_grow_later() -> None:
    constant: Count = lambda n: 1  # noqa: E731
    assert path_of(found(constant, lambda n: 3, last=48)).text == "1"
    assert path_of(found(constant, lambda n: 7 * n, last=48)).text == "1"
    later = path_of(found(constant, lambda n: 3 + math.ceil(n / 64), last=48))
    assert later.text == "undecided"
    assert "begins to grow" in later.details["reason"]
    assert path_of(found(constant, None)).details["reason"].endswith("its chain is unknown")
