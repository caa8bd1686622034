"""The sweeps that come with the program: all can be run, in as much time as they say."""

from __future__ import annotations

import subprocess
import sys

import pytest
from paths import ROOT

from rnn_vs_attn.lesson.parts import PARTS
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.sweep.file import Sweep, read

FILES = sorted((ROOT / "benchmarks").glob("*.toml"))
MOST = {"full": 40 * 60, "gpu": 20 * 60}  # seconds


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_a_sweep_is_valid_and_ends_in_time(name: str) -> None:
    """Whatever processors and devices this machine has."""
    sweep = read(ROOT / f"benchmarks/{name}.toml", elsewhere=True)
    assert sweep.name == name
    assert sweep.max_seconds is not None
    own = [part.own_seconds for part in sweep.parts]
    assert sum(seconds or 0.0 for seconds in own) <= sweep.max_seconds or name not in MOST
    assert sweep.max_seconds <= MOST.get(name, sweep.max_seconds)


def suites_of(sweep: Sweep) -> set[str]:
    return {part.asked.suite.name for part in sweep.parts}


@pytest.mark.parametrize("name", ["full", "paper"])
def test_everything_is_every_suite(name: str) -> None:
    assert suites_of(read(ROOT / f"benchmarks/{name}.toml")) == {suite.name for suite in SUITES}


def test_those_of_an_accelerator_are_all_on_it() -> None:
    parts = read(ROOT / "benchmarks/gpu.toml").parts
    assert {tuple(part.asked.axes["device"]) for part in parts} == {("cuda",)}


def test_they_are_read_without_torch() -> None:
    program = (
        "import sys; from pathlib import Path; from rnn_vs_attn.sweep.file import read; "
        f"[read(Path(path), True) for path in {[str(file) for file in FILES]!r}]; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_lesson_as_a_sweep_measures_what_the_lesson_measures() -> None:
    found = {part.name: part.asked for part in read(ROOT / "benchmarks/lesson.toml").parts}
    assert list(found) == [part.name for part in PARTS]
    for part in PARTS:
        axes = part.axes("auto", 1)
        assert {name: found[part.name].axes[name] for name in part.words} == {name: axes[name] for name in part.words}
        assert found[part.name].axes["threads"] == [1]
