"""Names for the same thing: what the field's layers call a width, heads, a length, and what each is given. No torch.

Small and capital letters are alike, and underscores are not looked at: `nHeads` is `n_heads`. Of several names of one
thing the first in its list is the most usual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rnn_vs_attn.models.costs import Shape

MODEL, INPUT, HIDDEN, OUTPUT = "width", "width of the input", "width within", "width of the output"
WIDTHS = (MODEL, INPUT, HIDDEN, OUTPUT)
LAYERS, HEADS, HEAD_WIDTH = "layers", "heads", "head width"
LENGTH, BLOCK = "length", "length, or a block of it"
PLACE = "which layer it is"


@dataclass(frozen=True)
class Meaning:
    """What several names stand for.

    own: what this program calls it, "" where it gives a constant; names: of parameters; says: what is given, in words;
    required_only: whether a parameter with a default keeps it; unless_none: whether one whose default is None does.
    """

    title: str
    own: str
    names: tuple[str, ...]
    says: str
    value: Callable[[Shape], Any]
    required_only: bool = False
    unless_none: bool = False


def _meaning(title: str, own: str, names: str, says: str, value: Callable[[Shape], Any], **kept: bool) -> Meaning:
    return Meaning(title, own, tuple(names.split()), says, value, **kept)


def _width(shape: Shape) -> int:
    return shape.d_model


def _head_dim(shape: Shape) -> int:
    return shape.d_model // shape.num_heads


MEANINGS = (
    _meaning(
        MODEL,
        "d_model",
        "d_model dim model_dim dim_model model_size embed_dim embedding_dim embed_size embedding_size emb_dim emb_size "
        "d_embed embed_dims n_embd n_embed dims channels n_channels features num_features n_features feature_dim "
        "feature_size d_feature width embedding_dimension model_dimension",
        "--d-model",
        _width,
    ),
    _meaning(
        INPUT,
        "",
        "input_size input_dim in_features in_dim in_channels in_size dim_in d_in d_input num_inputs n_inputs n_input "
        "input_channels input_features input_width",
        "--d-model",
        _width,
    ),
    _meaning(
        HIDDEN,
        "",
        "hidden_size hidden_dim hidden_features hidden_channels hidden_units hid_dim dim_hidden d_hidden n_hidden "
        "num_hidden nhid units num_units n_units rnn_size num_channels hidden_sizes hidden_dims layer_sizes "
        "channel_sizes",
        "--d-model",
        _width,
    ),
    _meaning(
        OUTPUT,
        "",
        "output_size output_dim out_features out_dim out_channels out_size dim_out d_out d_output num_outputs "
        "n_outputs n_output output_channels output_features output_width",
        "--d-model",
        _width,
    ),
    _meaning(
        HEADS,
        "num_heads",
        "num_heads n_heads heads nhead num_head num_attention_heads n_attention_heads attention_heads "
        "attn_heads head_num number_of_heads num_query_heads n_query_heads num_q_heads",
        "--num-heads",
        lambda shape: shape.num_heads,
    ),
    _meaning(
        "heads of keys and values",
        "",
        "num_kv_heads kv_heads n_kv_heads num_key_value_heads n_kv_head num_kv_head",
        "--num-heads, where its default is a number",
        lambda shape: shape.num_heads,
        unless_none=True,
    ),
    _meaning(
        HEAD_WIDTH,
        "head_dim",
        "head_dim dim_head d_head head_size dim_heads dim_per_head head_width d_k d_v d_kv attention_head_size",
        "--d-model / --num-heads",
        _head_dim,
        unless_none=True,
    ),
    _meaning(
        LAYERS,
        "num_layers",
        "num_layers n_layers n_layer depth num_layer num_hidden_layers num_blocks n_blocks number_of_layers",
        "--num-layers; a default of 0 counts from 0 which layer it is, and stays",
        lambda shape: shape.num_layers,
    ),
    _meaning(
        "causal",
        "causal",
        "causal is_causal autoregressive is_autoregressive use_causal causal_attention",
        "--causal",
        lambda shape: shape.causal,
    ),
    _meaning(
        LENGTH,
        "seq_len",
        "seq_len max_seq_len seq_length max_seq_length sequence_length max_sequence_length max_len max_length "
        "context_length context_len context_size max_position_embeddings n_positions max_positions n_ctx ctx_len "
        "l_max",
        "--seq-len",
        lambda shape: shape.seq_len,
        unless_none=True,
    ),
    _meaning(
        BLOCK,
        "",
        "block_size",
        "--seq-len in a configuration object without another length; asked for where it has no default",
        lambda shape: shape.seq_len,
        unless_none=True,
    ),
    _meaning(
        "kernel",
        "kernel_size",
        "kernel_size d_conv conv_size conv_kernel conv_kernel_size conv1d_kernel_size conv_width kernel_width",
        "--kernel-size",
        lambda shape: shape.kernel_size,
        unless_none=True,
    ),
    _meaning(
        "window",
        "window",
        "window window_size local_window_size local_attn_window_size attention_window attn_window sliding_window "
        "sliding_window_size",
        "--window",
        lambda shape: shape.window,
        unless_none=True,
    ),
    _meaning(
        "feed-forward width",
        "",
        "d_ff dim_feedforward ff_dim ffn_dim mlp_dim d_ffn d_mlp dim_ff intermediate_size feedforward_dim "
        "ffn_hidden_size mlp_hidden_dim ff_size feed_forward_dimension ff_hidden_dim",
        "4 × --d-model, where it has no default",
        lambda shape: 4 * shape.d_model,
        required_only=True,
    ),
    _meaning(
        "state size",
        "",
        "d_state state_size state_dim state_width dim_state state_features num_states n_state",
        "--d-model, where it has no default",
        _width,
        required_only=True,
    ),
    _meaning("batch axis first", "", "batch_first", "True", lambda _: True),
    _meaning("an output of each position", "", "return_sequences", "True", lambda _: True),
    _meaning(
        "both directions",
        "",
        "bidirectional bidir is_bidirectional",
        "False",
        lambda _: False,
    ),
    _meaning(
        PLACE,
        "",
        "layer_idx layer_index layer_id block_idx block_index block_id",
        "0",
        lambda _: 0,
    ),
    _meaning(
        "dropout",
        "",
        "dropout drop_rate drop_prob dropout_p dropout_rate dropout_prob attn_dropout attention_dropout ff_dropout "
        "resid_pdrop attn_pdrop embd_pdrop hidden_dropout_prob attention_probs_dropout_prob attn_drop proj_drop "
        "drop_path drop_path_rate",
        "0; also any other name that holds `dropout` or `pdrop` and whose default is a number above 0",
        lambda _: 0.0,
        unless_none=True,
    ),
)
DROPOUT = MEANINGS[-1]
OWN = tuple(meaning.own for meaning in MEANINGS if meaning.own)  # what this program has always offered by these names


def plain(name: str) -> str:
    """A name as it is compared: small letters without underscores."""
    return name.lower().replace("_", "")


_MEANINGS = {plain(name): meaning for meaning in MEANINGS for name in meaning.names}
_RANKS = {plain(name): rank for meaning in MEANINGS for rank, name in enumerate(meaning.names)}


def meaning_of(name: str) -> Meaning | None:
    """What a parameter of that name stands for, None where that is not known."""
    found = _MEANINGS.get(plain(name))
    if found is None and any(part in plain(name) for part in ("dropout", "pdrop")):
        return DROPOUT
    return found


def title_of(name: str) -> str:
    """The title of what a parameter of that name stands for, "" where that is not known."""
    meaning = meaning_of(name)
    return meaning.title if meaning is not None else ""


def rank_of(name: str) -> int:
    """How far back a name stands among those of the same thing."""
    return _RANKS.get(plain(name), len(_RANKS))


def table() -> str:
    """All of them as a table of Markdown."""
    lines = ["| thing | parameters of these names | are given |", "| --- | --- | --- |"]
    lines += [f"| {m.title} | {', '.join(f'`{n}`' for n in m.names)} | {m.says} |" for m in MEANINGS]
    return "\n".join(lines) + "\n"
