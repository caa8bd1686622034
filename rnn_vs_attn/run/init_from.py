"""From --init-from to the model, the tokenizer and the sizes of a run's cases, and their memory. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.machine import environment
from rnn_vs_attn.models.language.pretrained_folder import GPTFolder, gpt_folder
from rnn_vs_attn.run.cases import AxisValues, option_name
from rnn_vs_attn.run.options import TextOptions
from rnn_vs_attn.texts.tokenizers import BYTES, GPT2
from rnn_vs_attn.training.language_shape import shape_of_gpt

_MODEL = "gpt"
_DECIDED = (  # what is typed of a model, and what a folder has by itself, or GPT-2 has no use for
    *("pattern", "model_arg", "match", "d_model", "num_heads", "num_layers", "mlp", "memory_len", "kernel_size"),
    *("window", "num_kv_heads", "positions", "token_positions"),
)
_LARGE = 50_000_000  # parameters, with which two cores make a step in seconds
_RATES, _RATES_OF_LARGE = (3e-5, 1e-4, 3e-4), (1e-4,)
_HELD_OUT, _HELD_OUT_OF_LARGE = 4096, 2048  # tokens
_TIMEOUT = 900.0  # seconds, as a large model is evaluated between two answers
_OF_A_PROCESS = 1 << 29  # bytes of torch and what it loads
_OF_A_PARAMETER = 36  # bytes: itself and AdamW's two averages, and both twice more while a checkpoint is written
_OF_A_LAYER = 20  # numbers that autograd keeps, for each token and feature
_LOGITS = 3  # of them are there at once: themselves, their softmax and their gradient


def chosen(path: Path | None, typed: Sequence[str], axes: AxisValues) -> GPTFolder | None:
    """The GPT-2 of --init-from, None without one; `axes` are those of its cases then.

    typed: names of the options that were. UserError where it cannot be used, or another model or size was typed.
    """
    if path is None:
        return None
    other = next((name for name in typed if name in _DECIDED), None)
    if other is not None:
        raise UserError(f"{option_name(other)} is not for --init-from, whose model has its own; leave one of them out")
    if "model" in typed and axes["model"] != [_MODEL]:
        named = next(name for name in axes["model"] if name != _MODEL)
        raise UserError(f"--init-from fine-tunes a GPT-2, and --model has {named}; give --model {_MODEL}, or none")
    folder = gpt_folder(path)
    _check_lengths(folder, axes["seq_len"])
    axes |= _sizes(folder) | {"model": [_MODEL], "match": ["none"], "init_from": [folder.label]}
    axes |= {} if "tokenizer" in typed else {"tokenizer": [_tokenizer_of(folder)]}
    defaults = _defaults(_is_large(folder))
    axes |= {name: values for name, values in defaults.items() if name not in typed}
    return folder


def _defaults(large: bool) -> AxisValues:
    """Axes that have other defaults than where weights are drawn."""
    if large:
        return {"learning_rate": list(_RATES_OF_LARGE), "held_out_tokens": [_HELD_OUT_OF_LARGE], "threads": [0]}
    return {"learning_rate": list(_RATES), "held_out_tokens": [_HELD_OUT]}


def _check_lengths(folder: GPTFolder, lengths: Sequence[int]) -> None:
    context_len = folder.shape.context_len
    beyond = next((seq_len for seq_len in lengths if seq_len > context_len), None)
    if beyond is not None:
        raise UserError(
            f"--seq-len {beyond} is more than the {context_len} positions that the model in {folder.path.name} knows; "
            f"give --seq-len {context_len} or less"
        )


def _sizes(folder: GPTFolder) -> AxisValues:
    """Those that a case has. UserError where the model cannot be trained here."""
    try:
        shape = shape_of_gpt(folder.shape)
    except UserError as error:
        raise UserError(f"--init-from {folder.path.name}: {error}") from None
    layer = shape.layer
    return {
        "d_model": [layer.d_model],
        "num_heads": [layer.num_heads],
        "num_layers": [layer.num_layers],
        "mlp": [shape.inner_width // layer.d_model],
    }


def _tokenizer_of(folder: GPTFolder) -> str:
    """The one beside the weights, or bytes where the model has so many ids."""
    if folder.has_tokenizer:
        return GPT2
    if folder.shape.vocab_size == BYTES.vocab_size:
        return BYTES.name
    raise UserError(
        f"{folder.path.name} has no tokenizer.json, and its model {folder.shape.vocab_size} ids; put the tokenizer "
        f"that it was trained with beside it, or say which by --tokenizer"
    )


def with_defaults(options: TextOptions, folder: GPTFolder | None, typed: Sequence[str]) -> TextOptions:
    """The options of a run, with other defaults where a folder's model is trained, and more where it is large."""
    if folder is None:
        return options
    defaults: dict[str, Any] = {"timeout": _TIMEOUT}
    if _is_large(folder):
        defaults["rounds"] = 1
    return replace(options, **{name: value for name, value in defaults.items() if name not in typed})


def _is_large(folder: GPTFolder) -> bool:
    """Whether a training takes all cores and minutes."""
    return folder.shape.num_params >= _LARGE


# Memory


def bytes_of(folder: GPTFolder, axes: AxisValues) -> int:
    """That a training takes, about: weights and averages with their checkpoint, what a step keeps, and logits."""
    shape = folder.shape
    tokens = max(axes["batch_size"]) * max(axes["seq_len"])
    numbers = tokens * (_OF_A_LAYER * shape.num_layers * shape.d_model + _LOGITS * shape.vocab_size)
    return _OF_A_PROCESS + _OF_A_PARAMETER * shape.num_params + 4 * numbers


def check_memory(folder: GPTFolder, axes: AxisValues, max_memory: int | None) -> None:
    """UserError where not even one training fits on a CPU. max_memory: as --max-memory has it."""
    available = environment.available_memory() if max_memory is None else max_memory
    needed = bytes_of(folder, axes)
    if available is None or needed <= available or "cpu" not in axes["device"]:
        return
    raise UserError(
        f"to train the {folder.shape.num_params:,} parameters of {folder.path.name} takes about {units.size(needed)}, "
        f"and {units.size(available)} {'are available' if max_memory is None else 'is --max-memory'}; give a lower "
        f"--batch-size or --seq-len, or a smaller model"
    )
