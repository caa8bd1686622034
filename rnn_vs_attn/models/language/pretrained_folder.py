"""A GPT-2 in Hugging Face's layout as it lies on the disk: its shape, its dropouts and its hashes; no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.pretrained_fields import fields_of, gpt_shape
from rnn_vs_attn.models.language.pretrained_files import PICKLES, sha256_of, sha256_of_weights
from rnn_vs_attn.models.language.pretrained_tokenizers import TOKENIZER
from rnn_vs_attn.models.shapes import GPTShape

_USUAL_DROPOUT = 0.1  # where config.json says nothing, as in transformers


@dataclass(frozen=True)
class Dropouts:
    """Of a training: shares of attention's weights, of what the embeddings give, and of what each block adds."""

    attention: float
    embeddings: float
    blocks: float


@dataclass(frozen=True)
class GPTFolder:
    """path: absolute. shape: for inference, without dropout. sha256: of its weights; config_sha256: of config.json."""

    path: Path
    shape: GPTShape
    dropouts: Dropouts
    sha256: str
    config_sha256: str

    @property
    def label(self) -> str:
        """The folder's name and the beginning of the hash of its weights."""
        return f"{self.path.name}@{self.sha256[:12]}"

    @property
    def has_tokenizer(self) -> bool:
        return (self.path / TOKENIZER).is_file()


def gpt_folder(given: Path) -> GPTFolder:
    """The GPT-2 of a folder. UserError where it holds none, or none whose weights can be read."""
    folder = given.absolute()
    if folder.is_file() or folder.suffix in PICKLES:
        raise UserError(f"{given} is a file; give the folder that holds config.json and model.safetensors")
    if not folder.is_dir():
        raise UserError(f"{given} is no folder; give one that holds config.json and model.safetensors")
    fields = fields_of(folder, ("gpt2",))
    shape = gpt_shape(fields)
    fields.dtype()
    shares = (fields.share(f"{name}_pdrop", _USUAL_DROPOUT) for name in ("attn", "embd", "resid"))
    dropouts = Dropouts(*shares)
    fields.finish()
    return GPTFolder(folder, shape, dropouts, sha256_of_weights(folder), sha256_of(folder / "config.json"))
