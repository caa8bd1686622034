"""Small models of transformers saved in Hugging Face's layout, and changes to what was saved."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.models.language import pretrained

transformers = pytest.importorskip("transformers", reason="the extra [hf] is not installed")
transformers.utils.logging.disable_progress_bar()

from safetensors.torch import load_file, save_file  # noqa: E402

GPT2 = {"vocab_size": 31, "n_embd": 12, "n_layer": 2, "n_head": 3, "n_positions": 11}
BERT = {
    "vocab_size": 31,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 48,
    "max_position_embeddings": 11,
}
SMALL = {"gpt2": GPT2, "bert": BERT, "albert": {**BERT, "embedding_size": 8}}
CONFIGURATIONS = {
    "gpt2": transformers.GPT2Config,
    "bert": transformers.BertConfig,
    "albert": transformers.AlbertConfig,
}
MODELS = {
    "gpt2": transformers.GPT2LMHeadModel,
    "bert": transformers.BertForMaskedLM,
    "albert": transformers.AlbertForMaskedLM,
}
LOAD: dict[str, Callable[[Path], Any]] = {
    "gpt2": pretrained.load_gpt,
    "bert": pretrained.load_masked_lm,
    "albert": pretrained.load_masked_lm,
}
IDS = torch.tensor([[3, 1, 4, 15, 9, 2, 6], [5, 30, 5, 8, 9, 7, 9]])
each_kind = pytest.mark.parametrize("kind", SMALL)


def made(kind: str, folder: Path, model: Any = None, **fields: Any) -> Any:
    """One of their models with weights that hide nothing, saved to a folder."""
    torch.manual_seed(1)
    built = (model or MODELS[kind])(CONFIGURATIONS[kind](**SMALL[kind] | fields)).eval()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    built.save_pretrained(folder)
    return built


def config_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return found


def change_config(folder: Path, **fields: Any) -> None:
    (folder / "config.json").write_text(json.dumps(config_of(folder) | fields))


def change_tensors(folder: Path, change: Callable[[dict[str, Tensor]], Any]) -> None:
    """Another set of tensors; `change` changes it, or returns another one."""
    file = folder / "model.safetensors"
    tensors = load_file(file)
    changed = change(tensors)
    tensors = changed if isinstance(changed, dict) else tensors
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, file)


def logits_of(theirs: Any) -> Tensor:
    """In float64."""
    with torch.no_grad():
        found: Tensor = theirs.double()(IDS)[0]
    return found


def assert_logits(ours: nn.Module, expected: Any) -> None:
    """Those of their model, or what is given, in float64 to 1e-10 of the largest."""
    logits = expected if isinstance(expected, Tensor) else logits_of(expected)
    with torch.no_grad():
        found = ours.double()(IDS)
    torch.testing.assert_close(found, logits, rtol=0, atol=1e-10 * float(logits.abs().max()))
