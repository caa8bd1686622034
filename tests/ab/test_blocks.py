"""Blocks of both sides, taken in turn, each after a call of its own that is thrown away."""

from __future__ import annotations

from collections import Counter

import pytest
from planted_pairs import CALL, Laboratory

from rnn_vs_attn.ab import report
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE
from rnn_vs_attn.records.folder import read_samples
from rnn_vs_attn.worker.protocol import MakeReady, TimeBlock


def test_blocks_are_taken_in_turn_and_each_side_begins_as_often(laboratory: Laboratory) -> None:
    laboratory.judged("lstm")
    firsts: Counter[str] = Counter()
    for pair in range(8):
        turns = [side for p, side, f in timed(laboratory) if p == pair and f.name == "forward"]
        other = {BASELINE: CANDIDATE, CANDIDATE: BASELINE}[turns[0]]
        assert turns == [turns[0], other, other, turns[0]] * 3
        firsts[turns[0]] += 1
    assert firsts == {BASELINE: 4, CANDIDATE: 4}


def timed(laboratory: Laboratory) -> list[tuple[int, str, TimeBlock]]:
    """Requests for blocks that count; a call alone is thrown away."""
    return [request for request in laboratory.requests(TimeBlock) if request[2].loops > 1]


def test_every_block_comes_after_a_call_of_its_own_side_that_is_thrown_away(laboratory: Laboratory) -> None:
    """A block after the other side's finds its caches filled with other things; one after its own does not."""
    laboratory.judged("lstm")
    requests = [(pair, side, block.loops) for pair, side, block in laboratory.requests(TimeBlock)]
    assert [loops for _, _, loops in requests] == [1, 30] * (len(requests) // 2)
    assert [r[:2] for r in requests[::2]] == [r[:2] for r in requests[1::2]]


def test_a_long_call_is_not_made_twice(laboratory: Laboratory) -> None:
    laboratory.seconds = lambda side, model, name, pair: 0.2
    laboratory.judged("lstm", max_seconds=1e6, timeout=1e6)
    thrown_away = len(laboratory.requests(TimeBlock)) - len(timed(laboratory))
    assert thrown_away == 8 * 2  # the first block of each pass, of which nothing is known yet


def test_the_baseline_fixes_how_much_a_block_holds_once_for_both(laboratory: Laboratory) -> None:
    laboratory.judged("lstm")
    assert {block.loops for _, _, block in timed(laboratory)} == {30}
    plans = [ready.plan for pair, side, ready in laboratory.requests(MakeReady) if (pair, side) != (0, BASELINE)]
    assert {plan.num_blocks for plan in plans if plan} == {6}  # made even, so that both sides begin as often


@pytest.mark.parametrize(
    ("lag", "said"),
    [(None, False), (CALL / 10, True), (30 * CALL / 10, False)],  # no GPU; a device that waits; one that falls behind
)
def test_a_time_of_the_hosts_launches_is_said_to_be_that(lag: float | None, said: bool, laboratory: Laboratory) -> None:
    laboratory.lag = lambda side, name: lag if (side, name) == (CANDIDATE, "forward") else 30 * CALL
    pairs = laboratory.pairs("lstm")
    pairs.run()
    reason = "its time is that of the host's launches, not the GPU's"
    text = f"forward at seq_len 64 is launch-bound, in a pair or more: {reason}"
    assert report.said_of_models(pairs) == [f"lstm, candidate: {text}"] * said
    pairs.folder.close()
    warned = [line for line in read_samples(laboratory.path) if text in line.warnings]
    assert {line.axes["side"] for line in warned} == ({CANDIDATE} if said else set())
