"""Both sides of the trained GPTs: the same segments, the same start, the same loop, and so the same loss."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from paths import ROOT

PEERS = ROOT / "benchmarks" / "peers"
sys.path[:0] = [str(ROOT / "benchmarks" / "harness"), str(PEERS)]
import language_training  # noqa: E402
from language_training import (  # noqa: E402
    LENGTH,
    SHAPE,
    our_loss,
    our_model,
    parted,
    segments,
    text_of,
    their_loss,
    windows,
)

from rnn_vs_attn.models.language.gpt import GPT  # noqa: E402
from rnn_vs_attn.models.language.pretrained import load_gpt  # noqa: E402


@pytest.fixture
def theirs() -> GPT:
    pytest.importorskip("transformers")
    pytest.importorskip("safetensors")
    return language_training.their_model("sdpa", seed=3)


@pytest.mark.slow
def test_quick_shows_each_figure_with_its_target() -> None:
    command = [sys.executable, str(PEERS / "language_training.py"), "--json", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [figure["target"] for figure in document["figures"]] == ["within 0.02 of 1", *["upper end <= 1"] * 2]
    text, loss, *times = document["details"]
    assert text["text"] == "pydoc_data.topics"
    assert len(text["sha256"]) == 64
    assert document["figures"][0]["value"] == loss["ours"] / loss["theirs"]
    for found in times:
        assert found["low"] <= found["median"] <= found["high"]
        assert found["tokens_per_second"]["ours"] > 0


@pytest.mark.slow
def test_from_the_same_weights_both_loops_end_at_the_same_loss(theirs: GPT, tmp_path: Path) -> None:
    """Warm-up (one step of 20), cosine, clipping, decay, and the loss over all of the held-out part."""
    train, held_out = parted(text_of(None)[:9000])
    theirs.save_pretrained(tmp_path)
    ours = load_gpt(tmp_path)
    found = our_loss(ours, train, held_out, 20, seed=5)
    assert found == pytest.approx(their_loss(theirs, train, held_out, 20, seed=5), rel=1e-5)
    other_batches = their_loss(theirs, train, held_out, 20, seed=6)
    assert found != pytest.approx(other_batches, rel=1e-5)


@pytest.mark.long
def test_both_begin_with_weights_of_one_distribution(theirs: GPT, tmp_path: Path) -> None:
    theirs.save_pretrained(tmp_path)
    drawn = dict(load_gpt(tmp_path).named_parameters())
    for name, parameter in our_model(3).named_parameters():
        if parameter.ndim == 1:
            assert torch.equal(parameter, drawn[name]), name
        else:  # the deviation of 8,192 numbers and more is known to 1 in 128 and better
            assert parameter.std().item() == pytest.approx(drawn[name].std().item(), rel=0.04), name
            assert abs(parameter.mean().item()) < 0.05 * parameter.std().item(), name


def test_segments_follow_from_seed_and_step_and_targets_are_one_further() -> None:
    train = torch.arange(1000)
    inputs, targets = segments(train, 1, 7)
    assert inputs.shape == targets.shape == (language_training.BATCH_SIZE, LENGTH)
    assert torch.equal(inputs + 1, targets)
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert torch.equal(inputs, segments(train, 1, 7)[0])
    assert not torch.equal(inputs, segments(train, 1, 8)[0])
    assert not torch.equal(inputs, segments(train, 2, 7)[0])


@pytest.mark.parametrize("length", [2, LENGTH + 1, 65 * LENGTH + 1, 65 * LENGTH + 30])
def test_windows_ask_for_every_id_but_the_first_once(length: int) -> None:
    ids = torch.arange(length)
    pairs = list(windows(ids))
    assert torch.equal(torch.cat([targets.flatten() for _, targets in pairs]), ids[1:])
    assert torch.equal(torch.cat([inputs.flatten() for inputs, _ in pairs]), ids[:-1])
    assert all(inputs.shape[1] <= SHAPE.context_len for inputs, _ in pairs)


def test_the_last_tenth_is_held_out() -> None:
    train, held_out = parted(bytes(range(100)))
    assert (train.tolist(), held_out.tolist()) == (list(range(90)), list(range(90, 100)))
