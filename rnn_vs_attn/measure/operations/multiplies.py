"""Whether an operation of torch's may multiply matrices, told by its tags, its operands and the kind of its name.

Certain to multiply none: a view, a function of each element, a reduction, a move of elements, a normalisation, a loss,
a pooling; and what takes no more than one tensor of values, as there is nothing to multiply it with, but for
decompositions, transforms and distances, which multiply a tensor with itself. The gradient of such an operation is one
too. All else may hide a product, also what a later torch brings.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import torch

from rnn_vs_attn.measure.dataflow.shadow_memory import INDICES, Operation, name_of

_OF_TORCH = ("aten", "prim", "prims")  # libraries whose names are known here
_PRODUCT = re.compile(
    r"mm(_|$)|matmul|mv_?$|dot|conv(_|olution|\d|$)|linear|attention|multi_head|encoder_layer|rnn|lstm|gru|linalg|fft|"
    r"cholesky|svd|geqrf|ormqr|solve|[cp]dist|euclidean|affine_grid|addr|semi_structured|cslt|quant_pack"
)
_NO_PRODUCT = re.compile(r"upsample|fused_(lstm|gru)_cell|vector_norm|powsum|linalg_cross|check_errors|fftfreq")
_KINDS = re.compile(  # of operations on several tensors of values that take them one to one, or move them
    r"norm|loss|entropy|pool|softmax|sampler|scatter|gather|index|select|masked|copy|slice|cat$|stack$|block_diag|fill|"
    r"(^|_)(put|take|pad|set|cell|cross|complex|polar|dist|divide)(_|$)|histogram|searchsorted|bucketize|isin|"
    r"allclose|same_|set_to|resize|relu|dropout|bernoulli|binomial|uniform|dirichlet|gamma|padded|bias_rescale|"
    r"segment_reduce|fake_quant|fq_helper"
)


def may_multiply(operation: Operation) -> bool:
    """Whether FLOPs may be missed where an operation without a formula is taken to have none."""
    if never_multiplies(operation.func):
        return False
    known = operation.func.namespace in _OF_TORCH
    return not known or _is_product(operation.name) or _num_multipliable(operation) > 1


@cache
def never_multiplies(func: Any) -> bool:
    """Whether an operation multiplies no matrices, whatever it is given."""
    if func.namespace not in _OF_TORCH:
        return False
    name = name_of(func)
    origin = re.sub(r"_backward.*", "", name)
    return is_view_operator(func) or (not _is_product(name) and (_takes_elements(name) or _takes_elements(origin)))


def is_view_operator(func: Any) -> bool:
    """Whether an operation returns a view of an argument and touches no data."""
    arguments = func._schema.arguments
    return bool(arguments) and arguments[0].alias_info is not None and not arguments[0].alias_info.is_write


def _num_multipliable(operation: Operation) -> int:
    """Tensors that could be multiplied: neither indices nor single numbers."""
    return sum(tensor.dim() > 0 and tensor.dtype not in INDICES for tensor in operation.tensors)


def _is_product(name: str) -> bool:
    return bool(_PRODUCT.search(name)) and not _NO_PRODUCT.search(name)


def _takes_elements(name: str) -> bool:
    """Whether operations of that name take elements one by one, in all of their forms."""
    stem = re.sub(r"^_foreach_|_$", "", name)
    packets = [getattr(torch.ops.aten, form, None) for form in (stem, f"_{stem}", f"{stem}_forward")]
    funcs = [getattr(packet, overload) for packet in packets if packet for overload in packet.overloads()]
    return bool(_KINDS.search(stem) or any(map(_is_tagged, funcs)) or (funcs and all(map(_takes_one, funcs))))


def _is_tagged(func: Any) -> bool:
    """Whether torch says that each element is made of one of each tensor, or is a reduction of a tensor."""
    return torch.Tag.pointwise in func.tags or getattr(torch.Tag, "reduction", None) in func.tags


def _takes_one(func: Any) -> bool:
    """Whether the schema has no more than one tensor to read."""
    read = [str(a.type) for a in func._schema.arguments if "Tensor" in str(a.type) and a.alias_info is None]
    return len(read) < 2 and not any("List" in kind for kind in read)
