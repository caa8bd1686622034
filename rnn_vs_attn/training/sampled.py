"""The language model that is meant by a path, and the tokenizer that it was trained with; no torch.

A path is a checkpoint's folder, a run of `lm`, RUN/MODEL, which need be no folder, or GPT-2 in Hugging Face's layout.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UserError, unknown
from rnn_vs_attn.models.language.pretrained_files import PICKLES
from rnn_vs_attn.models.language.pretrained_tokenizers import TOKENIZER, tokenizer_of
from rnn_vs_attn.records.folder import read_head
from rnn_vs_attn.texts.byte_level import byte_level
from rnn_vs_attn.texts.tokenizers import BYTES, GPT2, Tokenizer, stored
from rnn_vs_attn.training import checkpoint
from rnn_vs_attn.training.checkpoint import Checkpoint
from rnn_vs_attn.training.chosen import FOLDER, Kept, best_of, kept_in
from rnn_vs_attn.training.language_shape import LanguageModelShape

SUITE = "lm"
_HEAD = "run.json"
_WEIGHTS = ("config.json", "*.safetensors", *(f"*{ending}" for ending in PICKLES))
_GIVE = (
    "give a run of lm, a run and a model of it (RUN/gpt), the folder of a checkpoint, or one that has config.json and "
    "model.safetensors of GPT-2"
)


@dataclass(frozen=True)
class Sampled:
    """kept, tokenizer: of a checkpoint; None of a folder in Hugging Face's layout, whose tokenizer is `beside` it."""

    folder: Path
    kept: Checkpoint | None = None
    tokenizer: Tokenizer | None = None

    @property
    def model(self) -> str:
        return "gpt" if self.kept is None else self.kept.model


def sampled(path: Path) -> Sampled:
    """UserError where it is none, or several, or a checkpoint's tokenizer is not there or another one."""
    folder = path.absolute()
    try:
        if not folder.exists():
            return _of_model(path, folder)
        if not folder.is_dir():
            raise UserError(_said_of_file(path))
        if (folder / checkpoint.NAME).exists():
            return _of_checkpoint(Kept(folder, checkpoint.read(folder)))
        if _is_run(folder):
            return _of_run(path, folder, None)
        if any(next(folder.glob(pattern), None) is not None for pattern in _WEIGHTS):
            return Sampled(folder)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; {_GIVE}") from None
    raise UserError(f"{path} holds no language model; {_GIVE}")


def _said_of_file(path: Path) -> str:
    if path.suffix in PICKLES:
        return f"{path} is a pickle, which can run anything when it is read, and is refused; {_GIVE}"
    return f"{path} is a file; {_GIVE}"


def _of_checkpoint(kept: Kept) -> Sampled:
    """UserError where it is of no language model."""
    about = kept.checkpoint.about
    if not isinstance(about.get("tokenizer"), str):
        learnt = f"it learnt the task {kept.task}" if kept.task else "it names no tokenizer"
        raise UserError(f"{kept.folder} is of no language model: {learnt}; {_GIVE}")
    try:
        vocab_size = LanguageModelShape.of(kept.checkpoint.shape).vocab_size
    except (KeyError, TypeError, ValueError):
        file = kept.folder / checkpoint.NAME
        raise UserError(f"{file} is damaged: its shape is of no language model; train again") from None
    return Sampled(kept.folder, kept.checkpoint, _tokenizer(kept.folder, about, vocab_size))


# Runs


def _is_run(folder: Path) -> bool:
    return (folder / _HEAD).exists() or (folder / FOLDER).is_dir()


def _of_model(path: Path, folder: Path) -> Sampled:
    """Of a run and a model of it, from a path that does not exist."""
    above = next(parent for parent in folder.parents if parent.is_dir())
    if not _is_run(above):
        raise UserError(f"{path} does not exist; {_GIVE}")
    model = folder.relative_to(above)
    return _of_run(Path(*path.parts[: len(path.parts) - len(model.parts)]), above, model.as_posix())


def _of_run(path: Path, run: Path, model: str | None) -> Sampled:
    """Of the first seed of a model at its best learning rate. model: None for the only one."""
    suite = read_head(run).suite if (run / _HEAD).exists() else SUITE
    if suite != SUITE:
        raise UserError(f"{path} is a run of {suite!r}, which trains no language models; {_GIVE}")
    groups: dict[str, list[Kept]] = {}
    for seeds in best_of(kept_in(run), _least_loss):
        groups.setdefault(Path(seeds[0].checkpoint.model).as_posix(), []).append(seeds[0])
    if not groups:
        raise UserError(f"{path} holds no trained model; lm keeps them in the folder {FOLDER} of its run")
    names = sorted(groups)
    if model is None and len(names) > 1:
        raise UserError(f"{path} has the models {', '.join(names)}; give one of them, such as {path / names[0]}")
    name = names[0] if model is None else model
    if name not in groups:
        raise unknown("model", name, names, f"{path} has {', '.join(names)}")
    return _of_checkpoint(_only(groups[name], path, name))


def _only(found: list[Kept], path: Path, model: str) -> Kept:
    if len(found) > 1:
        folders = ", ".join(str(path / FOLDER / kept.folder.name) for kept in found)
        raise UserError(f"{path} has trained {model} in {len(found)} ways; give the folder of one of them: {folders}")
    return found[0]


def _least_loss(kept: Kept) -> float:
    curve = kept.checkpoint.course.curve
    return -curve[-1].loss if curve else -math.inf


# Tokenizers


def _tokenizer(folder: Path, about: Mapping[str, Any], vocab_size: int) -> Tokenizer:
    """What a checkpoint of so many ids was trained with."""
    name = about["tokenizer"]
    if name == BYTES.name:
        if vocab_size != BYTES.vocab_size:
            damaged = f"{folder / checkpoint.NAME} is damaged"
            raise UserError(f"{damaged}: of bytes there are 256 ids, and its model has {vocab_size}")
        return BYTES
    places = (folder / TOKENIZER, folder.parent.parent / TOKENIZER)
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        way = f"copy {TOKENIZER} from its run into it"
        raise UserError(f"neither {folder} nor the run that it lies in has its tokenizer {name}; {way}")
    found = stored(name, file)
    if found.vocab_size != vocab_size:
        ids = f"it has {found.vocab_size} ids, and the model {vocab_size}"
        raise UserError(f"{file} is not the tokenizer of {folder}: {ids}; copy that of its run into this folder")
    if found.sha256 != about.get("tokenizer_sha256"):
        raise UserError(
            f"{file} is not the tokenizer that {folder} was trained with; copy that of its run into this folder"
        )
    return found


def beside(folder: Path, vocab_size: int) -> Tokenizer:
    """Of weights in Hugging Face's layout; a model may have more ids than its tokenizer, to fill a GPU's tiles."""
    file = folder / TOKENIZER
    if not file.is_file():
        if vocab_size == BYTES.vocab_size:
            return BYTES
        raise UserError(f"{folder} has no {TOKENIZER}, and its {vocab_size} ids are no bytes; download it too")
    found = byte_level(GPT2, tokenizer_of(folder).to_str(), str(file))
    if found.vocab_size > vocab_size:
        raise UserError(f"{file} has {found.vocab_size} ids, and the model {vocab_size}: it is of another model")
    return found
