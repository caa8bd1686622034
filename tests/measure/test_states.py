"""States of any make: their tensors, copies and form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.measure.states import copied, form, tensors, with_tensors

pytestmark = pytest.mark.usefixtures("in_float64")


@dataclass
class Cache:
    keys: Tensor
    parts: list[Any]
    end: int = 0


def test_all_tensors_are_found_in_order_and_replaced() -> None:
    one, two, three = (torch.full((2,), float(i)) for i in range(3))
    state = {"a": (one, [Cache(two, [None, "x", three], 4)]), "b": 2.5}
    assert [float(t[0]) for t in tensors(state)] == [0, 1, 2]
    made = with_tensors(state, [t + 10 for t in tensors(state)])
    assert [float(t[0]) for t in tensors(made)] == [10, 11, 12]
    assert (made["b"], made["a"][1][0].end) == (2.5, 4)
    assert [float(t[0]) for t in tensors(state)] == [0, 1, 2]


def test_a_copy_is_not_changed_with_the_original() -> None:
    state = Cache(torch.zeros(2), [torch.zeros(2)])
    made = copied(state)
    state.keys += 1
    state.parts[0] += 1
    state.end = 9
    assert (float(made.keys.sum()), float(made.parts[0].sum()), made.end) == (0, 0, 0)


def test_the_form_of_a_state_is_all_but_its_numbers() -> None:
    def made(values: float, count: int, length: int = 2) -> list[Any]:
        return form(Cache(torch.full((length,), values), [torch.tensor(count)], count))

    assert made(1.0, 3) == made(2.0, 3)
    assert made(1.0, 3) != made(1.0, 4)
    assert made(1.0, 3) != made(1.0, 3, length=3)


@pytest.mark.parametrize("thing", [{1, 2}, iter([]), range(3), nn.Linear(1, 1), torch.ones(2).numpy(), len])
def test_what_nothing_is_known_of_is_named_with_its_place(thing: Any) -> None:
    with pytest.raises(UserError, match=rf"its state\.parts\[1\] is a {type(thing).__name__}, which is neither"):
        tensors(Cache(torch.ones(1), [0, thing]))
