"""Options of a run make its limits."""

from __future__ import annotations

from rnn_vs_attn.limits import Budget, Limits
from rnn_vs_attn.run.options import Part, RunOptions


def test_options_at_their_defaults_are_the_limits_of_a_run() -> None:
    assert RunOptions().limits == Limits()


def test_the_longest_warm_up_grows_with_the_one_that_is_asked_for() -> None:
    limits = RunOptions(warm_up=0.4, block_seconds=0.01, min_blocks=3, case_seconds=0.2).limits
    assert limits.budget == Budget(warm_up=0.4, max_warm_up=1.2, block=0.01, min_blocks=3, case=0.2)


def test_a_part_of_a_command_knows_what_was_asked_for_the_whole() -> None:
    limits = Part(given=90.0, shared_by=3).of(RunOptions(max_seconds=20.0).limits)
    assert (limits.max_seconds, limits.asked_seconds) == (20.0, 90.0)
    assert limits.to_ask(30.0) == 120
