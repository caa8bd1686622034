"""What a run leaves behind, whatever comes while it is written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from edited_runs import called
from paths import REFERENCE

from rnn_vs_attn.errors import DONE, INTERRUPTED, Interrupted
from rnn_vs_attn.limits import Limits
from rnn_vs_attn.records.folder import RunFolder, read_run
from rnn_vs_attn.run import command
from rnn_vs_attn.suites.gradflow.suite import GRADFLOW

STORED = REFERENCE / "full/gradflow"


@pytest.fixture
def untold(tmp_path: Path) -> Path:
    """A run that was killed after its last record, and before its tables."""
    path = tmp_path / "my run"
    shutil.copytree(STORED, path)
    shutil.rmtree(path / "plots")
    for name in ("table.md", "table.csv"):
        (path / name).unlink()
    return path


def test_tables_that_a_kill_kept_from_being_written_are_made_up_for(untold: Path) -> None:
    """`--resume` named a table.md that was not there."""
    code, _, err = called("gradflow", "--resume", str(untold))
    assert (code, err) == (0, f"Written to {untold}: table.md has every column and remark\n")
    assert (untold / "table.md").read_text().startswith("- Gradients through ")
    assert (untold / "table.csv").read_text().startswith("model,seq_len,")
    assert {path.name for path in (untold / "plots").iterdir()} == {"gradient_norm.png", "gradient_norm.svg"}


def test_an_interruption_while_tables_are_written_leaves_all_of_them(
    untold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = command.output.write, list[Path]()

    def interrupted(suite: Any, run: Any, folder: RunFolder, limits: Limits) -> None:
        calls.append(folder.path)
        if len(calls) == 1:
            folder.write("table.csv", "")
            raise Interrupted(INTERRUPTED)
        write(suite, run, folder, limits)

    monkeypatch.setattr(command.output, "write", interrupted)
    folder, run = RunFolder.reopen(untold), read_run(untold)
    assert command._write(GRADFLOW, run, folder, Limits()) == INTERRUPTED
    assert (untold / "table.csv").read_text().startswith("model,seq_len,")
    assert (untold / "table.md").exists()
    assert command._write(GRADFLOW, run, folder, Limits()) == DONE
    folder.close()


def test_how_to_go_on_can_be_typed_as_it_is_said(untold: Path) -> None:
    run = read_run(untold)
    assert command._where(GRADFLOW, run, untold, INTERRUPTED).startswith("Written to ")
    object.__setattr__(run, "status", "interrupted")
    said = command._where(GRADFLOW, run, untold, INTERRUPTED)
    assert said == f"Interrupted; go on with rnn-vs-attn gradflow --resume '{untold}'"
