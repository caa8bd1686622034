"""Linear attention, retention and mLSTM of others, with the weights of ours and so with its outputs.

What only has a kernel in PyTorch, fla's naive linear attention and mlstm_kernels' native mLSTM, runs between the same
projections; yet-another-retnet has the whole layer. Chunks are of 64, theirs and the fastest of 64, 128 and 256.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnn_vs_attn.models.layers.linear_attention import LinearAttention
from rnn_vs_attn.models.layers.mlstm import MLSTM
from rnn_vs_attn.models.layers.retention import Retention


def their_linear_attention(ours: LinearAttention) -> nn.Module:
    """fla-core's naive chunked form."""
    from fla.ops.linear_attn.naive import naive_chunk_linear_attn

    class Theirs(LinearAttention):
        def forward(self, x: Tensor) -> Tensor:
            mixed = naive_chunk_linear_attn(*self._project(x), scale=1.0, normalize=True)
            y: Tensor = self.out_proj(mixed.flatten(2))
            return y

    return _with_weights(Theirs(ours.in_proj.in_features, ours.num_heads), ours)


def their_retention(ours: Retention) -> nn.Module:
    """yet-another-retnet's parallel form, with the decays of the paper's equation 8 in place of the release's."""
    from yet_another_retnet import retention

    def decays(num_heads: int, device: torch.device, dtype: torch.dtype) -> Tensor:
        return 1 - torch.exp2(-5 - torch.arange(num_heads, device=device, dtype=dtype))

    retention._build_decay_gammas = decays
    width = ours.in_proj.in_features
    theirs = retention.MultiScaleRetention(width, ours.num_heads, bias=False)
    parts = (theirs.q_proj, theirs.k_proj, theirs.v_proj, theirs.g_proj)
    with torch.no_grad():
        for part, weight in zip(parts, ours.in_proj.weight.chunk(4), strict=True):
            part.weight.copy_(weight)
        theirs.out_proj.weight.copy_(ours.out_proj.weight)
    return _OfItself(theirs)


class _OfItself(nn.Module):
    """A layer of query, key and value that are the same."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer.forward_parallel(x, x, x)[0]
        return y


def their_mlstm(ours: MLSTM) -> nn.Module:
    """mlstm_kernels' native chunked form."""
    from mlstm_kernels.torch.chunkwise.native.fwbw import mlstm_chunkwise__native_autograd

    class Theirs(MLSTM):
        def forward(self, x: Tensor) -> Tensor:
            q, k, v, gate = (t.unflatten(-1, (self.num_heads, -1)) for t in self.in_proj(x).chunk(4, dim=-1))
            gates = (t.transpose(1, 2) for t in self.gate_proj(x).chunk(2, dim=-1))
            mixed = mlstm_chunkwise__native_autograd(*(t.transpose(1, 2) for t in (q, k, v)), *gates, chunk_size=64)
            y: Tensor = self.out_proj(torch.sigmoid(gate.flatten(2)) * mixed.transpose(1, 2).flatten(2))
            return y

    return _with_weights(Theirs(ours.in_proj.in_features, ours.num_heads), ours)


def _with_weights(theirs: nn.Module, ours: nn.Module) -> nn.Module:
    theirs.load_state_dict(ours.state_dict())
    return theirs
