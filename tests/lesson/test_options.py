"""What a lesson's folder keeps for who goes on with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.lesson.options import SETTINGS, LessonOptions, read_settings, write_settings


def test_a_lesson_goes_on_under_its_own_settings_and_prints_as_it_is_asked(tmp_path: Path) -> None:
    write_settings(tmp_path, LessonOptions(max_seconds=12.5, device="cuda:1", threads=2, anonymous=True, quiet=True))
    found = read_settings(tmp_path, LessonOptions(resume=tmp_path, as_json=True))
    assert found == LessonOptions(
        max_seconds=12.5, device="cuda:1", threads=2, anonymous=True, resume=tmp_path, as_json=True
    )


def test_seconds_may_be_edited_to_a_whole_number(tmp_path: Path) -> None:
    (tmp_path / SETTINGS).write_text('{"max_seconds": 600, "device": "cpu", "threads": 1, "anonymous": false}')
    assert read_settings(tmp_path, LessonOptions()).max_seconds == 600.0


def test_a_folder_without_a_lesson_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no lesson; give the folder"):
        read_settings(tmp_path, LessonOptions())


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'{"max_seconds": 1.0}',
        b'{"max_seconds": "1", "device": "cpu", "threads": 1, "anonymous": false}',
        b'{"max_seconds": true, "device": "cpu", "threads": 1, "anonymous": false}',
        b"\xff",
    ],
)
def test_damaged_settings_are_a_sentence_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / SETTINGS).write_bytes(content)
    with pytest.raises(UserError, match=f"{SETTINGS} is damaged"):
        read_settings(tmp_path, LessonOptions())
