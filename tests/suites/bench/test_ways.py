"""What `bench` claims of the same steps in another way, of records with a planted answer."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import bench_record
from planted_bench import LENGTHS, LINEAR, claim, found, planted, times

from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.suites.bench.claims import FASTER
from rnn_vs_attn.suites.bench.ways import LOOP, PACKAGE, THREADS

# Threads


@pytest.mark.parametrize(
    ("gain", "verdict", "shown"), [(1.8, HOLDS, "1.80"), (0.8, FAILS, "0.800"), (1.0, UNDECIDED, "1.00")]
)
def test_threads_that_gain_or_lose(gain: float, verdict: str, shown: str) -> None:
    one, four = times(planted(256), threads=1), times(lambda m, n: planted(256)(m, n) / gain, threads=4)
    two = times(planted(256), threads=2)
    said = claim([*one, *two, *four], THREADS, model="lstm")
    assert (said.text, said.verdict) == ("More threads train lstm faster", verdict)
    assert said.axes == {"model": "lstm"}
    assert said.figure == (
        f"With 4 threads lstm is {shown} [{shown}, {shown}] times as fast as with 1, at 1,024 tokens"
    )


def test_threads_are_compared_at_the_longest_length_that_both_have() -> None:
    records = [*times(planted(256), threads=1), *times(planted(256), threads=4, lengths=LENGTHS[:2])]
    assert claim(records, THREADS, model="lstm").figure.endswith("at 128 tokens")


# Loops


def loops(slower: float, **options: Any) -> Any:
    exact = planted(256)
    return claim(
        times(
            lambda model, n: exact(model, n) * (slower if model == "lstm-cell" else 1),
            models=("lstm", "lstm-cell", "attention"),
            **options,
        ),
        LOOP,
    )


def test_a_loop_over_cells_is_slow_for_its_own_sake_where_the_same_steps_take_less_than_half() -> None:
    one = loops(4)
    assert (one.text, one.verdict) == ("lstm-cell is slow because a recurrence is sequential", FAILS)
    assert one.figure == "lstm, the same steps in one call, is 4.00 [4.00, 4.00] times as fast at 1,024 tokens"
    assert one.why == "so 75% of the time goes to a loop in Python that starts each operation by itself"
    assert loops(1.5).verdict == HOLDS
    assert loops(2).verdict == UNDECIDED
    assert loops(4, rounds=[1.0]).verdict == UNDECIDED


def test_a_loop_beside_what_computes_the_same_has_that_claim_alone() -> None:
    for models in (("lstm", "lstm-cell"), ("lstm-cell", "lstm")):
        assert [one.key for one in found(times(lambda model, n: LINEAR * n, models=models))] == [LOOP]


def test_where_there_is_no_attention_others_do_not_stand_beside_a_loop_that_has_a_claim_of_its_own() -> None:
    """The first of these models is that loop, and nothing was said of gru."""
    records = times(lambda model, n: LINEAR * n * (2 if model == "gru" else 1), models=("lstm-cell", "lstm", "gru"))
    assert [one.text for one in found(records) if one.key == FASTER] == ["gru trains faster than lstm"]


def test_a_loop_without_the_same_recurrence_stands_beside_attention_like_any_other() -> None:
    records = times(planted(256), models=("gru", "lstm-cell", "attention"))
    assert [one.axes["model"] for one in found(records) if one.key == FASTER] == ["gru", "lstm-cell"]
    assert LOOP not in {one.key for one in found(records)}


# Kernels of packages


def by_package(gain: float, models: tuple[str, ...] = ("gated-deltanet", "lstm", "attention")) -> list[Any]:
    """Times by own kernels and by those of fla, of which only the first model has any."""
    exact = planted(256)
    own = times(exact, models=models, backend="torch")
    theirs = times(lambda m, n: exact(m, n) / (gain if m == models[0] else 1), models=models, backend="fla")
    return [*own, *theirs]


@pytest.mark.parametrize(
    ("gain", "verdict", "shown"), [(2.5, HOLDS, "2.50"), (0.8, FAILS, "0.800"), (1.0, UNDECIDED, "1.00")]
)
def test_kernels_of_a_package_beside_the_own_ones(gain: float, verdict: str, shown: str) -> None:
    one = claim(by_package(gain), PACKAGE)
    assert (one.text, one.verdict) == ("gated-deltanet trains faster by the kernels of fla", verdict)
    assert one.figure == (
        f"By them it is {shown} [{shown}, {shown}] times as fast as by this program's own, at 1,024 tokens"
    )
    assert one.axes == {"model": "gated-deltanet", "backend": "fla"}


def test_a_model_without_such_kernels_is_not_told_to_be_the_same_twice() -> None:
    assert [one.axes["model"] for one in found(by_package(2.0)) if one.key == PACKAGE] == ["gated-deltanet"]
    assert PACKAGE not in {one.key for one in found(times(planted(256)))}


def test_beside_attention_each_backend_has_a_claim_of_its_own() -> None:
    texts = [one.text for one in found(by_package(2.0)) if one.key == FASTER]
    assert sorted(text for text in texts if "gated-deltanet" in text) == [
        "Attention trains faster than gated-deltanet (backend fla)",
        "Attention trains faster than gated-deltanet (backend torch)",
    ]


def test_what_the_host_took_is_said_of_kernels_of_a_package() -> None:
    records = by_package(2.0)
    bound = bench_record("launch_bound", "gated-deltanet", LENGTHS[-1], [1.0] * 6, {"pass": "train"}, backend="fla")
    one = claim([*records, bound], PACKAGE)
    assert (one.verdict, one.why) == (
        HOLDS,
        "that is the time of the host's launches, not the GPU's; --cuda-graphs removes it",
    )
    assert claim(records, PACKAGE).why == ""
