"""GPT-2 saved as Hugging Face's transformers lays it out: config.json, model.safetensors and what a tokenizer is of.

A tied output layer is not written twice. Everything is written beside its name before anything takes its place, so that
a disk that is full leaves what was there.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors import torch as of_torch
from torch import Tensor

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.language.pretrained import gpt_sources
from rnn_vs_attn.models.shapes import GPTShape
from rnn_vs_attn.records.folder import StorageError

TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt"),
    *("special_tokens_map.json", "added_tokens.json"),
)
_END_OF_TEXT = 50256  # of GPT-2's own vocabulary its last id


def save_gpt(model: GPT, folder: Path, tokenizer: Path | None = None) -> None:
    """Put a model into a folder, in the place of one that is there.

    tokenizer: the folder whose tokenizer goes with it, as it is; None for a model of bytes or of token ids.
    StorageError where the disk takes no more, UserError where the tokenizer cannot be read.
    """
    contents = dict(_tokenizer_of(tokenizer)) if tokenizer is not None else {}
    contents["model.safetensors"] = of_torch.save(_tensors(model), metadata={"format": "pt"})
    contents["config.json"] = (json.dumps(_fields(model), indent=2, sort_keys=True) + "\n").encode()
    _put_all(folder, contents)


def _tensors(model: GPT) -> dict[str, Tensor]:
    """By the names of their class GPT2LMHeadModel, which layers hold (in, out)."""
    own, found = model.state_dict(), {}
    for ours, source in gpt_sources(model.shape).items():
        (theirs,) = source.names
        tensor = own[ours].detach()
        name = theirs if theirs.startswith("lm_head.") else f"transformer.{theirs}"
        found[name] = (tensor.T if source.transposed else tensor).to("cpu", copy=True).contiguous()
    return found


def _fields(model: GPT) -> dict[str, Any]:
    """config.json of a model of theirs that computes the same."""
    shape: GPTShape = model.shape
    end = _END_OF_TEXT if shape.vocab_size > _END_OF_TEXT else None
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "dtype": str(model.tokens.weight.dtype).removeprefix("torch."),
        "vocab_size": shape.vocab_size,
        "n_positions": shape.context_len,
        "n_embd": shape.d_model,
        "n_layer": shape.num_layers,
        "n_head": shape.num_heads,
        "n_inner": shape.d_inner,
        "activation_function": shape.activation,
        "layer_norm_epsilon": shape.norm_eps,
        "tie_word_embeddings": shape.tied,
        "scale_attn_weights": shape.scaled,
        "scale_attn_by_inverse_layer_idx": shape.scaled_by_layer,
        **_dropouts(model),
        **dict.fromkeys(("bos_token_id", "eos_token_id"), end),
    }


def _dropouts(model: GPT) -> dict[str, float]:
    """As it was trained."""
    block: Any = model.blocks[0]
    return {"attn_pdrop": block.attention.dropout, "embd_pdrop": model.dropout.p, "resid_pdrop": block.dropout.p}


def _tokenizer_of(folder: Path) -> Iterable[tuple[str, bytes]]:
    for name in TOKENIZER_FILES:
        file = folder / name
        try:
            if file.is_file():
                yield name, file.read_bytes()
        except OSError as error:
            raise UserError(f"cannot read {file}: {error.strerror}; the model is not saved without it") from None


def _put_all(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write all of them beside their names, then rename them, in their order."""
    beside = {folder / name: folder / f"{name}.part" for name in contents}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part, content in zip(beside.values(), contents.values(), strict=True):
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for target, part in beside.items():
            part.replace(target)
    except OSError as error:
        for part in beside.values():
            with contextlib.suppress(OSError):
                part.unlink()
        way = "make room and save it again; what was there is as it was"
        raise StorageError(f"cannot write {folder}: {error.strerror}; {way}") from None
