"""A sweep's folder: what it is begun with, and what it is gone on with."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.sweep import file, folder

TEXT = 'name = "two"\n[part.bench]\nmodel = "lstm"\n'


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    (tmp_path / "s.toml").write_text(TEXT)
    return folder.create(file.read(tmp_path / "s.toml"), tmp_path / "out")


def test_the_file_is_kept_with_its_hash(begun: Path) -> None:
    assert (begun / "sweep.toml").read_text() == TEXT
    head = json.loads((begun / "sweep.json").read_text())
    assert head["sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()
    assert (head["schema"], head["name"]) == (1, "two")
    assert folder.reopened(begun, None).parts[0].name == "bench"
    assert folder.reopened(begun, begun.parent / "s.toml").name == "two"
    assert not folder.reopened(begun, None).parts[0].asked.options.anonymous


def test_a_sweep_that_was_begun_anonymous_goes_on_so(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(TEXT)
    begun = folder.create(file.read(tmp_path / "s.toml"), tmp_path / "out", anonymous=True)
    assert all(part.asked.options.anonymous for part in folder.reopened(begun, None).parts)
    head = json.loads((begun / "sweep.json").read_text())
    assert head.keys() == {"schema", "name", "sha256", "started", "anonymous"}


def test_a_folder_of_the_moment_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text(TEXT)
    sweep = file.read(tmp_path / "s.toml")
    first, second = folder.create(sweep, None), folder.create(sweep, None)
    assert first != second
    assert first.parent == Path("results")
    assert first.name.endswith("Z-two") or "-two" in first.name


def test_another_file_is_refused(begun: Path, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(TEXT + "seq_len = 64\n")
    with pytest.raises(UserError, match=r"s\.toml is not the file that .*out was begun with"):
        folder.reopened(begun, tmp_path / "s.toml")


def test_a_copy_that_was_changed_is_refused(begun: Path) -> None:
    (begun / "sweep.toml").write_text(TEXT + "seq_len = 64\n")
    with pytest.raises(UserError, match=r"out/sweep\.toml was changed since the sweep began"):
        folder.reopened(begun, None)


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 9, "sha256": "a"}', '{"schema": 1, "sha256": 3}', "\x00"])
def test_a_damaged_head_is_one_sentence(content: str, begun: Path) -> None:
    (begun / "sweep.json").write_text(content)
    with pytest.raises(UserError, match=r"sweep\.json is damaged"):
        folder.reopened(begun, None)


def test_what_is_no_sweep_s_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot resume .*; give the folder of a sweep"):
        folder.reopened(tmp_path, None)


def test_a_taken_folder_is_left_alone(tmp_path: Path, begun: Path) -> None:
    with pytest.raises(UserError, match="is not empty; name another, or continue it with --resume"):
        folder.create(file.read(tmp_path / "s.toml"), begun)
    (tmp_path / "plain").write_text("mine")
    with pytest.raises(UserError, match="cannot write to output folder"):
        folder.create(file.read(tmp_path / "s.toml"), tmp_path / "plain")
    assert (tmp_path / "plain").read_text() == "mine"


def test_a_sweep_called_by_its_file_keeps_that_name(tmp_path: Path) -> None:
    """The copy in its folder is called sweep.toml."""
    (tmp_path / "short.toml").write_text("[part.bench]\n")
    begun = folder.create(file.read(tmp_path / "short.toml"), tmp_path / "out")
    assert folder.reopened(begun, None).name == "short"
