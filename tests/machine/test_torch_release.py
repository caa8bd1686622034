"""Which torch is installed, as its own files say, without importing it."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from rnn_vs_attn.machine import torch_release

ASKS = "import sys; from rnn_vs_attn.machine import torch_release as r; print(r.facts(), 'torch' in sys.modules)"


def test_it_is_what_torch_says_of_itself_in_the_worker() -> None:
    import torch

    found = torch_release.facts()
    assert found == {"torch": torch.__version__, "torch_git": torch.version.git_version, "cuda": torch.version.cuda}
    assert found["torch"] == importlib.metadata.version("torch")


def test_torch_is_not_imported_for_it() -> None:
    done = subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("{'torch': '")
    assert done.stdout.endswith("} False\n")


@pytest.mark.parametrize("source", [None, "__version__ = [", "\x00"])
def test_one_that_cannot_be_read_says_nothing(
    source: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text("")
    if source is not None:
        (tmp_path / "torch/version.py").write_text(source)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert torch_release.facts() == {}


def test_values_that_are_computed_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text("")
    (tmp_path / "torch/version.py").write_text("import os\n__version__ = '9.1'\ncuda: str = os.name\ndebug = False\n")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert torch_release.facts() == {"torch": "9.1"}
