"""Whether the sequences of a batch are apart: both ways, for every row; a layer that runs over the batch is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import habits
import pytest
import torch
from torch import nn

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.measure.conduct import batch_independence
from rnn_vs_attn.measure.conduct.batch_independence import RANDOM, Batch
from rnn_vs_attn.measure.gradient.flow import Flow, cotangents, float64, flow_of, without_dropout

APART, OVER_IT = Batch(), Batch(mixes=True, runs_over_it=True)


def asked(module: nn.Module, batch_size: int = 4, seq_len: int = 128) -> Batch:
    torch.manual_seed(0)
    return batch_independence.of(module.eval(), batch_size, seq_len, 8)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (habits.Plain, APART),
        (habits.InPlace, APART),
        (habits.InPlaceInside, APART),
        (habits.ShrinksWeights, APART),
        (habits.Normalised, APART),
        (habits.KeepsMany, APART),
        (habits.Experts, APART),
        (habits.OwnMemory, APART),
        (habits.Tabled, APART),
        (habits.OverTheBatch, OVER_IT),
        (habits.BackwardOverTheBatch, OVER_IT),
        (habits.BothWaysOverTheBatch, OVER_IT),
        (habits.EncoderOverTheBatch, OVER_IT),
        (habits.OverTheBatchInBlocks, OVER_IT),
        (habits.Centred, Batch(mixes=True)),
        (habits.LastSees, Batch(mixes=True)),
        (habits.Random, Batch(random=True)),
        (habits.RandomOfNumPy, Batch(random=True)),
    ],
)
def test_how_a_layer_treats_a_batch(kind: type[nn.Module], expected: Batch) -> None:
    """The first sequence of a GRU over the batch does not depend on the others: it alone passed for a layer."""
    assert asked(kind(8)) == expected


def test_one_position_by_itself_is_no_other_sequence() -> None:
    assert asked(nn.Linear(8, 8)) == APART


def test_a_table_that_its_first_call_makes_is_left_to_it() -> None:
    """It was made empty again and its length was not, so that the layer was timed without its positions."""
    module = habits.Tabled(8)
    asked(module)
    x = torch.randn(1, 5, 8)
    assert torch.equal(module(x), module.computed(x * torch.arange(1.0, 6.0)[:, None]))


@pytest.mark.parametrize("kind", [habits.ByTheCall, habits.EveryOther])
def test_a_layer_that_changes_from_call_to_call_is_not_called_mixing(kind: type[nn.Module]) -> None:
    found = asked(kind(8))
    assert found.keeps_state
    assert not found.mixes


@pytest.mark.parametrize(
    ("batch_size", "expected"), [(2, OVER_IT), (4, "give two sequences"), (1, "give two sequences")]
)
def test_a_layer_that_takes_one_batch_size_is_asked_at_that(batch_size: int, expected: Any) -> None:
    found = asked(habits.OverTheBatchOfTwo(8), batch_size)
    assert found == expected if isinstance(expected, Batch) else expected in found.unknown


def test_what_cannot_be_asked_is_said() -> None:
    (text,) = asked(habits.OneSequence(8)).warnings
    assert "could not be asked (ValueError: give one sequence)" in text
    assert "could not be asked (its output holds NaN" in asked(habits.NotFinite(8)).warnings[0]


def test_a_layer_that_leaves_the_sequence_first_does_not_fit_whatever_the_shape() -> None:
    """With as many tokens as sequences its output had the right shape."""
    with pytest.raises(UserError, match="it must keep"):
        asked(habits.Transposed(8), batch_size=4, seq_len=4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_in_other_formats_too(dtype: torch.dtype) -> None:
    assert asked(habits.Plain(8).to(dtype)) == APART
    assert asked(habits.LastSees(8).to(dtype)) == Batch(mixes=True)


def test_little_of_the_others_is_found_beside_rounding() -> None:
    class Little(habits.Plain):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.computed(x)
            return y + 1e-4 * y.mean(0, keepdim=True)

    assert asked(Little(8)).mixes


def test_a_language_model_over_the_batch_would_be_found() -> None:
    module = nn.Sequential(nn.Embedding(11, 8), habits.OverTheBatch(8))
    assert batch_independence.of_ids(module.eval(), 11, 20) == OVER_IT


@pytest.fixture
def in_float64() -> Iterator[None]:
    torch.manual_seed(0)
    with float64():
        yield


def flow(module: nn.Module) -> Flow:
    probes = cotangents(1, 8, True, torch.device("cpu"))
    return flow_of(without_dropout(module.double()), torch.randn(1, 20, 8), probes)


@pytest.mark.long
def test_the_gradient_of_a_layer_that_draws_numbers_is_that_at_the_same_draws(in_float64: None) -> None:
    """y + noise has the gradient of y; it was called a layer that mixes the sequences of a batch."""
    torch.manual_seed(0)
    found = flow(habits.Random(8))
    torch.manual_seed(0)
    expected = flow(habits.Plain(8))
    assert torch.allclose(found.log10, expected.log10, atol=1e-9)
    assert found.warnings == [f"{RANDOM}; cotangents are taken one at a time"]


def test_the_gradient_of_a_layer_over_the_batch_is_refused(in_float64: None) -> None:
    with pytest.raises(CaseFault, match="it runs over the batch"):
        flow(habits.OverTheBatch(8))


def test_a_layer_that_works_in_place_has_its_gradient(in_float64: None) -> None:
    torch.manual_seed(0)
    found = flow(habits.InPlace(8))
    torch.manual_seed(0)
    module = habits.Plain(8).double()
    x = torch.randn(1, 20, 8)
    whole = torch.autograd.functional.jacobian(lambda inputs: module(1.5 * inputs)[0, -1], x)
    expected = (whole[:, 0].norm(dim=(0, 2)) / 8**0.5).log10().flip(0)
    assert torch.allclose(found.log10, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("kind", "sees"),
    [
        (habits.Plain, False),
        (habits.BothWays, True),
        (habits.Random, False),
        (habits.InPlace, False),
        (habits.Tabled, False),
        (habits.ByFourier, False),
    ],
)
def test_it_is_asked_whether_it_sees_the_future(kind: type[nn.Module], sees: bool) -> None:
    torch.manual_seed(0)
    assert batch_independence.sees_the_future(kind(8).eval(), 128, 8) is sees


def test_of_a_layer_that_does_so_among_many_positions_only_too() -> None:
    class AmongMany(habits.BothWays):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) if x.shape[1] > 100 else self.computed(x)

    torch.manual_seed(0)
    assert batch_independence.sees_the_future(AmongMany(8).eval(), 128, 8)
    assert not batch_independence.sees_the_future(AmongMany(8).eval(), 64, 8)
    assert Batch(sees_the_future=True).warnings == [batch_independence.SEES_THE_FUTURE]
