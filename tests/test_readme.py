"""The README is true: its commands run, and what it takes from elsewhere is up to date."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command import QUICK, run

from rnn_vs_attn import environment

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
STORED = {"results/before", "results/after"}  # runs of the reader's own
SHORT = "--rounds 1 --max-seconds 2 --quiet".split()


def examples() -> list[str]:
    section = README.split("## Commands\n")[1].split("###")[0]
    return [line.strip() for line in section.splitlines() if line.startswith("    rnn-vs-attn ")]


def test_there_are_examples_of_every_command() -> None:
    assert {line.split()[1] for line in examples()} == {
        "bench",
        "gradflow",
        "scaling",
        "decode",
        "variants",
        "ab",
        "compare",
        "export",
        "models",
        "doctor",
    }


@pytest.mark.parametrize("line", examples())
def test_an_example_runs_or_is_refused_for_its_hardware(line: str, tmp_path: Path) -> None:
    """Shortened; where a GPU or a second core is asked for and there is none, the refusal is what is tested."""
    words = shlex.split(line)[1:]
    if words[0] in ("bench", "gradflow", "scaling", "decode", "variants") and "--dry-run" not in words:
        words += [*SHORT, *(QUICK if words[0] == "bench" else []), "--output", str(tmp_path / "run")]
        words += [] if "--threads" in words else ["--threads", "1"]
    if words[0] == "ab":
        assert_understood(words)
        return
    words = ["results/reference/gradflow" if word in STORED else word for word in words]
    done = run(*words, cwd=ROOT)
    lacks_gpu = "cuda" in words and not Path("/dev/nvidia0").exists()
    lacks_core = "1,2" in words and environment.usable_cores() < 2
    if lacks_gpu or lacks_core:
        assert done.returncode == 2
        assert "use " in done.stderr
    else:
        assert done.returncode in (0, 4), done.stderr
        assert done.stdout


def assert_understood(words: list[str]) -> None:
    """What `ab` compares is the reader's own; here it is as good as refused for an option that is looked at last."""
    done = run(*words, "--screen", "1", cwd=ROOT)
    assert done.returncode == 2
    assert "--screen 1 pairs give no interval" in done.stderr


def test_tables_and_file_tree_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "readme.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_option_in_the_readme_exists() -> None:
    commands = [
        [],
        *([name] for name in ("bench", "gradflow", "decode", "ab", "compare", "export", "models", "doctor")),
        *(["variants", *rest] for rest in ([], ["transformer-xl"], ["albert"], ["gpt"])),
    ]
    shown = " ".join(run(*command, "--help").stdout for command in commands)
    named = set(re.findall(r"(?<![-\w])--[a-z][a-z-]+", README.split("## Files")[0])) - {
        "--index-url",
        "--benchmark-compare-fail",
    }
    assert {"--match", "--resume", "--init"} <= named
    assert sorted(word for word in named if word not in shown) == []
