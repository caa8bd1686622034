"""`lm sample` as a user types it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from itertools import islice
from pathlib import Path

import pytest
from command import PROGRAM, assert_one_sentence, run
from edited_runs import called
from language_checkpoints import SEGMENT, keep, run_of

from rnn_vs_attn.training.checkpoint import read
from rnn_vs_attn.training.choice import Choice
from rnn_vs_attn.training.generation import tokens_after


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_of(tmp_path_factory.mktemp("lm"))


def test_the_text_is_that_of_the_model_in_whatever_way_it_is_shown(tmp_path: Path) -> None:
    model = keep(tmp_path / "trained/only")
    ids = list(islice(tokens_after(model, b"Recurrence is", Choice(0.8, 40, 0.9), 3, SEGMENT), 30))
    words = f"lm sample {tmp_path} --num-tokens 30 --temperature 0.8 --top-k 40 --top-p 0.9 --seed 3".split()
    words += ["--prompt", "Recurrence is"]
    done = run(*words, "--json", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["token_ids"] == ids
    assert found["text"] == bytes(ids).decode(errors="replace")
    assert found["checkpoint"] == str(tmp_path / "trained/only")
    shown = run(*words)
    assert shown.returncode == 0
    assert shown.stdout.startswith("Recurrence is")
    assert "gpt of " in shown.stderr
    assert shown.stderr.count("\n") == 1


def test_gpt_in_hugging_faces_layout(tmp_path: Path) -> None:
    hf_folders = pytest.importorskip("hf_folders", reason="the extra [hf] is not installed")
    hf_folders.made("gpt2", tmp_path, vocab_size=256)
    done = run("lm", "sample", str(tmp_path), "--prompt", "abc", "--num-tokens", "6", "--temperature", "0", "--json")
    model = hf_folders.LOAD["gpt2"](tmp_path)
    expected = list(islice(tokens_after(model, b"abc", Choice(0.0), 0, 11), 6))
    assert json.loads(done.stdout)["token_ids"] == expected
    assert done.stderr == f"note: GPT-2 of {tmp_path}; 6 tokens\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["RUN"], "has the models gpt, lstm-lm; give one of them, such as "),
        (["RUN/gqt"], "did you mean 'gpt'?"),
        (["RUN/nowhere/at/all"], "unknown model 'nowhere/at/all'; allowed: gpt, lstm-lm."),
        (["/nowhere"], "/nowhere does not exist; give a run of lm"),
        (["RUN/gpt", "--temperature", "-1"], "temperature -1 must be a number from 0 on"),
        (["RUN/gpt", "--temperature", "warm"], "--temperature"),
        (["RUN/gpt", "--top-p", "0"], "top_p 0 must be above 0 and at most 1"),
        (["RUN/gpt", "--top-k", "0"], "top_k 0 must be at least 1"),
        (["RUN/gpt", "--num-tokens", "0"], "--num-tokens"),
        (["RUN/gpt", "--seed", "-1"], "--seed"),
        (["RUN/gpt", "--prompt", ""], "--prompt is empty"),
        (["RUN/gpt", "--promt", "x"], "--prompt"),
        (["RUN/gpt", "RUN/lstm-lm"], "unexpected extra argument"),
        ([], "'path'"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_exit_2(words: list[str], said: str, trained: Path) -> None:
    """In this process: none of these gets as far as starting another one."""
    words = ["lm", "sample", *(word.replace("RUN", str(trained)) for word in words)]
    assert_one_sentence(subprocess.CompletedProcess(words, *called(*words)), said)


def test_an_option_before_the_sub_command_is_one_sentence(trained: Path) -> None:
    """It would be of a training, and nothing would come of it."""
    words = ["lm", "--model", "gpt", "sample", str(trained / "gpt")]
    done = subprocess.CompletedProcess(words, *called(*words))
    assert_one_sentence(done, "--model goes after sample, not before it")


def test_weights_that_were_damaged_are_one_sentence(tmp_path: Path) -> None:
    keep(tmp_path)
    weights = tmp_path / read(tmp_path).weights
    weights.write_bytes(weights.read_bytes()[:-9])
    assert_one_sentence(run("lm", "sample", str(tmp_path)), f"{weights} is damaged: it is not what was written")


# While it is shown


def command(trained: Path, *words: str) -> list[str]:
    return [*PROGRAM, "lm", "sample", str(trained / "lstm-lm"), "--num-tokens", "100000000", *words]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_was_shown_before_an_interruption_stays(number: signal.Signals, code: int, trained: Path) -> None:
    with subprocess.Popen(command(trained), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        first = running.stdout.read(100)
        running.send_signal(number)
        _, errors = running.communicate()
    assert len(first) == 100
    assert running.returncode == code
    assert errors == b""


def test_a_reader_that_has_read_enough_ends_it(trained: Path) -> None:
    line = f"{{ {' '.join(command(trained, '--quiet'))}; echo code $? >&2; }} | head -c 5"
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True, timeout=600)
    assert len(done.stdout) == 5
    assert done.stderr == b"code 0\n"


def test_on_a_terminal_the_line_is_ended_on_an_interruption(trained: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(command(trained), stdout=theirs, stderr=subprocess.PIPE) as running:
        os.close(theirs)
        shown = os.read(ours, 64)
        running.send_signal(signal.SIGINT)
        while running.poll() is None:  # or it would wait for who reads
            shown += _read(ours)
            time.sleep(0.01)
        shown += _read(ours)
    os.close(ours)
    assert running.returncode == 130
    assert shown.endswith(b"\r\n")


def _read(terminal: int) -> bytes:
    """What is left; a terminal whose other end is closed is an error."""
    os.set_blocking(terminal, False)
    found = b""
    try:
        while content := os.read(terminal, 1 << 16):
            found += content
    except OSError:
        return found
    return found
