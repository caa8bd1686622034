"""Models of transformers as a user names them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import QUICK, run
from configurations import name_of

pytest.importorskip("transformers", reason="the extra [hf] is not installed")
pytestmark = [pytest.mark.process, pytest.mark.slow]


def test_bench_holds_models_of_token_ids_beside_each_other(tmp_path: Path) -> None:
    names = f"{name_of('gpt2', tmp_path)},{name_of('bert', tmp_path)}"
    words = ["--model", names, "--model-arg", "num_hidden_layers=1", "--d-model", "16,64", "--seq-len", "8"]
    out = str(tmp_path / "run")
    done = run("bench", *words, *QUICK, "--threads", "1", "--rounds", "1", "--json", "--quiet", "--output", out)
    assert done.returncode == 0, done.stderr
    records = [r for r in json.loads(done.stdout)["records"] if r["metric"] in ("train_time", "width", "num_params")]
    assert {r["axes"]["d_model"] for r in records} == {None}
    assert len(records) == 2 * 3
    assert all(r["median"] > 0 for r in records)
    widths = [r for r in records if r["metric"] == "width"]
    assert [r["median"] for r in widths] == [32, 32]
    assert all("random weights, sdpa attention" in " ".join(r["warnings"]) for r in widths)


def test_a_model_that_predicts_masked_tokens_decodes_nothing(tmp_path: Path) -> None:
    done = run("decode", "--model", name_of("bert", tmp_path), "--seq-len", "8", "--output", str(tmp_path / "run"))
    assert done.returncode == 2
    assert done.stderr.strip() == "error: BertForMaskedLM cannot decode: it predicts masked tokens, not the next one"
