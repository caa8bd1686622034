"""Where in a result the output stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from rnn_vs_attn.models.foreign.outputs import others, place, shapes, taken

Y, OTHER = torch.ones(2, 3, 4), torch.zeros(2, 1, 4)


@dataclass
class Named:
    first: Tensor | None
    last_hidden_state: Tensor


@pytest.mark.parametrize(
    ("result", "where", "beside"),
    [
        (Y, None, {}),
        ((Y, OTHER), 0, {1: OTHER}),
        ([OTHER, None, Y], 2, {0: OTHER}),
        ({"weights": OTHER, "y": Y}, "y", {"weights": OTHER}),
        (Named(Y + 1, Y), "last_hidden_state", {"first": Y + 1}),
        (Named(None, Y), "last_hidden_state", {}),
    ],
)
def test_the_output_and_what_is_beside_it(result: Any, where: Any, beside: dict[Any, Tensor]) -> None:
    assert place(result, Y.shape) == where
    assert torch.equal(taken(result, where), Y)
    found = others(result, where)
    assert found.keys() == beside.keys()
    assert all(torch.equal(found[key], beside[key]) for key in beside)


@pytest.mark.parametrize("result", [OTHER, (OTHER, "y"), None, 3.0])
def test_nothing_of_the_right_shape(result: Any) -> None:
    with pytest.raises(LookupError):
        place(result, Y.shape)


def test_shapes_in_words() -> None:
    assert shapes((Y, None, OTHER)) == "(2, 3, 4) and (2, 1, 4)"
    assert shapes(None) == "NoneType"
