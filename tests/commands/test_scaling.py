"""`scaling` as a user calls it: what it measures, what it lists and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import run
from paths import SCALES

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.run import cases
from rnn_vs_attn.suites.scaling.case import GRAPH
from rnn_vs_attn.suites.scaling.suite import SCALING

TINY = ("--rounds", "1", "--warm-up", "0.01", "--block-seconds", "0.001", "--min-blocks", "1", "--case-seconds", "0")
SMALL = ("--seq-len", "16:64", "--d-model", "8:32", "--num-heads", "2", "--threads", "1", "--device", "cpu", *TINY)
LAWS = {  # of the chain, of the path
    "attention": ("1", "1"),
    "conv": ("1", "log n"),
    "lstm": ("n", "n"),
    "attention-local": ("1", "n"),
    "mingru": ("log n", "n"),
    f"{SCALES}:Masked": ("1", "n"),
}


@pytest.mark.slow
@pytest.mark.parametrize("models", [("attention", "conv"), tuple(LAWS)], ids=len)
def test_the_command_measures_the_table_and_a_users_module(models: tuple[str, ...], tmp_path: Path) -> None:
    out = tmp_path / "run"
    every = ",".join([*models, f"{SCALES}:Outside"])
    done = run("scaling", "--model", every, *SMALL, "--window", "8", "--output", str(out), "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    laws = {
        (r["axes"]["model"], r["axes"]["of"]): r["details"]["text"]
        for r in document["records"]
        if r["metric"] == "growth"
    }
    for model in models:
        assert (laws[model, "sequential_operations"], laws[model, "path_length"]) == LAWS[model], model
    unseen = [r for r in document["records"] if r["axes"].get("model", "").endswith("Outside")]
    assert all(r["median"] is None for r in unseen if r["metric"] == "sequential_operations")
    assert any(r["median"] for r in unseen if r["metric"] == "forward_time")
    assert {file.name for file in (out / "plots").iterdir()} >= {"forward_time_seq_len.svg", "forward_time_d_model.png"}
    assert "| self-attention | attention |" in (out / "table.md").read_text()
    lengths = {r["axes"]["seq_len"] for r in document["records"] if r["metric"] == "sequential_operations"}
    assert lengths >= {16, 32, 64}
    assert {r["axes"]["part"] for r in document["records"] if r["metric"] == "sequential_operations"} == {GRAPH}


def test_a_dry_run_lists_what_is_timed_and_says_how_much_is_counted(tmp_path: Path) -> None:
    done = run("scaling", "--dry-run", "--model", "lstm", *SMALL, cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert len(lines) == 9 + 2
    assert lines[0].startswith("lstm d_model 8\tseq_len 16")
    assert lines[-2:][0] == "8 counts beside them"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--window", "0"), "--window must be at least 1, not 0"),
        (("--kernel-size", "0"), "--kernel-size must be at least 1, not 0"),
        (("--threads", "4096"), "use "),
        (("--seq-len", "1"), "--seq-len must be at least 2, not 1"),
        (("--model", "gpt"), "gpt is a language model"),
    ],
)
def test_bad_input_is_one_sentence(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = run("scaling", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_too_many_threads_say_how_many_there_are() -> None:
    axes = {"model": ["lstm"], "threads": [4096], "d_model": [8], "num_heads": [2]}
    with pytest.raises(UserError, match=r"4096 is more than the .* cores that this process may use; use .* or --force"):
        cases.check(SCALING, axes, force=False)
