"""`variants` as a user calls it: what it writes, resumes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import run

from rnn_vs_attn.suites import SUITES


def test_commands_are_named_as_they_are_typed() -> None:
    named = {suite.name: suite.command for suite in SUITES}
    assert named["variants-transformer-xl"] == "variants transformer-xl"
    assert named["variants-gpt"] == "variants gpt"
    assert named["decode"] == "decode"


TINY = {
    "transformer-xl": "--seq-len 16 --d-model 16 --num-heads 2 --num-layers 1 --segment-len 4 --vocab-size 8",
    "gpt": "--size 1x64,2x64 --seq-len 4",
    "albert": "--size albert-base,bert-base+factorised --seq-len 2",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(TINY))
def test_a_variant_from_the_command_line(name: str, tmp_path: Path) -> None:
    words = [*TINY[name].split(), *"--threads 1 --rounds 1 --quiet --json".split(), "--output", str(tmp_path / "run")]
    done = run("variants", name, *words)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["run"]["suite"] == f"variants-{name}"
    assert all(record["status"] == "ok" for record in found["records"])
    metrics = {r["metric"] for r in found["records"] if "seq_len" in r["axes"]}
    of_sizes = {"forward_time", "train_time", "flops_per_token"}
    expected = {"token_time", "receptive_field"} if name == "transformer-xl" else of_sizes
    assert metrics >= expected | {"num_params", "peak_memory"}
    assert found["remarks"]
    again = run("variants", name, "--resume", str(tmp_path / "run"))
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("\n| ") > 2


@pytest.mark.slow
def test_all_variants_after_each_other_in_one_document(tmp_path: Path) -> None:
    """Cut short: what is tested is that all three ran into folders of their own."""
    words = "--max-seconds 0 --rounds 1 --threads 1 --quiet --json".split()
    done = run("variants", *words, "--output", str(tmp_path / "all"))
    assert done.returncode == 4, done.stderr
    runs = json.loads(done.stdout)["runs"]
    assert [one["run"]["suite"] for one in runs] == [s.name for s in SUITES if s.group == "variants"]
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == ["albert", "gpt", "transformer-xl"]


def test_a_folder_that_is_taken_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "all/gpt").mkdir(parents=True)
    (tmp_path / "all/gpt/notes").write_text("mine")
    done = run("variants", "--rounds", "1", "--output", str(tmp_path / "all"))
    assert done.returncode == 2
    assert "all/gpt is not empty" in done.stderr
    assert done.stdout == ""
    assert [p.name for p in (tmp_path / "all").iterdir()] == ["gpt"]


def test_a_run_of_a_variant_is_resumed_by_its_own_command(tmp_path: Path) -> None:
    words = "--size 1x64 --seq-len 4 --rounds 1 --max-seconds 0 --threads 1 --quiet --output".split()
    assert run("variants", "gpt", *words, str(tmp_path / "run")).returncode == 4
    done = run("bench", "--resume", str(tmp_path / "run"))
    assert done.returncode == 2
    assert f"use rnn-vs-attn variants gpt --resume {tmp_path / 'run'}" in done.stderr


def test_a_size_that_does_not_fit_is_refused_beforehand(tmp_path: Path) -> None:
    words = "--size albert-xxlarge --max-memory 1GiB --rounds 1 --threads 1 --quiet --output".split()
    done = run("variants", "albert", *words, str(tmp_path / "run"))
    assert done.returncode == 4
    assert "refused beforehand: a training pass needs at least 1.66 GiB" in done.stdout
    assert "| albert-xxlarge" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("gpt --size gpt3", "--size 'gpt3' is none of gpt2, gpt2-medium, gpt2-large, gpt2-xl, nor layers x width"),
        ("gpt --size 4x100", "a width that is a multiple of 64"),
        ("gpt --seq-len 1000", "--seq-len 1000 is more than 957"),
        ("albert --size albert-bas", "unknown size 'albert-bas'; did you mean 'albert-base'?"),
        ("albert --seq-len 513", "--seq-len 513 is more than the 512 positions"),
        ("transformer-xl --method cach", "unknown method 'cach'; did you mean 'cache'?"),
        ("transformer-xl --d-model 30", "d_model 30 is not divisible by num_heads 4"),
        ("--rounds 1 gpt", "--rounds goes after gpt, not before it"),
        ("bert", "unknown command 'bert'"),
    ],
)
def test_a_wrong_call_is_one_sentence(words: str, said: str) -> None:
    done = run("variants", *words.split())
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_albert_is_measured_by_its_own_command_only() -> None:
    done = run("decode", "--model", "albert")
    assert done.returncode == 2
    assert "rnn-vs-attn variants albert measures it" in done.stderr
