"""`run FILE` as a user calls it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from command import begin, run, run_process
from edited_runs import called

TINY = """
name = "tiny"
[shared]
model = "lstm"
rounds = 1
threads = 1
d_model = 16
batch_size = 2
warm_up = 0.01
case_seconds = 0
min_blocks = 1
seq_len = 16
[part.layers]
suite = "bench"
[part.reach]
suite = "gradflow"
[part.nobody]
suite = "bench"
model = "layers:NoSuchLayer"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path / "tiny.toml"


@pytest.mark.process
def test_a_sweep_from_its_file_to_its_folder(file: Path, tmp_path: Path) -> None:
    """Two parts that run and one whose model is not there, which costs that one only."""
    done = run("run", "tiny.toml", "--output", "out", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "error: nobody: " in done.stderr
    assert done.stderr.count("Written to") == done.stderr.count("Written to out: report.html") == 1
    assert done.stderr.count("the load is") <= 1
    assert "NoSuchLayer" in done.stderr.partition("error: nobody: ")[2]
    assert done.stdout.count("## ") == 3
    assert "3 parts: 2 complete, 1 not begun" in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("layers", "reach", "report.html", "summary.md", "sweep.json", "sweep.toml"),
    ]
    shown = run("show", "out", "--json", cwd=tmp_path)
    assert [one["run"]["suite"] for one in json.loads(shown.stdout)["runs"]] == ["bench", "gradflow"]
    again = run("run", "--resume", "out", "--json", cwd=tmp_path)
    assert again.returncode == 2
    document = json.loads(again.stdout)
    assert [part["state"] for part in document["parts"]] == ["complete", "complete", "not begun"]
    assert document["sweep"]["folder"] == "out"


@pytest.mark.process
def test_a_dry_run_lists_all_parts(file: Path, tmp_path: Path) -> None:
    file.write_text(TINY.partition("[part.nobody]")[0])
    done = run("run", "tiny.toml", "--dry-run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["sweep"]["folder"] is None
    assert [len(part["run"]["cases"]) for part in document["parts"]] == [1, 1]
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.process
def test_ctrl_c_keeps_all_and_resume_goes_on(file: Path, tmp_path: Path) -> None:
    file.write_text(TINY.partition("[part.nobody]")[0].replace("rounds = 1", "rounds = 60\nmax_seconds = 3600"))
    process = begin("run", "tiny.toml", "--output", "out", cwd=tmp_path)
    samples = tmp_path / "out/layers/samples.jsonl"
    while process.poll() is None and not (samples.exists() and "round_time" in samples.read_text()):
        time.sleep(0.05)
    process.send_signal(2)
    out, err = process.communicate()
    assert process.wait() == 130, err
    assert "2 parts: 1 unfinished, 1 not begun" in out or "2 parts: 1 complete, 1 not begun" in out
    kept = samples.read_text()
    done = run_process("run", "--resume", "out", "--quiet", "--max-seconds", "1", cwd=tmp_path)
    assert done.returncode in (0, 4), done.stderr
    assert samples.read_text().startswith(kept)


def test_faults_of_a_file_stand_below_one_sentence(file: Path, tmp_path: Path) -> None:
    file.write_text(TINY + "seq_lem = 3\nd_model = 'x'\n")
    code, out, err = called("run", str(file), "--output", str(tmp_path / "out"))
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        f"error: {file} has 2 faults; nothing was measured",
        "    line 20: unknown key of bench 'seq_lem'; did you mean 'seq_len'?",
        "    line 21: d_model 'x' is not a whole number or a range such as 64:4096",
    ]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "run needs a sweep's file (TOML), or --resume FOLDER"),
        (["--retry", "tiny.toml"], "--retry goes with --resume FOLDER"),
        (["--resume", "a", "--output", "b"], "leave out --output"),
        (["--resume", "a", "--dry-run"], "leave out --dry-run"),
        (["--resume", "absent"], "cannot resume absent"),
        (["absent.toml"], "cannot read absent.toml: No such file or directory"),
    ],
)
def test_a_wrong_call_is_one_sentence(words: list[str], said: str) -> None:
    code, out, err = called("run", *words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert said in err
