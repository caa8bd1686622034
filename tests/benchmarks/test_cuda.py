"""The checks for a machine with a GPU: their runner, and all that can be run without one at tiny sizes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

CUDA = ROOT / "benchmarks" / "cuda"

# Runs steps of its own: one that is fine, one that misses a target, one that fails, one that hangs and one that lacks a
# package.
STEPS = """
import sys, time
import every_check
from pathlib import Path
from steps import Step
python = [sys.executable, "-c"]
made = [
    Step("fine", 60, [*python, "print('met')"]),
    Step("misses", 60, [*python, "print('MISSED  a target'); raise SystemExit(1)"], exits=(0, 1)),
    Step("fails", 60, [*python, "raise ValueError('of no use')"]),
    Step("hangs", 1, [*python, "import time; time.sleep(600)"]),
    Step("without", 60, [*python, "import psutil"], hidden=("psutil",)),
]
folder = Path(sys.argv[1])
for name in ("logs", "runs"):
    (folder / name).mkdir(parents=True)
print(every_check._run(made, folder, time.monotonic() + float(sys.argv[2])))
"""


def run_steps(folder: Path, budget: float) -> list[str]:
    """What is printed of the steps above, and at last whether all of them ended as they should."""
    command = [sys.executable, "-c", STEPS, str(folder), str(budget)]
    done = subprocess.run(command, cwd=CUDA, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[2:]  # behind the head of the table


@pytest.mark.slow
@pytest.mark.long
def test_a_step_that_fails_or_hangs_costs_itself_only(tmp_path: Path) -> None:
    *lines, fine = run_steps(tmp_path, 300)
    found = {name: rest for name, _, *rest in ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)}
    assert found["fine"] == ["0", "", "", ""]
    assert found["misses"] == ["1", "1", "!", "MISSED  a target"]
    assert found["fails"][0] == "1"
    assert found["hangs"][:3] == ["124", "", "!"]
    assert "psutil' (hidden)" in found["without"][-1]
    assert fine == "False"
    assert (tmp_path / "logs" / "fine.txt").read_text() == "met\n"
    assert (tmp_path / "steps.md").read_text().splitlines()[2:] == lines


@pytest.mark.slow
@pytest.mark.long
def test_what_there_is_no_time_for_is_said(tmp_path: Path) -> None:
    *lines, fine = run_steps(tmp_path, 1)
    assert [line.split("|")[3].strip() for line in lines] == ["no time"] * len(lines)
    assert fine == "False"


@pytest.mark.slow
def test_checks_run_without_a_gpu_at_tiny_sizes(tmp_path: Path) -> None:
    steps = "warm,card,bare,values,kernels,peaks,faults,without"
    command = [sys.executable, str(CUDA / "every_check.py"), "--device", "cpu", "--quick", "--only", steps]
    command += ["--budget", "1200", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said, *lines = done.stdout.splitlines()
    assert re.fullmatch(rf"8 steps, at most \d+ minutes; into {tmp_path}", said)
    assert [line.split("|")[1].strip() for line in lines[2:]] == steps.split(",")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["every_check.py", "--device", "cuda:99"], "device 'cuda:99' "),
        (["values.py", "--device", "cuda:99"], "device 'cuda:99' "),
        (["every_check.py", "--device", "cpu", "--only", "bare,nosuch"], "no such step: nosuch"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(words: list[str], said: str) -> None:
    done = subprocess.run([sys.executable, *words], cwd=CUDA, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(f"{words[0]}: error: ")
    assert said in done.stderr.splitlines()[-1]
