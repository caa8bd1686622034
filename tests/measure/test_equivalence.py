"""Outputs and gradients of two versions: equal, equal up to rounding, different, and not comparable."""

from __future__ import annotations

from pathlib import Path

import habits
import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.compare.outcome import Outcome
from rnn_vs_attn.measure import equivalence
from rnn_vs_attn.measure.workload import Workload


class Twice(nn.Module):
    """Two projections and their sum, in one order or the other; `change` alters what it computes."""

    def __init__(self, swapped: bool = False, change: str = "", width: int = 6) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, width), nn.Linear(6, width)
        self.swapped, self.change = swapped, change

    def forward(self, x: Tensor) -> Tensor:
        a, b, c = self.first(x), self.second(x), x
        y = (c + b) + a if self.swapped else (a + b) + c
        if self.change == "output":
            y = y * 1.01
        if self.change == "gradient":
            y = y.detach() + 1.5 * (a - a.detach()) + (b - b.detach()) + (c - c.detach())
        if self.change == "nan":
            y = y * torch.tensor(float("nan"))
        return nn.functional.dropout(y, 0.5, self.training) if self.change == "dropout" else y


def workload(module: nn.Module, seed: int, dtype: torch.dtype = torch.float32) -> Workload:
    torch.manual_seed(seed)
    return Workload.of(module.to(dtype), torch.randn(2, 5, 6, dtype=dtype))


def differ(baseline: nn.Module, candidate: nn.Module, path: Path, dtype: torch.dtype = torch.float32) -> Outcome:
    """Weights and inputs of the two differ before; the kept ones are used on both sides."""
    file = path / "outcome.pt"
    equivalence.keep(workload(baseline, 1, dtype), file, seed=3)
    return equivalence.difference(workload(candidate, 2, dtype), file, seed=3)


def test_the_same_code_is_equal_bit_for_bit_on_the_kept_weights_and_inputs(tmp_path: Path) -> None:
    found = differ(Twice(), Twice(), tmp_path)
    assert found == Outcome(max_error=0.0, where="output", equal=True, rounding=True)


def test_what_draws_numbers_draws_the_same(tmp_path: Path) -> None:
    assert differ(Twice(change="dropout"), Twice(change="dropout"), tmp_path).equal


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_another_order_of_sums_is_rounding(dtype: torch.dtype, tmp_path: Path) -> None:
    found = differ(Twice(), Twice(swapped=True), tmp_path, dtype)
    assert not found.equal
    assert found.rounding
    assert 0 < found.max_error < equivalence.ROUNDING[dtype]


def test_another_output_is_found(tmp_path: Path) -> None:
    found = differ(Twice(), Twice(change="output"), tmp_path)
    assert not found.rounding
    assert found.max_error == pytest.approx(0.01, rel=0.02)


def test_another_gradient_behind_the_same_output_is_found(tmp_path: Path) -> None:
    found = differ(Twice(), Twice(change="gradient"), tmp_path)
    assert not found.rounding
    assert found.where.startswith("gradient of ")
    assert found.max_error == pytest.approx(1 / 3, rel=1e-3)


def test_nan_on_one_side_is_a_difference_and_on_both_is_none(tmp_path: Path) -> None:
    assert not differ(Twice(), Twice(change="nan"), tmp_path).rounding
    both = differ(Twice(change="nan"), Twice(change="nan"), tmp_path)
    assert (both.equal, both.max_error) == (True, 0.0)


def test_weights_that_do_not_fit_are_said(tmp_path: Path) -> None:
    class Other(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.third = nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.third(x)
            return out

    found = differ(Twice(), Other(), tmp_path)
    only = "only the baseline has first.weight, first.bias, second.weight and 1 more"
    assert found.error == f"the weights of one do not fit the other: {only}"


def test_a_weight_that_only_the_candidate_has_is_named(tmp_path: Path) -> None:
    more = Twice()
    more.gain = nn.Parameter(torch.ones(()))
    found = differ(Twice(), more, tmp_path)
    assert found.error == "the weights of one do not fit the other: only the candidate has gain"


def test_weights_of_another_shape_are_said(tmp_path: Path) -> None:
    other = Twice()
    other.second = nn.Linear(6, 6, bias=False)
    other.second.bias = nn.Parameter(torch.zeros(1))
    found = differ(Twice(), other, tmp_path)
    said = "second.bias is (1,) in the candidate and (6,) in the baseline"
    assert found.error == f"the weights of one do not fit the other: {said}"


def test_gradients_are_left_as_they_were(tmp_path: Path) -> None:
    made = workload(Twice(), 1)
    equivalence.keep(made, tmp_path / "outcome.pt", seed=0)
    assert made.x.grad is None
    assert all(parameter.grad is None for parameter in made.module.parameters())


@pytest.mark.parametrize(
    "kind",
    [
        habits.InPlace,
        habits.InPlaceInside,
        habits.GradientInPlace,
        habits.ShrinksWeights,
        habits.FastWeights,
        habits.Spectral,
        habits.Normalised,
        habits.Counts,
        habits.Carries,
        habits.Same,
        habits.View,
        habits.OwnMemory,
        habits.Random,
        habits.RandomOfNumPy,
        habits.KeepsByValue,
    ],
    ids=lambda kind: kind.__name__,
)
def test_identical_code_that_works_in_place_or_keeps_something_is_equal(kind: type[nn.Module], tmp_path: Path) -> None:
    """`ab` said NOT EQUAL, 0.33: what was kept to compare with had been written to by the forward pass."""
    found = differ(kind(6), kind(6), tmp_path)
    assert (found.equal, found.max_error) == (True, 0.0)


def test_a_layer_that_works_in_place_and_computes_something_else_is_not_equal(tmp_path: Path) -> None:
    class Other(habits.InPlace):
        def forward(self, x: Tensor) -> Tensor:
            return self.computed(x.mul_(1.6))

    assert not differ(habits.InPlace(6), Other(6), tmp_path).rounding


class CannotGoBack(Twice):
    def __init__(self, fails: bool = True, change: str = "") -> None:
        super().__init__(change=change)
        self.fails = fails

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        if self.fails:
            y.register_hook(lambda _: 1 / 0)
        return y


def test_where_going_back_fails_alike_on_both_sides_the_outputs_are_compared(tmp_path: Path) -> None:
    """It was NOT EQUAL, for identical code."""
    found = differ(CannotGoBack(), CannotGoBack(), tmp_path)
    assert (found.error, found.equal, found.fails) == ("", True, "ZeroDivisionError: division by zero")
    assert not differ(CannotGoBack(), CannotGoBack(change="output"), tmp_path).rounding


@pytest.mark.parametrize("fails", [True, False])
def test_where_going_back_fails_on_one_side_it_is_said_which(fails: bool, tmp_path: Path) -> None:
    which = "candidate" if fails else "baseline"
    found = differ(CannotGoBack(not fails), CannotGoBack(fails), tmp_path)
    assert found == Outcome(f"the backward pass of the {which} alone fails: ZeroDivisionError: division by zero")


def test_what_is_kept_is_what_the_passes_began_with(tmp_path: Path) -> None:
    made = workload(habits.ShrinksWeights(6), 1)
    expected = {"weight": made.module.project.weight.detach().clone(), "x": made.x.detach().clone()}
    equivalence.keep(made, tmp_path / "outcome.pt", seed=0)
    kept = torch.load(tmp_path / "outcome.pt", weights_only=True)
    assert torch.equal(kept["weights"]["project.weight"], expected["weight"])
    assert torch.equal(kept["x"], expected["x"])
