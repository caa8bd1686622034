"""Fine-tuning a GPT-2 of a folder: its losses, its steps and what is saved are those of transformers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from hf_folders import made, transformers
from safetensors.torch import load_file
from torch.nn import functional as F
from written_texts import written

from rnn_vs_attn.models.language.pretrained_folder import gpt_folder
from rnn_vs_attn.models.language.pretrained_saving import save_gpt
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites.lm import measure
from rnn_vs_attn.suites.lm.case import LmCase
from rnn_vs_attn.texts import told
from rnn_vs_attn.texts.segments import Segments
from rnn_vs_attn.texts.tokenizers import BYTES
from rnn_vs_attn.training import snapshot
from rnn_vs_attn.training.fine_tuning import pretrained_gpt

TEXT = b"".join(b"%d bottles of beer on the wall, %d bottles of beer.\n" % (i, i) for i in range(60))
SHAPE = {"vocab_size": 256, "n_embd": 12, "n_layer": 2, "n_head": 3, "n_positions": 32}
NO_DROPOUT = dict.fromkeys(("attn_pdrop", "embd_pdrop", "resid_pdrop"), 0.0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """With a model of bytes, which this process has been told to begin from, as the worker of a run is."""
    made("gpt2", tmp_path / "tiny", **SHAPE, **NO_DROPOUT)
    monkeypatch.setattr(told, "_told", [])
    for name, value in told.variables(written(tmp_path, TEXT), BYTES, tmp_path / "cache", tmp_path / "tiny").items():
        monkeypatch.setenv(name, value)
    told.take()
    return tmp_path / "tiny"


def case(folder: Path, **fields: Any) -> LmCase:
    sizes = {"seq_len": 8, "batch_size": 4, "d_model": 12, "num_heads": 3, "num_layers": 2, "match": "none"}
    own = {"steps": 2, "learning_rate": 1e-2, "device": "cpu", "threads": 1, "held_out_tokens": 128}
    return LmCase(**{**sizes, **own, "init_from": gpt_folder(folder).label, **fields})


def trained(each: LmCase, kept: Path | None = None, seed: int = 0) -> list[Sample]:
    return [one for one in measure.train(each, seed, kept) if isinstance(one, Sample)]


def theirs(folder: Path) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(folder).eval()


def loss(model: Any, ids: Any) -> float:
    """transformers' own, of rows of one more id than a segment has, summed."""
    inputs = torch.as_tensor(ids)
    with torch.no_grad():
        return float(model(inputs, labels=inputs).loss) * inputs[:, 1:].numel()


def test_the_loss_before_is_that_of_transformers_on_the_same_windows(folder: Path) -> None:
    each, tokens = case(folder), told.tokens()
    samples = trained(each)
    (before,) = [s for s in samples if s.metric == "curve_bits" and s.axes == {"step": 0}]
    held_out = [torch.from_numpy(tokens.held_out[i : i + 9].astype("int64")) for i in range(0, 128, 8)]
    expected = loss(theirs(folder), torch.stack(held_out)) / 128 / math.log(2)
    assert before.value == pytest.approx(expected, rel=1e-5)


def test_before_it_learns_nothing_has_changed(folder: Path, tmp_path: Path) -> None:
    each = case(folder)
    training = measure.begun(each, measure.shape_of(each), seed=5)
    save_gpt(training.model, tmp_path / "saved")  # type: ignore[arg-type]
    ours, released = load_file(tmp_path / "saved/model.safetensors"), load_file(folder / "model.safetensors")
    assert ours.keys() == released.keys()
    assert all(torch.equal(ours[name], released[name]) for name in ours)


def without_keys_bias(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """It adds the same to all scores of a query: its gradient is 0 but for rounding, which AdamW makes large."""
    if not name.endswith("c_attn.bias"):
        return tensor
    queries, _, values = tensor.chunk(3)
    return torch.cat([queries, values])


def test_two_steps_are_those_of_a_plain_loop_on_transformers_model(folder: Path, tmp_path: Path) -> None:
    trained(case(folder), tmp_path / "run/trained/gpt", seed=3)
    model, segments = theirs(folder).train(), Segments(told.tokens().train, 4, 8, seed=3)
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.99))
    for step, rate in enumerate((1e-2, 0.5e-2)):  # half a cosine of two steps
        segment = segments.at(step)
        logits = model(torch.from_numpy(segment.inputs)).logits
        F.cross_entropy(logits.flatten(0, 1), torch.from_numpy(segment.targets).flatten()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
        optimiser.zero_grad()
    saved = theirs(tmp_path / "run/trained/gpt/transformers")
    released = theirs(folder).state_dict()
    for (name, ours), (_, expected) in zip(saved.named_parameters(), model.named_parameters(), strict=True):
        compared = without_keys_bias(name, ours), without_keys_bias(name, expected)
        torch.testing.assert_close(*compared, rtol=0, atol=1e-4)
        assert not torch.equal(ours, released[name])


def test_what_is_saved_computes_in_transformers_what_the_checkpoint_does(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "run/trained/gpt"
    trained(case(folder, steps=5), kept)
    model, about = snapshot.load_language(kept)
    ids = torch.arange(32).reshape(1, 32) * 7 % 256
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(ids), theirs(kept / "transformers")(ids).logits, rtol=0, atol=1e-5)
    assert about.about["axes"]["init_from"] == gpt_folder(folder).label
    assert about.shape["layer"]["seq_len"] == 32


def test_a_training_that_was_cut_off_goes_on_to_the_same_weights(folder: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "run/trained/whole", tmp_path / "run/trained/cut"
    each = case(folder, steps=30)
    trained(each, whole)
    half = measure.begun(each, measure.shape_of(each), 0)
    course = half.run(measure.data_of(each, told.tokens(), 0), stop=lambda: True)
    assert 0 < course.step < 30
    snapshot.save(cut, half, "gpt", asdict(measure.shape_of(each)))
    trained(each, cut)
    weights = [load_file(place / "transformers/model.safetensors") for place in (whole, cut)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_seeds_begin_from_the_same_weights_and_read_another_order(folder: Path) -> None:
    samples = [trained(case(folder), seed=seed) for seed in (0, 1)]
    curves = [[s.value for s in each if s.metric == "curve_bits"] for each in samples]
    assert curves[0][0] == curves[1][0]
    assert curves[0][-1] != curves[1][-1]


def test_ids_beyond_the_tokenizers_are_left_out_of_what_it_writes(tmp_path: Path, folder: Path) -> None:
    """Of a model with more ids than there are bytes, which it may write."""
    made("gpt2", folder, **(SHAPE | {"vocab_size": 4000}), **NO_DROPOUT)
    (written_by_it,) = [s for s in trained(case(folder)) if s.metric == "written"]
    assert len(written_by_it.details["text"]) < 200


def test_fewer_steps_are_worth_it_and_evaluated_less_often(folder: Path) -> None:
    each = case(folder)
    assert each.least_steps == 10
    assert [case(folder, steps=n).evaluations for n in (10, 19, 20, 100, 1000)] == [2, 3, 3, 11, 11]
    drawn = case(folder, init_from="", steps=10)
    assert (drawn.least_steps, drawn.evaluations, drawn.windows > each.windows) == (None, 11, True)
    assert pretrained_gpt(folder, each.init_from).shape.context_len == 32
