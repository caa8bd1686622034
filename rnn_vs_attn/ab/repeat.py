"""The command that repeats a call of `ab` elsewhere: the words that were typed, with commits for names that move."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from rnn_vs_attn.ab.versions import Side, Sides

_ELSEWHERE = ("--output", "--markdown", "--junit")  # where to, which is not asked of somebody else
_SHOWN = ("--json", "--quiet", "--anonymous", "--debug")


def command(
    words: Sequence[str], both: Sides, references: Sequence[str | None], surroundings: Mapping[str, str]
) -> str:
    """words: all that were typed; references: those that name versions; surroundings: the environment's variables.

    A merge commit that GitHub has made for a pull request is in no clone, so it is fetched first.
    """
    commits = dict(zip(references, (_commit(side) for side in both), strict=True))
    kept = [commits.get(word) or word for word in _kept(words)]
    latest = commits.pop(None, None)  # of a candidate that was not named
    if latest and references[0] in words:
        kept.insert(kept.index(commits[references[0]] or "") + 1, latest)
    text = shlex.join(["rnn-vs-attn", *kept])
    merge = surroundings.get("GITHUB_REF", "") if surroundings.get("GITHUB_ACTIONS") else ""
    return f"git fetch origin {shlex.quote(merge)} && {text}" if merge and any(commits.values()) else text


def _commit(side: Side) -> str | None:
    return side.version.commit[:10] if side.version and side.version.commit else None


def _kept(words: Sequence[str]) -> list[str]:
    """Without the options that say where the verdicts go."""
    found, left = list[str](), iter(words)
    for word in left:
        if word in _ELSEWHERE:
            next(left, None)
        elif word not in _SHOWN and word.partition("=")[0] not in _ELSEWHERE:
            found.append(word)
    return found
