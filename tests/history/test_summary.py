"""What is said of a history, letter for letter."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from planted_history import Level, history, steady, stepped
from planted_runs import record

from rnn_vs_attn.compare.runs import Rules
from rnn_vs_attn.history.runs import COMMIT, DATE, read
from rnn_vs_attn.history.series import judged
from rnn_vs_attn.history.summary import sentences
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.metrics import CALIBRATION

pytestmark = pytest.mark.long
RULES = Rules(0.02, ("model", "seq_len"), calibration=CALIBRATION)


def said(folder: Path, by: str = DATE) -> list[str]:
    found = read([folder], by)
    return sentences(found, judged(found, RULES))


def test_one_change(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 512): stepped(12, 1.08), ("gru", 64): steady}, runs=21)
    for by in (DATE, COMMIT):
        assert said(tmp_path, by) == [
            "lstm, forward at 512 tokens: 7.5 % slower (6.6 to 8.7 %) since 2026-03-13 "
            "(commit 0c0c0c0, 12 runs before, 9 after)."
        ]


def test_many_changes_at_one_run_are_one_sentence(tmp_path: Path) -> None:
    levels = {("lstm", length): stepped(12, 1.2) for length in (64, 128, 256)}
    history(tmp_path, {**levels, ("gru", 64): steady, ("rnn", 64): stepped(6, 0.7)}, runs=20)
    first, second = said(tmp_path)
    assert first.startswith(
        "3 of 5 timings got slower from 2026-03-13 (commit 0c0c0c0) on; the worst is lstm, forward at "
    )
    assert second.startswith("rnn, forward at 64 tokens: 29 % faster (28 to 30 %) since")
    assert second.endswith(" 2026-03-07 (commit 0606060, 6 runs before, 14 after).")


def test_a_change_that_was_undone_says_until_when_it_was_so(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 64): lambda n: 1.3 if 6 <= n < 14 else 1.0}, runs=20)
    slower, faster = said(tmp_path)
    assert slower.endswith(" from 2026-03-07 (commit 0606060, 6 runs before, 8 after) until 2026-03-15.")
    assert faster.endswith(" since 2026-03-15 (commit 0e0e0e0, 8 runs before, 6 after).")


def test_no_change_and_what_would_have_been_seen(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 64): steady}, runs=14, sd=0.02)
    (told,) = said(tmp_path)
    start, _, rest = told.partition("four times in five from ")
    assert start == "No level changed in 14 runs of 1 metric; a step halfway through would be marked "
    assert 3 < float(rest.removesuffix(" % on.")) < 8  # two or so of the 2 % of noise


def test_no_step_is_promised_below_what_a_level_must_move_by(tmp_path: Path) -> None:
    """The margin is 2 %: of a noise of 0.1 % a step of 0.3 % would be clear, and is never marked."""
    history(tmp_path, {("lstm", 64): steady}, runs=14, sd=0.001)
    (told,) = said(tmp_path)
    assert 2 <= float(told.partition("four times in five from ")[2].removesuffix(" % on.")) < 2.3


def test_the_noisiest_is_named_beside_the_middle_one(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 64): steady, ("gru", 64): steady, ("rnn", 64): steady}, runs=20)
    (told,) = said(tmp_path)
    assert told.startswith("No level changed in 20 runs of 3 metrics; a step halfway through would be marked ")
    assert " % on in the middle timing and from " in told
    assert told.endswith(" % on in the noisiest.")


def test_too_few_runs_are_said(tmp_path: Path) -> None:
    history(tmp_path / "five", {("lstm", 64): stepped(3, 2.0)}, runs=5)
    assert said(tmp_path / "five") == [
        "5 runs on one machine are too few to mark a change: 8 or more are needed, 4 on each side."
    ]
    history(tmp_path / "nine", {("lstm", n): steady for n in range(1, 11)}, runs=9)
    assert said(tmp_path / "nine") == [
        "No level changed in 9 runs of 10 metrics.",
        "With 9 runs a change is marked only where several of 10 metrics show it; 12 runs are needed for one alone.",
    ]


def with_machine(folder: Path, levels: dict[tuple[str, int], Level], at: int) -> Path:
    """A history whose machine multiplies half as fast from a run on."""
    history(folder, levels, runs=20)
    for number in range(20):
        speed = (1e9 if number < at else 5e8) + number % 3
        peak = Record(
            "bench", {"device": "cpu"}, "peak_flops", "FLOP/s", "higher", False, "ok", [speed], speed, None, None
        )
        with (folder / f"run-{number:02}/records.jsonl").open("a") as file:
            file.write(json.dumps(dataclasses.asdict(peak)) + "\n")
    return folder


def test_a_machine_that_changed_itself_is_said(tmp_path: Path) -> None:
    with_machine(tmp_path / "both", {("lstm", 64): stepped(11, 1.5)}, at=10)
    assert said(tmp_path / "both")[1] == (
        "The machine itself changed at 2026-03-11 (commit 0a0a0a0): its peak_flops is 0.50 times what it was; what "
        "changed about then may be the machine's doing and not the code's."
    )
    with_machine(tmp_path / "alone", {("lstm", 64): steady}, at=10)
    assert said(tmp_path / "alone")[1].endswith(" times what it was; nothing else that was measured shows it.")


def test_only_the_first_few_of_many_changes_are_sentences(tmp_path: Path) -> None:
    levels = {(f"m{i}", 64): stepped(4 + 4 * i, 1.5) for i in range(8)}
    history(tmp_path, levels, runs=40)
    told = said(tmp_path)
    assert len(told) == 7
    assert told[-1] == "And 2 more changes, which the table has."


def test_an_exact_metric_that_changed_does_not_hide_that_times_cannot_be_judged(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 64): steady}, runs=6)
    for number in range(6):
        kept = record("saved_bytes", [1024.0 * (1 + (number >= 3))], axes={"seq_len": 64}, unit="B", exact=True)
        with (tmp_path / f"run-{number:02}/records.jsonl").open("a") as file:
            file.write(json.dumps(dataclasses.asdict(kept)) + "\n")
    assert said(tmp_path) == [
        "lstm at 64 tokens: 2.0 times as much memory kept for the backward pass since 2026-03-04 (commit 0303030, 3 "
        "runs before, 3 after).",
        "6 runs on one machine are too few to mark a change: 8 or more are needed, 4 on each side.",
    ]


def test_times_that_did_not_change_beside_what_did(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 64): steady}, runs=12)
    for number in range(12):
        kept = record("saved_bytes", [1024.0 * (1 + (number >= 3))], unit="B", exact=True)
        with (tmp_path / f"run-{number:02}/records.jsonl").open("a") as file:
            file.write(json.dumps(dataclasses.asdict(kept)) + "\n")
    assert said(tmp_path)[1].startswith(
        "No time changed in 12 runs of 1 timing; a step halfway through would be marked "
    )
