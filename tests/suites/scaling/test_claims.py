"""What `scaling` found: chains, paths and threads, of counts and times that are planted; which claims come first."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from fakes import record
from paths import SCALES
from planted_scaling import GRID, LSTM, ROUNDS, claim, timed, verdict

from rnn_vs_attn.records.claims import stored_claims
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.scaling import claims, tables
from rnn_vs_attn.suites.scaling.analysis import derive
from rnn_vs_attn.suites.scaling.case import CHAIN_LENGTHS, GRAPH, LAYER, ROUTE
from rnn_vs_attn.suites.scaling.suite import SCALING

OWN = f"{SCALES}:Masked"
LENGTHS = [4, 8, 16, 32, 64]


def counted(model: str, chain: Callable[[int], int], path: Callable[[int], int], **axes: Any) -> list[Record]:
    """Counts of a model's chains and paths."""
    known = {"model": model, "threads": 1, "kernel_size": 4, "window": 4} | axes
    counts = [("sequential_operations", chain, GRAPH, CHAIN_LENGTHS), ("path_length", path, ROUTE, LENGTHS)]
    return [
        record(metric, float(count(n)), unit="1", exact=True, **known, seq_len=n, part=part)
        for metric, count, part, lengths in counts
        for n in lengths
    ]


def log2(n: int) -> int:
    return n.bit_length() - 1


@pytest.mark.parametrize(
    ("model", "chain", "key", "word"),
    [
        ("lstm", lambda n: 7 * n, "sequential", "holds"),
        ("mingru", lambda n: 3 + 2 * log2(n), "sequential", "does not hold here"),
        ("gru", lambda n: 3, "sequential", "does not hold here"),
        ("attention", lambda n: 3, "parallel", "holds"),
        ("attention", lambda n: n, "parallel", "does not hold here"),
        (OWN, lambda n: 5, "parallel", "holds"),
        (OWN, lambda n: 5 + log2(n), "parallel", "holds"),
        (OWN, lambda n: n, "parallel", "does not hold here"),
        (OWN, lambda n: n * n, "parallel", "undecided"),
    ],
)
def test_the_growth_of_its_chain_decides_what_is_said_of_a_model(
    model: str, chain: Callable[[int], int], key: str, word: str
) -> None:
    assert verdict(counted(model, chain, lambda n: n), model, key) == word


@pytest.mark.parametrize(
    ("model", "chain", "path", "word"),
    [
        ("lstm", lambda n: 7 * n, lambda n: n, "holds"),
        ("attention", lambda n: 3, lambda n: 1, "holds"),
        ("attention", lambda n: 3 * n, lambda n: n, "does not hold here"),
        (OWN, lambda n: 3, lambda n: 1, "holds"),
        (OWN, lambda n: 3 * n, lambda n: n, "does not hold here"),
    ],
)
def test_the_growth_of_its_path_decides_how_far_tokens_are_apart(
    model: str, chain: Callable[[int], int], path: Callable[[int], int], word: str
) -> None:
    assert verdict(counted(model, chain, path), model, "path") == word


def test_counts_are_told_at_both_ends() -> None:
    records = counted("lstm", lambda n: 7 * n + 1, lambda n: n)
    assert claim(records, "lstm", "sequential").sentence == (
        "A recurrence such as lstm cannot be computed in parallel over the sequence: holds. Its longest chain of "
        "operations, each waiting for the one before, grows as n: 113 operations at n = 16 tokens, 7,169 at n = 1024; "
        "the paper's Table 1 has O(n)."
    )
    constant = claim(counted("attention", lambda n: 3, lambda n: 1), "attention", "path")
    assert constant.figure == (
        "The shortest route from the first token to the last has 1 operation at every n from 4 to 64 tokens"
    )


def test_what_follows_no_law_or_was_not_counted_says_why() -> None:
    odd = claim(counted(OWN, lambda n: n * n, lambda n: n), OWN, "parallel")
    assert odd.why.startswith("that is none of the laws 1, log n and n")
    (absent,) = claims._chain(
        [record("sequential_operations", None, model="lstm", warnings=["it hides"])], "lstm", None
    )
    assert (absent.verdict, absent.figure, absent.why) == ("undecided", "It was not counted", "it hides")


def threads_of(
    serial: float, model: str = "lstm", rounds: tuple[float, ...] = ROUNDS, noise: float = 0.0
) -> list[Record]:
    """Times of which a part stays as it is with more threads."""
    part = {model: LAYER}
    return timed(lambda m, n, d, t: 1e-3 * (serial + (1 - serial) / t), part, [512], [64], [1, 2], noise, rounds)


@pytest.mark.parametrize(
    ("model", "serial", "key", "word"),
    [
        ("lstm", 1.0, "gains-nothing-from-threads", "holds"),
        ("lstm", 0.2, "gains-nothing-from-threads", "does not hold here"),
        ("attention", 0.2, "gains-from-threads", "holds"),
        ("attention", 1.0, "gains-from-threads", "does not hold here"),
        (OWN, 0.0, "gains-from-threads", "holds"),
    ],
)
def test_a_speed_up_decides_whether_threads_bring_something(model: str, serial: float, key: str, word: str) -> None:
    found = claim(threads_of(serial, model), model, key)
    assert found.verdict == word
    speed_up = f"{1 / (serial + (1 - serial) / 2):.2f}"
    times = f"{speed_up} [{speed_up}, {speed_up}] times as fast as on 1"
    assert found.figure == f"On 2 threads it trains {times}, at n = 512 tokens and width d = 64"


def test_a_speed_up_that_is_undecided_says_what_it_takes() -> None:
    few = claim(threads_of(0.0, rounds=ROUNDS[:3]), "lstm", "gains-nothing-from-threads")
    assert (few.verdict, few.why.split(":")[0]) == ("undecided", "an interval takes 6 rounds")
    wide = claim(threads_of(0.9, noise=0.1), "lstm", "gains-nothing-from-threads")  # 1.05 times, and noise
    assert wide.verdict == "undecided"
    assert wide.why.startswith("a gain is more than 1.15 times, which the interval holds; more rounds narrow")


def test_of_more_threads_the_serial_part_is_told() -> None:
    records = timed(lambda m, n, d, t: 1e-3 * (0.2 + 0.8 / t), LSTM, [512], [64], [1, 2, 4])
    assert (
        "by Amdahl's law 0.200 [0.200, 0.200] of it is serial"
        in claim(records, "lstm", "gains-nothing-from-threads").why
    )


def test_times_that_no_serial_part_explains_are_said_to_be_that() -> None:
    """More threads make it slower: by least squares more than all of it would be serial."""
    records = timed(lambda m, n, d, t: 1e-3 * t, LSTM, [512], [64], [1, 2, 4])
    why = claim(records, "lstm", "gains-nothing-from-threads").why
    # T(p) / T(1) - 1 / p is 1.5 at p = 2 and 3.75 at p = 4, and 1 - 1 / p is 0.5 and 0.75
    assert pytest.approx(4.38, abs=0.005) == (0.5 * 1.5 + 0.75 * 3.75) / (0.5**2 + 0.75**2)
    assert why == "that is not as Amdahl's law has it, whose serial part would be 4.38 [4.38, 4.38]"


def test_the_lesson_comes_first_of_one_model_of_each_kind() -> None:
    records = [
        *counted("mingru", log2, lambda n: n),
        *counted("gru", lambda n: n, lambda n: n),
        *counted("lstm", lambda n: n, lambda n: n),
        *counted("attention", lambda n: 3, lambda n: 1),
        *counted("conv", lambda n: 2, log2),
    ]
    found = claims.claims([*records, *derive(records)])
    first = [(each.key, each.axes["model"]) for each in found[:4]]
    assert first == [
        ("sequential", "gru"),
        ("sequential", "mingru"),
        ("parallel", "attention"),
        ("time-over-n", "attention"),
    ]
    assert len({(each.key, each.axes["model"]) for each in found}) == len(found)
    assert ("sequential", "lstm") in {(each.key, each.axes["model"]) for each in found[6:]}


def test_a_models_cells_are_all_claims() -> None:
    keys = {each.key for each in claims.claims(counted("lstm", lambda n: n, lambda n: n))}
    assert keys == {"sequential", "path", "time-over-n", "time-over-d"}


def test_a_model_that_no_round_came_to_is_undecided() -> None:
    found = timed(lambda m, n, d, t: 1e-9 * n * d**2, LSTM, *GRID)
    missing = dataclasses.replace(
        found[0],
        axes=found[0].axes | {"model": "conv"},
        status="timeout",
        error="there was no time",
        samples=[],
        median=None,
        low=None,
        high=None,
    )
    every = [*found, *derive(found), missing]
    of_conv = [each for each in claims.claims(every) if each.axes["model"] == "conv"]
    assert {each.verdict for each in of_conv} == {"undecided"}
    assert any(each.why.startswith("no pass was timed") for each in of_conv)
    assert tables.tables(every)


def test_what_is_stored_is_the_claim_and_is_found_again_without_it() -> None:
    records = counted("lstm", lambda n: n, lambda n: n)
    stored = SCALING.analysis.stored(records)
    said = claims.claims([*records, *stored])
    assert stored_claims(stored) == said
    assert [r.axes for r in stored if r.metric == "verdict"] == [{"model": "lstm", "claim": each.key} for each in said]


def test_of_no_records_nothing_is_claimed() -> None:
    assert claims.claims([]) == []
