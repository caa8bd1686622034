"""The list of tasks: names, what each says of itself, and names that are none."""

from __future__ import annotations

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.tasks.drawing.batches import DRAWERS
from rnn_vs_attn.tasks.registry import TASKS, find
from rnn_vs_attn.tasks.spec import MEMORY, RECALL, STATE_TRACKING


def test_all_nine_are_there_and_each_is_drawn() -> None:
    names = "adding copy selective-copy induction mqar lookup-prefix parity mod-arithmetic permutation".split()
    assert [spec.name for spec in TASKS] == names == list(DRAWERS)


@pytest.mark.parametrize("spec", TASKS, ids=lambda spec: spec.name)
def test_each_says_what_it_is(spec) -> None:
    assert find(spec.name) is spec
    assert spec.family in (MEMORY, RECALL, STATE_TRACKING)
    assert spec.description.endswith("?")
    assert spec.source
    assert spec.answered


@pytest.mark.parametrize(
    ("given", "near"), [("mqr", "mqar"), ("selective_copy", "selective-copy"), ("Parity", "parity")]
)
def test_an_unknown_name_is_answered_with_the_nearest(given: str, near: str) -> None:
    with pytest.raises(UserError, match=f"unknown task '{given}'; did you mean '{near}'"):
        find(given)


def test_a_name_that_is_near_none_is_answered_with_all() -> None:
    with pytest.raises(UserError, match="allowed: adding, copy, selective-copy, induction"):
        find("zzz")
