"""Layers of other people in whole commands: what a row, a dry run and a stored run say of how they were built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import TINY, run

from rnn_vs_attn.records.folder import read_run

pytestmark = pytest.mark.process

ARGUMENTS = ["--model-arg", "bias=False", "--model-arg", "bias=True"]


@pytest.mark.slow
def test_two_values_of_an_argument_are_two_models_from_the_option_to_the_records(tmp_path: Path) -> None:
    words = ["--model", "torch.nn:GRU,gru", *ARGUMENTS, "--seq-len", "8", "--rounds", "1", "--output", "it"]
    done = run("bench", *TINY, *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    records = read_run(tmp_path / "it").records
    names = list(dict.fromkeys(str(r.axes["model"]) for r in records if "model" in r.axes))
    assert names == ["torch.nn:GRU(bias=False)", "torch.nn:GRU(bias=True)", "gru"]
    for bias in (False, True):
        name = f"torch.nn:GRU(bias={bias})"
        assert f"built as GRU(input_size=16, hidden_size=16, bias={bias}, batch_first=True)" in done.stdout
        (size,) = [r for r in records if r.metric == "num_params" and r.axes["model"] == name]
        assert size.median == 3 * (2 * 16 * 16 + 2 * 16 * bias)  # three gates, each with two matrices and two biases
    again = run("bench", "--resume", "it", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert again.stdout == done.stdout


def test_a_dry_run_says_how_a_layer_is_built(tmp_path: Path) -> None:
    words = ["--model", "torch.nn:GRU", "--model-arg", "bias=False", "--seq-len", "8", "--dry-run"]
    done = run("bench", *TINY, *words, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = "built as GRU(input_size=16, hidden_size=16, bias=False, batch_first=True)"
    assert json.loads(done.stdout)["built_as"] == [{"model": "torch.nn:GRU(bias=False)", "text": text}]
