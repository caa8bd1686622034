"""config.json of a folder in Hugging Face's layout: every field is honoured, known to be without effect, or refused.

What is absent has the default of transformers' class. "Effect" is that on logits and hidden states in evaluation: a
model is loaded without dropout, and nothing here generates by settings of the folder. A field that stands in no list
may change what a model computes, so it is refused by its name. No torch: whoever fine-tunes reads it first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.documents import document, shown
from rnn_vs_attn.models.shapes import AlbertShape, GPTShape

LARGEST = 1 << 28  # of a size; the square of it, as elements of a matrix, still has a number of bytes
DTYPES = ("float16", "bfloat16", "float32", "float64")
ACTIVATIONS = tuple(  # those of models.kernels.activations, which begins with torch
    "gelu gelu_python gelu_new gelu_accurate gelu_python_tanh gelu_pytorch_tanh gelu_10 gelu_fast quick_gelu hardswish "
    "laplace leaky_relu linear mish relu relu2 relu6 sigmoid silu sqrtsoftplus swish tanh".split()
)

# Without effect, whatever they hold: where a folder comes from, what its labels are, what is returned beside logits and
# by which kernel, how weights are drawn and trained, token ids, and how text is generated.
_NAMES = """
_commit_hash _name_or_path architectures finetuning_task language model_type name_or_path task_specific_params
tf_legacy_loss tokenizer_class torchscript transformers_version use_bfloat16 xla_device
_num_labels id2label label2id num_labels problem_type
_attn_implementation _attn_implementation_autoset attn_implementation chunk_size_feed_forward output_attentions
output_hidden_states output_past output_scores return_dict return_dict_in_generate use_cache
gradient_checkpointing initializer_range
bos_token_id cls_token_id decoder_start_token_id eos_token_id eos_token_ids mask_token_id pad_token_id sep_token_id
unk_token_id
bad_words_ids begin_suppress_tokens diversity_penalty do_sample early_stopping encoder_no_repeat_ngram_size
exponential_decay_length_penalty forced_bos_token_id forced_eos_token_id length_penalty max_length min_length
no_repeat_ngram_size num_beam_groups num_beams num_return_sequences prefix remove_invalid_values repetition_penalty
suppress_tokens temperature top_k top_p typical_p
""".split()

# Without effect as long as they hold this: other values are of models that are not here.
_USUAL: dict[str, tuple[Any, ...]] = {
    "add_cross_attention": (False,),
    "cross_attention_hidden_size": (None,),
    "is_encoder_decoder": (False,),
    "layers_to_keep": ([],),
    "pruned_heads": ({}, None),
    "tie_encoder_decoder": (False,),
}
_DROPOUTS = "attention_probs_dropout_prob classifier_dropout classifier_dropout_prob hidden_dropout_prob"
_OF_AN_ENCODER = {"is_decoder": (False,), "position_embedding_type": ("absolute",)}


@dataclass(frozen=True)
class Known:
    """What is known of one type's fields beyond those that its shape is made of."""

    without_effect: frozenset[str]
    usual: Mapping[str, tuple[Any, ...]]
    aliases: Mapping[str, str]  # other names of fields


def _known(names: str, usual: Mapping[str, tuple[Any, ...]], aliases: Mapping[str, str] | None = None) -> Known:
    return Known(frozenset((*_NAMES, *names.split())), {**_USUAL, **usual}, aliases or {})


KNOWN = {
    # reorder_and_upcast_attn: the order of a product and a factor, and how 16 bits are trained; n_ctx and n_special:
    # sizes of releases before 3.0; is_decoder: GPT-2 is one
    "gpt2": _known(
        "attn_pdrop embd_pdrop resid_pdrop is_decoder n_ctx n_special predict_special_tokens reorder_and_upcast_attn "
        "summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj",
        {},
        {
            "hidden_size": "n_embd",
            "max_position_embeddings": "n_positions",
            "num_attention_heads": "n_head",
            "num_hidden_layers": "n_layer",
        },
    ),
    "bert": _known(
        f"{_DROPOUTS} pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head",
        {**_OF_AN_ENCODER, "directionality": ("bidi",), "pooler_type": ("first_token_transform",)},
    ),
    "albert": _known(
        _DROPOUTS,
        {
            **_OF_AN_ENCODER,
            "down_scale_factor": (1,),
            "gap_size": (0,),
            "net_structure_type": (0,),
            "num_memory_blocks": (0,),
        },
    ),
}


class Fields:
    """The fields of one config.json. Each is taken once; `finish` refuses what is left and not known."""

    def __init__(self, file: Path, values: Mapping[str, Any]) -> None:
        self.file = file
        self.kind: str = values["model_type"]
        self._left = dict(values)
        for alias, name in KNOWN[self.kind].aliases.items():
            if alias in self._left:
                self._rename(alias, name)

    def _rename(self, alias: str, name: str) -> None:
        value = self._left.pop(alias)
        kept = self._left.setdefault(name, value)
        if kept != value:
            raise UserError(f"{self.file} has {name} {shown(kept)} and {alias} {shown(value)}, two names of one field")

    def whole(self, name: str, default: int) -> int:
        """A number from 1 to LARGEST."""
        value = self._left.pop(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UserError(f"{self.file} has no {name} that is a number of at least 1, but {shown(value)}")
        if value > LARGEST:
            raise UserError(f"{self.file} has {name} {shown(value)}; the largest that can be loaded is {LARGEST}")
        return value

    def whole_or_none(self, name: str) -> int | None:
        """As of `whole`; None for null and where there is none."""
        if self._left.get(name) is not None:
            return self.whole(name, 1)
        self._left.pop(name, None)
        return None

    def epsilon(self, name: str, default: float) -> float:
        """A finite number of at least 0."""
        value = self._left.pop(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= sys.float_info.max:
            raise UserError(f"{self.file} has no {name} that is a finite number of at least 0, but {shown(value)}")
        return float(value)

    def share(self, name: str, default: float) -> float:
        """A number from 0 to below 1."""
        value = self._left.pop(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
            raise UserError(f"{self.file} has no {name} that is a number from 0 to below 1, but {shown(value)}")
        return float(value)

    def switch(self, name: str, default: bool) -> bool:
        """True or False."""
        value = self._left.pop(name, default)
        if not isinstance(value, bool):
            raise UserError(f"{self.file} has no {name} that is true or false, but {shown(value)}")
        return value

    def activation(self, name: str, default: str) -> str:
        """The name of a function that there is."""
        return self._word(name, self._left.pop(name, default), ACTIVATIONS)

    def dtype(self) -> str | None:
        """What the weights are stored in, by its name; None where nothing is said."""
        old, new = self._left.pop("torch_dtype", None), self._left.pop("dtype", None)
        if new is None:
            return None if old is None else self._word("torch_dtype", old, DTYPES)
        return self._word("dtype", new, DTYPES)

    def _word(self, name: str, value: object, allowed: Iterable[str]) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise UserError(f"{self.file} has {name} {shown(value)}; what can be loaded: {', '.join(allowed)}")
        return value

    def finish(self) -> None:
        """UserError for a field that is left, unless it is known to be without effect."""
        known = KNOWN[self.kind]
        for name, value in self._left.items():
            if name in known.without_effect:
                continue
            if name not in known.usual:
                raise UserError(
                    f"{self.file} has the field {shown(name)}, {shown(value)}, which is not known for {self.kind} and "
                    "may change what the model computes; take it out if it does not"
                )
            if not any(type(value) is type(v) and value == v for v in known.usual[name]):
                usual = " or ".join(shown(v) for v in known.usual[name])
                raise UserError(f"{self.file} has {name} {shown(value)}; what can be loaded has {usual}")


def fields_of(folder: Path, kinds: tuple[str, ...]) -> Fields:
    """The fields of a folder's config.json. UserError for one that cannot be read or is of another type of model."""
    file = folder / "config.json"
    found = document(file, "; a model's folder has config.json")
    kind = found.get("model_type") if isinstance(found, dict) else None
    if kind not in kinds:
        raise UserError(f"{file} describes a model of type {shown(kind)}, not {' or '.join(kinds)}")
    return Fields(file, found)


def gpt_shape(fields: Fields) -> GPTShape:
    """GPT-2 as its fields have it."""
    shape = GPTShape(
        num_layers=fields.whole("n_layer", 12),
        d_model=fields.whole("n_embd", 768),
        num_heads=fields.whole("n_head", 12),
        vocab_size=fields.whole("vocab_size", 50257),
        context_len=fields.whole("n_positions", 1024),
        d_inner=fields.whole_or_none("n_inner"),
        activation=fields.activation("activation_function", "gelu_new"),
        norm_eps=fields.epsilon("layer_norm_epsilon", 1e-5),
        tied=fields.switch("tie_word_embeddings", True),
        scaled=fields.switch("scale_attn_weights", True),
        scaled_by_layer=fields.switch("scale_attn_by_inverse_layer_idx", False),
    )
    _divisible(fields, n_embd=shape.d_model, n_head=shape.num_heads)
    return shape


def encoder_shape(fields: Fields) -> AlbertShape:
    """ALBERT or BERT as its fields have it."""
    bert = fields.kind == "bert"
    shape = AlbertShape(
        num_layers=fields.whole("num_hidden_layers", 12),
        d_model=fields.whole("hidden_size", 768 if bert else 4096),
        num_heads=fields.whole("num_attention_heads", 12 if bert else 64),
        embedding_dim=None if bert else fields.whole("embedding_size", 128),
        sharing="none" if bert else "all",
        vocab_size=fields.whole("vocab_size", 30522 if bert else 30000),
        context_len=fields.whole("max_position_embeddings", 512),
        num_segments=fields.whole("type_vocab_size", 2),
        activation=fields.activation("hidden_act", "gelu" if bert else "gelu_new"),
        d_inner=fields.whole("intermediate_size", 3072 if bert else 16384),
        norm_eps=fields.epsilon("layer_norm_eps", 1e-12),
        tied=fields.switch("tie_word_embeddings", True),
        num_groups=1 if bert else fields.whole("num_hidden_groups", 1),
        inner_layers=1 if bert else fields.whole("inner_group_num", 1),
    )
    _divisible(fields, hidden_size=shape.d_model, num_attention_heads=shape.num_heads)
    if shape.num_groups > shape.num_layers:
        raise UserError(
            f"{fields.file} has num_hidden_groups {shape.num_groups} for num_hidden_layers {shape.num_layers}; "
            "a group without a layer cannot be loaded"
        )
    return shape


def _divisible(fields: Fields, **sizes: int) -> None:
    (wide, width), (many, number) = sizes.items()
    if width % number:
        raise UserError(f"{fields.file} has {wide} {width}, which is not divisible by {many} {number}")
