"""Files of a checkpoint: what is written comes back, what fails leaves the one before, what is damaged is refused."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.folder import StorageError
from rnn_vs_attn.training import checkpoint
from rnn_vs_attn.training.checkpoint import NAME, Checkpoint, check, read, weights_of, write
from rnn_vs_attn.training.course import Course, Point
from rnn_vs_attn.training.plan import TrainingPlan

PLAN = TrainingPlan(steps=10, learning_rate=1e-3, betas=(0.9, 0.95))
COURSE = Course(4, 640, 0.1 + 0.2, (1.5, 2), [Point(0, 0, 0.0, None, 2.1, None), Point(2, 320, 0.1, 2.0, 1 / 3, 0.5)])
KEPT = Checkpoint("lstm", {"layer": {"d_model": 8}, "vocab_size": 3}, PLAN, COURSE, "2.13.0", {"task": "mqar"})


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    write(tmp_path / "new" / "folder", KEPT, b"weights")
    found = read(tmp_path / "new" / "folder")
    assert replace(found, weights="", sha256="") == KEPT
    assert weights_of(tmp_path / "new" / "folder", found) == b"weights"
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 2


def later() -> Checkpoint:
    return replace(KEPT, course=replace(COURSE, step=8))


def test_the_next_one_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    write(tmp_path, KEPT, b"weights")
    write(tmp_path, later(), b"others")
    assert read(tmp_path).course.step == 8
    assert weights_of(tmp_path, read(tmp_path)) == b"others"
    assert len(list(tmp_path.iterdir())) == 2


class Killed(BaseException):
    """In the place of kill -9: nothing runs after it, but what is in the middle of it."""


def dies_at(call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The n-th rename does not take place, from 0."""
    real: Callable[..., Any] = Path.replace
    calls = iter(range(9))

    def renamed(self: Path, target: Path) -> Path:
        if next(calls) == call:
            raise Killed
        found: Path = real(self, target)
        return found

    monkeypatch.setattr(Path, "replace", renamed)


@pytest.mark.parametrize("content", [b"weights", b"others"])
@pytest.mark.parametrize("call", [0, 1])
def test_a_kill_before_any_rename_leaves_the_one_before_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int, content: bytes
) -> None:
    write(tmp_path, KEPT, b"weights")
    with monkeypatch.context() as patch:
        dies_at(call, patch)
        with pytest.raises(Killed):
            write(tmp_path, later(), content)
    assert replace(read(tmp_path), weights="", sha256="") == KEPT
    assert weights_of(tmp_path, read(tmp_path)) == b"weights"
    write(tmp_path, later(), content)  # and what was left behind is cleared away by the next
    assert weights_of(tmp_path, read(tmp_path)) == content
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("full_at", [0, 1])
def test_a_full_disk_leaves_the_one_before_whole_and_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_at: int
) -> None:
    write(tmp_path, KEPT, b"weights")
    calls = iter(range(9))

    def full(descriptor: int) -> None:
        if next(calls) == full_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match=r"cannot write .*: No space left on device; make room and go on"):
            write(tmp_path, later(), b"others")
    assert weights_of(tmp_path, read(tmp_path)) == b"weights"
    assert not list(tmp_path.glob("*.part"))


def edited(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads((folder / NAME).read_text())
    change(document)
    (folder / NAME).write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(format=2), "has format 2, and this version reads 1"),
        (lambda d: d.pop("format"), "has format None"),
        (lambda d: d.pop("plan"), "is damaged: KeyError: 'plan'"),
        (lambda d: d["plan"].update(steps=0), "is damaged: UserError: steps 0 must be at least 1"),
        (lambda d: d["plan"].update(more=1), "is damaged: TypeError"),
        (lambda d: d["course"].pop("curve"), "is damaged: KeyError: 'curve'"),
        (lambda d: d.update(model=3), "is damaged: ValueError: its model is no str"),
        (lambda d: d.update(weights="../other"), "is damaged: it names '../other'"),
    ],
)
def test_another_format_and_what_was_edited_are_one_sentence(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    write(tmp_path, KEPT, b"weights")
    edited(tmp_path, change)
    with pytest.raises(UserError, match=said):
        read(tmp_path)


@pytest.mark.parametrize("content", [b"", b'{"format": 1', b"[1]", b"\xff", b'{"format": NaN}'])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(UserError, match="is damaged"):
        read(tmp_path)


def test_a_folder_without_a_checkpoint_and_one_without_weights(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file or directory; give the folder of a checkpoint"):
        read(tmp_path)
    write(tmp_path, KEPT, b"weights")
    kept = read(tmp_path)
    file = tmp_path / kept.weights
    file.write_bytes(b"weightz")
    with pytest.raises(UserError, match="is damaged: it is not what was written"):
        weights_of(tmp_path, kept)
    file.unlink()
    with pytest.raises(UserError, match="lacks its weights"):
        weights_of(tmp_path, kept)


def test_another_model_and_another_shape_are_refused_by_what_differs(tmp_path: Path) -> None:
    check(tmp_path, KEPT, "lstm", KEPT.shape)
    with pytest.raises(UserError, match="is of 'lstm', not of 'gru'"):
        check(tmp_path, KEPT, "gru", KEPT.shape)
    with pytest.raises(UserError, match="has d_model 8, not 16"):
        check(tmp_path, KEPT, "lstm", {"layer": {"d_model": 16}, "vocab_size": 3})
    with pytest.raises(UserError, match="has vocab_size 3, not None"):
        check(tmp_path, KEPT, "lstm", {"layer": {"d_model": 8}})


def test_the_format_has_a_number() -> None:
    assert checkpoint.FORMAT == 1
