"""`scaling`: chains, routes and exponents with known answers, the rules of verdicts, and the command."""

from __future__ import annotations

import dataclasses
import json
import math
import random
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from command import run
from fakes import of_rounds
from fakes import record as planted
from paths import USER_MODULES
from torch import nn
from torch.nn.attention import SDPBackend

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.dataflow import critical_path, path_length
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.layers import attention
from rnn_vs_attn.models.registry import CONVOLUTIONAL, LINEAR_RECURRENCE, RECURRENT, RESTRICTED, SELF_ATTENTION, find
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.run import cases
from rnn_vs_attn.stats import growth
from rnn_vs_attn.stats.intervals import Estimate
from rnn_vs_attn.suites import layer_passes
from rnn_vs_attn.suites.bench import measure as bench
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.scaling import claims, figures, remarks, speed_ups, tables
from rnn_vs_attn.suites.scaling import measure as scaling
from rnn_vs_attn.suites.scaling.analysis import derive
from rnn_vs_attn.suites.scaling.case import CHAIN_LENGTHS, GRAPH, LAYER, MIXING, ROUTE, ScalingCase, check, select
from rnn_vs_attn.suites.scaling.suite import SCALING

SCALES = str(USER_MODULES / "scales.py")
LENGTHS = [16, 32, 64, 128, 256, 512]


# Sequential operations


def chain(name: str, length: int, **shape: Any) -> int:
    torch.manual_seed(0)
    module = build.build(find(name), Shape(1, length, 8, 2, **shape))
    return critical_path.sequential_operations(module, torch.randn(1, length, 8))


def counted(name: str, **shape: Any) -> list[int]:
    return [chain(name, length, **shape) for length in LENGTHS]


@pytest.mark.parametrize("name", ["attention", "attention-naive", "attention-relative", "conv"])
def test_chains_of_attention_and_convolution_are_constant(name: str) -> None:
    assert growth.law(LENGTHS, counted(name)) == "1"


def test_the_chain_of_attention_is_known() -> None:
    """The projections, the fused kernel, the projection of the output: three; the lesson's form takes each step apart:
    projections, scaling, scores, mask, softmax, mixing, their rearrangement, the projection.
    """
    assert chain("attention", 64) == 3
    assert chain("attention-naive", 64) == 8
    assert chain("conv", 64, num_layers=3) == 3 * chain("conv", 64)


@pytest.mark.parametrize(
    "name", ["rnn", "gru", "lstm", "lstm-cell", *(f"{SCALES}:{c}" for c in ("Loop", "Wrapped", "Rotating"))]
)
def test_chains_of_recurrences_grow_by_the_same_number_a_token(name: str) -> None:
    found = counted(name)
    a_token = {(b - a) / (m - n) for a, b, n, m in zip(found, found[1:], LENGTHS, LENGTHS[1:], strict=False)}
    assert len(a_token) == 1
    assert a_token.pop() >= 2
    assert growth.law(LENGTHS, found) == "n"


def test_the_chain_of_an_rnn_is_its_definition() -> None:
    """Per token a product with the state, a sum and tanh; before the first the product with the input."""
    assert chain("rnn", 64) == 3 * 64 + 2


def test_the_chain_of_an_lstm_is_its_definition() -> None:
    """Per token a product with the state, the sum with the input's, a gate, its product with the cell or the candidate,
    the sum of the two, tanh of the cell, its product with the output's gate: seven. Before it the input's product.
    """
    assert [chain("lstm", n) for n in (16, 64)] == [7 * 16 + 1, 7 * 64 + 1]


def scan_chain(positions: int, radix: int = 8) -> int:
    """Of the scan by its definition. Below two chunks one position after another. Else what each chunk does to a state,
    a copy and the other positions; those of all chunks scanned; their states moved on by one chunk, and all positions
    within the chunks. The last chunk's state is not waited for where it comes by itself.
    """
    if positions < 2 * radix:
        return positions
    chunks = positions // radix
    over_chunks = chunks - 1 if chunks < 2 * radix else scan_chain(chunks)
    return radix + over_chunks + 1 + radix


def test_the_chain_of_mingru_is_its_definition() -> None:
    """The product with the input, the gate's sigmoid and its product with the candidate; then the scan."""
    lengths = [4, 8, 16, 32, 64, 128, 256, 1024, 2048]
    assert [chain("mingru", n) for n in lengths] == [3 + scan_chain(n) for n in lengths]
    assert (chain("mingru", 1024), chain("mingru", 2048)) == (55, 57)


def test_the_chain_of_mingru_is_logarithmic_and_of_its_loop_linear() -> None:
    lengths = [1 << i for i in range(4, 13)]
    found = [chain("mingru", n) for n in lengths]
    assert growth.law(lengths, found) == "log n"
    assert found[-1] < 80
    module = build.build(find("mingru"), Shape(1, 64, 8))
    loop = [
        critical_path.sequential_operations(Forward(module.sequential, module), torch.randn(1, n, 8)) for n in LENGTHS
    ]
    assert growth.law(LENGTHS, loop) == "n"


class Forward(nn.Module):
    def __init__(self, call: Callable[[torch.Tensor], torch.Tensor], owner: nn.Module | None = None) -> None:
        super().__init__()
        self.call, self.owner = call, owner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.call(x)


def test_the_chain_of_restricted_attention_is_known_and_does_not_grow() -> None:
    """The mask's: a sum of positions, a comparison, both sides of the window, the opposite, the mask itself; then the
    kernel, its parts put together, their rearrangement and the projection of the output.
    """
    assert chain("attention-local", 64, window=4) == 5 + 4
    assert growth.law(LENGTHS, counted("attention-local", window=4)) == "1"


def test_a_cumulative_sum_counts_as_a_parallel_one() -> None:
    assert [chain(f"{SCALES}:Summing", n) for n in (16, 17, 64)] == [1 + 4, 1 + 5, 1 + 6]


def test_torchs_fused_attention_layer_is_taken_apart() -> None:
    assert chain(f"{SCALES}:Attending", 16) > 3
    assert torch.backends.mha.get_fastpath_enabled()
    assert torch.backends.mkldnn.flags is not None


def test_parts_that_do_not_wait_for_each_other_are_no_chain() -> None:
    def branches(x: torch.Tensor) -> torch.Tensor:
        found = torch.empty(8, *x.shape)
        for i in range(8):
            found[i] = x * i
        return found.sum(0)

    assert critical_path.sequential_operations(Forward(branches), torch.randn(1, 4, 8)) == 3


def write_by_index_copy(found: torch.Tensor, i: int, part: torch.Tensor) -> None:
    found.index_copy_(1, torch.tensor([i]), part)


def write_by_index_put(found: torch.Tensor, i: int, part: torch.Tensor) -> None:
    found[:, torch.tensor([i])] = part


def write_by_scatter(found: torch.Tensor, i: int, part: torch.Tensor) -> None:
    found.scatter_(1, torch.full_like(part, i, dtype=torch.long), part)


WRITES = [write_by_index_copy, write_by_index_put, write_by_scatter]


@pytest.mark.parametrize("write", WRITES)
def test_parts_that_are_written_by_an_index_do_not_wait_for_each_other(write: Any) -> None:
    def apart(x: torch.Tensor) -> torch.Tensor:
        found = torch.empty_like(x)
        for i in range(x.shape[1]):
            write(found, i, x[:, i : i + 1] * i)
        return found * 2

    assert critical_path.sequential_operations(Forward(apart), torch.randn(1, 16, 8)) == 3


@pytest.mark.parametrize("write", WRITES)
def test_a_recurrence_through_a_buffer_that_is_written_by_an_index_waits(write: Any) -> None:
    def recurrence(x: torch.Tensor) -> torch.Tensor:
        found = torch.zeros(1, x.shape[1] + 1, x.shape[2])
        for i in range(x.shape[1]):
            write(found, i + 1, found[:, i : i + 1] + x[:, i : i + 1])
        return found[:, 1:]

    assert critical_path.sequential_operations(Forward(recurrence), torch.randn(1, 16, 8)) == 2 * 16


def test_a_sum_into_a_place_waits_for_what_stood_there() -> None:
    def summed(x: torch.Tensor) -> torch.Tensor:
        found = torch.zeros(1, 1, x.shape[2])
        for i in range(x.shape[1]):
            found.index_put_((torch.tensor([0]),), x[:, i : i + 1], accumulate=True)
        return found + x

    assert critical_path.sequential_operations(Forward(summed), torch.randn(1, 16, 8)) == 16 + 1


UNSEEN = ["Outside", "HalfOutside", "ByItem", "ByNumbers", "Solving", "Unwritten"]


@pytest.mark.parametrize("name", [*(f"{SCALES}:{name}" for name in UNSEEN), "registered:Registered"])
def test_what_torch_does_not_see_has_neither_chain_nor_route(name: str) -> None:
    with pytest.raises(CaseFault, match=r"did not see|hides|not seen"):
        chain(name, 16)
    case = ScalingCase(name, 4, 1, 8, num_heads=2, device="cpu", part=ROUTE)
    assert [sample.value for sample in scaling.measure(case, Turn(0))] == [None]


def test_a_chain_of_parameters_is_one_too() -> None:
    assert growth.law(LENGTHS, counted(f"{SCALES}:Powers")) == "n"


def test_a_packed_sequence_is_followed_as_a_whole_one_is() -> None:
    """torch writes the lengths of its sequences by pointer, and reads how many are left at each step."""
    packed, whole = ([chain(name, n) for n in (16, 32, 64)] for name in (f"{SCALES}:PackedGRU", "gru"))
    assert packed[1] - packed[0] == whole[1] - whole[0]
    assert packed[2] - packed[1] == whole[2] - whole[1]

    def make(_: int) -> nn.Module:
        gru = nn.GRU(8, 8, batch_first=True).double()
        return Forward(lambda x: gru(x)[0], gru)

    plain = path_length.shortest(make, 1, torch.randn(1, 6, 8, dtype=torch.float64))
    assert path(f"{SCALES}:PackedGRU", 6) == plain.operations


def test_a_buffer_that_grows_in_place_is_followed() -> None:
    assert growth.law(LENGTHS, counted(f"{SCALES}:Growing")) == "n"


def test_places_that_are_added_to_one_by_one_do_not_wait_for_each_other() -> None:
    def added(x: torch.Tensor) -> torch.Tensor:
        found = torch.zeros_like(x)
        for i in range(0, x.shape[1], 4):
            found.index_add_(1, torch.arange(i, i + 4), x[:, i : i + 4] * 2)
            found.scatter_add_(1, torch.full((1, 1, 8), i), x[:, i : i + 1])
        return found * 2

    assert [critical_path.sequential_operations(Forward(added), torch.randn(1, n, 8)) for n in (8, 32)] == [4, 4]


def test_a_sum_in_place_counts_as_one_that_is_not() -> None:
    assert critical_path.sequential_operations(Forward(lambda x: (x * 2).cumsum_(1)), torch.randn(1, 64, 8)) == 1 + 6


def test_a_buffer_that_is_overwritten_makes_nothing_wait() -> None:
    def reused(x: torch.Tensor) -> torch.Tensor:
        buffer, found = torch.empty(1, 8), []
        for x_t in x.unbind(1):
            buffer.copy_(x_t)
            found.append(buffer * 2)
        return torch.stack(found, 1)

    assert critical_path.sequential_operations(Forward(reused), torch.randn(1, 16, 8)) == 3


# Maximum path length


def path(name: str, length: int, **shape: Any) -> int | None:
    def make(layers: int) -> nn.Module:
        torch.manual_seed(0)
        given = Shape(1, length, 8, 2, **(shape | {"num_layers": layers}))
        return build.build(find(name), given).double()

    torch.manual_seed(1)
    x = torch.randn(1, length, 8, dtype=torch.float64)
    return path_length.shortest(make, shape.get("num_layers", 1), x).operations


@pytest.mark.parametrize("name", ["attention", "attention-naive", "attention-relative", f"{SCALES}:Attending"])
def test_attention_takes_one_operation_from_end_to_end(name: str) -> None:
    assert [path(name, n) for n in (4, 8, 16)] == [1, 1, 1]


@pytest.mark.parametrize(
    "name", ["rnn", "gru", "lstm", "lstm-cell", "mingru", *(f"{SCALES}:{c}" for c in ("Loop", "Wrapped", "Rotating"))]
)
def test_a_recurrence_takes_one_operation_a_position(name: str) -> None:
    assert [path(name, n) for n in (2, 4, 8, 16)] == [2, 4, 8, 16]


@pytest.mark.parametrize("kernel_size", [2, 3, 4])
def test_dilated_convolutions_take_a_logarithm(kernel_size: int) -> None:
    lengths = (4, 8, 9, 16, 27, 32)
    levels = [next(m for m in range(9) if kernel_size**m >= n) for n in lengths]
    assert [path("conv", n, kernel_size=kernel_size) for n in lengths] == levels


def test_a_users_dilated_convolutions_take_a_logarithm() -> None:
    assert [path(f"{SCALES}:Dilated", n) for n in (4, 8, 16, 27, 32)] == [2, 2, 3, 3, 4]


@pytest.mark.parametrize("window", [2, 3, 4])
def test_restricted_attention_takes_one_layer_a_window(window: int) -> None:
    lengths = (4, 8, 16)
    assert [path("attention-local", n, window=window) for n in lengths] == [
        math.ceil((n - 1) / (window - 1)) for n in lengths
    ]


def test_a_users_windows_by_a_mask_are_seen() -> None:
    assert [path(f"{SCALES}:Masked", n) for n in (3, 5, 9)] == [1, 2, 4]


def test_a_maximum_is_a_joint_whichever_of_its_values_is_the_larger_one() -> None:
    assert [path(f"{SCALES}:RunningMaximum", n) for n in (4, 6, 8, 12, 16)] == [3, 5, 7, 11, 15]


def test_zeros_to_add_to_are_no_state() -> None:
    assert [path(f"{SCALES}:Experts", n) for n in (4, 6, 8)] == [1, 1, 1]


@cache
def law_of_paths(name: str, chains: tuple[int, ...] = CHAIN_LENGTHS, **options: Any) -> Record:
    """The law of a layer's paths, of all that the suite counts of it. chains: where the chain is counted."""
    routes_of = ScalingCase(name, 4, 1, 8, num_heads=2, device="cpu", part=ROUTE, **options)
    graphs = [dataclasses.replace(routes_of, seq_len=n, part=GRAPH) for n in chains]
    found = []
    for case in (routes_of, *graphs):
        for sample in scaling.measure(case, Turn(0)):
            axes = axes_of(case) | sample.axes
            status = {"status": "ok" if sample.value is not None else "unsupported", "exact": True}
            extra = {"details": sample.details, "warnings": sample.warnings}
            found.append(planted(sample.metric, sample.value, **axes, **status, **extra))
    return only(derive(found), "growth", of="path_length")


def test_a_path_is_constant_only_where_it_is_at_lengths_beyond_those_counted() -> None:
    assert law_of_paths("attention").text == "1"
    assert law_of_paths(f"{SCALES}:Blocks").text == "undecided"
    assert "begins to grow" in law_of_paths(f"{SCALES}:Blocks").details["reason"]
    assert law_of_paths(f"{SCALES}:Window").text == "undecided"
    assert "does not over 1024" in law_of_paths(f"{SCALES}:Window").details["reason"]


def test_a_layer_that_takes_no_long_sequence_is_not_said_not_to_reach_over_one() -> None:
    """A fault at 1,024 positions was told as "what reaches over 16 positions does not over 1024"."""
    found = law_of_paths(f"{SCALES}:TakesFew")
    assert found.text == "undecided"
    assert "does over 1024 could not be asked (ValueError: at most 100 tokens)" in found.details["reason"]
    assert "does not over" not in found.details["reason"]


def test_a_path_of_what_looks_both_ways_is_a_lower_bound() -> None:
    both = law_of_paths(f"{SCALES}:BothWays", chains=CHAIN_LENGTHS[:5])  # a recurrence's chains take long
    assert both.details["at_least"]
    assert both.text == "undecided"
    assert "both ways" in both.details["reason"]
    attention = law_of_paths("attention", causal=False)
    assert attention.details["at_least"]
    assert attention.text == "1"  # no path is longer than the chain, which is constant
    assert "at_least" not in law_of_paths("attention").details


def test_a_length_that_a_module_refuses_costs_only_itself() -> None:
    case = ScalingCase(f"{SCALES}:WholeBlocks", 4, 1, 8, num_heads=2, device="cpu", part=ROUTE)
    found = {s.axes["seq_len"]: s.value for s in scaling.measure(case, Turn(0))}
    assert found == {n: n for n in (8, 16, 24, 32, 48, 64, 96, 128, 192)}


def test_work_on_one_position_beside_the_state_is_no_operation_more() -> None:
    """Linear attention reads its state at each position with that position's query."""
    assert [path(f"{SCALES}:Linearised", n) for n in (4, 8)] == [4, 8]


def test_a_module_that_refuses_short_sequences_and_float64_is_counted_over_longer_ones() -> None:
    case = ScalingCase(f"{SCALES}:Particular", 4, 1, 8, num_heads=2, device="cpu", part=ROUTE)
    found = {s.axes["seq_len"]: s.value for s in scaling.measure(case, Turn(0))}
    assert found == {n: n for n in (24, 32, 48, 64, 96, 128, 192)}
    (short,) = scaling.measure(dataclasses.replace(case, seq_len=16, part=GRAPH), Turn(0))
    assert short.value is None
    assert "not this one" in short.warnings[0]


def test_where_no_position_sees_another_there_is_no_route() -> None:
    assert path(f"{SCALES}:Pointwise", 8) is None


def test_a_layer_that_is_not_needed_makes_no_route_longer() -> None:
    """The first position attends to itself alone, so the first input passes a layer there."""
    assert path("attention", 8, num_layers=2) == 1


# FLOPs, counted on the modules themselves


def exact_records(names: list[str], lengths: list[int], widths: list[int]) -> list[Record]:
    """What the worker counts of these cells."""
    found = []
    for name in names:
        for length in lengths:
            for width in widths:
                case = ScalingCase(name, length, 1, width, device="cpu", window=16)
                for sample in scaling.measure(case, Turn(0)):
                    axes = axes_of(case) | sample.axes
                    found.append(of_rounds(SCALING.metric(sample.metric, axes), axes, {0: sample.value}))
    return found


def test_flop_exponents_are_those_of_the_table() -> None:
    records = exact_records(
        ["attention", "lstm", "conv", "attention-local", "mingru"], [64, 128, 256, 512], [16, 32, 64, 128]
    )
    found = {(r.axes["model"], r.axes["of"], r.axes["in"]): r.median for r in derive(records) if r.metric == "exponent"}

    def exponents(model: str, of: str) -> tuple[Any, Any]:
        return found.get((model, of, "seq_len")), found.get((model, of, "d_model"))

    assert exponents("attention", "mixing_flops") == (2, 1)
    assert exponents("attention", "projection_flops") == (1, 2)
    assert exponents("attention-local", "mixing_flops") == (1, 1)
    assert exponents("attention-local", "projection_flops") == (1, 2)
    for model in ("lstm", "conv", "mingru"):
        assert exponents(model, "flops") == (1, 2)
        assert exponents(model, "mixing_flops") == (None, None)


@pytest.mark.parametrize("part", [LAYER, MIXING])
def test_restricted_attention_has_the_flops_of_its_window_in_every_suite(part: str) -> None:
    length, width, window, layers = 100, 16, 17, 2 if part == LAYER else 1
    case = ScalingCase("attention-local", length, 3, width, num_layers=layers, device="cpu", window=window, part=part)
    pairs = sum(min(t + 1, window) for t in range(length))
    projections = 4 * 2 * 3 * length * width**2 if part == LAYER else 0
    expected = layers * (projections + 2 * 2 * 3 * pairs * width)
    found = [s.value for s in scaling.measure(case, Turn(0)) if s.metric == "flops"]
    assert found == [expected, 3 * expected]
    if part == LAYER:
        also = BenchCase("attention-local", length, 3, width, num_layers=layers, device="cpu", window=window, threads=1)
        assert [s.value for s in bench.measure(also, Turn()) if s.metric == "flops"] == found


def test_flops_are_those_of_one_kernel_whichever_is_the_fastest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unfused one multiplies the future too, and may be the fastest in 16 bits."""
    monkeypatch.setattr(attention, "_fastest", lambda *_: SDPBackend.MATH)
    case = ScalingCase("attention", 64, 1, 32, device="cpu", dtype="bfloat16")
    forward, train = (s for s in scaling.measure(case, Turn(0)) if s.metric == "flops")
    closed = find("attention").costs.flops(case.shape)
    assert (forward.value, train.value) == (closed.forward, closed.train)
    assert "bmm" in forward.details["kernels"]
    assert "bmm" in train.details["kernels"]


def counted_records(names: list[str], lengths: list[int], widths: list[int]) -> list[Record]:
    """FLOPs by the counter of operations alone, of built-in models too."""
    found = []
    for case in (ScalingCase(m, n, 1, d, device="cpu") for m in names for n in lengths for d in widths):
        counters = layer_passes.count_operations(scaling.workload(case, 0), None)
        for name, counter in zip(SCALING.rounds.passes, counters, strict=True):
            axes = axes_of(case) | {"pass": name}
            found.append(of_rounds(SCALING.metric("flops", axes), axes, {0: counter.flops}))
    return found


def test_flops_cross_at_four_times_the_width_by_formula_and_by_count() -> None:
    """8 n d^2 + 2 n (n + 1) d against 16 n d^2: equal at n + 1 = 4 d, so n = 4 d is the first with more."""
    records = counted_records(["attention", "lstm"], [64, 128, 256, 512], [16, 32])
    found = {
        (r.axes["d_model"], r.axes["pass"], r.axes["by"]): r.median
        for r in derive(records)
        if r.metric == "flop_crossing"
    }
    assert found[16, "forward", "formula"] == found[16, "forward", "count"] == 64
    assert found[32, "forward", "formula"] == found[32, "forward", "count"] == 128
    for width in (16, 32):
        ours, theirs = find("attention").costs, find("lstm").costs
        above = [
            n for n in range(1, 400) if ours.flops(Shape(1, n, width)).train > theirs.flops(Shape(1, n, width)).train
        ]
        assert found[width, "train", "formula"] == found[width, "train", "count"] == above[0]


def test_work_that_grows_with_a_power_has_that_exponent() -> None:
    records = exact_records([f"{SCALES}:PowerOfLength"], [256, 512, 1024, 2048], [8])
    (found,) = (r for r in derive(records) if r.metric == "exponent" and r.axes["of"] == "flops")
    assert found.median == pytest.approx(1.5, abs=0.05)


# Times, planted

ROUNDS = (1.0, 1.02, 0.97, 1.01, 0.99, 1.03)


def timed(
    time: Callable[[str, int, int, int], float],
    models: Mapping[str, str],
    lengths: list[int],
    widths: list[int],
    threads: list[int] = [1],  # noqa: B006
    noise: float = 0.0,
    rounds: tuple[float, ...] = ROUNDS,
) -> list[Record]:
    """Records of forward and training times: time(model, seq_len, d_model, threads) in every round, times the round."""
    chance = random.Random(3)
    found = []
    for model, part in models.items():
        for length in lengths:
            for width in widths:
                for count in threads:
                    case = ScalingCase(model, length, 1, width, device="cpu", threads=count, part=part)
                    for metric, scale in (("forward_time", 1.0), ("train_time", 3.0)):
                        axes = axes_of(case)
                        values = {
                            i: scale * r * time(model, length, width, count) * math.exp(noise * chance.gauss(0, 1))
                            for i, r in enumerate(rounds)
                        }
                        found.append(of_rounds(SCALING.metric(metric, axes), axes, values))
    return found


def only(records: list[Record], metric: str, **axes: Any) -> Record:
    (found,) = (r for r in records if r.metric == metric and axes.items() <= r.axes.items())
    return found


def verdict(records: list[Record], model: str, claim: str) -> str:
    return only(records, "verdict", model=model, claim=claim).text


LSTM = {"lstm": LAYER}
GRID = ([64, 128, 256, 512, 1024, 2048], [64, 128, 256])


def test_exponents_of_time_are_found_over_the_upper_octaves() -> None:
    """What is constant below does not bend them."""
    records = timed(lambda m, n, d, t: 1e-9 * max(n, 200) * d**2, LSTM, *GRID, noise=0.01)
    found = derive(records)
    length = only(found, "exponent", of="forward_time", **{"in": "seq_len"})
    assert (length.axes["from"], length.axes["to"], length.axes["d_model"]) == (256, 2048, 128)
    assert length.median == pytest.approx(1, abs=0.02)
    assert only(found, "exponent", of="forward_time", **{"in": "d_model"}).median == pytest.approx(2, abs=0.02)
    assert "bent" not in length.details
    assert verdict(found, "lstm", "exponent of seq_len") == "holds"
    assert verdict(found, "lstm", "exponent of d_model") == "holds"


def test_a_fit_that_is_not_straight_is_said() -> None:
    records = timed(lambda m, n, d, t: 1e-9 * (n + 500) * d**2, LSTM, *GRID, noise=0.01)
    found = derive(records)
    assert only(found, "exponent", of="forward_time", **{"in": "seq_len"}).details["bent"][0] < 0.6
    line = next(line for line in remarks.remarks([*records, *found]) if "exponent 1 of seq_len" in line)
    assert "not straight" in line


def test_another_exponent_does_not_hold_here_and_noise_is_undecided() -> None:
    other = derive(timed(lambda m, n, d, t: 1e-9 * n**1.5 * d**2, LSTM, *GRID))
    assert verdict(other, "lstm", "exponent of seq_len") == "does not hold here"
    noisy = derive(timed(lambda m, n, d, t: 1e-9 * n * d**2, LSTM, *GRID, noise=0.8))
    assert verdict(noisy, "lstm", "exponent of seq_len") == "undecided"


def test_attention_is_judged_between_its_projections() -> None:
    whole = timed(lambda m, n, d, t: 1e-9 * n**1.2 * d**2, {"attention": LAYER}, *GRID)
    between = timed(lambda m, n, d, t: 1e-9 * n**2 * d, {"attention": MIXING}, *GRID)
    found = derive([*whole, *between])
    assert verdict(found, "attention", "exponent of seq_len") == "holds"
    assert verdict(derive(whole), "attention", "exponent of seq_len") == "undecided"


def test_a_single_length_or_width_is_undecided_and_says_what_to_give() -> None:
    records = timed(lambda m, n, d, t: 1e-9 * n * d**2, LSTM, [512], [64])
    found = [*records, *derive(records)]
    assert verdict(found, "lstm", "exponent of seq_len") == "undecided"
    lines = remarks.remarks(found)
    assert any("undecided" in line and "give --seq-len 512:2048" in line for line in lines)
    assert any("undecided" in line and "give --d-model 64:256" in line for line in lines)


def test_a_model_that_no_round_came_to_is_undecided() -> None:
    found = timed(lambda m, n, d, t: 1e-9 * n * d**2, LSTM, *GRID)
    missing = dataclasses.replace(
        found[0], axes=found[0].axes | {"model": "conv"}, status="timeout", samples=[], median=None, low=None, high=None
    )
    lines = remarks.remarks([*found, *derive(found), missing])
    assert [line for line in lines if "conv" in line and "undecided" in line and "no pass was timed" in line]
    assert tables.tables([*found, *derive(found), missing])


def test_what_is_to_be_known_of_a_model_stands_under_the_table() -> None:
    found = timed(lambda m, n, d, t: 1e-9 * n * d**2, LSTM, [512], [64])
    said = ["it works in place", "the hypervisor took 9% of processor time during this case"]
    known = [dataclasses.replace(r, warnings=said) if r.metric == "train_time" else r for r in found]
    (table, *_) = tables.tables([*known, *derive(known)])
    assert [note for note in table.notes if note.startswith("lstm:")] == ["lstm: it works in place"]


def test_below_six_rounds_nothing_is_decided() -> None:
    records = timed(lambda m, n, d, t: 1e-9 * n * d**2, LSTM, *GRID, rounds=ROUNDS[:5])
    found = derive(records)
    assert verdict(found, "lstm", "exponent of seq_len") == "undecided"
    assert any("an interval takes 6 rounds" in line for line in remarks.remarks([*records, *found]))


def test_crossings_over_widths_are_judged_against_the_width() -> None:
    def time(model: str, n: int, d: int, threads: int) -> float:
        return 1e-9 * n * n * d if model == "attention" else 1e-9 * n * d**2 * (2 if d < 200 else 0.75)

    records = timed(time, {"attention": LAYER, "lstm": LAYER}, *GRID)
    found = derive(records)
    for width, expected, word in ((128, 256, "holds"), (256, 192, "does not hold here")):
        record = only(found, "crossing", of="forward_time", d_model=width)
        assert record.median == pytest.approx(expected)
        claim = "cheaper while n < d, crossing, forward_time"
        assert only(found, "verdict", claim=claim, d_model=width).text == word


def crossed(at: Callable[[int], float], lengths: list[int], width: int, rounds: int = len(ROUNDS)) -> str:
    """The verdict where attention takes at(n) and lstm n."""
    records = timed(
        lambda m, n, d, t: 1e-6 * (at(n) if m == "attention" else n),
        {"attention": LAYER, "lstm": LAYER},
        lengths,
        [width],
        rounds=ROUNDS[:rounds],
    )
    found = derive(records)
    return only(found, "verdict", claim="cheaper while n < d, crossing, forward_time", d_model=width).text


def test_a_crossing_is_a_claim_about_what_lies_below_it() -> None:
    lengths = [128, 256, 512, 1024, 2048]
    assert crossed(lambda n: n * n / 600, lengths, 512) == "holds"
    assert crossed(lambda n: n * n / 300, lengths, 512) == "does not hold here"
    assert crossed(lambda n: 600, lengths, 512) == "does not hold here"  # slower below 600, and faster beyond
    assert crossed(lambda n: n * n / 600, lengths, 64) == "undecided"  # no length below d
    assert crossed(lambda n: n / 2, lengths, 64) == "undecided"
    assert crossed(lambda n: n / 2, lengths, 1024) == "holds"
    assert crossed(lambda n: 2 * n, lengths, 1024) == "does not hold here"
    assert crossed(lambda n: n / 2, lengths, 1024, rounds=5) == "undecided"
    assert crossed(lambda n: 300 if n < 1024 else n * 2, lengths, 2048) == "undecided"  # more than one crossing


def test_speed_up_efficiency_and_the_serial_fraction() -> None:
    """A fifth of the time is serial: T(p) = T (0.2 + 0.8 / p)."""
    records = timed(lambda m, n, d, t: 1e-3 * (0.2 + 0.8 / t), LSTM, [512], [64], [1, 2, 4, 8])
    found = derive(records)
    speed_up = only(found, "speed_up", of="train_time", threads=4)
    assert speed_up.median == pytest.approx(2.5)
    assert speed_up.low == pytest.approx(2.5)
    assert only(found, "efficiency", of="train_time", threads=4).median == pytest.approx(2.5 / 4)
    assert only(found, "serial_fraction", of="train_time").median == pytest.approx(0.2)
    assert verdict(found, "lstm", "gains nothing from threads") == "does not hold here"
    two = derive(timed(lambda m, n, d, t: 1e-3, LSTM, [512], [64], [1, 2]))
    assert [r for r in two if r.metric == "serial_fraction"] == []
    assert verdict(two, "lstm", "gains nothing from threads") == "holds"


@pytest.mark.parametrize(("serial", "threads"), [(0.0, [1, 2, 4]), (1.0, [1, 2, 4]), (0.37, [1, 3, 5, 7])])
def test_amdahls_fraction_of_exact_times(serial: float, threads: list[float]) -> None:
    times = [7 * (serial + (1 - serial) / p) for p in threads]
    assert speed_ups.serial_fraction(threads, times) == pytest.approx(serial)


# The rules


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (1.9, 2.1, "holds"),
        (1.85, 2.15, "holds"),
        (1.84, 2.0, "undecided"),
        (1.0, 3.0, "undecided"),
        (1.2, 1.84, "does not hold here"),
        (2.16, 2.2, "does not hold here"),
        (None, None, "undecided"),
    ],
)
def test_an_exponent_is_judged_by_its_interval(low: float | None, high: float | None, word: str) -> None:
    assert claims.of_exponent(2, Estimate(2.0, low, high, 6)) == word


def test_growth_is_the_claimed_one_or_not() -> None:
    assert claims.of_law("n", "n") == "holds"
    assert claims.of_law("n", "log n") == "does not hold here"
    assert claims.of_law("n", None) == "undecided"


@pytest.mark.parametrize(
    ("width", "low", "high", "word"),
    [
        (64, 64, 80, "holds"),
        (64, 30, 63, "does not hold here"),
        (64, 60, 70, "undecided"),
        (64, None, None, "undecided"),
    ],
)
def test_a_crossing_is_judged_by_its_interval(width: int, low: Any, high: Any, word: str) -> None:
    assert claims.of_crossing(width, low, high) == word


def test_every_row_of_the_table_has_a_model() -> None:
    types = {find(name).layer_type for name in ("attention", "lstm", "conv", "attention-local", "mingru")}
    assert types == {SELF_ATTENTION, RECURRENT, CONVOLUTIONAL, RESTRICTED, LINEAR_RECURRENCE}
    assert [row.layer_type for row in claims.ROWS][-1] == LINEAR_RECURRENCE


# Which cells are measured


def chosen(**options: Any) -> list[ScalingCase]:
    given = {
        f.name: [str(f.metadata["typed"] or f.default)]
        for f in dataclasses.fields(ScalingCase)
        if f.metadata.get("help") and not isinstance(f.default, bool)
    }
    axes = cases.parse(SCALING, given | {"causal": True} | {k: [v] for k, v in options.items()})
    axes["device"] = ["cpu"]
    return cases.cases_of(SCALING, axes)


def test_only_the_cells_that_a_claim_needs_are_measured() -> None:
    found = chosen(threads="1,2")
    layers = [c for c in found if c.part == LAYER and c.threads == 1]
    assert (
        len([c for c in layers if c.model == "conv"]) == 8
    )  # six lengths at the middle width, two others at the longest
    assert len([c for c in layers if c.model == "lstm"]) == 18
    assert [(c.seq_len, c.d_model) for c in found if c.threads == 2] == [(2048, 256)] * 5
    assert {c.model for c in found if c.part == MIXING} == {"attention", "attention-local"}
    assert len([c for c in found if c.part == ROUTE]) == 5
    assert {c.seq_len for c in found if c.part == GRAPH} == {1 << i for i in range(4, 12)}
    assert not any(SCALING.times(c) for c in found if c.part in (GRAPH, ROUTE))
    assert len({dataclasses.astuple(c) for c in found}) == len(found)


def test_threads_double_up_to_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_vs_attn.machine.environment.usable_cores", lambda: 6)
    assert list(dict.fromkeys(c.threads for c in chosen())) == [1, 2, 4, 6]


def test_a_users_module_is_measured_at_every_cell() -> None:
    found = chosen(model=f"{SCALES}:Loop", threads="1")
    assert len([c for c in found if c.part == LAYER]) == 18
    assert {c.d_model for c in found if c.part in (GRAPH, ROUTE)} == {64}


@pytest.mark.parametrize("name", ["batch_size", "num_layers", "dtype", "kernel_size", "window"])
def test_what_no_table_tells_apart_takes_one_value(name: str) -> None:
    values = {n: [1] for n in ("batch_size", "num_heads", "num_layers", "dtype", "device", "kernel_size", "window")}
    check(values)
    with pytest.raises(UserError, match=f"--{name.replace('_', '-')} 1,3 is several values"):
        check(values | {name: [1, 3]})


# Tables and figures


def test_tables_and_figures_of_planted_records() -> None:
    models = {"attention": LAYER, "lstm": LAYER}
    records = timed(lambda m, n, d, t: 1e-9 * n * d**2 / t, models, *GRID, threads=[1, 2, 4])
    found = [*records, *derive(records)]
    titles = [table.caption.split(",")[0] for table in tables.tables(found)]
    assert titles == [
        "Table 1 of Vaswani et al. 2017 and what was measured",
        "Where n meets d",
        "Speed-up over threads",
    ]
    names = [figure.name for figure in figures.figures(found)]
    assert names == ["forward_time_seq_len", "forward_time_d_model", "speed_up"]
    assert any("lstm, n^1.00" in s.label for s in figures.figures(found)[0].series)


def test_on_cuda_there_are_kernels_and_shares_of_the_peak_in_place_of_threads() -> None:
    case = ScalingCase("lstm", 128, 1, 64, device="cuda:0")
    axes = axes_of(case)

    def made(metric: str, value: float, **added: Any) -> Record:
        at = axes | added
        return of_rounds(SCALING.metric(metric, at), at, {0: value})

    records = [made("forward_time", 1e-3), made("train_time", 4e-3)]
    for name, flops, kernels in (("forward", 1e9, 5), ("train", 3e9, 17)):
        records += [made("flops", flops, **{"pass": name}), made("launches", kernels, **{"pass": name})]
    where = {name: axes[name] for name in ("device", "dtype", "threads")}
    records.append(of_rounds(SCALING.metric("peak_flops", where), where, {0: 2e12}))
    table = next(t for t in tables.tables(records) if t.caption.startswith("Share of the device's peak"))
    assert table.rows == [["lstm", "64", "128", "50%", "38%", "5", "17"]]


def test_threads_are_not_varied_on_cuda() -> None:
    both = [ScalingCase("lstm", 128, device="cuda:0", threads=t) for t in (1, 2)]
    assert {c.threads for c in select(both)} == {1}


# The command

TINY = ("--rounds", "1", "--warm-up", "0.01", "--block-seconds", "0.001", "--min-blocks", "1", "--case-seconds", "0")
SMALL = ("--seq-len", "16:64", "--d-model", "8:32", "--num-heads", "2", "--threads", "1", "--device", "cpu", *TINY)


LAWS = {  # of the chain, of the path
    "attention": ("1", "1"),
    "conv": ("1", "log n"),
    "lstm": ("n", "n"),
    "attention-local": ("1", "n"),
    "mingru": ("log n", "n"),
    f"{SCALES}:Masked": ("1", "n"),
}


@pytest.mark.parametrize("models", [("attention", "conv"), pytest.param(tuple(LAWS), marks=pytest.mark.slow)], ids=len)
def test_the_command_measures_the_table_and_a_users_module(models: tuple[str, ...], tmp_path: Path) -> None:
    out = tmp_path / "run"
    every = ",".join([*models, f"{SCALES}:Outside"])
    done = run("scaling", "--model", every, *SMALL, "--window", "8", "--output", str(out), "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    laws = {
        (r["axes"]["model"], r["axes"]["of"]): r["details"]["text"]
        for r in document["records"]
        if r["metric"] == "growth"
    }
    for model in models:
        assert (laws[model, "sequential_operations"], laws[model, "path_length"]) == LAWS[model], model
    unseen = [r for r in document["records"] if r["axes"].get("model", "").endswith("Outside")]
    assert all(r["median"] is None for r in unseen if r["metric"] == "sequential_operations")
    assert any(r["median"] for r in unseen if r["metric"] == "forward_time")
    assert {file.name for file in (out / "plots").iterdir()} >= {"forward_time_seq_len.svg", "forward_time_d_model.png"}
    assert "| self-attention | attention |" in (out / "table.md").read_text()
    lengths = {r["axes"]["seq_len"] for r in document["records"] if r["metric"] == "sequential_operations"}
    assert lengths >= {16, 32, 64}
    assert {r["axes"]["part"] for r in document["records"] if r["metric"] == "sequential_operations"} == {GRAPH}


def test_a_dry_run_lists_what_is_timed_and_says_how_much_is_counted(tmp_path: Path) -> None:
    done = run("scaling", "--dry-run", "--model", "lstm", *SMALL, cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert len(lines) == 9 + 2
    assert lines[0].startswith("lstm d_model 8\tseq_len 16")
    assert lines[-2:][0] == "8 counts beside them"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--window", "0"), "--window must be at least 1, not 0"),
        (("--kernel-size", "0"), "--kernel-size must be at least 1, not 0"),
        (("--threads", "4096"), "use "),
        (("--seq-len", "1"), "--seq-len must be at least 2, not 1"),
        (("--model", "gpt"), "gpt is a language model"),
    ],
)
def test_bad_input_is_one_sentence(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = run("scaling", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_too_many_threads_say_how_many_there_are() -> None:
    axes = {"model": ["lstm"], "threads": [4096], "d_model": [8], "num_heads": [2]}
    with pytest.raises(UserError, match=r"4096 is more than the .* cores that this process may use; use .* or --force"):
        cases.check(SCALING, axes, force=False)


@pytest.mark.cuda
def test_kernels_of_a_pass_on_cuda_are_counted() -> None:
    from rnn_vs_attn.measure.operations import launches

    made = scaling.workload(ScalingCase("attention", 64, device="cuda"), 0)
    assert 3 <= launches.count(made, "forward") < launches.count(made, "train") < 100
