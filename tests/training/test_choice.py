"""What a choice may be."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.training.choice import Choice


@pytest.mark.parametrize("fields", [{}, {"temperature": 0.0}, {"top_k": 1}, {"top_p": 1.0}, {"top_p": 1e-9}])
def test_what_a_choice_may_be(fields: dict[str, Any]) -> None:
    assert Choice(**fields) == Choice(**{"temperature": 1.0, "top_k": None, "top_p": None} | fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"temperature": -1.0}, "temperature -1 must be a number from 0 on; 0 takes the likeliest token"),
        ({"temperature": math.nan}, "temperature nan must be"),
        ({"temperature": math.inf}, "temperature inf must be"),
        ({"top_k": 0}, "top_k 0 must be at least 1; without it none is left out"),
        ({"top_p": 0.0}, "top_p 0 must be above 0 and at most 1; without it none is left out"),
        ({"top_p": 1.5}, "top_p 1.5 must be above 0 and at most 1"),
        ({"top_p": math.nan}, "top_p nan must be above 0 and at most 1"),
    ],
)
def test_what_it_may_not_be_is_one_sentence(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        Choice(**fields)
    assert str(caught.value).startswith(said)
