"""A GPT-2 of a folder before it is trained further."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hf_folders import change_config, change_tensors, logits_of, made

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.pretrained_folder import gpt_folder
from rnn_vs_attn.models.language.pretrained_saving import save_gpt
from rnn_vs_attn.training.fine_tuning import pretrained_gpt

IDS = torch.tensor([[3, 1, 4, 15, 9, 2, 6], [5, 30, 5, 8, 9, 7, 9]])


def test_it_computes_what_transformers_does(tmp_path: Path) -> None:
    theirs = made("gpt2", tmp_path)
    model = pretrained_gpt(tmp_path, gpt_folder(tmp_path).label).eval()
    with torch.no_grad():
        torch.testing.assert_close(model(IDS).double(), logits_of(theirs), rtol=0, atol=1e-5)


def test_one_of_16_or_64_bits_is_trained_in_float32(tmp_path: Path) -> None:
    for dtype in ("bfloat16", "float64"):
        made("gpt2", tmp_path / dtype)
        change_tensors(tmp_path / dtype, lambda t, d=dtype: {n: v.to(getattr(torch, d)) for n, v in t.items()})
        change_config(tmp_path / dtype, dtype=dtype)
        model = pretrained_gpt(tmp_path / dtype, gpt_folder(tmp_path / dtype).label)
        assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_it_drops_out_in_training_what_its_configuration_says(tmp_path: Path) -> None:
    made("gpt2", tmp_path)
    for place in ("attn", "embd", "resid"):
        change_config(tmp_path, attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0)
        model = pretrained_gpt(tmp_path, gpt_folder(tmp_path).label).train()
        assert torch.equal(model(IDS), model(IDS))
        change_config(tmp_path, **{f"{place}_pdrop": 0.5})
        model = pretrained_gpt(tmp_path, gpt_folder(tmp_path).label).train()
        assert not torch.equal(model(IDS), model(IDS))
        assert torch.equal(model.eval()(IDS), model(IDS))
        save_gpt(model, tmp_path / "saved")
        assert gpt_folder(tmp_path / "saved").dropouts == gpt_folder(tmp_path).dropouts


def test_weights_that_changed_since_are_refused(tmp_path: Path) -> None:
    made("gpt2", tmp_path)
    label = gpt_folder(tmp_path).label
    change_tensors(tmp_path, lambda tensors: tensors["transformer.ln_f.bias"].add_(1))
    with pytest.raises(UserError, match="are other ones than when the run began"):
        pretrained_gpt(tmp_path, label)
