"""Running the command line as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import forked

PROGRAM = [sys.executable, "-m", "rnn_vs_attn"]
QUICK = "--warm-up 0.01 --case-seconds 0 --block-seconds 0.0005 --min-blocks 1".split()
TINY = [*QUICK, *"--d-model 16 --batch-size 2 --threads 1".split()]  # two threads wait for each other on a busy machine


def run(
    *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, encoding: str | None = None
) -> subprocess.CompletedProcess[str]:
    """`rnn-vs-attn WORDS`, to its end; forked where that is the same (see forked.py)."""
    variables = dict(os.environ if env is None else env)
    servers = forked.servers()
    if not servers.fork(variables):
        return run_process(*words, cwd=cwd, env=variables, encoding=encoding)
    process = forked.command(servers, words, cwd or Path.cwd(), variables, encoding)
    output, errors = process.communicate()
    return subprocess.CompletedProcess([*PROGRAM, *words], process.wait(), output, errors)


def begin(*words: str, cwd: Path | None = None) -> forked.Forked:
    """`rnn-vs-attn WORDS` in the background, forked."""
    servers = forked.servers()
    assert servers.fork(os.environ)
    return forked.command(servers, words, cwd or Path.cwd(), os.environ)


def run_process(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """`rnn-vs-attn WORDS`, to its end, in an interpreter of its own: where its start is what a test is about."""
    command = [*PROGRAM, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, **options)


def lines_of(file: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines; an error where one line is not whole."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def case_of(line: dict[str, Any]) -> tuple[str, int]:
    return line["axes"]["model"], line["axes"]["seq_len"]


def assert_one_sentence(done: subprocess.CompletedProcess[str], said: str) -> None:
    """Exit 2, nothing on standard output, and one line that names the value and the way out."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
