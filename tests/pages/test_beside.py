"""The page that a command of several runs leaves beside them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from paths import REFERENCE

from rnn_vs_attn.pages.beside import page_beside


def test_a_page_is_of_the_runs_that_can_be_read(tmp_path: Path) -> None:
    shutil.copytree(REFERENCE / "full/gradflow", tmp_path / "gradflow")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "run.json").write_text("{")
    folders = [tmp_path / name for name in ("gradflow", "damaged", "missing")]
    target = page_beside(tmp_path, folders, lambda page: replace(page, title="A title"))
    assert target == tmp_path / "report.html"
    text = target.read_text(encoding="utf-8")
    assert "<h1>A title</h1>" in text
    assert "Gradients through lstm vanish" in text


def test_without_a_run_there_is_no_page(tmp_path: Path) -> None:
    assert page_beside(tmp_path, [tmp_path / "missing"]) is None
    assert list(tmp_path.iterdir()) == []


def test_a_page_names_runs_by_their_folder_and_nothing_above_it(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(REFERENCE / "full/gradflow", folder / "first")
    target = page_beside(folder, [folder / "first"])
    assert target is not None
    text = target.read_text(encoding="utf-8")
    assert "stored in sweep/first." in text
    assert str(tmp_path) not in text
