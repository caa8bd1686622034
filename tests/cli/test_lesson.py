"""The command line of `lesson`."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import assert_one_sentence, run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--resume", "nowhere"], "nowhere holds no lesson"),
        (["--resume", "nowhere", "--max-seconds", "9"], "nowhere holds no lesson"),
        (["--resume", "nowhere", "--threads", "2"], "leave out --threads"),
        (["--threads", "4096"], "--threads 4096 is more than"),
        (["--device", "cudaa"], "unknown device 'cudaa'"),
        (["--max-seconds", "-1"], "--max-seconds"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_leaves_nothing(words: list[str], said: str, tmp_path: Path) -> None:
    assert_one_sentence(run("lesson", *words, cwd=tmp_path), said)
    assert list(tmp_path.iterdir()) == []
