"""Weights of GPT-2, ALBERT and BERT from a folder in Hugging Face's layout (config.json, *.safetensors), or by name.

Every tensor is looked at before any is taken: a missing one, one too many, another shape or a damaged file is one
sentence and leaves no half-loaded model. Pickles are refused: to read one is to run what it says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.models.albert import Albert, MaskedLanguageModel
from rnn_vs_attn.models.configurations import AlbertShape, GPTShape
from rnn_vs_attn.models.gpt import GPT

_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
Model = TypeVar("Model", bound=nn.Module)
_NEEDS_HF = "needs the extra [hf]: pip install 'rnn-vs-attn[hf]'"


@dataclass(frozen=True)
class Source:
    """Where one of our tensors comes from: the names that are put together along the first axis."""

    names: tuple[str, ...]
    transposed: bool = False  # GPT-2's released layers hold (in, out)


def load_gpt(source: str | Path) -> GPT:
    """GPT-2 from a folder or a name such as "gpt2". UserError where it cannot be used."""
    folder = folder_of(source)
    config = _config(folder, ("gpt2",))
    shape = GPTShape(
        _whole(config, "n_layer", folder),
        _whole(config, "n_embd", folder),
        _whole(config, "n_head", folder),
        _whole(config, "vocab_size", folder),
        _whole(config, "n_positions", folder),
    )
    if config.get("activation_function", "gelu_new") != "gelu_new":
        raise UserError(f"{folder}: activation {config['activation_function']!r} is not GPT-2's gelu_new")
    with torch.device("meta"):
        model = GPT(shape)
    tensors = _without_prefix(_tensors(folder), "transformer.")
    spare = {name for name in tensors if name.endswith((".attn.bias", ".attn.masked_bias"))} | {"lm_head.weight"}
    return _filled(model, gpt_sources(shape), tensors, spare, folder)


def load_masked_lm(source: str | Path) -> MaskedLanguageModel:
    """ALBERT or BERT with its masked-language-model head, from a folder or a name. UserError as of `load_gpt`."""
    folder, shape, tensors = _albert_or_bert(source)
    with torch.device("meta"):
        model = MaskedLanguageModel(shape)
    sources = {f"encoder.{name}": found for name, found in _encoder_sources(shape).items()} | _head_sources(shape)
    return _filled(model, sources, tensors, _with(tensors, "pooler.", *_UNUSED), folder)


def load_albert(source: str | Path) -> Albert:
    """ALBERT or BERT with its pooler and no head, from a folder or a name. UserError as of `load_gpt`."""
    folder, shape, tensors = _albert_or_bert(source)
    with torch.device("meta"):
        model = Albert(shape)
    pooler = _both("pooler", "pooler" if shape.embedding_dim else "pooler.dense")
    return _filled(model, _encoder_sources(shape) | pooler, tensors, _with(tensors, "predictions.", *_UNUSED), folder)


_UNUSED = ("sop_classifier.", "cls.", "predictions.decoder.", "embeddings.position_ids")


def _with(tensors: Mapping[str, Tensor], *beginnings: str) -> set[str]:
    return {name for name in tensors if name.startswith(beginnings)}


def _albert_or_bert(source: str | Path) -> tuple[Path, AlbertShape, dict[str, Tensor]]:
    """The folder, the shape that its config.json describes, and its tensors."""
    folder = folder_of(source)
    config = _config(folder, ("albert", "bert"))
    bert = config["model_type"] == "bert"
    shape = AlbertShape(
        _whole(config, "num_hidden_layers", folder),
        _whole(config, "hidden_size", folder),
        _whole(config, "num_attention_heads", folder),
        None if bert else _whole(config, "embedding_size", folder),
        "none" if bert else "all",
        _whole(config, "vocab_size", folder),
        _whole(config, "max_position_embeddings", folder),
        _whole(config, "type_vocab_size", folder),
        "erf" if config.get("hidden_act", "gelu" if bert else "gelu_new") == "gelu" else "tanh",
    )
    return folder, shape, _without_prefix(_tensors(folder), "bert." if bert else "albert.")


def load_tokenizer(source: str | Path) -> Any:
    """The tokenizer (of the package tokenizers) that lies beside the weights. UserError where there is none."""
    file = folder_of(source) / "tokenizer.json"
    if not file.is_file():
        raise UserError(f"{file.parent} has no tokenizer.json; give token ids, or download it too")
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise UserError(f"a tokenizer {_NEEDS_HF}") from None
    return Tokenizer.from_file(str(file))


def folder_of(source: str | Path) -> Path:
    """A local folder as it is; a name is downloaded. UserError where it is neither or there is no network."""
    folder = Path(source)
    if folder.is_dir():
        return folder
    if folder.suffix in _PICKLES or folder.is_file():
        raise UserError(f"{folder} is a file; give the folder that holds config.json and model.safetensors")
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise UserError(f"{source} is no folder, and to download it by name {_NEEDS_HF}") from None
    try:
        found = snapshot_download(str(source), allow_patterns=["config.json", "*.safetensors*", "tokenizer.json"])
    except Exception as error:  # the package's own errors are many
        raise UserError(f"{source} is no folder and cannot be downloaded: {first_line(error, 200)}") from None
    return Path(found)


# Names


def gpt_sources(shape: GPTShape) -> dict[str, Source]:
    """Our names of GPT-2's tensors with those of its release."""
    found = {"tokens.weight": Source(("wte.weight",)), "positions.weight": Source(("wpe.weight",))}
    found |= _both("norm", "ln_f")
    for i in range(shape.num_layers):
        ours, theirs = f"blocks.{i}", f"h.{i}"
        found |= _both(f"{ours}.attention_norm", f"{theirs}.ln_1") | _both(
            f"{ours}.feed_forward_norm", f"{theirs}.ln_2"
        )
        layers = {"attention.in_proj": "attn.c_attn", "attention.out_proj": "attn.c_proj"}
        layers |= {"widen": "mlp.c_fc", "narrow": "mlp.c_proj"}
        for own, their in layers.items():
            found[f"{ours}.{own}.weight"] = Source((f"{theirs}.{their}.weight",), transposed=True)
            found[f"{ours}.{own}.bias"] = Source((f"{theirs}.{their}.bias",))
    return found


def _encoder_sources(shape: AlbertShape) -> dict[str, Source]:
    """Our names of the tensors of ALBERT, all layers shared, or of BERT, with those of its release."""
    if shape.embedding_dim is None:
        found = _embeddings()
        for i in range(shape.num_layers):
            layer, attention, feed_forward = f"encoder.layer.{i}", f"attention.{i}", f"feed_forward.{i}"
            found |= _attention(attention, f"{layer}.attention.self")
            found |= _both(f"{attention}.out_proj", f"{layer}.attention.output.dense")
            found |= _both(f"{attention}.norm", f"{layer}.attention.output.LayerNorm")
            found |= _both(f"{feed_forward}.widen", f"{layer}.intermediate.dense")
            found |= _both(f"{feed_forward}.narrow", f"{layer}.output.dense")
            found |= _both(f"{feed_forward}.norm", f"{layer}.output.LayerNorm")
        return found
    layer = "encoder.albert_layer_groups.0.albert_layers.0"
    found = _embeddings() | _both("embeddings.widen", "encoder.embedding_hidden_mapping_in")
    found |= _attention("attention.0", f"{layer}.attention")
    found |= _both("attention.0.out_proj", f"{layer}.attention.dense")
    found |= _both("attention.0.norm", f"{layer}.attention.LayerNorm")
    found |= _both("feed_forward.0.widen", f"{layer}.ffn") | _both("feed_forward.0.narrow", f"{layer}.ffn_output")
    return found | _both("feed_forward.0.norm", f"{layer}.full_layer_layer_norm")


def _head_sources(shape: AlbertShape) -> dict[str, Source]:
    theirs = "cls.predictions" if shape.embedding_dim is None else "predictions"
    transform = f"{theirs}.transform" if shape.embedding_dim is None else theirs
    found = _both("transform", f"{transform}.dense") | _both("norm", f"{transform}.LayerNorm")
    return found | {"bias": Source((f"{theirs}.bias",))}


def _embeddings() -> dict[str, Source]:
    words = {"tokens": "word", "positions": "position", "segments": "token_type"}
    found = {
        f"embeddings.{ours}.weight": Source((f"embeddings.{theirs}_embeddings.weight",))
        for ours, theirs in words.items()
    }
    return found | _both("embeddings.norm", "embeddings.LayerNorm")


def _attention(ours: str, theirs: str) -> dict[str, Source]:
    return {
        f"{ours}.in_proj.{kind}": Source(tuple(f"{theirs}.{name}.{kind}" for name in ("query", "key", "value")))
        for kind in ("weight", "bias")
    }


def _both(ours: str, theirs: str) -> dict[str, Source]:
    return {f"{ours}.{kind}": Source((f"{theirs}.{kind}",)) for kind in ("weight", "bias")}


# Files


def _config(folder: Path, kinds: tuple[str, ...]) -> dict[str, Any]:
    file = folder / "config.json"
    try:
        found = json.loads(file.read_text())
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}; a model's folder has config.json") from None
    except ValueError as error:
        raise UserError(f"{file} is damaged: {error}") from None
    kind = found.get("model_type") if isinstance(found, dict) else None
    if kind not in kinds:
        raise UserError(f"{file} describes a model of type {kind!r}, not {' or '.join(kinds)}")
    config: dict[str, Any] = found
    return config


def _whole(config: Mapping[str, Any], name: str, folder: Path) -> int:
    value = config.get(name)
    if not isinstance(value, int) or value < 1:
        raise UserError(f"{folder / 'config.json'} has no {name} that is a number of at least 1, but {value!r}")
    return value


def _tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder. UserError for a file that is missing, damaged or a pickle."""
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise UserError(f"to read weights {_NEEDS_HF}") from None
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickles = [file.name for file in sorted(folder.iterdir()) if file.suffix in _PICKLES]
        if pickles:
            raise UserError(
                f"{folder / pickles[0]} is a pickle, which can run anything when it is read, and is refused; convert "
                "it to model.safetensors"
            )
        raise UserError(f"{folder} has no *.safetensors file")
    found: dict[str, Tensor] = {}
    for file in files:
        try:
            found |= load_file(file)
        except (SafetensorError, OSError, ValueError) as error:
            raise UserError(f"{file} is damaged: {first_line(error, 200)}") from None
    return found


def _without_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _filled(
    model: Model, sources: dict[str, Source], tensors: dict[str, Tensor], spare: set[str], folder: Path
) -> Model:
    """`model` with the tensors; those in `spare` may be there and are not used, as they are tied or made anew."""
    wanted = dict(model.named_parameters())
    assert wanted.keys() == sources.keys()
    used = {name for source in sources.values() for name in source.names}
    missing, extra = sorted(used - tensors.keys()), sorted(tensors.keys() - used - spare)
    if missing:
        raise UserError(f"{folder} lacks the tensor {missing[0]} ({len(missing)} are missing)")
    if extra:
        raise UserError(f"{folder} has the tensor {extra[0]}, which this model does not have ({len(extra)} too many)")
    state = {}
    for ours, source in sources.items():
        parts = [tensors[name].T if source.transposed else tensors[name] for name in source.names]
        tensor = torch.cat(parts) if len(parts) > 1 else parts[0]
        if tensor.shape != wanted[ours].shape:
            raise UserError(
                f"{folder}: {source.names[0]} has shape {tuple(tensors[source.names[0]].shape)}, which does not fit "
                f"{tuple(wanted[ours].shape)} as config.json has it"
            )
        state[ours] = nn.Parameter(tensor.float().contiguous())
    model.load_state_dict(state, assign=True)
    return model.eval()
