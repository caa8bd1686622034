"""The lines of the ledger: each is a claim, whatever its runs lack."""

from __future__ import annotations

import shlex

import pytest
from planted_lesson import bench, readings

from rnn_vs_attn.cli.app import app
from rnn_vs_attn.lesson.lines import LINES, Line
from rnn_vs_attn.lesson.readings import Readings
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED, VERDICTS

AS_PLANTED = {
    "parallel": HOLDS,
    "loop": HOLDS,
    "fused": FAILS,
    "sequential": FAILS,
    "table-1": HOLDS,
    "vanishing": HOLDS,
    "reach": HOLDS,
    "recall": HOLDS,
    "parity": HOLDS,
    "memory": FAILS,
    "generation": HOLDS,
    "segment": HOLDS,
    "evaluation": HOLDS,
    "parameters": HOLDS,
    "computation": FAILS,
    "size": HOLDS,
}


def test_every_line_of_planted_runs_is_decided_as_they_were_planted() -> None:
    runs = readings()
    assert {line.key: line.claim(runs).verdict for line in LINES} == AS_PLANTED


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.key)
def test_a_line_without_its_run_is_undecided_and_says_why(line: Line) -> None:
    claim = line.claim(Readings({}, {line.part: "the disk was full"}))
    assert (claim.verdict, claim.figure, claim.why) == (UNDECIDED, "", "the disk was full")
    assert claim.text == line.text
    assert claim.key == f"lesson-{line.key}"


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.key)
def test_a_run_without_any_record_leaves_its_lines_undecided_whatever_they_ask(line: Line) -> None:
    claim = line.claim(Readings({line.part: []}, {}, [line.part]))
    assert claim.verdict == UNDECIDED
    assert "cut off" in claim.why


@pytest.mark.parametrize("line", [line for line in LINES if line.part == "bench"], ids=lambda line: line.key)
def test_two_rounds_decide_no_time_and_no_memory(line: Line) -> None:
    claim = line.claim(readings(bench=bench(number=2)))
    assert claim.verdict == UNDECIDED
    assert "2 rounds; an interval at 95% needs 6" in claim.why


def test_lines_are_sentences_without_a_full_stop_and_no_key_is_twice() -> None:
    assert len({line.key for line in LINES}) == len(LINES)
    assert all(line.text[0].isupper() and line.text[-1] not in ".:;" for line in LINES)
    assert all(line.claim(readings()).verdict in VERDICTS for line in LINES[:1])


@pytest.mark.parametrize("in_full", sorted({line.in_full for line in LINES}))
def test_the_command_that_measures_a_line_in_full_is_one_that_is_taken(in_full: str) -> None:
    from typer.main import get_command

    program, *words = shlex.split(in_full)
    assert program == "rnn-vs-attn"
    context = get_command(app).make_context("rnn-vs-attn", [*words, "--help"], resilient_parsing=True)
    assert context is not None
