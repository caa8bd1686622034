"""What operations a module runs: their FLOPs where every one of them is known, and the kernels by name.

Built-in models have closed forms (`models.costs`); this counter is for the user's own modules, and for saying which
kernel ran in any. torch's own formulas count 0 for the fused LSTM and for the CPU's fused attention, and take causal
attention for full attention; both are mended here. A count that might be too low is None, never a number: when an
operation is not known, when a kernel wrote a tensor behind the dispatcher's back (Triton, a C++ extension), and when
nothing at all was counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import conv_flop_count, flop_registry, sdpa_backward_flop_count, sdpa_flop_count

_aten = torch.ops.aten

# Operations that multiply no matrices and are not tagged pointwise: layout, creation, selection, reductions, scans.
_FREE = frozenset(
    """
    _softmax _softmax_backward_data _log_softmax _log_softmax_backward_data _safe_softmax native_layer_norm
    native_layer_norm_backward native_batch_norm native_batch_norm_backward native_group_norm
    native_group_norm_backward _fused_rms_norm _fused_rms_norm_backward sum mean var std var_mean norm
    linalg_vector_norm amax amin max min argmax argmin any all prod cumsum cumprod cummax cummin logcumsumexp
    logsumexp sort topk gather scatter scatter_add scatter_ scatter_add_ index index_put index_put_ _index_put_impl_
    index_select index_add index_add_ index_copy index_copy_ embedding embedding_dense_backward masked_scatter
    masked_select nonzero cat stack split split_with_sizes chunk unbind unbind_copy copy_ _to_copy clone contiguous
    fill_ fill zero_ zeros ones full empty rand randn randint randperm zeros_like ones_like full_like empty_like
    rand_like randn_like new_zeros new_ones new_empty new_full new_empty_strided empty_strided empty_permuted arange
    linspace eye tril triu tril_ triu_ tril_indices triu_indices scalar_tensor lift_fresh lift_fresh_copy
    _local_scalar_dense detach detach_ alias slice_backward select_backward slice_scatter select_scatter as_strided_
    as_strided_scatter constant_pad_nd pad roll flip repeat tile where bernoulli bernoulli_ native_dropout
    native_dropout_backward dropout bucketize one_hot isnan equal is_nonzero diagonal_scatter
    value_selecting_reduction_backward resize_ set_ _unsafe_view _reshape_copy _reshape_alias unfold_backward
    normal_ uniform_ random_ copy median masked_fill masked_fill_ repeat_interleave avg_pool1d max_pool1d
    is_same_size _has_compatible_shallow_copy_type transpose_ squeeze_ unsqueeze_ t_ unsafe_split
    unsafe_split_with_sizes unsafe_chunk slice_copy select_copy threshold_backward _foreach_add_ record_stream
    _assert_async _assert_scalar sym_size _thnn_fused_lstm_cell _thnn_fused_lstm_cell_backward_impl
    _thnn_fused_gru_cell _thnn_fused_gru_cell_backward _weight_norm_interface _weight_norm_interface_backward
    _pack_padded_sequence _pack_padded_sequence_backward
    """.split()
)
_CREATES_UNWRITTEN = frozenset(
    ["empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided"]
)


@dataclass
class OpCount(TorchDispatchMode):
    """Counts while active. `flops` is None as soon as it would be a guess; `reason` then says why."""

    counted: int = 0
    by_weights: int = 0  # of them those of products with a parameter
    weights: frozenset[int] = frozenset()  # where the memory of the parameters is
    reason: str = ""
    kernels: Counter[str] = field(default_factory=Counter)
    _unwritten: dict[int, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def __hash__(self) -> int:
        return id(self)

    @property
    def flops(self) -> int | None:
        if not self.counted and not self.reason:
            self.reason = "no matrix product was seen"
        return None if self.reason else self.counted

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        packet = func.overloadpacket
        name = packet._qualified_op_name.split("::")[-1]
        self._follow_writes(func, name, args, kwargs, out)
        flops = _flops_of(func, name, args, kwargs, out)
        if flops is not None:
            self.counted += flops
            if self.weights and any(_place(tensor) in self.weights for tensor in _tensors((args, kwargs))):
                self.by_weights += flops
            self.kernels[name] += 1
        elif not _is_free(func, name):
            self.reason = self.reason or f"the operation {packet._qualified_op_name} has no known count"
            self.kernels[name] += 1
        return out

    def check_output(self, y: Tensor) -> None:
        """Call with the module's output: if nothing that was seen wrote it, something unseen did."""
        if y.untyped_storage().data_ptr() in self._unwritten:
            self.reason = self.reason or "a kernel outside torch's dispatcher wrote the output"

    def _follow_writes(self, func: Any, name: str, args: Any, kwargs: Any, out: Any) -> None:
        """Note memory that was created without a value; reading it before a seen write means an unseen kernel ran."""
        if name in _CREATES_UNWRITTEN:
            for tensor in _tensors(out):
                if tensor.numel():
                    self._unwritten[tensor.untyped_storage().data_ptr()] = tensor
            return
        if not self._unwritten:
            return
        written = {id(t) for a, v in zip(func._schema.arguments, args, strict=False) if _writes(a) for t in _tensors(v)}
        written |= {id(kwargs[a.name]) for a in func._schema.arguments if _writes(a) and a.name in kwargs}
        for tensor in _tensors((args, kwargs)):
            storage = tensor.untyped_storage().data_ptr()
            if storage not in self._unwritten:
                continue
            if id(tensor) in written:
                del self._unwritten[storage]
            elif not _is_view(func):
                self.reason = self.reason or "a kernel outside torch's dispatcher ran (Triton or an extension)"


def count(call: Callable[[], Tensor], module: nn.Module | None = None) -> OpCount:
    """Run `call` once and count what it runs; it returns the output of the module, whose parameters are told apart."""
    parameters = module.parameters() if module is not None else ()
    counter = OpCount(weights=frozenset(_place(parameter) for parameter in parameters))
    with counter:
        y = call()
    counter.check_output(y)
    return counter


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _writes(argument: Any) -> bool:
    return argument.alias_info is not None and argument.alias_info.is_write


def _is_view(func: Any) -> bool:
    """Whether an operation returns a view of an argument and touches no data."""
    arguments = func._schema.arguments
    return bool(arguments) and arguments[0].alias_info is not None and not arguments[0].alias_info.is_write


def _is_free(func: Any, name: str) -> bool:
    return torch.Tag.pointwise in func.tags or name in _FREE or _is_view(func)


def _rnn_layer(named: dict[str, Any]) -> int:
    """One fused oneDNN layer: input (L, B, D), two weight matrices (a GRU's or LSTM's gates stacked)."""
    length, batch_size = named["input"].shape[:2]
    return 2 * length * batch_size * (_first_weight(named).numel() + _second_weight(named).numel())


def _rnn_layer_backward(named: dict[str, Any]) -> int:
    """Twice the forward pass, less the gradient of the initial state, which nobody asks for."""
    return 2 * _rnn_layer(named) - 2 * named["input"].shape[1] * _second_weight(named).numel()


def _first_weight(named: dict[str, Any]) -> Tensor:
    return named["weight0"] if "weight0" in named else named["weight1"]


def _second_weight(named: dict[str, Any]) -> Tensor:
    return named["weight1"] if "weight0" in named else named["weight2"]


def _cudnn_rnn(named: dict[str, Any]) -> int:
    """All layers at once; weight holds W_ih, W_hh (and biases) of each."""
    tokens = named["input"].shape[0] * named["input"].shape[1]
    return 2 * tokens * sum(weight.numel() for weight in named["weight"] if weight.dim() == 2)


def _cudnn_rnn_backward(named: dict[str, Any]) -> int:
    batch_size = named["input"].shape[0 if named["batch_first"] else 1]
    recurrent = sum(weight.numel() for weight in named["weight"][1 :: named["weight_stride0"]])
    return 2 * _cudnn_rnn(named) - 2 * batch_size * recurrent


def _attention(named: dict[str, Any]) -> int:
    return _needed(named, sdpa_flop_count(*(named[n].shape for n in ("query", "key", "value"))))


def _attention_backward(named: dict[str, Any]) -> int:
    """Four products by definition; the fifth that torch counts computes the scores again."""
    query, key, value = (named[n].shape for n in ("query", "key", "value"))
    grad = named["grad_out"] if "grad_out" in named else named["grad_out_"]
    recomputed = 2 * query[:-1].numel() * key[-2] * query[-1]
    return _needed(named, sdpa_backward_flop_count(grad.shape, query, key, value) - recomputed)


def _convolution_backward(named: dict[str, Any]) -> int:
    """The forward count once for each gradient asked for; torch's own formula is wrong with groups."""
    shapes = (named[name].shape for name in ("input", "weight", "grad_output"))
    return int(conv_flop_count(*shapes, named["transposed"])) * sum(named["output_mask"][:2])


def _native_attention(named: dict[str, Any]) -> int:
    """torch's inference path of nn.MultiheadAttention: all four projections and all pairs."""
    tensor = named["query"] if "query" in named else named["src"]
    batch_size, length, d_model = tensor.shape
    return 8 * batch_size * length * d_model**2 + 4 * batch_size * length**2 * d_model


def _native_encoder_layer(named: dict[str, Any]) -> int:
    """torch's inference path of nn.TransformerEncoderLayer: attention and the feed-forward layer."""
    batch_size, length, _ = named["src"].shape
    weights = named["ffn_weight_1"].numel() + named["ffn_weight_2"].numel()
    return _native_attention(named) + 2 * batch_size * length * weights


def _needed(named: dict[str, Any], full: int) -> int:
    """The share of `full` that causal attention needs: pairs j <= i."""
    num_queries, num_keys = named["query"].shape[-2], named["key"].shape[-2]
    if not named.get("is_causal") or num_queries != num_keys:
        return full
    return full * (num_keys + 1) // (2 * num_keys)


_ATTENTION_KERNELS = (
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
)
_OWN: dict[str, Callable[[dict[str, Any]], int]] = {
    "mkldnn_rnn_layer": _rnn_layer,
    "mkldnn_rnn_layer_backward": _rnn_layer_backward,
    "mv": lambda named: 2 * named["self"].numel(),
    "addmv": lambda named: 2 * named["mat"].numel(),
    "addr": lambda named: 2 * named["vec1"].numel() * named["vec2"].numel(),
    "dot": lambda named: 2 * named["self"].numel(),
    "convolution_backward": _convolution_backward,
    "_native_multi_head_attention": _native_attention,
    "_transformer_encoder_layer_fwd": _native_encoder_layer,
    "_cudnn_rnn": _cudnn_rnn,
    "_cudnn_rnn_backward": _cudnn_rnn_backward,
    **dict.fromkeys(_ATTENTION_KERNELS, _attention),
    **dict.fromkeys((f"{name}_backward" for name in _ATTENTION_KERNELS), _attention_backward),
}


def _flops_of(func: Any, name: str, args: Any, kwargs: Any, out: Any) -> int | None:
    """FLOPs of one operation by its own formula, else by torch's; None where there is neither."""
    if func.namespace == "aten" and name in _OWN:
        names = (argument.name for argument in func._schema.arguments)
        return _OWN[name](dict(zip(names, args, strict=False)) | kwargs)
    formula = flop_registry.get(func.overloadpacket)
    return int(formula(*args, **kwargs, out_val=out)) if formula else None
