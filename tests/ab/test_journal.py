"""What is kept of pairs, and what is made of it."""

from __future__ import annotations

from planted_pairs import Laboratory

from rnn_vs_attn.ab.failures import Failure
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE
from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.records.folder import read_run, read_samples
from rnn_vs_attn.records.types import ROUND_DROPPED, ROUND_TIME


def test_a_pair_is_closed_by_a_line_that_is_no_record(laboratory: Laboratory) -> None:
    pairs = laboratory.pairs("lstm", screen=5)
    assert pairs.run()
    pairs.folder.close()
    closed = [line for line in read_samples(laboratory.path) if line.metric == ROUND_TIME]
    assert [line.round for line in closed] == [0, 1, 2, 3, 4]
    assert {line.details["start_up"] for line in closed} == {1.0}
    assert ROUND_TIME not in {record.metric for record in read_run(laboratory.path).records}
    assert pairs.journal.sittings == {1: 5}


def test_a_failure_is_kept_with_what_came_of_it_once_more(laboratory: Laboratory) -> None:
    pairs = laboratory.pairs("lstm")
    again = {BASELINE: CaseFault("timeout", "no answer")}
    pairs.journal.fault(pairs.cases[0], pairs.passes, Failure(CANDIDATE, CaseFault("failed", "boom"), again, 3))
    pairs.folder.close()
    lines = read_samples(laboratory.path)
    assert {(line.metric, line.round, line.status, line.error, line.axes["side"]) for line in lines} == {
        (f"{name}_time", 3, "failed", "boom", CANDIDATE) for name in ("forward", "train")
    }
    assert lines[0].details["again"] == {BASELINE: {"status": "timeout", "reason": "no answer"}}


def test_a_pair_that_is_forgotten_is_said_to_be(laboratory: Laboratory) -> None:
    pairs = laboratory.pairs("lstm")
    pairs.journal.forget(2)
    pairs.folder.close()
    (line,) = read_samples(laboratory.path)
    assert (line.metric, line.round, line.value) == (ROUND_DROPPED, 2, None)
    assert pairs.journal.lines == []
