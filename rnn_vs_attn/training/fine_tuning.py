"""A GPT-2 of a folder in Hugging Face's layout, as it is before it is trained further, and what that takes."""

from __future__ import annotations

from pathlib import Path

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.language.pretrained import load_gpt
from rnn_vs_attn.models.language.pretrained_folder import Dropouts, gpt_folder


def pretrained_gpt(folder: Path, label: str) -> GPT:
    """The model in float32, which drops out in training what its config.json says.

    label: the folder's. UserError where its weights are others by now, or cannot be used.
    """
    found = gpt_folder(folder)
    if found.label != label:
        raise UserError(f"the weights in {folder.name} are other ones than when the run began; start a run of its own")
    model = load_gpt(folder).float()
    drop_out(model, found.dropouts)
    return model


def drop_out(model: GPT, dropouts: Dropouts) -> None:
    """Let a model drop out so much in training."""
    model.dropout.p = dropouts.embeddings
    for block in model.blocks:
        block.dropout.p = dropouts.blocks
        block.attention.dropout = dropouts.attention
