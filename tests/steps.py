"""Decoding without the program's own decoder: a layer's `step` against its `forward`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnn_vs_attn.measure.timing import decoding


def assert_decodes(module: nn.Module, x: Tensor, tolerance: float) -> None:
    """`step` after `step` gives what `forward` gives, and `decoding.check`, which asks that of any layer, agrees."""
    with torch.no_grad():
        whole, state, found = module(x), module.initial_state(len(x)), []
        for x_t in x.unbind(1):
            y_t, state = module.step(x_t, state)
            found.append(y_t)
    torch.testing.assert_close(torch.stack(found, 1), whole, rtol=tolerance, atol=tolerance)
    decoding.check(module, x)
