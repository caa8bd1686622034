"""The checks for a machine with a GPU: their runner, and all that can be run without one at tiny sizes."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from paths import ROOT

from rnn_vs_attn.cli.app import app

CUDA = ROOT / "benchmarks" / "cuda"


def load_steps() -> Any:
    """The module of the steps, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("steps_of_cuda", CUDA / "steps.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules[spec.name] = made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


STEPS_OF_CUDA = load_steps()


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


@pytest.mark.parametrize("quick", [False, True])
def test_every_command_of_the_steps_is_one_that_this_program_takes(
    quick: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word that was spelt wrong would be seen on a GPU only, where minutes are dear."""
    monkeypatch.setattr(STEPS_OF_CUDA, "find_spec", lambda name: "found")  # packages of kernels
    ours = [sys.executable, "-m", "rnn_vs_attn"]
    taken = {}
    for step in STEPS_OF_CUDA.steps("cuda", tmp_path, quick):
        if step.command[:3] == ours:
            at = typer.main.get_command(app).make_context("rnn-vs-attn", step.within(100)[3:])
            while hasattr(at.command, "commands"):
                name, command, rest = at.command.resolve_command(at, [*at._protected_args, *at.args])
                at = command.make_context(name, rest, parent=at)
            taken[step.name] = at.params
    assert set(taken) == {"card", "doctor", "without", *(run.name for run in STEPS_OF_CUDA.RUNS)}
    for name in set(taken) - {"doctor", "without"}:
        options = taken[name]
        assert (options["device"], options["anonymous"], options["max_seconds"]) == (["cuda"], True, 60)
    assert {name for name, options in taken.items() if options.get("cuda_graphs")} == {"cudagraphs"}


@pytest.mark.parametrize(("device", "there"), [("cuda", True), ("cuda", False), ("cpu", True)])
def test_steps_by_packages_of_kernels_are_taken_where_these_are(
    device: str, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(STEPS_OF_CUDA, "find_spec", lambda name: "found" if there else None)
    names = {step.name: step for step in STEPS_OF_CUDA.steps(device, tmp_path, quick=True)}
    assert {"packages", "backend"} & names.keys() == {
        ("cuda", True): {"packages", "backend"},
        ("cuda", False): set(),
        ("cpu", True): {"packages"},
    }[device, there]
    if there:
        assert Path(names["packages"].command[1]).is_file()


def test_files_with_tests_for_a_gpu_are_run_and_no_others() -> None:
    files = [word for word in STEPS_OF_CUDA.TESTS if word.endswith(".py")]
    assert str(ROOT / "tests" / "measure" / "test_nvml.py") in files
    assert str(ROOT / "tests" / "measure" / "test_states.py") not in files


def test_a_command_that_plans_ends_by_itself_before_its_limit() -> None:
    plain, planning = (STEPS_OF_CUDA.Step("a", 300, ["a", "b"], plans=plans) for plans in (False, True))
    assert plain.within(100) == ["a", "b"]
    assert planning.within(100) == ["a", "b", "--max-seconds", "60"]
    assert planning.within(20) == ["a", "b", "--max-seconds", "1"]


# The graphs of a machine that has none: replays compute anew, and none of the second layer sees a new input.
REPLAYS = """
import argparse, json, torch
import graph_replays
from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.measure.timing.cuda_graphs import GraphedWorkload

class Played(GraphedWorkload):
    seen = None
    def forward(self):
        return self.run(self.x)
    def train_forward(self):
        if self.seen is None or type(self.module).__name__ != "LSTM":
            self.seen = self.x.detach().clone()
        self.output = self.run(self.seen.requires_grad_())
        return self.output
    def backward(self, y):
        wanted = [self.seen, *self.module.parameters()]
        self.written = torch.autograd.grad(self.output, wanted, self.grad_output)

def capture(made):
    if type(made.module).__name__ == "GRU":
        raise CaseFault("unsupported", "it cannot be captured")
    return Played(made.module, made.run, made.x, made.grad_output)

graph_replays.capture, torch.cuda.synchronize = capture, lambda device: None
given = argparse.Namespace(device="cpu", model=["attention", "lstm", "gru"], seq_len=8, turns=6)
print(json.dumps([[f.name, f.value, f.met, f.beside] for f in graph_replays.figures(given)]))
"""


@pytest.mark.long
def test_replays_are_held_against_eager_passes() -> None:
    command = [sys.executable, "-c", REPLAYS]
    done = subprocess.run(command, cwd=CUDA, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = {name: (value, met, beside) for name, value, met, beside in json.loads(done.stdout)}
    for dtype in ("float32", "bfloat16"):
        for model in ("attention", "lstm"):
            assert found[f"{model}, {dtype}: worst tensor off by"][:2] == (0.0, True)
            assert found[f"{model}, {dtype}: sees a new input"][1] == (model == "attention")
            for name in ("forward", "train"):
                value, met, beside = found[f"{model}, {dtype}, {name}: replayed / eager"]
                assert value > 0
                assert met is None
                assert beside.startswith("[")
        assert found[f"gru, {dtype}: captured"] == (0.0, False, "it cannot be captured")
    assert len(found) == 2 * (2 * 4 + 1)


# What the check of faults starts, in place of `bench`: says its number and goes on for ever.
GOES_ON = """
import subprocess, sys
import faults
say = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(600)"
file, sys.argv = sys.argv[1], ["faults.py", "--device", "cpu"]
faults.rows = lambda given, models: subprocess.run([sys.executable, "-c", say, file])
faults.main()
"""


@pytest.mark.long
def test_a_check_that_is_ended_leaves_no_command_that_uses_the_gpu(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    checking = subprocess.Popen([sys.executable, "-c", GOES_ON, str(file)], cwd=CUDA, stderr=subprocess.DEVNULL)
    try:
        while not (file.is_file() and file.read_text()):
            assert checking.poll() is None
            time.sleep(0.05)
        checking.terminate()
        assert checking.wait(60) == 1
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.read_text()), 0)
    finally:
        checking.kill()


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


# Begins where this package is not installed.
AS_FILES = """
import importlib.util, runpy, sys
from pathlib import Path
root, here = sys.argv[1:3]
sys.path[:] = [here, *(path for path in sys.path if path and Path(path).resolve() != Path(root))]
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
assert importlib.util.find_spec("rnn_vs_attn") is None
sys.argv = ["every_check.py", "--device", "cpu", "--only", "nosuch"]
runpy.run_path(here + "/every_check.py", run_name="__main__")
"""


@pytest.mark.long
def test_it_runs_from_files_that_were_copied_to_a_machine(tmp_path: Path) -> None:
    command = [sys.executable, "-c", AS_FILES, str(ROOT), str(CUDA)]
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stderr.splitlines()[-1] == "every_check.py: error: no such step: nosuch"


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
