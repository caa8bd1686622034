"""Summaries of every verdict, letter for letter: tests/data/summaries holds what a reader of a pull request sees."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from paths import TESTS
from screens import Screen

from rnn_vs_attn.compare.preliminary import Unfinished
from rnn_vs_attn.compare.report import Report
from rnn_vs_attn.compare.sentences import Margins
from rnn_vs_attn.compare.summary import markdown, show
from rnn_vs_attn.compare.verdicts import (
    ACCEPTED,
    BROKEN,
    FAILED,
    FASTER,
    MISSING,
    NEW,
    SAME,
    SLOWER,
    UNSURE,
    Comparison,
)
from rnn_vs_attn.report.terminal import Terminal

AB = Margins(0.03, 0.03, 0.03)
TITLE = "ab, HEAD (5b7fd75e0b) against main (011e736bfd)"
METHOD = ["same: the 90% interval is inside 3.0%"]
REPEAT = "rnn-vs-attn ab 011e736bfd 5b7fd75e0b --model layers:MinGRU --margin 3%"


def timed(
    verdict: str, centre: float | None = None, model: str = "MinGRU", seq_len: int = 512, **rest: Any
) -> Comparison:
    """A timed pass, by its ratio with an interval of one hundredth on both sides."""
    plain: dict[str, Any] = {"metric": "forward_time", "unit": "s", "better": "lower", "exact": False, "scale": "ratio"}
    if centre is not None and not rest.get("exact"):
        plain |= {"centre": centre, "low": centre - 0.01, "high": centre + 0.02, "stage": 1, "values": 8}
        plain |= {"baseline": 0.01, "candidate": 0.01 * centre, "detectable": 0.041}
    axes = {"model": model, "seq_len": seq_len, "d_model": 64}
    return Comparison("ab", axes, verdict=verdict, **({"centre": centre} | plain | rest))


def exact(verdict: str, before: float, after: float, metric: str = "saved_bytes", **more: Any) -> Comparison:
    """A value without noise."""
    centre = after / before if before else None
    rest: dict[str, Any] = {"unit": "B", "exact": True}
    rest |= {"metric": metric, "baseline": before, "candidate": after, "centre": centre, "low": centre, "high": centre}
    return timed(verdict, rest.pop("centre"), **rest, **more)


def of(*found: Comparison, code: int, **rest: Any) -> Report:
    plain: dict[str, Any] = {"margins": AB, "method": METHOD, "repeat": REPEAT}
    return Report(TITLE, found, [], code, **(plain | rest))


def cases(verdict: str, reason: str, *models: str, **rest: Any) -> list[Comparison]:
    """Two lengths of each model that are not timed."""
    return [timed(verdict, None, model, length, reason=reason, **rest) for model in models for length in (128, 512)]


WELL = [timed(SAME, 1.002), timed(SAME, 0.998, seq_len=128), exact(SAME, 2**20, 2**20)]
RAISES = "it fails in the candidate: ValueError: no such shape (again in fresh processes; the baseline works)"
HANGS = "it times out in the candidate: no answer within 120 s (again in fresh processes; the baseline works)"
GONE = "it is missing in the candidate: layers has no class or function 'Old' (the baseline works)"
UNEQUAL = (
    "it is not equal: output differs by up to 0.5 of its largest value (again in fresh processes; the baseline equals "
    "itself)"
)
ONCE = (
    "it fails in the candidate: ValueError: this time only (once, and not again in fresh processes; the baseline works)"
)

SAID = "Interrupted after 5 of 8 pairs"
LATE = "Interrupted after 8 pairs and 7 of 20 fresh ones"
RESUME = "rnn-vs-attn ab --resume results/20260102T030405-ab"


def pending(centre: float | None, reason: str, looks: str | None = None, values: int = 5, **rest: Any) -> Comparison:
    """A timed pass without a verdict yet."""
    details = {} if looks is None else {"looks": looks}
    row = timed(UNSURE, centre, reason=f"preliminary: {reason}", undecidable=True, details=details, **rest)
    return replace(row, detectable=None, values=values if centre else 0)


def stopped(*found: Comparison, said: str, code: int = 130) -> Report:
    return replace(of(*found, code=code, unfinished=Unfinished(said, RESUME)), title=f"{TITLE}, preliminary")


WORTH_IT = "accepted until 2026-12-31: the gate in float64 is worth it"

SUMMARIES = {
    "slower": of(timed(SLOWER, 1.13), *WELL[1:], code=1),
    "several-slower": of(
        timed(SLOWER, 1.13),
        timed(SLOWER, 2.4, seq_len=128),
        exact(SLOWER, 2**20, 1.25 * 2**20),
        timed(FASTER, 0.8, "GRU"),
        timed(SAME, 1.0, "LSTM"),
        code=1,
    ),
    "more-memory": of(*WELL[:2], exact(SLOWER, 2**20, 1.25 * 2**20), code=1),
    "more-state": of(*WELL[:2], exact(SLOWER, 0, 1024, "state_size"), code=1),
    "faster": of(timed(FASTER, 0.9), *WELL[1:], code=0),
    "same": of(*WELL, code=0),
    "unsure": of(
        timed(UNSURE, 1.02, reason="its interval reaches beyond the margin", detectable=0.12), *WELL[1:], code=0
    ),
    "too-few-pairs": of(
        timed(UNSURE, reason="too few pairs: 5 in stage 2, 6 are needed; give more --confirm", undecidable=True),
        *WELL[1:],
        code=3,
    ),
    "broken-raises": of(*cases(BROKEN, RAISES, "Pool"), *WELL, code=5),
    "broken-at-one-length": of(cases(BROKEN, HANGS, "MinGRU")[0], *WELL[:1], code=5),
    "broken-missing": of(*cases(BROKEN, GONE, "Old"), code=5),
    "broken-not-equal": of(*cases(BROKEN, UNEQUAL, "Scan"), *WELL, code=5),
    "several-broken-and-one-slower": of(
        *cases(BROKEN, RAISES, "Pool"),
        *cases(BROKEN, HANGS, "Scan"),
        *cases(BROKEN, GONE, "Old"),
        timed(SLOWER, 1.13),
        *WELL[1:],
        code=5,
    ),
    "failed-once": of(*cases(FAILED, ONCE, "Pool"), *WELL, code=3),
    "new-and-missing": of(
        *cases(NEW, "it is not in the baseline: there is no module added", "Added"),
        *cases(MISSING, "it is missing in the candidate: there is no module old (the baseline fails: boom)", "Old"),
        *WELL,
        code=3,
    ),
    "nothing-to-compare": of(
        code=3,
        lead="Nothing to compare: main (011e736bfd) and HEAD (011e736bfd) hold the same files.",
        method=[],
        repeat="",
    ),
    "out-of-time": of(
        timed(
            UNSURE,
            reason="too few pairs: 3 in stage 1, 8 are needed; go on with --resume, or give more --max-seconds",
            undecidable=True,
        ),
        *WELL[1:],
        code=3,
        unfinished=Unfinished("", RESUME),
    ),
    "interrupted-at-once": stopped(
        pending(None, "0 of 8 pairs"), WELL[2], said="Interrupted before the first of 8 pairs was whole"
    ),
    "interrupted-after-few": stopped(
        pending(1.031, "3 of 8 pairs", values=3), WELL[2], said="Interrupted after 3 of 8 pairs"
    ),
    "interrupted": stopped(
        pending(1.002, "5 of 8 pairs", ""), pending(0.998, "5 of 8 pairs", "", seq_len=128), WELL[2], said=SAID
    ),
    "interrupted-slower": stopped(
        pending(1.13, "5 of 8 pairs, looks slower so far", SLOWER),
        pending(0.998, "5 of 8 pairs", "", seq_len=128),
        WELL[2],
        said=SAID,
        code=143,
    ),
    "interrupted-broken": stopped(
        *cases(BROKEN, RAISES, "Pool"),
        pending(1.13, "5 of 8 pairs, looks slower so far", SLOWER),
        pending(1.09, "5 of 8 pairs, looks slower so far", SLOWER, seq_len=128),
        exact(SLOWER, 2**20, 1.25 * 2**20),
        said=SAID,
    ),
    "interrupted-in-stage-2": stopped(
        pending(1.13, "7 of 20 fresh pairs, looked slower before", SLOWER, 8), *WELL[1:], said=LATE
    ),
    "state-added": of(*WELL, replace(exact(NEW, 0, 2048, "state_size"), baseline=None), code=0),
    "accepted": of(timed(ACCEPTED, 1.08, reason=WORTH_IT), *WELL[1:], code=0),
    "several-accepted-and-one-beyond": of(
        timed(ACCEPTED, 1.08, reason=WORTH_IT),
        exact(ACCEPTED, 2**20, 1.25 * 2**20, reason=WORTH_IT),
        timed(SLOWER, 1.13, seq_len=128, limit=0.1, reason="it is accepted up to 10 % only, until 2026-12-31"),
        timed(SAME, 1.002, "GRU"),
        code=1,
    ),
    "acceptance-ran-out": of(timed(SLOWER, 1.08, reason="its acceptance ran out on 2026-10-31"), *WELL[1:], code=1),
    "own-limits": of(timed(SLOWER, 1.08, limit=0.05), timed(SAME, 1.04, seq_len=2048, limit=0.06), *WELL[1:], code=1),
    "same-within-own-limits": of(timed(SAME, 1.04, limit=0.06), *WELL[1:], code=0),
    "aa": of(*WELL, code=0, same_code=True),
    "aa-false-alarm": of(timed(SLOWER, 1.05), *WELL[1:], code=1, same_code=True),
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_a_summary_is_as_it_was_read(name: str) -> None:
    assert markdown(SUMMARIES[name]) == (TESTS / f"data/summaries/{name}.md").read_text()


def test_every_count_has_its_rows() -> None:
    text = markdown(SUMMARIES["several-broken-and-one-slower"])
    assert "6 broken, 1 slower, 0 faster, 2 same" in text
    assert text.count("| broken |") == 6
    assert text.count("| slower |") == 1
    assert text.count("| same |") == 2


def test_a_terminal_shows_a_count_in_place_of_what_is_folded() -> None:
    file = Screen()
    show(SUMMARIES["slower"], Terminal(file=file, width=160))
    lines = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue()).splitlines()
    assert lines[0] == "MinGRU, forward at 512 tokens: 13 % slower (12 to 15 %), limit 3 %."
    assert lines[-1].startswith("2 same; ")
    assert lines[2] == f"To repeat it on your own machine: {REPEAT}"
    assert sum("forward_time" in line for line in lines) == 1


def test_it_is_cut_by_rows_and_notes_where_a_comment_could_not_hold_it() -> None:
    reason = "it fails in the candidate: " + "– " * 1100
    broken = [timed(BROKEN, None, f"m{i:02}", reason=reason) for i in range(60)]
    whole = of(*broken, *WELL, code=5)
    text = markdown(Report(whole.title, whole.found, [f"note {i}" for i in range(60)], 5, margins=AB))
    assert len(text.encode()) <= 64_000
    rows = [line for line in text.splitlines() if line.startswith(("| m0", "| m1"))]
    assert len(rows) == 12  # of 25 the characters would be fewer than 64,000, but not the bytes
    assert all(line.count(" | ") == rows[0].count(" | ") and line.endswith(" |") for line in rows)
    assert "and 48 more rows: 48 broken" in text
    assert "- note 11\n- and 48 more\n" in text
    assert text.endswith("</details>\n")
    assert len(markdown(whole, most=None)) > 100_000
