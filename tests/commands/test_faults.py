"""Real processes that crash, hang, run out of memory or are killed: one case is lost, and nothing else."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import PROGRAM, TINY, begin, case_of, lines_of, run, run_process
from forked import Forked
from paths import ROOT

linux = pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")


def options(folder: Path, models: str = "lstm,attention", rounds: int = 2) -> list[str]:
    return ["bench", *TINY, *f"--seq-len 8,16 --model {models} --rounds {rounds} --output {folder}".split()]


def started(folder: Path, **given: Any) -> subprocess.Popen[str]:
    """A run in the background, as a process of its own."""
    words = [*PROGRAM, *options(folder, **given)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def endless(folder: Path) -> Forked:
    """A run in the background that goes on longer than any test."""
    return begin(*options(folder, rounds=1000), "--max-seconds", "3600")


def wait_until(met: Callable[[], object], seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def measured(folder: Path, count: int = 1) -> Callable[[], bool]:
    """Whether that many times stand in the folder."""

    def met() -> bool:
        file = folder / "samples.jsonl"
        return file.exists() and file.read_text().count('"metric":"train_time"') >= count

    return met


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cases_measured(folder: Path) -> dict[tuple[str, int], int]:
    """Rounds of each case, from what readers read."""
    records = lines_of(folder / "records.jsonl")
    return {case_of(r): len(r["samples"]) for r in records if r["metric"] == "train_time" and r["status"] == "ok"}


EVERY_CASE = {(model, seq_len): 2 for model in ("lstm", "attention") for seq_len in (8, 16)}


@pytest.mark.slow
@linux
def test_each_fault_costs_its_own_case_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANGS_IN", str(tmp_path / "run"))  # not in its own check, nor in the look before
    bad = {
        "layers:Aborts": "crashed",
        "layers:AbortsInTraining": "crashed",
        "layers:Hangs": "timeout",
        "layers:Raises": "failed",
        "layers:TakesAllMemory": "out_of_memory",
    }
    words = ["--model", ",".join([*bad, "attention"]), "--seq-len", "32", "--rounds", "2", "--timeout", "20"]
    done = run("bench", *TINY, *words, "--max-memory", "1GiB", "--output", str(tmp_path / "run"))
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    records = [r for r in lines_of(tmp_path / "run/records.jsonl") if r["metric"] == "train_time"]
    assert {r["axes"]["model"]: r["status"] for r in records} == bad | {"attention": "ok"}
    reasons = {r["axes"]["model"]: r["error"] for r in records}
    assert "signal 6" in reasons["layers:Aborts"]
    assert "--timeout 20" in reasons["layers:Hangs"]
    assert reasons["layers:Raises"] == "ValueError: this layer cannot do that"
    assert {r["axes"]["model"]: len(r["samples"]) for r in records}["attention"] == 2
    kept = [r for r in lines_of(tmp_path / "run/records.jsonl") if r["metric"] == "forward_time" and r["samples"]]
    assert {r["axes"]["model"] for r in kept} == {"layers:AbortsInTraining", "attention"}
    assert all(word in done.stdout for word in ("crashed", "timeout", "failed", "out of memory"))


@pytest.mark.slow
def test_a_file_called_copy_that_sets_threads_is_timed_with_the_labels_and_bends_no_other_row(tmp_path: Path) -> None:
    """It was timed with two threads under the label `threads 1`, and stood in the place of Python's own copy."""
    mixer = "from changes import Notes\n\nimport torch\n\ntorch.set_num_threads(2)\n\n\nclass Mixer(Notes): ...\n"
    (tmp_path / "copy.py").write_text(mixer)
    models = ["copy.py:Mixer", "changes:SetsThreadsInEveryCall", "lstm"]
    words = ["--model", ",".join(models), "--seq-len", "8", "--rounds", "1", "--output", str(tmp_path / "run")]
    paths = os.pathsep.join([os.environ["PYTHONPATH"], str(ROOT)])
    done = run_process("bench", *TINY, *words, cwd=tmp_path, env=dict(os.environ, PYTHONPATH=paths))
    assert done.returncode == 4, done.stderr
    records = {r["axes"]["model"]: r for r in lines_of(tmp_path / "run/records.jsonl") if r["metric"] == "forward_time"}
    assert {model: record["status"] for model, record in records.items()} == dict(
        zip(models, ("ok", "failed", "ok"), strict=True)
    )
    told = [w for w in records["copy.py:Mixer"]["warnings"] if w.startswith("it changed")]
    assert told == ["it changed torch's number of threads from 1 to 2, which was put back"]
    assert "in calls that are timed" in records["changes:SetsThreadsInEveryCall"]["error"]
    assert not any(w.startswith("it changed") for w in records["lstm"]["warnings"])


def test_what_cannot_fit_is_refused_beforehand(tmp_path: Path) -> None:
    words = ["--model", "attention-naive,lstm", "--seq-len", "16384", "--max-memory", "1GiB", "--rounds", "1"]
    done = run("bench", *TINY, *words, "--output", str(tmp_path / "run"))
    assert done.returncode == 4
    records = lines_of(tmp_path / "run/records.jsonl")
    refused = [r for r in records if r["axes"].get("model") == "attention-naive" and r["metric"] == "forward_time"]
    assert refused[0]["status"] == "out_of_memory"
    assert "refused beforehand" in refused[0]["error"]
    assert cases_measured(tmp_path / "run") == {("lstm", 16384): 1}


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_keeps_and_shows_what_is_done_and_resumes(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    running = started(folder) if number == signal.SIGINT else endless(folder)
    wait_until(measured(folder, 2))
    running.send_signal(number)
    out, err = running.communicate()
    assert running.returncode == code
    assert "| model | seq_len |" in out
    assert f"--resume {folder}" in err
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"
    if number == signal.SIGINT:
        assert_resumes(folder)
        assert_has_nothing_left(folder)


def assert_resumes(folder: Path, rounds: int = 2) -> None:
    """`--resume FOLDER` ends with every case at every round."""
    done = run("bench", "--resume", str(folder))
    assert done.returncode == 0, done.stderr
    assert cases_measured(folder) == dict.fromkeys(EVERY_CASE, rounds)
    assert json.loads((folder / "run.json").read_text())["status"] == "complete"


def assert_has_nothing_left(folder: Path) -> None:
    """A run that is complete is shown and left as it is."""
    before = (folder / "samples.jsonl").read_bytes()
    assert run("bench", "--resume", str(folder)).returncode == 0
    assert (folder / "samples.jsonl").read_bytes() == before


@pytest.mark.slow
@linux
@pytest.mark.parametrize("count", [5])
def test_kill_9_of_the_parent_leaves_a_readable_run_and_no_worker(count: int, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    running = started(folder, rounds=8)
    wait_until(measured(folder, count))
    wait_until(lambda: children(running.pid))
    workers = children(running.pid)
    running.kill()
    running.communicate()
    wait_until(lambda: not any(alive(pid) for pid in workers))
    if (folder / "records.jsonl").exists():
        lines_of(folder / "records.jsonl")
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"
    with (folder / "samples.jsonl").open("a") as samples:
        samples.write('{"suite":"bench","axes":{"mod')  # a torn last line, as a power cut leaves it
    assert_resumes(folder, rounds=8)


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@pytest.mark.slow
def test_kill_9_of_the_worker_costs_one_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, hung = tmp_path / "run", tmp_path / "hung"
    monkeypatch.setenv("HANGS_IN", str(folder))
    monkeypatch.setenv("HUNG_PID", str(hung))
    running = started(folder, models="layers:Hangs,lstm,attention", rounds=1)
    wait_until(lambda: hung.exists() and hung.read_text().endswith("\n"))
    os.kill(int(hung.read_text()), signal.SIGKILL)
    running.communicate()
    assert running.returncode == 4
    assert set(cases_measured(folder)) >= set(EVERY_CASE)
    records = [r for r in lines_of(folder / "records.jsonl") if r["axes"].get("model") == "layers:Hangs"]
    assert any((r["status"], "killed by signal 9" in r["error"]) == ("crashed", True) for r in records)


@pytest.mark.slow
def test_two_runs_never_write_to_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    running = endless(folder)
    wait_until(measured(folder))
    other = run("bench", "--resume", str(folder))
    assert other.returncode == 2
    assert "being written by another run" in other.stderr
    running.send_signal(signal.SIGTERM)
    running.communicate()


@pytest.mark.slow
def test_a_full_disk_leaves_the_run_readable(tmp_path: Path) -> None:
    """A file-size limit refuses the write half-way, as a full disk does."""
    folder = tmp_path / "run"
    words = [
        "bench",
        *TINY,
        "--model",
        "lstm,attention",
        "--seq-len",
        "8,16",
        "--rounds",
        "40",
        "--max-seconds",
        "3600",
    ]
    limit = (20_000, 20_000)
    done = run_process(
        *words, "--output", str(folder), preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: cannot write")
    assert f"--resume {folder}" in done.stderr
    assert lines_of(folder / "samples.jsonl")
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"


def test_max_seconds_keeps_what_is_done_and_says_what_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = ["bench", *TINY, "--model", "lstm,attention", "--seq-len", "8,16", "--max-seconds", "0", "--rounds", "1"]
    done = run(*words, "--output", str(folder))
    assert done.returncode == 4
    assert "--resume goes on" in done.stdout
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"


def test_a_time_in_which_six_processes_do_not_start_is_refused_with_the_least_that_does(tmp_path: Path) -> None:
    words = ["bench", *TINY, "--model", "lstm", "--seq-len", "8", "--max-seconds", "0.1"]
    done = run(*words, "--output", str(tmp_path / "run"))
    assert done.returncode == 2
    assert "--max-seconds 0.1 is over before the processes of 6 rounds have started" in done.stderr
    assert re.search(r"give --max-seconds \d+ or more", done.stderr)
    assert not (tmp_path / "run").exists()


def test_resume_of_a_damaged_run_names_file_and_line(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = ["bench", *TINY, "--model", "lstm", "--seq-len", "8", "--rounds", "1", "--output", str(folder)]
    assert run(*words).returncode == 0
    lines = (folder / "samples.jsonl").read_text().splitlines()
    lines[1] = lines[1].replace('"round":0', '"round":"none"')
    (folder / "samples.jsonl").write_text("\n".join(lines) + "\n")
    done = run("bench", "--resume", str(folder))
    assert done.returncode == 2
    assert "samples.jsonl, line 2 is damaged" in done.stderr
    assert (folder / "samples.jsonl").read_text() == "\n".join(lines) + "\n"
