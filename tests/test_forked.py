"""A forked command and its forked workers are what real processes are."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import forked
import psutil
import pytest
from command import TINY, run, run_process

LAYERS = """\
import os, signal, sys
import torch

class Twice(torch.nn.Module):
    def __init__(self, d_model):
        super().__init__()
        print("made by", __name__, sys.flags.interactive, sorted(n for n in os.environ if n.startswith("RNN_")))

    def forward(self, x):
        return x * 2

class Killed(Twice):
    def forward(self, x):
        print("last words")
        os.kill(os.getpid(), signal.SIGSEGV)
"""
ENDS = """\
import os, signal, sys, time

print(sys.argv[1:], os.getcwd(), os.environ["WORD"], sys.path[:2], __name__, os.getsid(0) == os.getpid())
sys.stdout.flush()
end = sys.argv[1]
if end == "code":
    sys.exit(3)
if end == "fault":
    raise ValueError("of its own")
while end == "never":
    signal.pause()
os.kill(os.getpid(), signal.SIGTERM)
"""
_NUMBER = r"[\d.]+(?: (?:ms|s|min|h)\b(?: \d+ (?:s|min)\b)?)?"  # or a duration, in whatever unit
TIMED = ("samples", "median", "low", "high", "warnings", "details")


def told(done: subprocess.CompletedProcess[str], folder: Path) -> Any:
    """What a command did, but for what the machine's pace decides."""
    records = json.loads(done.stdout)["records"]
    kept = [
        {n: v for n, v in r.items() if r["exact"] or n not in TIMED} | {"details": sorted(r["details"])}
        for r in records
    ]
    errors = [re.sub(_NUMBER, "N", line) for line in done.stderr.replace(str(folder), "F").splitlines()]
    return done.returncode, kept, [line for line in errors if not line.startswith("note: the load")]


@pytest.mark.slow
def test_a_forked_command_and_its_workers_record_what_real_ones_do(tmp_path: Path) -> None:
    (tmp_path / "layers_here.py").write_text(LAYERS)
    models = "gru,attention,layers_here:Twice,layers_here:Killed"
    words = ["bench", *TINY, "--model", models, "--seq-len", "8", "--rounds", "1", "--json", "--max-memory", "2GiB"]
    pair = [f(*words, "--output", name, cwd=tmp_path) for f, name in ((run, "forked"), (run_process, "started"))]
    ours, real = (told(done, tmp_path) for done in pair)
    assert ours[0] == real[0] == 4
    assert ours[1] == real[1]
    assert [line.replace("forked", "started") for line in ours[2]] == real[2]
    peaks = [[r["median"] for r in json.loads(done.stdout)["records"] if r["metric"] == "peak_memory"] for done in pair]
    assert peaks[0] == pytest.approx(peaks[1], abs=128 << 10)
    assert "was killed by signal 11; its last line was: last words" in str(ours[1])


def start(folder: Path, *words: str, session: bool = False) -> tuple[forked.Forked, int]:
    """A process that runs ENDS, and where what it prints can be read."""
    (folder / "ends.py").write_text(ENDS)
    variables = dict(os.environ, WORD="other")
    reading, writing = os.pipe()
    request: dict[str, Any] = {
        "module": "ends",
        "words": words,
        "folder": str(folder),
        "variables": variables,
        "session": session,
    }
    process = forked.Forked(forked.servers().folder / "commands", [0, writing, writing], **request)
    os.close(writing)
    return process, reading


@pytest.mark.parametrize(("end", "code"), [("code", 3), ("fault", 1), ("signal", -signal.SIGTERM)])
def test_how_a_process_ended_is_told(tmp_path: Path, end: str, code: int) -> None:
    process, reading = start(tmp_path, end, "b")
    with os.fdopen(reading) as stream:
        first, *rest = stream.read().splitlines()
    paths = [str(tmp_path), os.environ["PYTHONPATH"]]
    assert first == f"{[end, 'b']} {tmp_path} other {paths} __main__ False"
    assert process.wait() == process.returncode == code
    assert rest[-1:] == (["ValueError: of its own"] if end == "fault" else [])


def test_a_process_is_killed_when_asked_and_when_nobody_asks_any_more(tmp_path: Path) -> None:
    for forget in (False, True):
        process, reading = start(tmp_path, "never", session=True)
        with os.fdopen(reading) as stream:
            assert stream.readline().endswith("True\n")
            seen = psutil.Process(process.pid)
            assert process.poll() is None
            if forget:
                del process
            else:
                process.kill()
                assert process.wait() == -signal.SIGKILL
            assert stream.read() == ""  # until its end is closed
        seen.wait(60)


@pytest.mark.slow
def test_servers_and_what_they_forked_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    code = f"""if True:
        import os, pathlib, signal, sys
        sys.path[:0] = {[str(Path(__file__).parent)]!r}
        import test_forked
        process, reading = test_forked.start(pathlib.Path({str(tmp_path)!r}), "never")
        os.read(reading, 1)
        print(process.pid, os.getpid(), *(child.pid for child in test_forked.psutil.Process().children()), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    numbers = [int(word) for word in done.stdout.split()]
    assert len(numbers) == 4
    for number in numbers:
        if psutil.pid_exists(number):
            psutil.Process(number).wait(60)


def test_what_is_read_when_a_package_is_loaded_is_not_left_to_a_fork() -> None:
    here = dict(os.environ)
    assert forked.servers().fork(here | {"PYTHONPATH": "elsewhere", "TMPDIR": "elsewhere"})
    for name in ("OMP_NUM_THREADS", "PYTHONIOENCODING", "LC_ALL", "COLUMNS", "ANY"):
        assert not forked.servers().fork(here | {name: "7"})
