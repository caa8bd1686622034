"""Temporary folders: what a killed process has left is gone after the next call, and nothing else is."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from rnn_vs_attn.machine import temporary

HOLDS = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from rnn_vs_attn.machine import temporary
made = temporary.make()
(made / "baseline").mkdir()
(made / "baseline/file").write_text("left")
print(made, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def begun(place: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that holds a folder."""
    words = [sys.executable, "-c", HOLDS, str(place)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_folder_is_gone_with_its_context(place: Path) -> None:
    with temporary.folder() as made:
        (made / "file").write_text("text")
        assert made.parent == place.resolve()
    assert list(place.iterdir()) == []


def test_a_context_that_is_left_by_an_error_removes_its_folder(place: Path) -> None:
    with pytest.raises(KeyboardInterrupt), temporary.folder():
        raise KeyboardInterrupt
    assert list(place.iterdir()) == []


def test_what_a_killed_process_has_left_is_removed_by_the_next_folder(place: Path) -> None:
    killed, left = begun(place)
    alive, kept = begun(place)
    try:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert (left / "baseline/file").exists()
        with temporary.folder() as made:
            assert sorted(place.iterdir()) == sorted([made, kept])
            assert (kept / "baseline/file").read_text() == "left"
    finally:
        for process in (killed, alive):
            process.kill()
            process.communicate()


def test_two_folders_of_one_process_are_kept(place: Path) -> None:
    with temporary.folder() as first, temporary.folder() as second:
        temporary.sweep()
        assert first.is_dir()
        assert second.is_dir()


def test_what_is_not_such_a_folder_stays(place: Path) -> None:
    outside = place / "outside"
    outside.mkdir()
    (outside / "lock").touch()
    (place / "rnn-vs-attn-link").symlink_to(outside)
    (place / "rnn-vs-attn-notes").mkdir()  # somebody's, without a lock
    (place / "rnn-vs-attn.txt").touch()
    (place / "rnn-vs-attn-file").touch()
    before = sorted(place.iterdir())
    temporary.sweep()
    assert sorted(place.iterdir()) == before
    assert (outside / "lock").exists()
