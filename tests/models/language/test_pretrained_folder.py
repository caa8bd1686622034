"""A GPT-2 on the disk, read without torch."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hf_folders import change_config, made

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.kernels.activations import ACTIVATIONS
from rnn_vs_attn.models.language import pretrained_fields
from rnn_vs_attn.models.language.pretrained_folder import Dropouts, gpt_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made("gpt2", tmp_path / "tiny")
    return tmp_path / "tiny"


def test_what_is_known_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    found = gpt_folder(Path("tiny"))
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert (found.path, found.sha256, found.label) == (folder, digest, f"tiny@{digest[:12]}")
    assert (found.shape.d_model, found.shape.context_len, found.shape.vocab_size) == (12, 11, 31)
    assert not found.has_tokenizer
    (folder / "tokenizer.json").write_text("{}")
    assert gpt_folder(folder).has_tokenizer


def test_dropouts_are_those_of_the_configuration_and_a_tenth_where_it_says_nothing(folder: Path) -> None:
    change_config(folder, attn_pdrop=0.0, embd_pdrop=0.25, resid_pdrop=0.5)
    before = gpt_folder(folder)
    assert before.dropouts == Dropouts(attention=0.0, embeddings=0.25, blocks=0.5)
    text = (folder / "config.json").read_text()
    for name in ("attn", "embd", "resid"):
        text = text.replace(f'"{name}_pdrop"', f'"summary_{"use_proj" if name == "attn" else "type"}"')
    (folder / "config.json").write_text(text)
    assert gpt_folder(folder).dropouts == Dropouts(0.1, 0.1, 0.1)
    assert gpt_folder(folder).config_sha256 != before.config_sha256


@pytest.mark.parametrize("share", [1.0, -0.1, "0.1", True, None])
def test_a_dropout_that_is_no_share_is_one_sentence(share: object, folder: Path) -> None:
    change_config(folder, resid_pdrop=share)
    with pytest.raises(UserError, match="has no resid_pdrop that is a number from 0 to below 1"):
        gpt_folder(folder)


def test_what_holds_no_gpt_2_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere is no folder; give one that holds config.json"):
        gpt_folder(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"is a file; give the folder"):
        gpt_folder(folder / "model.safetensors")
    change_config(folder, model_type="bert")
    with pytest.raises(UserError, match="describes a model of type 'bert', not gpt2"):
        gpt_folder(folder)
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match=r"cannot read .*config.json: No such file"):
        gpt_folder(folder)


def test_the_names_of_activations_are_those_that_there_are() -> None:
    """Which the reader of config.json knows without torch."""
    assert tuple(ACTIVATIONS) == pretrained_fields.ACTIVATIONS
