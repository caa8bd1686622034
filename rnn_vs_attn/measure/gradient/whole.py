"""A module in one piece: one forward and one backward pass over the whole sequence, and what is sure of its result.

Shapes: F distances into the future.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnn_vs_attn.measure.gradient import rounding
from rnn_vs_attn.measure.gradient.leaks import leaking_output
from rnn_vs_attn.measure.gradient.norms import WAY_OUT, Flow, carried, log_norms, together
from rnn_vs_attn.measure.gradient.passes import AT_ONCE, gradient, one_hot, output
from rnn_vs_attn.measure.gradient.precision import refuse_fewer_digits

_NOT_CAUSAL = "not causal: gradient from the future arrives, shown at negative distances for an output {}"
_ROUNDING = (
    "where a norm is absent, what arrives is this module's own rounding (it changes by more than 1 part in 1,000 where "
    f"input and parameters change by 1 in 1e13); {WAY_OUT}"
)
SENSITIVE = (
    "sensitive: a change of its input by 1 part in 1e13 moves its outputs by more than 1 in 1e6, and so does rounding: "
    "these norms are those of a path beside the given one"
)


@dataclass(frozen=True)
class Back:
    """log10 of norms as computed: by distance (L,), at distance 0 less the identity (), by distance into the future."""

    log10: Tensor
    beside_identity: Tensor
    future: Tensor


def direct(module: nn.Module, x: Tensor, cotangents: Tensor, at_once: int | None = None) -> Flow:
    """G for x (1, L, D), with what is rounding absent. CaseFault where the module computes with fewer digits."""
    length = x.shape[1]
    rows = max(1, (at_once or AT_ONCE) // length)
    refuse_fewer_digits(module, x)
    leak = leaking_output(module, x, rows)
    outputs = [length - 1] if leak is None else [length - 1, leak]
    sure = rounding.look(module, x, [one_hot(length, i, x.device) for i in outputs], rows)
    found = back(module, x, cotangents, rows, leak)
    log10, most, warnings = carried(found.log10)
    lost = sure.gradients[0].lost.flip(0) & ~log10.isnan()
    future = found.future
    if leak is not None:
        place = "in the middle" if leak == length // 2 else f"at position {leak}"
        warnings.append(_NOT_CAUSAL.format(place))
        future = torch.where(sure.gradients[1].lost[leak + 1 :], math.nan, future)
    if bool(lost.any() | future.isnan().any()):
        warnings.append(_ROUNDING)
    if sure.sensitive:
        warnings.append(SENSITIVE)
    most = torch.where(lost, torch.maximum(found.log10, sure.gradients[0].most.flip(0)) + 1, most)
    beside = math.nan if bool(lost[0]) else float(found.beside_identity)
    return Flow(torch.where(lost, math.nan, log10), most, beside, future, "direct", warnings)


def back(module: nn.Module, x: Tensor, cotangents: Tensor, rows: int, leak: int | None = None) -> Back:
    """What a pass back gives, for `rows` cotangents at once; the future is that of the output at `leak`."""
    past, future, beside = [], [], []
    for group in cotangents.split(rows):
        inputs = x.expand(len(group), -1, -1).clone().requires_grad_()
        y = output(module, inputs)
        last = gradient(y[:, -1], inputs, group, keep=leak is not None)
        past.append(log_norms(last).flip(0))
        beside.append(log_norms(last[:, -1:] - group[:, None])[0])
        if leak is not None:
            inner = gradient(y[:, leak], inputs, group)
            future.append(log_norms(inner[:, leak + 1 :]))
    return Back(together(past), together(beside), together(future) if future else x.new_empty(0))
