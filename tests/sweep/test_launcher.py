"""Jobs by submitit, on this machine, and on a Slurm that the test starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import slurm_of_one
from command import PROGRAM, run

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.head import command_line
from rnn_vs_attn.sweep.launcher import Launcher, cancel, why
from rnn_vs_attn.sweep.options import SweepOptions

pytest.importorskip("submitit")

SWEEP = """
name = "jobs"
[shared]
threads = 1
d_model = 16
batch_size = 2
warm_up = 0.01
case_seconds = 0
min_blocks = 1
model = "lstm"
[part.bench]
rounds = 2
seq_len = 16
[part.gradflow]
rounds = 2
seq_len = 16
"""

LAYER = """
import os, time
from pathlib import Path
from torch import nn

class Waits(nn.Linear):
    def __init__(self, d_model):
        super().__init__(d_model, d_model)
        if os.environ.get("SLURM_JOB_ID") == "1":
            Path("waits").touch()
            time.sleep(600)
"""


def launcher(path: Path, **options: object) -> Launcher:
    return Launcher.of(SweepOptions(**{"launcher": "local", **options}), path / "logs", 60.0)  # type: ignore[arg-type]


def wait(made: Launcher, job: object) -> None:
    while not made.ended(job):
        time.sleep(0.05)


def test_a_job_of_this_machine_runs_and_ends(tmp_path: Path) -> None:
    made = launcher(tmp_path)
    job = made.send(len, "four")
    wait(made, job)
    assert job.result() == 4


@pytest.mark.parametrize("devices", [None, "", "1,0"])
def test_a_job_of_this_machine_sees_its_gpus(
    devices: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Submitit hides them all, so that device auto would be the processor."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if devices is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
    made = launcher(tmp_path)
    job = made.send(os.getenv, "CUDA_VISIBLE_DEVICES")
    wait(made, job)
    assert job.result() == devices


def test_a_job_has_the_gpus_that_the_call_names(tmp_path: Path) -> None:
    made = launcher(tmp_path, launcher_arg=(("gpus_per_node", "2"),))
    job = made.send(os.getenv, "CUDA_VISIBLE_DEVICES")
    wait(made, job)
    assert job.result() == "0,1"


def test_a_job_records_the_call_that_sent_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run's command was submitit's."""
    monkeypatch.setattr(sys, "argv", ["rnn-vs-attn", "run", "s.toml"])
    made = launcher(tmp_path)
    job = made.send(command_line, False)
    wait(made, job)
    assert job.result() == ["run", "s.toml"]


def test_a_job_that_dies_says_why(tmp_path: Path) -> None:
    made = launcher(tmp_path)
    job = made.send(os._exit, 3)
    wait(made, job)
    assert why(job)
    assert made.at_a_time == 1
    other = made.send(time.sleep, 600)
    cancel(other)
    wait(made, other)


def test_a_job_that_left_no_log(tmp_path: Path) -> None:
    made = launcher(tmp_path)
    job = made.send(len, "")
    wait(made, job)
    job.paths.stderr.unlink(missing_ok=True)
    assert why(job) == "it left no log"


def test_settings_that_submitit_does_not_know_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--launcher-arg: .*; submitit's own settings are allowed"):
        launcher(tmp_path, launcher_arg=(("colour", "red"),))


def test_without_submitit_a_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=r"--launcher needs the package submitit: pip install 'rnn-vs-attn\[cluster\]'"):
        launcher(tmp_path)


def test_without_slurm_a_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="--launcher slurm needs Slurm's sbatch"):
        launcher(tmp_path, launcher="slurm")


@pytest.mark.process
@pytest.mark.slow
def test_a_sweep_as_jobs_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(SWEEP)
    done = run("run", "s.toml", "--output", "out", "--launcher", "local", "--quiet", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [part["state"] for part in json.loads(done.stdout)["parts"]] == ["complete", "complete"]
    heads = [json.loads((tmp_path / f"out/.jobs/bench-000{n}-1/run.json").read_text()) for n in (0, 1)]
    assert [head["settings"]["limits"]["first_seed"] for head in heads] == [0, 1]
    closing = [json.loads(line) for line in (tmp_path / "out/bench/samples.jsonl").read_text().splitlines()]
    assert [line["round"] for line in closing if line["metric"] == "round_time"] == [0, 1]


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[dict[str, str]]:
    reason = slurm_of_one.lacking()
    if reason:
        pytest.skip(f"no Slurm here: {reason}")
    with slurm_of_one.running(tmp_path / "slurm") as variables:
        yield variables


@pytest.mark.process
@pytest.mark.slow
def test_a_sweep_on_slurm_loses_the_round_of_a_job_that_is_killed(tmp_path: Path, slurm: dict[str, str]) -> None:
    """And nothing else; --resume sends that round again."""
    (tmp_path / "layer.py").write_text(LAYER)
    (tmp_path / "s.toml").write_text(SWEEP.replace("[part.bench]", '[part.bench]\nmodel = "layer.py:Waits"'))
    words = [*PROGRAM, "run", "s.toml", "--output", "out", "--launcher", "slurm", "--partition", "main"]
    sweep = subprocess.Popen(words, cwd=tmp_path, env=slurm, text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    while not (tmp_path / "waits").exists() and sweep.poll() is None:
        time.sleep(0.1)
    assert sweep.returncode is None, sweep.communicate()
    subprocess.run(["scancel", "--signal=KILL", "--full", "1"], env=slurm, check=True)
    out, err = sweep.communicate()
    assert sweep.returncode == 4, err
    assert "bench: round 0 is lost" in err
    assert "2 parts: 1 complete, 1 unfinished" in out
    again = subprocess.run(
        [*PROGRAM, "run", "--resume", "out", "--launcher", "slurm", "--quiet"],
        cwd=tmp_path, env=slurm, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert "2 parts: 2 complete" in again.stdout
