"""The longest chain of operations that wait for each other, against definitions and arithmetic by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from paths import SCALES
from planted_scaling import path
from scans import scan_chain
from torch import nn

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.dataflow import critical_path, path_length
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.stats import growth
from rnn_vs_attn.suites.scaling import measure
from rnn_vs_attn.suites.scaling.case import ROUTE, ScalingCase

LENGTHS = [16, 32, 64, 128, 256, 512]


def chain(name: str, length: int, **shape: Any) -> int:
    torch.manual_seed(0)
    module = build.build(find(name), Shape(1, length, 8, 2, **shape))
    return critical_path.sequential_operations(module, torch.randn(1, length, 8))


def counted(name: str, **shape: Any) -> list[int]:
    return [chain(name, length, **shape) for length in LENGTHS]


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
def test_the_chain_of_an_lstm_is_its_definition() -> None:
    """Per token a product with the state, the sum with the input's, a gate, its product with the cell or the candidate,
    the sum of the two, tanh of the cell, its product with the output's gate: seven. Before it the input's product.
    """
    assert [chain("lstm", n) for n in (16, 64)] == [7 * 16 + 1, 7 * 64 + 1]


@pytest.mark.long
def test_the_chain_of_mingru_is_its_definition() -> None:
    """The product with the input, the gate's sigmoid and its product with the candidate; then the scan."""
    lengths = [4, 8, 16, 32, 64, 128, 256, 1024, 2048]
    assert [chain("mingru", n) for n in lengths] == [3 + scan_chain(n) for n in lengths]
    assert (chain("mingru", 1024), chain("mingru", 2048)) == (55, 57)


@pytest.mark.long
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


@pytest.mark.long
def test_the_chain_of_restricted_attention_is_known_and_does_not_grow() -> None:
    """The mask's: a sum of positions, a comparison, both sides of the window, the opposite, the mask itself; then the
    kernel, its parts put together, their rearrangement and the projection of the output.
    """
    assert chain("attention-local", 64, window=4) == 5 + 4
    assert growth.law(LENGTHS, counted("attention-local", window=4)) == "1"


@pytest.mark.long
def test_a_cumulative_sum_counts_as_a_parallel_one() -> None:
    assert [chain(f"{SCALES}:Summing", n) for n in (16, 17, 64)] == [1 + 4, 1 + 5, 1 + 6]


@pytest.mark.parametrize("length", [4, 16])
def test_a_triangular_system_is_as_long_as_its_substitution(length: int) -> None:
    """Its unknowns one after another, each a product with those before it, written out or not."""
    system = nn.Parameter(torch.rand(length, length))

    def solved(x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.solve_triangular(system, x[0], upper=False, unitriangular=True).unsqueeze(0)

    def written_out(x: torch.Tensor) -> torch.Tensor:
        y = torch.zeros_like(x[0])
        for i in range(length):
            torch.addmm(x[0, i : i + 1], system[i : i + 1, :i], y[:i], alpha=-1, out=y[i : i + 1])
        return y.unsqueeze(0)

    x = torch.randn(1, length, 3)
    with torch.no_grad():
        torch.testing.assert_close(solved(x), written_out(x))
    found = [critical_path.sequential_operations(holding(call, system), x) for call in (solved, written_out)]
    assert found == [length, length]


def holding(call: Callable[[torch.Tensor], torch.Tensor], system: nn.Parameter) -> nn.Module:
    module = Forward(call)
    module.system = system
    return module


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


@pytest.mark.long
@pytest.mark.parametrize("name", [*(f"{SCALES}:{name}" for name in UNSEEN), "registered:Registered"])
def test_what_torch_does_not_see_has_neither_chain_nor_route(name: str) -> None:
    with pytest.raises(CaseFault, match=r"did not see|hides|not seen"):
        chain(name, 16)
    case = ScalingCase(name, 4, 1, 8, num_heads=2, device="cpu", part=ROUTE)
    assert [sample.value for sample in measure.measure(case, Turn(0))] == [None]


@pytest.mark.long
def test_a_chain_of_parameters_is_one_too() -> None:
    assert growth.law(LENGTHS, counted(f"{SCALES}:Powers")) == "n"


@pytest.mark.long
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


@pytest.mark.long
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
