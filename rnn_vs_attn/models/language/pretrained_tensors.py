"""Tensors of a folder in Hugging Face's layout, and a model filled with them.

Every tensor is looked at before any is taken: a missing one, one too many, another shape or a damaged file is one
sentence and leaves no half-loaded model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.models.language.documents import NEEDS_HF
from rnn_vs_attn.models.language.pretrained_files import weight_files

_FLOATS = {d: getattr(torch, d) for d in ("float16", "bfloat16", "float32", "float64")}
Model = TypeVar("Model", bound=nn.Module)
Spare = Mapping[str, Callable[[Tensor], bool]]


@dataclass(frozen=True)
class Source:
    """Where one of our tensors comes from: the names that are put together along the first axis."""

    names: tuple[str, ...]
    transposed: bool = False  # GPT-2's released layers hold (in, out)


# Files


def tensors_of(folder: Path) -> dict[str, Tensor]:
    """All tensors of its files. UserError where one cannot be read, or holds others than the index says."""
    found: dict[str, Tensor] = {}
    for file, listed in weight_files(folder).items():
        tensors = _tensors_of_file(file)
        if listed is not None:
            _check_listed(file, tensors, listed)
        found |= tensors
    return found


def _tensors_of_file(file: Path) -> dict[str, Tensor]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise UserError(f"to read weights {NEEDS_HF}") from None
    try:
        found: dict[str, Tensor] = load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{file} is damaged: {first_line(error, 200)}") from None
    return found


def _check_listed(file: Path, tensors: Mapping[str, Tensor], listed: set[str]) -> None:
    """UserError where a file holds others than its index says."""
    index = "model.safetensors.index.json"
    missing, extra = sorted(listed - tensors.keys()), sorted(tensors.keys() - listed)
    if missing:
        raise UserError(f"{file} lacks the tensor {missing[0]!r}, which {index} says is there")
    if extra:
        raise UserError(f"{file} has the tensor {extra[0]!r}, which {index} does not list for it")


# Names


def renamed(tensors: Mapping[str, Tensor], prefix: str, heads: tuple[str, ...], folder: Path) -> dict[str, Tensor]:
    """The tensors by their names in a model without head, and by those of its heads; norms' old names by their new.

    UserError where two would have one name.
    """
    found: dict[str, Tensor] = {}
    given: dict[str, str] = {}
    for name, tensor in tensors.items():
        short = name.removeprefix(prefix)
        short = name if short.startswith(heads) else short
        for old, new in (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias")):
            short = short.removesuffix(old) + new if short.endswith(old) else short
        if short in found:
            raise UserError(f"{folder} has both {given[short]!r} and {name!r}, two names of one tensor")
        found[short], given[short] = tensor, name
    return found


def tie(tensors: dict[str, Tensor], kept: str, copy: str, folder: Path) -> None:
    """Leave one of two tensors that config.json ties. UserError where they differ."""
    found = tensors.pop(copy, None)
    if found is None:
        return
    if kept not in tensors:
        tensors[kept] = found
    elif tensors[kept].dtype != found.dtype or not torch.equal(tensors[kept], found):
        raise UserError(
            f"{folder}: {copy} is not {kept}, though config.json has tie_word_embeddings true, as it is where nothing "
            "is said; say false if both are meant"
        )


# The model


def empty(make: Callable[[], Model], num_layers: int, tensors: Mapping[str, Tensor], folder: Path) -> Model:
    """A model without memory for its weights. UserError where config.json has more layers than the folder can have."""
    if num_layers > len(tensors):
        raise UserError(f"{folder} has {len(tensors)} tensors, and {num_layers} layers in its config.json")
    with torch.device("meta"):
        return make()


def filled(
    model: Model, sources: dict[str, Source], tensors: dict[str, Tensor], spare: Spare, folder: Path, dtype: str | None
) -> Model:
    """`model` with the tensors, in float64 where that is their dtype and else in float32.

    Those in `spare` may be there and are not used, as long as they hold what they must.
    """
    wanted = dict(model.named_parameters())
    assert wanted.keys() == sources.keys()
    used = {name for source in sources.values() for name in source.names}
    missing, extra = sorted(used - tensors.keys()), sorted(tensors.keys() - used - spare.keys())
    if missing:
        raise UserError(f"{folder} lacks the tensor {missing[0]} ({len(missing)} are missing)")
    if extra:
        name = extra[0] if extra[0].isprintable() else ascii(extra[0])
        raise UserError(f"{folder} has the tensor {name}, which this model does not have ({len(extra)} too many)")
    for name, holds in spare.items():
        if name in tensors and not holds(tensors[name]):
            raise UserError(f"{folder}: {name} holds other values than those that this model computes with")
    _check_dtypes({name: tensors[name] for name in used}, dtype, folder)
    double = (dtype or str(tensors[min(used)].dtype)).endswith("float64")
    state = {}
    for ours, source in sources.items():
        tensor = _joined(source, tensors, wanted[ours].shape, folder).to(torch.float64 if double else torch.float32)
        state[ours] = nn.Parameter(tensor.contiguous())
    model.load_state_dict(state, assign=True)
    return model.eval()


def _check_dtypes(tensors: Mapping[str, Tensor], dtype: str | None, folder: Path) -> None:
    """UserError unless all are floating, and of one dtype or without loss in the one that config.json names."""
    stored = {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in tensors.items()}
    for name, found in sorted(stored.items()):
        if found not in _FLOATS:
            raise UserError(f"{folder}: {name} is stored in {found}; what can be loaded: {', '.join(_FLOATS)}")
        if dtype is None and found != stored[min(stored)]:
            raise UserError(
                f"{folder} has tensors in {found} and in {stored[min(stored)]}, and config.json has no dtype that says "
                "which is meant"
            )
        if dtype not in (None, found) and not _fits(tensors[name], _FLOATS[str(dtype)]):
            raise UserError(
                f"{folder}: config.json has dtype {dtype}, and {name} in {found} loses digits in it; say {found}, or "
                "convert the weights"
            )


def _fits(tensor: Tensor, dtype: torch.dtype) -> bool:
    """Whether a tensor loses nothing in a dtype."""
    return torch.equal(tensor.to(dtype).to(tensor.dtype), tensor)


def _joined(source: Source, tensors: Mapping[str, Tensor], shape: torch.Size, folder: Path) -> Tensor:
    """The tensor of a source. UserError where a part has another shape than its share of `shape`."""
    expected = (shape[0] // len(source.names), *shape[1:])
    if source.transposed:
        expected = expected[::-1]
    for name in source.names:
        if tensors[name].shape != expected:
            raise UserError(
                f"{folder}: {name} has shape {tuple(tensors[name].shape)}, which does not fit {expected} as "
                "config.json has it"
            )
    parts = [tensors[name].T if source.transposed else tensors[name] for name in source.names]
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def holds_anything(_: Tensor) -> bool:
    return True


def holds_causal_mask(mask: Tensor) -> bool:
    """Whether it lets each position see itself and what is before it."""
    length = mask.shape[-1] if mask.ndim else 0
    square = mask.numel() == length**2
    return square and torch.equal(mask.reshape(length, length).bool(), torch.ones(length, length).tril().bool())


def holds_minus_infinity(value: Tensor) -> bool:
    """Whether a masked score of that value has no weight."""
    return bool((value <= -1e4).all())


def holds_positions(ids: Tensor) -> bool:
    """Whether they are 0, 1, 2, ... in their order."""
    return torch.equal(ids.flatten().double(), torch.arange(ids.numel()).double())
