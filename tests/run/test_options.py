"""Options of a run make its limits."""

from __future__ import annotations

import math

import pytest

from rnn_vs_attn.limits import Budget, Limits
from rnn_vs_attn.run.options import Part, RunOptions, TextOptions, with_own_end


def test_options_at_their_defaults_are_the_limits_of_a_run() -> None:
    assert RunOptions().limits == Limits()


def test_the_longest_warm_up_grows_with_the_one_that_is_asked_for() -> None:
    limits = RunOptions(warm_up=0.4, block_seconds=0.01, min_blocks=3, case_seconds=0.2).limits
    assert limits.budget == Budget(warm_up=0.4, max_warm_up=1.2, block=0.01, min_blocks=3, case=0.2)


def test_a_part_of_a_command_knows_what_was_asked_for_the_whole() -> None:
    limits = Part(given=90.0, shared_by=3).of(RunOptions(max_seconds=20.0).limits)
    assert (limits.max_seconds, limits.asked_seconds) == (20.0, 90.0)
    assert limits.to_ask(30.0) == 120


@pytest.mark.parametrize(
    ("steps", "seconds", "typed", "ends"),
    [
        (0, 0, [], 285.0),  # what fits into it
        (400, 0, [], math.inf),
        (0, 20, [], math.inf),
        (0, 20, ["model", "seconds_per_model"], math.inf),
        (400, 0, ["steps", "max_seconds"], 285.0),  # typed, if only as it is by default
    ],
)
def test_trainings_whose_length_is_given_have_no_other_end_unless_one_was_typed(
    steps: int, seconds: int, typed: list[str], ends: float
) -> None:
    axes = {"steps": [steps], "seconds_per_model": [seconds]}
    options = TextOptions(text=("book.txt",), seed=7)
    found = with_own_end(options, typed, axes)
    assert (found.max_seconds, found.limits.max_seconds) == (ends, ends)
    assert (found.text, found.seed, found.rounds) == (options.text, 7, options.rounds)
