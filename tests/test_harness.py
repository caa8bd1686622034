"""Small versions of the harness programs: what they print, and that a missed target is exit 1."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HARNESS = Path(__file__).resolve().parent.parent / "benchmarks" / "harness"


def harness(program: str, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and document of a program run with --json."""
    command = [sys.executable, str(HARNESS / program), "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_accuracy_has_a_ratio_with_its_interval_for_every_cell() -> None:
    _, document = harness("accuracy.py", "--model", "lstm", "--seq-len", "64", "--alternations", "6")
    assert [cell["model"] for cell in document["details"]] == ["lstm"]
    for cell in document["details"]:
        assert cell["forward_low"] <= cell["forward"] <= cell["forward_high"]
        assert cell["train_low"] <= cell["train"] <= cell["train_high"]


def test_a_missed_target_is_exit_1() -> None:
    words = ["--model", "attention", "--seq-len", "16", "--alternations", "1", "--worst-within", "0"]
    code, document = harness("accuracy.py", *words)
    assert code == 1
    assert not document["figures"][1]["met"]


def test_the_peak_of_naive_attention_is_within_5_percent_of_the_arithmetic() -> None:
    code, document = harness("memory.py", "--model", "attention-naive", "--at-most", "1024")
    assert code == 0
    assert {row["pass"] for row in document["details"]} == {"forward", "train"}
    assert all(row["arithmetic"] > 64 for row in document["details"])


def test_the_parts_of_a_round_add_up_to_at_most_its_wall_time() -> None:
    small = "--model lstm --seq-len 16 --rounds 1 --d-model 16 --threads 1".split()
    _, document = harness("cost.py", "--share", "0", "--", *small)
    spent = document["details"][0]
    assert spent["rounds"] == 1
    assert 0 < spent["timed"] < spent["measured"] <= 1
    figures = {figure["name"]: figure for figure in document["figures"]}
    assert figures["torch in the parent process"]["met"]


def test_gradients_are_compared_with_a_pass_a_distance_and_with_a_bare_pass() -> None:
    """Ratios with their intervals, whatever the machine does meanwhile; seconds are nowhere."""
    _, document = harness("gradient.py", *"--quick --lengths 64 128".split())
    keys = ("speed_up", "bare_passes", "longer")
    for key, found in zip(keys, document["details"], strict=False):
        assert found["low"] <= found[key] <= found["high"]
    assert 0 < document["details"][3]["peak_gib"] < 1
    assert document["figures"][1]["name"] == "gradflow ÷ a bare pass (lstm, seq_len 64, 8 probes)"
    assert "seconds" not in str(document)


def test_crossings_of_planted_curves_are_seldom_wrong() -> None:
    code, document = harness("simulation.py", "--of", "crossings", "--runs", "2")
    assert code == 0
    wrong = {f["name"]: f["value"] for f in document["figures"] if f["name"].endswith("wrong")}
    assert len(wrong) == 16
    assert max(wrong.values()) <= 0.07
    asked = [f for f in document["figures"] if f["target"] == ">= 0.9"]
    assert len(asked) == 4
    assert all(f["value"] >= 0.9 for f in asked)
