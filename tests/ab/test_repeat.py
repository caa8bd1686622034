"""The command that repeats a call on another machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnn_vs_attn.ab import repeat
from rnn_vs_attn.ab.checkouts import Version
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, Side, Sides

OLD, NEW = "a" * 40, "b" * 40


def sides(candidate: str | None = NEW) -> Sides:
    versions = {BASELINE: Version("main", OLD, "tree"), CANDIDATE: Version("HEAD", candidate, "other")}
    made = [Side(name, name, "python", Path(), {}, version=version) for name, version in versions.items()]
    return Sides(*made)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["ab", "main", "HEAD", "--model", "a.py:Mixer", "--junit", "x.xml", "--json", "--markdown=m.md"],
            "rnn-vs-attn ab aaaaaaaaaa bbbbbbbbbb --model a.py:Mixer",
        ),
        (
            ["ab", "--output", "main", "main", "HEAD", "--setup", "pip install -e ."],
            "rnn-vs-attn ab aaaaaaaaaa bbbbbbbbbb --setup 'pip install -e .'",
        ),
    ],
)
def test_names_that_move_are_commits_and_nothing_is_said_of_where_verdicts_went(
    words: list[str], expected: str
) -> None:
    assert repeat.command(words, sides(), ("main", "HEAD"), {}) == expected


def test_a_candidate_that_was_not_named_is_named_where_it_is_a_commit() -> None:
    words = ["ab", "main", "--model", "a.py:Mixer"]
    named = repeat.command(words, sides(), ("main", None), {})
    assert named == "rnn-vs-attn ab aaaaaaaaaa bbbbbbbbbb --model a.py:Mixer"
    tree = repeat.command(words, sides(None), ("main", None), {})
    assert tree == "rnn-vs-attn ab aaaaaaaaaa --model a.py:Mixer"


def test_a_merge_that_github_made_is_fetched_first() -> None:
    surroundings = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/pull/7/merge"}
    told = repeat.command(["ab", "main", "HEAD"], sides(), ("main", "HEAD"), surroundings)
    assert told == "git fetch origin refs/pull/7/merge && rnn-vs-attn ab aaaaaaaaaa bbbbbbbbbb"


def test_two_environments_are_repeated_as_they_were_typed() -> None:
    made = [Side(name, name, "python", Path(), {}) for name in (BASELINE, CANDIDATE)]
    told = repeat.command(["ab", "--aa", "--model", "lstm", "--quiet"], Sides(*made), (None, None), {})
    assert told == "rnn-vs-attn ab --aa --model lstm"
