"""All that is wrong with a file in one sentence with lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnn_vs_attn.errors import OF_CODE, UserError
from rnn_vs_attn.sweep.problems import Problems, shown, unknown

WHERE = {(): 1, ("part",): 2, ("part", "a"): 2, ("part", "a", "x"): 7}


def test_none_is_no_error() -> None:
    problems = Problems(Path("s.toml"), WHERE)
    problems.check()
    assert len(problems) == 0


def test_all_stand_in_the_order_of_their_lines_and_each_once() -> None:
    problems = Problems(Path("s.toml"), WHERE)
    for key, text in [(("part", "a", "x"), "late"), (("part", "a", "absent"), "early"), (("part", "a", "x"), "late")]:
        problems.add(key, text)
    problems.add(("nowhere",), "first")
    assert len(problems) == 3
    with pytest.raises(UserError) as error:
        problems.check()
    assert str(error.value).split(OF_CODE) == [
        "s.toml has 3 faults; nothing was measured",
        "line 1: first",
        "line 2: early",
        "line 7: late",
    ]


def test_a_thousand_are_counted_and_fifty_shown() -> None:
    problems = Problems(Path("s.toml"), WHERE)
    for number in range(1000):
        problems.add((), f"fault {number:04}")
    with pytest.raises(UserError, match="has 1000 faults") as error:
        problems.check()
    lines = str(error.value).split(OF_CODE)
    assert (len(lines), lines[-1]) == (52, "and 950 more")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("seq-len", "unknown key 'seq-len'; did you mean 'seq_len'?"),
        ("seqlen", "unknown key 'seqlen'; did you mean 'seq_len'?"),
        ("variants-gtp", "unknown key 'variants-gtp'; did you mean 'variants-gpt'?"),
        ("zebra", "unknown key 'zebra'; allowed: seq_len, variants-gpt"),
        ("\x1b[2J", "unknown key '\\x1b[2J'; allowed: seq_len, variants-gpt"),
    ],
)
def test_the_nearest_name_is_offered(given: str, said: str) -> None:
    assert unknown("key", given, ["seq_len", "variants-gpt"]) == said


def test_a_long_value_is_cut() -> None:
    assert shown("x" * 1000) == "'" + "x" * 56 + "..."
