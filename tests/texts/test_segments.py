"""The order in which ids are read, in training and in evaluation."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from itertools import pairwise

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts.segments import Segment, Segments, windows

IDS = numpy.arange(23)  # each id is its place


def targets_of(segments: list[Segment]) -> list[int]:
    return [int(each) for segment in segments for each in segment.targets.flat]


def test_lanes_by_hand() -> None:
    """23 ids, two lanes 9 apart, two segments of 4 each, from an offset on that is the epoch's."""
    segments = Segments(IDS, 2, 4, seed=0)
    first, second, third = (segments.at(step) for step in range(3))
    offset = int(first.inputs[0, 0])
    assert offset in range(6)
    assert first.inputs.tolist() == [[offset + i for i in range(4)], [offset + 9 + i for i in range(4)]]
    assert first.targets.tolist() == (first.inputs + 1).tolist()
    assert second.inputs.tolist() == (first.inputs + 4).tolist()
    assert [each.first for each in (first, second, third)] == [True, False, True]
    assert third.inputs[0, 0] in range(6)
    assert first.inputs.dtype == first.targets.dtype == numpy.int64


def test_no_target_comes_twice_in_an_epoch_and_all_come_in_some() -> None:
    segments = Segments(IDS, 2, 4, seed=1)
    seen = set()
    for epoch in range(40):
        targets = targets_of([segments.at(2 * epoch), segments.at(2 * epoch + 1)])
        assert len(set(targets)) == len(targets) == 16
        seen |= set(targets)
    assert seen == set(range(1, 23))


def test_every_offset_is_drawn() -> None:
    segments = Segments(IDS, 2, 4, seed=2)
    assert {int(segments.at(2 * epoch).inputs[0, 0]) for epoch in range(80)} == set(range(6))


def test_a_step_follows_from_seed_and_number_alone() -> None:
    forward = [Segments(IDS, 2, 4, 3).at(step) for step in range(12)]
    backward = [Segments(IDS, 2, 4, 3).at(step) for step in reversed(range(12))]
    assert targets_of(forward) == targets_of(backward[::-1])
    assert targets_of(forward) != targets_of([Segments(IDS, 2, 4, 4).at(step) for step in range(12)])


STEPS = (0, 45, 10**6, 10**12)
PROGRAM = f"""
import numpy
from rnn_vs_attn.texts.segments import Segments
print([int(Segments(numpy.arange(1000), 3, 7, 5).at(step).inputs[0, 0]) for step in {STEPS}])
"""


@pytest.mark.long
def test_every_process_draws_the_same() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    expected = [int(Segments(numpy.arange(1000), 3, 7, 5).at(step).inputs[0, 0]) for step in STEPS]
    assert done.stdout == f"{expected}\n", done.stderr


def test_what_is_drawn_stays_what_it_is() -> None:
    """From one version to the next, so that a run can be repeated."""
    segments = Segments(numpy.arange(1000), 3, 7, seed=5)
    read = b"".join(segments.at(step).inputs.astype("<i8").tobytes() for step in range(200))
    assert hashlib.sha256(read).hexdigest()[:16] == "05852ff9e7111fe5"


def test_ids_of_less_than_a_segment_a_lane_are_refused() -> None:
    with pytest.raises(UserError, match="needs at least 25"):
        Segments(IDS, 6, 4, 0)


@pytest.mark.long
@given(st.integers(0, 60), st.integers(1, 7), st.integers(1, 5), st.integers(0, 70))
def test_in_an_evaluation_every_target_comes_once(num_ids: int, seq_len: int, batch_size: int, most: int) -> None:
    found = list(windows(numpy.arange(num_ids), seq_len, batch_size, most))
    assert sorted(targets_of(found)) == list(range(1, min(num_ids, most + 1)))
    for segment in found:
        assert segment.targets.tolist() == (segment.inputs + 1).tolist()
        assert 1 <= segment.inputs.shape[1] <= seq_len
        assert 1 <= segment.inputs.shape[0] <= batch_size
    for before, after in pairwise(found):
        if not after.first:  # what is kept of a window is that of the one before it
            assert (after.inputs[:, 0] == before.targets[:, -1]).all()


def test_windows_by_hand() -> None:
    """22 targets in two lanes of 11; of an odd number one is left over."""
    shapes = [(each.inputs.shape, each.first) for each in windows(IDS, 4, 2, 10**9)]
    assert shapes == [((2, 4), True), ((2, 4), False), ((2, 3), False)]
    shapes = [(each.inputs.shape, each.first) for each in windows(IDS, 4, 2, 21)]
    assert shapes == [((2, 4), True), ((2, 4), False), ((2, 2), False), ((1, 1), True)]
    (only,) = windows(IDS, 50, 8, 10**9)
    assert only.inputs.shape == (1, 22)
