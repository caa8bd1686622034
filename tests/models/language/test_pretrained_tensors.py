"""Weight files in Hugging Face's layout: every tensor is used, known to be without effect, or refused by name."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hf_folders import IDS, LOAD, assert_logits, change_config, change_tensors, config_of, each_kind, made, transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language import pretrained

Tensors = dict[str, Tensor]
PREFIX = {"gpt2": "transformer.", "bert": "bert.", "albert": "albert."}
WORDS = {
    "gpt2": "transformer.wte.weight",
    "bert": "bert.embeddings.word_embeddings.weight",
    "albert": "albert.embeddings.word_embeddings.weight",
}
OUTPUT = {
    "gpt2": "lm_head.weight",
    "bert": "cls.predictions.decoder.weight",
    "albert": "predictions.decoder.weight",
}


@pytest.mark.long
@each_kind
def test_names_of_other_releases_are_the_same_tensors(kind: str, tmp_path: Path) -> None:
    theirs = made(kind, tmp_path)

    def old_names(tensors: Tensors) -> Tensors:
        """Norms with gamma and beta, and no prefix."""
        old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
        return {
            name.removeprefix(PREFIX[kind]).replace(new, old[new]): tensor
            for name, tensor in tensors.items()
            for new in [next((end for end in old if name.endswith(end)), "LayerNorm.weight")]
        }

    change_tensors(tmp_path, old_names)
    assert_logits(LOAD[kind](tmp_path), theirs)


@pytest.mark.long
@each_kind
def test_a_tied_matrix_may_have_either_name_or_both(kind: str, tmp_path: Path) -> None:
    theirs = made(kind, tmp_path)
    change_tensors(tmp_path, lambda t: t.update({OUTPUT[kind]: t[WORDS[kind]]}))
    assert_logits(LOAD[kind](tmp_path), theirs)
    change_tensors(tmp_path, lambda t: t.pop(WORDS[kind]))
    ours = LOAD[kind](tmp_path)
    assert_logits(ours, theirs)
    before = ours(IDS)
    with torch.no_grad():
        (ours if kind == "gpt2" else ours.encoder.embeddings).tokens.weight.mul_(2)
    assert not torch.equal(ours(IDS), before)


@pytest.mark.long
@each_kind
def test_an_output_matrix_of_its_own_is_not_dropped(kind: str, tmp_path: Path) -> None:
    made(kind, tmp_path)
    change_tensors(tmp_path, lambda t: t.update({OUTPUT[kind]: 2 * t[WORDS[kind]]}))
    with pytest.raises(UserError, match=f"{OUTPUT[kind]} is not .*, though config.json has tie_word_embeddings true"):
        LOAD[kind](tmp_path)
    change_config(tmp_path, tie_word_embeddings=False)
    if kind != "gpt2":
        with pytest.raises(UserError, match=r"lacks the tensor .*predictions.decoder.bias \(1 are missing\)"):
            LOAD[kind](tmp_path)
        bias = OUTPUT[kind].replace("weight", "bias")
        change_tensors(tmp_path, lambda t: t.update({bias: torch.arange(31.0)}))
    assert_logits(LOAD[kind](tmp_path), type(made(kind, tmp_path / "other")).from_pretrained(tmp_path))


@pytest.mark.long
@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.float32])
def test_the_mask_among_old_weights_is_known_as_long_as_it_is_causal(dtype: torch.dtype, tmp_path: Path) -> None:
    theirs = made("gpt2", tmp_path)
    mask = {f"transformer.h.{i}.attn.bias": torch.ones(1, 1, 11, 11).tril().to(dtype) for i in range(2)}
    mask |= {f"transformer.h.{i}.attn.masked_bias": torch.tensor(-1e4) for i in range(2)}
    change_tensors(tmp_path, lambda t: t.update(mask))
    assert_logits(pretrained.load_gpt(tmp_path), theirs)
    change_tensors(tmp_path, lambda t: t.update({"transformer.h.1.attn.bias": torch.ones(1, 1, 11, 11)}))
    with pytest.raises(UserError, match=r"h.1.attn.bias holds other values than those that this model computes with"):
        pretrained.load_gpt(tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["bert", "albert"])
def test_position_ids_among_old_weights_are_known_as_long_as_they_are_in_order(kind: str, tmp_path: Path) -> None:
    theirs = made(kind, tmp_path)
    ids = {f"{kind}.embeddings.position_ids": torch.arange(11)[None]}
    change_tensors(tmp_path, lambda t: t.update(ids))
    assert_logits(LOAD[kind](tmp_path), theirs)
    change_tensors(tmp_path, lambda t: t.update({name: tensor.flip(1) for name, tensor in ids.items()}))
    with pytest.raises(UserError, match=r"embeddings.position_ids holds other values"):
        LOAD[kind](tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("said", [True, False])
def test_weights_of_other_precisions_keep_every_digit(dtype: str, said: bool, tmp_path: Path) -> None:
    theirs = made("albert", tmp_path).to(getattr(torch, dtype))
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.mul_(1 / 3)
    theirs.save_pretrained(tmp_path)
    assert config_of(tmp_path)["dtype"] == dtype
    if not said:
        change_config(tmp_path, dtype=None)
    ours = pretrained.load_masked_lm(tmp_path)
    assert {p.dtype for p in ours.parameters()} == {torch.float64 if dtype == "float64" else torch.float32}
    assert_logits(ours, theirs)


@pytest.mark.long
def test_weights_that_are_not_of_the_dtype_that_is_said_are_refused(tmp_path: Path) -> None:
    made("gpt2", tmp_path)
    change_config(tmp_path, dtype="bfloat16")
    with pytest.raises(UserError, match=r"has dtype bfloat16, and h.0.attn.c_attn.bias in float32 loses digits in it"):
        pretrained.load_gpt(tmp_path)
    change_config(tmp_path, dtype=None)
    change_tensors(tmp_path, lambda t: t.update({"transformer.wte.weight": t["transformer.wte.weight"].half()}))
    with pytest.raises(UserError, match=r"has tensors in float16 and in float32, and config.json has no dtype"):
        pretrained.load_gpt(tmp_path)
    change_tensors(tmp_path, lambda t: t.update({"transformer.wte.weight": t["transformer.wte.weight"].char()}))
    with pytest.raises(UserError, match=r"wte.weight is stored in int8; what can be loaded: float16, "):
        pretrained.load_gpt(tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("gpt2", lambda t: t.pop("transformer.h.1.ln_1.weight"), r"lacks the tensor h.1.ln_1.weight \(1 are missing\)"),
        ("gpt2", lambda t: t.update(more=torch.zeros(3)), "has the tensor more, which this model does not have"),
        ("gpt2", lambda t: t.update({"a\nb": torch.zeros(3)}), r"has the tensor 'a\\nb', which this model"),
        ("gpt2", lambda t: t.update({"transformer.lm_head.weight": t["transformer.wte.weight"]}), "has the tensor tr"),
        ("gpt2", lambda t: t.update({"wte.weight": torch.zeros(31, 12)}), "has both '.*' and '.*', two names of one"),
        ("gpt2", lambda t: t.update({"transformer.wte.weight": torch.zeros(31, 11)}), r"has shape \(31, 11\), which"),
        ("gpt2", lambda t: t.update({"transformer.h.0.mlp.c_fc.weight": torch.zeros(2, 6, 48)}), r"shape \(2, 6, 48\)"),
        ("gpt2", lambda t: t.update({"transformer.wte.weight": torch.zeros(())}), r"wte.weight has shape \(\), which"),
        ("bert", lambda t: t.update({"cls.more": torch.zeros(3)}), "has the tensor cls.more, which"),
        ("bert", lambda t: t.update({"classifier.weight": torch.zeros(3)}), "has the tensor classifier.weight, which"),
        (
            "bert",
            lambda t: t.update({"bert.encoder.layer.0.attention.self.key.weight": torch.zeros(12, 11)}),
            r"self.key.weight has shape \(12, 11\), which does not fit \(12, 12\)",
        ),
        (
            "bert",
            lambda t: t.update({"bert.embeddings.LayerNorm.gamma": torch.ones(12)}),
            "has both 'bert.embeddings.LayerNorm.* two names of one tensor",
        ),
        (
            "albert",
            lambda t: t.update({"predictions.decoder.bias": torch.ones(31)}),
            "predictions.decoder.bias is not predictions.bias, though config.json has tie_word_embeddings true",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    kind: str, change: Callable[[Tensors], Any], said: str, tmp_path: Path
) -> None:
    made(kind, tmp_path)
    change_tensors(tmp_path, lambda t: (change(t), t)[1])
    with pytest.raises(UserError, match=said) as caught:
        LOAD[kind](tmp_path)
    assert str(caught.value).isprintable()


def test_heads_of_other_tasks_are_refused(tmp_path: Path) -> None:
    made("gpt2", tmp_path, transformers.GPT2ForSequenceClassification, pad_token_id=0)
    with pytest.raises(UserError, match=r"has the tensor score.weight, which this model does not have"):
        pretrained.load_gpt(tmp_path)


# Files


def sharded(folder: Path) -> dict[str, str]:
    """The weights in two files, and which is in which."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    where = {name: f"model-{1 + ('.h.1.' in name)}.safetensors" for name in tensors}
    for file in set(where.values()):
        save_file({name: tensors[name] for name in tensors if where[name] == file}, folder / file)
    write_index(folder, where)
    return where


def write_index(folder: Path, where: object) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))


def test_weights_in_several_files_are_those_in_one(tmp_path: Path) -> None:
    theirs = made("gpt2", tmp_path)
    sharded(tmp_path)
    assert_logits(pretrained.load_gpt(tmp_path), theirs)


def test_an_index_that_does_not_agree_with_its_files_is_refused(tmp_path: Path) -> None:
    made("gpt2", tmp_path / "a")
    folder, where = tmp_path / "a", sharded(tmp_path / "a")
    write_index(folder, where | {"more": "model-1.safetensors"})
    with pytest.raises(UserError, match=r"model-1.safetensors lacks the tensor 'more', which .*index.json says"):
        pretrained.load_gpt(folder)
    write_index(folder, {name: file for name, file in where.items() if "ln_f.bias" not in name})
    with pytest.raises(UserError, match=r"has the tensor 'transformer.ln_f.bias', which .*index.json does not list"):
        pretrained.load_gpt(folder)
    shutil.copy(folder / "model-1.safetensors", tmp_path)
    for outside in ("../model-1.safetensors", str(tmp_path / "model-1.safetensors"), "", "gone.safetensors", 3, None):
        write_index(folder, where | {"transformer.wte.weight": outside})
        with pytest.raises(UserError, match=r"index.json names .*, which is no file of this folder"):
            pretrained.load_gpt(folder)
    for damaged in ([], {}, "x", None):
        write_index(folder, damaged)
        with pytest.raises(UserError, match=r"index.json is damaged: it has no weight_map"):
            pretrained.load_gpt(folder)
    (folder / "model.safetensors.index.json").write_text("[" * 100000)
    with pytest.raises(UserError, match=r"index.json is damaged: RecursionError"):
        pretrained.load_gpt(folder)


def test_other_files_beside_the_weights_are_not_mixed_into_them(tmp_path: Path) -> None:
    theirs = made("gpt2", tmp_path)
    save_file({"transformer.wte.weight": torch.zeros(31, 12)}, tmp_path / "variant.safetensors")
    assert_logits(pretrained.load_gpt(tmp_path), theirs)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(UserError, match=r"has an adapter \(adapter_config.json\), which is not applied"):
        pretrained.load_gpt(tmp_path)
    (tmp_path / "adapter_config.json").unlink()
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"has variant.safetensors, but neither model.safetensors nor"):
        pretrained.load_gpt(tmp_path)


def test_truncated_and_false_files_are_named(tmp_path: Path) -> None:
    made("gpt2", tmp_path)
    file = tmp_path / "model.safetensors"
    whole = file.read_bytes()
    for damaged in (whole[:-40], whole[:5], struct.pack("<Q", 1 << 60) + whole[8:], b"", b"version https://git-lfs"):
        file.write_bytes(damaged)
        with pytest.raises(UserError, match=r"model.safetensors is damaged"):
            pretrained.load_gpt(tmp_path)


def test_a_pickle_is_refused_and_not_opened(tmp_path: Path) -> None:
    made("gpt2", tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"has no \*.safetensors file"):
        pretrained.load_gpt(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    with pytest.raises(UserError, match=r"pytorch_model.bin is a pickle"):
        pretrained.load_gpt(tmp_path)


def test_a_folder_of_another_model_or_none_is_named(tmp_path: Path) -> None:
    made("gpt2", tmp_path)
    with pytest.raises(UserError, match="of type 'gpt2', not albert or bert"):
        pretrained.load_masked_lm(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(UserError, match=r"cannot read .*config.json"):
        pretrained.load_gpt(tmp_path)
    with pytest.raises(UserError, match=r"is a file; give the folder that holds config.json"):
        pretrained.load_gpt(tmp_path / "model.safetensors")
    with pytest.raises(UserError, match="is no folder: File name too long"):
        pretrained.load_gpt("x" * 3000)


# The tokenizer

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "Hello", "world", "cafe"]


@pytest.fixture
def with_tokenizer(tmp_path: Path) -> Path:
    """A folder with a tokenizer that writes in small letters, cuts at four ids and fills up to nine."""
    theirs = transformers.BertTokenizer(vocab={word: i for i, word in enumerate(VOCABULARY)}, do_lower_case=True)
    theirs.save_pretrained(tmp_path)
    tokenizer = pretrained.load_tokenizer(tmp_path)
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=9)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    transformers.BertConfig().save_pretrained(tmp_path)
    return tmp_path


def test_a_tokenizer_neither_cuts_nor_pads(with_tokenizer: Path) -> None:
    text = "Hello world hello café"
    expected = transformers.AutoTokenizer.from_pretrained(with_tokenizer)(text)["input_ids"]
    assert pretrained.load_tokenizer(with_tokenizer).encode(text).ids == expected == [2, 5, 7, 5, 8, 3]


def test_settings_that_transformers_would_take_instead_are_refused(with_tokenizer: Path) -> None:
    file = with_tokenizer / "tokenizer_config.json"
    settings = json.loads(file.read_text())
    for name, value in (("do_lower_case", False), ("strip_accents", False), ("tokenize_chinese_chars", False)):
        file.write_text(json.dumps(settings | {name: value}))
        with pytest.raises(UserError, match=f"tokenizer_config.json has {name} False and tokenizer.json (True|None);"):
            pretrained.load_tokenizer(with_tokenizer)
    file.write_text("{")
    with pytest.raises(UserError, match=r"cannot read .*tokenizer_config.json: JSONDecodeError"):
        pretrained.load_tokenizer(with_tokenizer)
    file.unlink()
    assert pretrained.load_tokenizer(with_tokenizer).encode("Hello").ids == [2, 5, 3]


def test_a_damaged_tokenizer_is_named(with_tokenizer: Path) -> None:
    for damaged in (b"{", b"", b"\xff\xfe", b"[]"):
        (with_tokenizer / "tokenizer.json").write_bytes(damaged)
        with pytest.raises(UserError, match=r"tokenizer.json is damaged"):
            pretrained.load_tokenizer(with_tokenizer)
    (with_tokenizer / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"has no tokenizer.json; give token ids"):
        pretrained.load_tokenizer(with_tokenizer)
