"""Whoever reads what is printed, and wherever it goes: the exit code is the command's own, and files are whole."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from command import PROGRAM, TINY, run
from planted_runs import record, stored, values

PLAIN = " ".join(PROGRAM)
ASCII = {"PYTHONIOENCODING": "ascii"}
POSIX = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def shell(line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A line of bash; CODE in it stands for the exit code that a command had, on a line of standard error."""
    script = line.replace("CODE", "; echo code $? >&3")
    command = ["bash", "-c", f"exec 3>&2; {script}"]
    surroundings = dict(os.environ, **variables)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, env=surroundings)


@pytest.fixture(scope="module")
def undecided(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run that is compared with itself: too few rounds, so exit code 3, and many lines."""
    records = [record("forward_time", values(2), axes={"seq_len": n}) for n in range(1, 200)]
    return str(stored(tmp_path_factory.mktemp("undecided") / "run", *records))


# Pipes


@pytest.mark.parametrize("reader", ["true", "head -1"])
def test_compare_into_a_pipe_that_closes_is_no_verdict_and_not_slower(reader: str, undecided: str) -> None:
    done = shell(f"( {PLAIN} compare {undecided} {undecided} CODE ) | {reader}")
    assert "code 3" in done.stderr
    assert "Traceback" not in done.stderr
    assert "fault" not in done.stderr


@pytest.mark.parametrize(
    ("words", "code"), [("--help", 0), ("--version", 0), ("models --json", 0), ("bench --model lstmm", 2), ("", 2)]
)
def test_nobody_reads_either_stream_and_the_code_is_the_commands(words: str, code: int) -> None:
    assert f"code {code}" in shell(f"( {PLAIN} {words} 2>&1 CODE ) | true").stderr


@pytest.mark.slow
def test_a_run_that_nobody_reads_is_measured_and_written(tmp_path: Path) -> None:
    words = [*TINY, "--seq-len", "8", "--model", "lstm", "--rounds", "1", "--debug", "--output", str(tmp_path / "run")]
    assert "code 0" in shell(f"( {PLAIN} bench {' '.join(words)} 2>&1 CODE ) | true").stderr
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "complete"
    assert "| lstm |" in (tmp_path / "run/table.md").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="the size of a pipe is set")
def test_an_interrupted_command_does_not_stay_for_a_reader_who_does_not_read(undecided: str) -> None:
    reading, writing = os.pipe()
    size = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with subprocess.Popen([*PROGRAM, "compare", undecided, undecided], stdout=writing) as running:
        os.close(writing)
        while struct.unpack("i", fcntl.ioctl(reading, termios.FIONREAD, b"\0" * 4))[0] < size:
            assert running.poll() is None
            time.sleep(0.02)
        running.terminate()
        assert running.wait() == 143
    os.close(reading)


# What is closed or full


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        (">&-", "it is closed"),
        ("> /dev/full", "No space left on device"),
        ("2>&-", ""),
        ("<&- >&- 2>&-", ""),
        ("> /dev/full 2>&1", ""),
    ],
)
def test_a_stream_that_takes_nothing_is_one_sentence_at_most(streams: str, said: str, undecided: str) -> None:
    done = shell(f"{PLAIN} compare {undecided} {undecided} {streams} CODE")
    told, _, code = done.stderr.rstrip("\n").rpartition("code ")
    assert code == "3"
    assert told == (f"note: standard output did not take all that was printed: {said}\n" if said else "")


@pytest.mark.slow
def test_no_file_of_a_run_takes_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    words = [
        *TINY,
        "--seq-len",
        "8",
        "--model",
        "layers:WithWeights",
        "--rounds",
        "1",
        "--output",
        str(tmp_path / "run"),
    ]
    done = shell(f"{PLAIN} bench {' '.join(words)} <&- >&- 2>&- CODE")
    assert done.stderr == "code 0\n"
    for line in (tmp_path / "run/samples.jsonl").read_text().splitlines():
        assert json.loads(line)["status"] == "ok"
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "complete"


# Letters


@pytest.mark.parametrize("variables", [ASCII, POSIX, {"PYTHONIOENCODING": "latin-1"}])
def test_letters_that_a_terminal_lacks_are_replaced(variables: dict[str, str], undecided: str) -> None:
    done = run("compare", undecided, undecided, env=dict(os.environ, **variables), encoding="latin-1")
    assert done.returncode == 3, done.stderr
    sign = "÷" if "latin" in str(variables) else "/"
    assert f"| candidate {sign} baseline |" in done.stdout
    assert "| - |" not in done.stdout
    assert "\ufffd" not in done.stdout


@pytest.mark.slow
def test_json_and_exports_lose_no_letter_where_a_terminal_has_few(tmp_path: Path) -> None:
    path = str(stored(tmp_path / "run", record("forward_time", values(6), "größe.py:Schicht")))
    surroundings = dict(os.environ, **ASCII)
    done = run("compare", path, path, "--json", env=surroundings)
    assert done.stdout.isascii()
    assert json.loads(done.stdout)["comparisons"][0]["axes"]["model"] == "größe.py:Schicht"
    done = run("export", path, "--format", "csv", env=surroundings, encoding="utf-8")
    assert "größe.py:Schicht" in done.stdout
    assert run("compare", path, path, "--markdown", str(tmp_path / "m.md"), env=surroundings).returncode == 0
    assert "größe.py:Schicht" in (tmp_path / "m.md").read_text(encoding="utf-8")


def test_a_name_that_is_no_text_here_is_one_sentence(tmp_path: Path) -> None:
    done = run("bench", "--model", os.fsdecode(b"\xff.py:Net"), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "use a locale of UTF-8" in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_is_written_is_there_before_the_process_ends(unbuffered: str) -> None:
    """The first table came a round late where PYTHONUNBUFFERED is set, as it is in many containers."""
    code = "import os, sys; from rnn_vs_attn.text import streams; streams.take_over(); "
    code += "sys.stderr.write('a table\\n'); os._exit(0)"  # which writes out nothing that was held back
    surroundings = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=surroundings, timeout=600)
    assert done.stderr == "a table\n"


# One by one


def all_of(parent: int) -> bytes:
    """What is written to a terminal until nobody has it open."""
    shown = b""
    with os.fdopen(parent, "rb", buffering=0) as terminal:
        while True:
            try:
                shown += terminal.read(1 << 16)
            except OSError:  # the other end is closed
                return shown


def test_a_terminal_of_sixty_columns_is_asked_for_its_width(undecided: str) -> None:
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 60, 0, 0))
    surroundings = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    with subprocess.Popen([*PROGRAM, "models"], stdout=child, stderr=child, env=surroundings) as running:
        os.close(child)
        shown = all_of(parent)
        assert running.wait() == 0
    lines = shown.decode().replace("\r", "").split("\n")
    assert lines[0].startswith("┏")
    assert "2,1…" not in shown.decode()
    assert any("132,096" in line for line in lines)


def test_quiet_leaves_a_terminal_alone(tmp_path: Path) -> None:
    """The cursor was hidden and a line erased for a bar that never stood there, and a notebook kept that."""
    parent, child = pty.openpty()
    words = ["gradflow", "--model", "lstm", "--seq-len", "8", "--d-model", "8", "--rounds", "1", "--quiet", "--json"]
    with subprocess.Popen(
        [*PROGRAM, *words, "--output", tmp_path / "run"], stdout=subprocess.DEVNULL, stderr=child
    ) as it:
        os.close(child)
        assert all_of(parent) == b""
        assert it.wait() == 0
