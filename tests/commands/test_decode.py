"""`decode` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import run
from paths import USER_MODULES

LAYERS = str(USER_MODULES / "layers.py")


@pytest.mark.slow
def test_decode_from_the_command_line(tmp_path: Path) -> None:
    words = "--seq-len 8,32 --d-model 16 --num-layers 1 --num-heads 2 --memory-len 8 --threads 1 --rounds 1".split()
    done = run("decode", *words, "--quiet", "--json", "--output", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    models = {r["axes"]["model"] for r in found["records"] if r["metric"] == "step_time" and r["median"] > 0}
    assert models == {"lstm", "attention", "attention-relative", "lstm-lm", "gpt", "transformer-xl"}
    assert {r["metric"] for r in found["records"] if "model" in r["axes"]} >= {"prefill_time", "step_time_p95"}
    carries = next(line for line in found["found"] if line.startswith("After 32 tokens lstm carries less"))
    sizes = "128 B, whatever the context, against 4.00 KiB, 128 B more with each token"
    assert carries.endswith(f"than attention: holds. {sizes}; lstm carries less beyond 1 token.")
    verdicts = [r["axes"]["claim"] for r in found["records"] if r["metric"] == "verdict"]
    assert len(verdicts) == len(found["found"]) == 8
    assert (tmp_path / "run/plots/step_time_language_models.svg").exists()
    assert (tmp_path / "run/plots/state_size_layers.svg").exists()
    again = run("compare", str(tmp_path / "run"), str(tmp_path / "run"))
    assert again.returncode == 3
    assert "too few rounds" in again.stdout


@pytest.mark.slow
def test_a_users_module_that_cannot_decode_costs_its_own_cases(tmp_path: Path) -> None:
    words = ["--seq-len", "8", "--d-model", "16", "--num-layers", "1", "--num-heads", "2", "--rounds", "1", "--quiet"]
    done = run("decode", "--model", f"{LAYERS}:Heads,{LAYERS}:RunningMean", *words, "--output", str(tmp_path / "run"))
    assert done.returncode == 4
    assert "unsupported: it cannot decode" in done.stdout
    assert f"| {LAYERS}:RunningMean | 8 |" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bench", "--model", "gpt"], "gpt is a language model, from token ids to logits, and bench measures layers"),
        (["gradflow", "--model", "lstm-lm"], "rnn-vs-attn decode takes it"),
        (["decode", "--model", "gpt", "--d-model", "30"], "d_model 30 is not divisible by num_heads 4"),
        (["decode", "--vocab-size", "1"], "--vocab-size must be at least 2"),
        (["decode", "--model", "gtp"], "unknown model 'gtp'"),
    ],
)
def test_what_cannot_be_decoded_is_one_sentence(words: list[str], said: str) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
