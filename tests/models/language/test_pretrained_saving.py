"""GPT-2 saved, loaded by transformers with the same logits, and read back to the bit; what a full disk leaves."""

from __future__ import annotations

import errno
import itertools
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hf_folders import IDS, transformers
from safetensors.torch import load_file

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.language.pretrained import load_gpt, load_tokenizer
from rnn_vs_attn.models.language.pretrained_saving import save_gpt
from rnn_vs_attn.models.shapes import GPTShape
from rnn_vs_attn.records.folder import StorageError

SHAPE = GPTShape(num_layers=2, d_model=12, num_heads=3, vocab_size=31, context_len=11)


def made(shape: GPTShape = SHAPE, seed: int = 1) -> GPT:
    """With weights that hide nothing."""
    torch.manual_seed(seed)
    model = GPT(shape).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def same(one: GPT, other: GPT) -> bool:
    """Bit for bit."""
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.long
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"tied": False},
        {"d_inner": 20, "norm_eps": 0.01, "activation": "relu"},
        {"scaled": False, "dropout": 0.3},
        {"scaled_by_layer": True},
    ],
    ids=str,
)
def test_transformers_loads_it_with_the_same_logits_and_it_is_read_back(
    tmp_path: Path, changed: dict[str, float]
) -> None:
    model = made(replace(SHAPE, **changed))
    save_gpt(model, tmp_path)
    theirs, told = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(told[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert type(theirs).__name__ == "GPT2LMHeadModel"
    assert (theirs.lm_head.weight is theirs.transformer.wte.weight) == model.shape.tied
    with torch.no_grad():
        torch.testing.assert_close(model(IDS), theirs.eval()(IDS).logits, rtol=0, atol=1e-5)
        expected, found = model.double()(IDS), theirs.double()(IDS).logits
    torch.testing.assert_close(expected, found, rtol=0, atol=1e-10 * float(found.abs().max()))
    assert same(load_gpt(tmp_path), model.float())
    assert load_gpt(tmp_path).shape == replace(model.shape, dropout=0.0)


def test_a_head_that_is_the_embedding_is_written_once(tmp_path: Path) -> None:
    save_gpt(made(), tmp_path / "tied")
    save_gpt(made(replace(SHAPE, tied=False)), tmp_path / "untied")
    tied, untied = (load_file(tmp_path / name / "model.safetensors") for name in ("tied", "untied"))
    assert untied.keys() - tied.keys() == {"lm_head.weight"}
    assert sum(tensor.numel() for tensor in tied.values()) == SHAPE.num_params


def test_digits_stay_what_they_are(tmp_path: Path) -> None:
    model = made().double()
    save_gpt(model, tmp_path)
    assert same(load_gpt(tmp_path), model)
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == "float64"


def test_ids_that_end_a_text_are_those_of_gpt2s_vocabulary_alone(tmp_path: Path) -> None:
    for size, end in ((31, None), (50257, 50256)):
        save_gpt(made(replace(SHAPE, vocab_size=size, d_model=3)), tmp_path)
        configuration = transformers.AutoConfig.from_pretrained(tmp_path)
        assert (configuration.bos_token_id, configuration.eos_token_id) == (end, end)


def test_the_tokenizer_of_a_folder_goes_with_it(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a")).save(str(source / "tokenizer.json"))
    (source / "tokenizer_config.json").write_text('{"model_max_length": 11}')
    (source / "README.md").write_text("of no account")
    save_gpt(made(), target, tokenizer=source)
    names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert sorted(file.name for file in target.iterdir()) == names
    assert load_tokenizer(target).encode("b").ids == [1]
    for name in names[2:]:
        assert (target / name).read_bytes() == (source / name).read_bytes()


def test_a_tokenizer_that_cannot_be_read_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vocab.json").write_text("{}")

    def denied(file: Path) -> bytes:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(UserError, match=r"cannot read .*vocab.json: Permission denied; the model is not saved"):
        save_gpt(made(), tmp_path / "target", tokenizer=tmp_path)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("full_at", [0, 1])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_at: int) -> None:
    before = made()
    save_gpt(before, tmp_path)
    calls = itertools.count()

    def full(descriptor: int) -> None:
        if next(calls) == full_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match=r"cannot write .*: No space left on device; make room and save it"):
            save_gpt(made(replace(SHAPE, num_layers=1), seed=2), tmp_path)
    assert same(load_gpt(tmp_path), before)
    assert not list(tmp_path.glob("*.part"))


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match=r"cannot write .*taken: "):
        save_gpt(made(), tmp_path / "taken")
