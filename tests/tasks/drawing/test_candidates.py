"""Where answers stand in what is drawn."""

from __future__ import annotations

import numpy

from rnn_vs_attn.tasks.drawing.candidates import last


def test_only_the_last_positions_carry_answers() -> None:
    found = last(2, numpy.array([[7, 8, 9], [1, 2, 3]]), numpy.array([[4, 5], [0, 6]]))
    assert found.targets.tolist() == [[0, 4, 5], [0, 0, 6]]
    assert found.answers.tolist() == [[False, True, True]] * 2
    assert found.allowed.tolist() == [True, True]
