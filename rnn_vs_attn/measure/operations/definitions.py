"""Attention and convolution as a module asks torch for them: counted by their definition, whatever kernel answers.

Some of torch's kernels skip the pairs of causal attention that nobody needs and some multiply and then mask them, by
device, dtype and dropout; a complex convolution is made of three real ones. Below torch's functions that can no longer
be told, so the functions themselves are replaced while operations are counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any, Protocol
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.measure.operations import formulas

_ATTENTION = "scaled_dot_product_attention"
_CONVOLUTIONS = tuple(f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3))


class Counter(Protocol):
    """What is told of the products that are counted here, and counts none of those that run `aside`."""

    def add(self, flops: int, factors: Sequence[Tensor]) -> None:
        """A product of these tensors took so many FLOPs."""

    def give_up(self, reason: str) -> None:
        """There is no number any more."""

    def aside(self) -> AbstractContextManager[None]:
        """Within, nothing is counted."""


@contextmanager
def told_to(counter: Counter) -> Iterator[None]:
    """Within, causal attention and complex convolutions are counted as they are defined."""
    with ExitStack() as replaced:
        attend = partial(_attend, counter, F.scaled_dot_product_attention)
        replaced.enter_context(patch.object(F, _ATTENTION, attend))
        for place, name in ((place, name) for place in (F, torch) for name in _CONVOLUTIONS):
            replaced.enter_context(patch.object(place, name, partial(_convolve, getattr(place, name))))
        yield


def _convolve(
    convolve: Callable[..., Tensor],
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *args: Any,
    **kwargs: Any,
) -> Tensor:
    """A convolution; of complex numbers as the four of real ones that it is."""
    if not (input.is_complex() and weight.is_complex()):
        return convolve(input, weight, bias, *args, **kwargs)
    of_real, of_imaginary = (
        [convolve(x, w, None, *args, **kwargs) for w in (weight.real, weight.imag)] for x in (input.real, input.imag)
    )
    y = torch.complex(of_real[0] - of_imaginary[1], of_real[1] + of_imaginary[0])
    return y if bias is None else y + bias.view(-1, *(1 for _ in weight.shape[2:]))


def _attend(
    counter: Counter,
    attend: Callable[..., Tensor],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **kwargs: Any,
) -> Tensor:
    """torch's attention; where it is causal, `counter` is told of the pairs that it needs."""

    def run(*factors: Tensor) -> Tensor:
        with patch.object(F, _ATTENTION, attend):  # which a causal bias looks for
            return attend(*factors, attn_mask=attn_mask, dropout_p=dropout_p, is_causal=is_causal, **kwargs)

    factors = (query, key, value)
    bias = _causal_bias(attn_mask)
    if not (is_causal or bias is not None):
        return run(*factors)
    if not all(map(_is_plain, factors)):
        counter.give_up(
            "causal attention under a transform such as vmap, or of tensors of another kind, hides its pairs"
        )
        return run(*factors)
    lower_right = bias is not None and bias.variant.name == "LOWER_RIGHT"
    pairs = formulas.causal_pairs(query.shape[-2], key.shape[-2], lower_right)
    if torch.is_grad_enabled() and any(factor.requires_grad for factor in factors):
        y: Tensor = _Counted.apply(counter, run, pairs, *factors)
        return y
    with counter.aside():
        y = run(*factors)
    _tell(counter, factors, y, pairs)
    return y


def _causal_bias(mask: object) -> Any:
    """A mask that is one of torch's CausalBias, else None; whoever made it has imported it, which takes a second."""
    biases = sys.modules.get("torch.nn.attention.bias")
    return mask if biases is not None and isinstance(mask, biases.CausalBias) else None


def _is_plain(tensor: Tensor) -> bool:
    """Whether it is an ordinary tensor, outside of transforms such as vmap."""
    return type(tensor) in (Tensor, nn.Parameter) and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)


def _tell(counter: Counter, factors: Sequence[Tensor], y: Tensor, pairs: int) -> None:
    query, _, value = factors
    counter.add(sum(formulas.attention(query, value, y.shape[:-2].numel() * pairs)), factors)


class _Counted(torch.autograd.Function):
    """Causal attention by torch's own kernels, forward and backward, of which the pairs that it needs are counted."""

    @staticmethod
    def forward(ctx: Any, counter: Counter, run: Callable[..., Tensor], pairs: int, *factors: Tensor) -> Tensor:
        with counter.aside(), torch.enable_grad():
            ctx.factors = [factor.detach().requires_grad_(factor.requires_grad) for factor in factors]
            ctx.y = run(*ctx.factors)
        ctx.counter, ctx.pairs = counter, pairs
        _tell(counter, factors, ctx.y, pairs)
        y: Tensor = ctx.y.detach()
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            ctx.counter.give_up("it takes the gradient of a gradient of causal attention")
        asked = ctx.needs_input_grad[-3:]
        query, _, value = ctx.factors
        pairs = ctx.y.shape[:-2].numel() * ctx.pairs
        ctx.counter.add(formulas.attention_backward(query, value, pairs, asked), ctx.factors)
        with ctx.counter.aside():
            wanted = [factor for factor, is_asked in zip(ctx.factors, asked, strict=True) if is_asked]
            found = iter(torch.autograd.grad(ctx.y, wanted, gradients, retain_graph=True))
        return (None, None, None, *(next(found) if is_asked else None for is_asked in asked))
