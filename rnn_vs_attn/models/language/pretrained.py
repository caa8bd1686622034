"""Weights of GPT-2, ALBERT and BERT from a folder in Hugging Face's layout (config.json, *.safetensors), or by name.

Logits and hidden states are those of transformers with the same folder; where they would not be, the folder is refused
with the name of the field or tensor. A folder's generation_config.json is not read: `generate` takes its own settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.models.language.albert import Albert, MaskedLanguageModel
from rnn_vs_attn.models.language.documents import NEEDS_HF, shown
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.language.pretrained_fields import encoder_shape, fields_of, gpt_shape
from rnn_vs_attn.models.language.pretrained_files import PICKLES
from rnn_vs_attn.models.language.pretrained_tensors import (
    Source,
    Spare,
    empty,
    filled,
    holds_anything,
    holds_causal_mask,
    holds_minus_infinity,
    holds_positions,
    renamed,
    tensors_of,
    tie,
)
from rnn_vs_attn.models.language.pretrained_tokenizers import tokenizer_of
from rnn_vs_attn.models.shapes import AlbertShape, GPTShape

_READ = [
    "config.json",
    "adapter_config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
]
_HEADS = ("lm_head.", "cls.", "predictions.", "sop_classifier.")


def load_gpt(source: str | Path) -> GPT:
    """GPT-2 from a folder or a name such as "gpt2". UserError where it cannot be used."""
    folder = folder_of(source)
    fields = fields_of(folder, ("gpt2",))
    shape, dtype = gpt_shape(fields), fields.dtype()
    fields.finish()
    tensors = renamed(tensors_of(folder), "transformer.", _HEADS, folder)
    if shape.tied:
        tie(tensors, "wte.weight", "lm_head.weight", folder)
    model = empty(lambda: GPT(shape), shape.num_layers, tensors, folder)
    layers = [f"h.{i}.attn" for i in range(shape.num_layers)]  # old releases kept the mask among the weights
    masks: Spare = {f"{layer}.bias": holds_causal_mask for layer in layers}
    masked: Spare = {f"{layer}.masked_bias": holds_minus_infinity for layer in layers}
    return filled(model, gpt_sources(shape), tensors, {**masks, **masked}, folder, dtype)


def load_masked_lm(source: str | Path) -> MaskedLanguageModel:
    """ALBERT or BERT with its masked-language-model head, from a folder or a name. UserError as of `load_gpt`.

    The pooler and the head that classifies pairs of sentences may be there; logits of tokens do not come from them.
    """
    folder, shape, tensors, dtype = _albert_or_bert(source)
    predictions = _predictions(shape)
    if shape.tied:
        tie(tensors, "embeddings.word_embeddings.weight", f"{predictions}.decoder.weight", folder)
        tie(tensors, f"{predictions}.bias", f"{predictions}.decoder.bias", folder)
    model = empty(lambda: MaskedLanguageModel(shape), _own_layers(shape), tensors, folder)
    sources = {f"encoder.{name}": found for name, found in _encoder_sources(shape).items()} | _head_sources(shape)
    # an untied output layer has a bias of its own, and transformers does not add the head's
    unused = [f"{predictions}.bias", *_names(_pooler(shape)), *_pair_heads()]
    return filled(model, sources, tensors, _spare(unused), folder, dtype)


def load_albert(source: str | Path) -> Albert:
    """ALBERT or BERT with its pooler and no head, from a folder or a name. UserError as of `load_gpt`.

    The heads of pre-training may be there; hidden states do not come from them.
    """
    folder, shape, tensors, dtype = _albert_or_bert(source)
    model = empty(lambda: Albert(shape), _own_layers(shape), tensors, folder)
    decoder = [f"{_predictions(shape)}.{name}" for name in ("bias", "decoder.weight", "decoder.bias")]
    unused = [*decoder, *_names(_head_sources(shape)), *_pair_heads()]
    return filled(model, _encoder_sources(shape) | _pooler(shape), tensors, _spare(unused), folder, dtype)


def _albert_or_bert(source: str | Path) -> tuple[Path, AlbertShape, dict[str, Tensor], str | None]:
    """The folder, the shape that its config.json describes, its tensors and the dtype that they are said to have."""
    folder = folder_of(source)
    fields = fields_of(folder, ("albert", "bert"))
    shape, dtype = encoder_shape(fields), fields.dtype()
    fields.finish()
    return folder, shape, renamed(tensors_of(folder), f"{fields.kind}.", _HEADS, folder), dtype


def _own_layers(shape: AlbertShape) -> int:
    return shape.num_modules(shape.shares_attention)


def load_tokenizer(source: str | Path) -> Any:
    """The tokenizer (of the package tokenizers) that lies beside the weights. UserError where it cannot be used."""
    return tokenizer_of(folder_of(source))


def folder_of(source: str | Path) -> Path:
    """A local folder as it is; a name is downloaded. UserError where it is neither or there is no network."""
    folder = Path(source)
    try:
        is_folder, is_file = folder.is_dir(), folder.is_file()
    except OSError as error:
        raise UserError(f"{shown(str(source))} is no folder: {error.strerror}") from None
    if is_folder:
        return folder
    if folder.suffix in PICKLES or is_file:
        raise UserError(f"{folder} is a file; give the folder that holds config.json and model.safetensors")
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise UserError(f"{source} is no folder, and to download it by name {NEEDS_HF}") from None
    try:
        found = snapshot_download(str(source), allow_patterns=_READ)
    except Exception as error:  # the package's own errors are many
        raise UserError(f"{source} is no folder and cannot be downloaded: {first_line(error, 200)}") from None
    return Path(found)


# Names


def gpt_sources(shape: GPTShape) -> dict[str, Source]:
    """Our names of GPT-2's tensors with those of its release."""
    found = {"tokens.weight": Source(("wte.weight",)), "positions.weight": Source(("wpe.weight",))}
    found |= _both("norm", "ln_f")
    if not shape.tied:
        found["output.weight"] = Source(("lm_head.weight",))
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
    """Our names of the tensors of ALBERT, its layers shared within groups, or of BERT, with those of its release."""
    found = _embeddings()
    if shape.embedding_dim is None:
        for i in range(shape.num_layers):
            found |= _layer(i, f"encoder.layer.{i}", _BERT)
        return found
    found |= _both("embeddings.widen", "encoder.embedding_hidden_mapping_in")
    for i in range(shape.num_modules(shared=True)):
        group, inner = divmod(i, shape.inner_layers)
        found |= _layer(i, f"encoder.albert_layer_groups.{group}.albert_layers.{inner}", _ALBERT)
    return found


_BERT = {
    "attention": "attention.self",
    "attention.out_proj": "attention.output.dense",
    "attention.norm": "attention.output.LayerNorm",
    "feed_forward.widen": "intermediate.dense",
    "feed_forward.narrow": "output.dense",
    "feed_forward.norm": "output.LayerNorm",
}
_ALBERT = {
    "attention": "attention",
    "attention.out_proj": "attention.dense",
    "attention.norm": "attention.LayerNorm",
    "feed_forward.widen": "ffn",
    "feed_forward.narrow": "ffn_output",
    "feed_forward.norm": "full_layer_layer_norm",
}


def _layer(number: int, theirs: str, names: Mapping[str, str]) -> dict[str, Source]:
    """Our names of the tensors of one layer, by what a release calls the parts of it."""
    found = _attention(f"attention.{number}", f"{theirs}.{names['attention']}")
    for own, their in names.items():
        part, _, rest = own.partition(".")
        if rest:
            found |= _both(f"{part}.{number}.{rest}", f"{theirs}.{their}")
    return found


def _head_sources(shape: AlbertShape) -> dict[str, Source]:
    theirs = _predictions(shape)
    transform = f"{theirs}.transform" if shape.embedding_dim is None else theirs
    found = _both("transform", f"{transform}.dense") | _both("norm", f"{transform}.LayerNorm")
    if shape.tied:
        return found | {"bias": Source((f"{theirs}.bias",))}
    return found | {"output.weight": Source((f"{theirs}.decoder.weight",)), "bias": Source((f"{theirs}.decoder.bias",))}


def _predictions(shape: AlbertShape) -> str:
    return "cls.predictions" if shape.embedding_dim is None else "predictions"


def _pooler(shape: AlbertShape) -> dict[str, Source]:
    return _both("pooler", "pooler.dense" if shape.embedding_dim is None else "pooler")


def _pair_heads() -> list[str]:
    """Of BERT, whether a sentence follows another; of ALBERT, in which order they are."""
    heads = ("cls.seq_relationship", "sop_classifier.classifier")
    return [f"{head}.{kind}" for head in heads for kind in ("weight", "bias")]


def _names(sources: Mapping[str, Source]) -> list[str]:
    return [name for source in sources.values() for name in source.names]


def _spare(unused: Iterable[str]) -> Spare:
    """What an encoder's folder may have beyond what is used."""
    return {**dict.fromkeys(unused, holds_anything), "embeddings.position_ids": holds_positions}


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
