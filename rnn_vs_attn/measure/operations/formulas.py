"""FLOPs of one of torch's operations, by what it multiplies; a multiply-add is two, one of complex numbers eight.

Products are counted by the definition of what was asked for: gradients that nobody asks for, and scores that a backward
pass computes again, are none. The zeros around a convolution's input are multiplied like everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from rnn_vs_attn.measure.dataflow.shadow_memory import Operation

Formula = Callable[[dict[str, Any], Any], int]  # of the arguments by name and the result
COMPLEX = 4  # multiply-adds of real numbers that one of complex numbers is


def flops_of(operation: Operation, out: Any) -> int | None:
    """FLOPs of an operation that returned `out`; None where there is no formula for it, or for such tensors."""
    formula = _FORMULAS.get(operation.name.rstrip("_")) if operation.func.namespace in ("aten", "mkldnn") else None
    if formula is None or any(tensor.layout != torch.strided or tensor.is_nested for tensor in operation.tensors):
        return None
    factor = COMPLEX if any(tensor.is_complex() for tensor in operation.tensors) else 1
    return factor * int(formula(_with_defaults(operation), out))


def _with_defaults(operation: Operation) -> dict[str, Any]:
    arguments = operation.func._schema.arguments
    return {a.name: a.default_value for a in arguments if a.has_default_value()} | operation.named


# Matrix products


def _product(left: str) -> Formula:
    """Rows of `left` with as many columns as the result has, one by one or many at a time."""
    return lambda named, out: 2 * int(named[left].numel()) * int(out.shape[-1])


def _with_vector(matrix: str) -> Formula:
    return lambda named, out: 2 * int(named[matrix].numel())


def _outer(named: dict[str, Any], out: Any) -> int:
    return 2 * int(named["vec1"].numel()) * int(named["vec2"].numel())


def _grouped(named: dict[str, Any], out: Any) -> int:
    """Groups of rows, each with a matrix of its own; or groups of columns, of which a row takes one."""
    rows, columns = named["self"], named["mat2"]
    groups = rows.shape[0] if (rows.dim(), columns.dim()) == (3, 2) else 1
    return 2 * int(rows.numel()) * int(columns.shape[-1]) // int(groups)


def _trilinear(named: dict[str, Any], out: Any) -> int:
    """Two products, one after the other, as nn.Bilinear and its gradients have them; one without a sum is none.

    A dimension that a factor lacks is in its `expand`; what only the first two have is summed over after the first.
    """
    sizes: dict[int, int] = {}
    factors = []
    for name, lacks in (("i1", "expand1"), ("i2", "expand2"), ("i3", "expand3")):
        dims = [d for d in range(named[name].dim() + len(named[lacks])) if d not in named[lacks]]
        sizes |= dict(zip(dims, named[name].shape, strict=True))
        factors.append(set(dims))
    first, second, third = factors
    summed, both = set(named["sumdim"]), first | second
    early = (summed & both) - third
    late = summed - early
    products = [(both, early), ((both - early) | third, late)]
    return sum(2 * _size(sizes[d] for d in dims) for dims, over in products if over)


def _size(sizes: Any) -> int:
    return torch.Size(sizes).numel()


def _substitution(named: dict[str, Any], out: Any) -> int:
    """A triangular system: for each right side, each unknown a product of a row with those before it."""
    return int(out.numel()) * (int(named["self"].shape[-1]) - 1)


# Convolutions


def _convolution(named: dict[str, Any], out: Any) -> int:
    """A product with a channel's weights for each element of the output; transposed, of the input."""
    elements = named["input"] if named["transposed"] else out
    return 2 * int(elements.numel()) * int(named["weight"].shape[1:].numel())


def _convolution_backward(named: dict[str, Any], out: Any) -> int:
    """The forward count once for each gradient asked for."""
    return _convolution(named, named["grad_output"]) * sum(named["output_mask"][:2])


def _convolution_over_time(named: dict[str, Any], out: Any) -> int:
    """Weights (taps, channels in, channels out)."""
    return 2 * int(out.numel()) * int(named["weight"].shape[:2].numel())


# Attention


def attention(query: Tensor, value: Tensor, pairs: int) -> tuple[int, int]:
    """FLOPs of Q K^T and of A V; pairs: of positions, of all heads together."""
    return 2 * pairs * query.shape[-1], 2 * pairs * value.shape[-1]


def attention_backward(query: Tensor, value: Tensor, pairs: int, asked: Sequence[bool]) -> int:
    """Of the gradients asked for of Q, K and V; those of Q and K take that of the weights, a product of its own."""
    scores, mixing = attention(query, value, pairs)
    for_q, for_k, for_v = asked
    return scores * (for_q + for_k) + mixing * ((for_q or for_k) + for_v)


def causal_pairs(num_queries: int, num_keys: int, from_the_end: bool = False) -> int:
    """Pairs up to each position; of unlike numbers the first query stands at the first key, or the last at the last."""
    before = num_keys - num_queries if from_the_end else 0
    return sum(min(max(t + 1 + before, 0), num_keys) for t in range(num_queries))


def _pairs(named: dict[str, Any], mixed: Tensor) -> int:
    """Of all heads; mixed: of the shape of the output."""
    num_queries, num_keys = named["query"].shape[-2], named["key"].shape[-2]
    of_one = causal_pairs(num_queries, num_keys) if named["is_causal"] else num_queries * num_keys
    return int(mixed.shape[:-2].numel() * of_one)


def _attention(named: dict[str, Any], out: Any) -> int:
    return sum(attention(named["query"], named["value"], _pairs(named, out[0])))


def _attention_backward(named: dict[str, Any], out: Any) -> int:
    pairs = _pairs(named, named["grad_out"] if "grad_out" in named else named["grad_out_"])
    asked = [named[name].requires_grad for name in ("query", "key", "value")]
    return attention_backward(named["query"], named["value"], pairs, asked)


def _native_attention(named: dict[str, Any], out: Any) -> int:
    """torch's inference path of nn.MultiheadAttention: all four projections and all pairs."""
    tensor = named["query"] if "query" in named else named["src"]
    batch_size, length, d_model = tensor.shape
    return int(8 * batch_size * length * d_model**2 + 4 * batch_size * length**2 * d_model)


def _native_encoder_layer(named: dict[str, Any], out: Any) -> int:
    """torch's inference path of nn.TransformerEncoderLayer: attention and the feed-forward layer."""
    batch_size, length, _ = named["src"].shape
    weights = named["ffn_weight_1"].numel() + named["ffn_weight_2"].numel()
    return _native_attention(named, out) + int(2 * batch_size * length * weights)


# Fused recurrences: products of all tokens with W_ih and W_hh, of whose gradients that of the first state is seldom
# asked for


def _onednn_weights(named: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """W_ih and W_hh of the one layer, gates stacked; the backward pass counts them from 1."""
    names = ("weight0", "weight1") if "weight0" in named else ("weight1", "weight2")
    return named[names[0]], named[names[1]]


def _onednn_layer(named: dict[str, Any], out: Any) -> int:
    w_ih, w_hh = _onednn_weights(named)
    return 2 * int(named["input"].shape[:2].numel()) * (w_ih.numel() + w_hh.numel())


def _onednn_layer_backward(named: dict[str, Any], out: Any) -> int:
    x, (w_ih, w_hh) = named["input"], _onednn_weights(named)
    steps, batch_size = x.shape[:2]
    of_input = steps * w_ih.numel() * (x.requires_grad + w_ih.requires_grad)
    of_states = (steps - 1 + named["hx_"].requires_grad + steps * w_hh.requires_grad) * w_hh.numel()
    return 2 * int(batch_size) * int(of_input + of_states)


def _cudnn(named: dict[str, Any], out: Any) -> int:
    """All layers at once; weight holds W_ih, W_hh (and biases) of each. A packed sequence has no axis of time."""
    tokens = named["input"].shape[:-1].numel()
    return 2 * int(tokens) * sum(weight.numel() for weight in named["weight"] if weight.dim() == 2)


def _cudnn_backward(named: dict[str, Any], out: Any) -> int:
    """Twice the forward pass, less what is not asked for of the input, the first state and the weights."""
    x, weights, stride = named["input"], named["weight"], named["weight_stride0"]
    of_x, of_state, _, of_weights = named["output_mask"]
    forward = _cudnn(named, out)
    directions = 2 if named["bidirectional"] else 1
    first = sum(weight.numel() for weight in weights[0 : directions * stride : stride])
    recurrent = sum(weight.numel() for weight in weights[1::stride])
    batch_size = named["batch_sizes"][0] if named["batch_sizes"] else x.shape[0 if named["batch_first"] else 1]
    less = 2 * int(x.shape[:-1].numel()) * first * (not of_x) + 2 * int(batch_size) * recurrent * (not of_state)
    return forward * (1 + bool(of_weights)) - less


_ATTENTION_KERNELS = (
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_fused_attention_overrideable",
)
_FORMULAS: dict[str, Formula] = {
    **dict.fromkeys(
        ("mm", "bmm", "_int_mm", "_scaled_mm", "_weight_int8pack_mm", "_weight_int4pack_mm"), _product("self")
    ),
    **dict.fromkeys(("addmm", "_addmm_activation"), _product("mat1")),
    **dict.fromkeys(("baddbmm", "addbmm"), _product("batch1")),
    "linear": _product("input"),
    "_linear_pointwise": _product("X"),
    "_grouped_mm": _grouped,
    "mv": _with_vector("self"),
    "addmv": _with_vector("mat"),
    "dot": _with_vector("self"),
    "vdot": _with_vector("self"),
    "addr": _outer,
    "_trilinear": _trilinear,
    "linalg_solve_triangular": _substitution,
    "convolution": _convolution,
    "_convolution": _convolution,
    "convolution_backward": _convolution_backward,
    "conv_tbc": _convolution_over_time,
    **dict.fromkeys(_ATTENTION_KERNELS, _attention),
    **dict.fromkeys((f"{name}_backward" for name in _ATTENTION_KERNELS), _attention_backward),
    "_native_multi_head_attention": _native_attention,
    "_transformer_encoder_layer_fwd": _native_encoder_layer,
    "mkldnn_rnn_layer": _onednn_layer,
    "mkldnn_rnn_layer_backward": _onednn_layer_backward,
    "_cudnn_rnn": _cudnn,
    "_cudnn_rnn_backward": _cudnn_backward,
}
