"""How many lanes, segments and offsets there are of so many ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts.lanes import Lanes


def test_lanes_by_hand() -> None:
    """23 ids, 22 targets, in two lanes of segments of 4: but for 3 targets it is 9 a lane, and so 2 segments.

    The second lane's targets are 10 ... 17, and so it can be moved by 5.
    """
    lanes = Lanes(23, 2, 4)
    assert (lanes.stride, lanes.steps, lanes.spare) == (9, 2, 5)


def test_a_text_that_just_fits_has_one_step_and_one_place() -> None:
    lanes = Lanes(9, 2, 4)
    assert (lanes.stride, lanes.steps, lanes.spare) == (4, 1, 0)


def test_a_text_that_is_too_short_says_how_long_it_must_be() -> None:
    with pytest.raises(UserError, match=r"has 8 tokens; --batch-size 2 of --seq-len 4 needs at least 9: give more"):
        Lanes(8, 2, 4)
    with pytest.raises(UserError, match="has 0 tokens"):
        Lanes(0, 1, 1)


@pytest.mark.long
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 300))
def test_no_offset_leads_beyond_the_ids(batch_size: int, seq_len: int, more: int) -> None:
    num_ids = batch_size * seq_len + 1 + more
    lanes = Lanes(num_ids, batch_size, seq_len)
    assert lanes.steps >= 1
    assert lanes.steps * seq_len <= lanes.stride
    assert (batch_size - 1) * lanes.stride + lanes.spare + lanes.steps * seq_len + 1 == num_ids
    assert lanes.spare >= min(seq_len - 1, more)  # all places of a segment are drawn
    assert batch_size * lanes.steps * seq_len > num_ids - 1 - (batch_size + 1) * seq_len  # what an epoch leaves out
