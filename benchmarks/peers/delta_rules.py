"""Gated DeltaNet and RWKV-7 of others, with the weights of ours and so with its outputs.

transformers has the whole layer of Gated DeltaNet, as Qwen3-Next's. Of RWKV-7 PyPI has kernels for a GPU, a loop
without gradients, and fla-core's naive chunks of the generalised delta rule, which run between our projections.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnn_vs_attn.models.layers.gated_deltanet import GatedDeltaNet
from rnn_vs_attn.models.layers.rwkv7 import RWKV7


def their_gated_deltanet(ours: GatedDeltaNet) -> nn.Module:
    """transformers' layer, in the form that it falls back to where no kernel is installed."""
    from transformers.models.qwen3_next.configuration_qwen3_next import Qwen3NextConfig
    from transformers.models.qwen3_next.modeling_qwen3_next import Qwen3NextGatedDeltaNet

    width, heads = ours.d_model, ours.num_heads
    sizes = {"linear_num_value_heads": heads, "linear_num_key_heads": heads}
    widths = {"linear_key_head_dim": width // heads, "linear_value_head_dim": width // heads}
    theirs = Qwen3NextGatedDeltaNet(Qwen3NextConfig(hidden_size=width, **sizes, **widths), 0)
    *wide, decay, rate = ours.in_proj.weight.split([width] * 4 + [heads] * 2)
    with torch.no_grad():  # its query, key, value and gate stand head by head, as do its rates and decays
        by_heads = torch.stack([weight.unflatten(0, (heads, -1)) for weight in wide], 1)
        theirs.in_proj_qkvz.weight.copy_(by_heads.flatten(0, 2))
        theirs.in_proj_ba.weight.copy_(torch.stack([rate, decay], 1).flatten(0, 1))
        theirs.conv1d.weight.copy_(ours.conv_weight.unsqueeze(1))
        theirs.norm.weight.copy_(ours.norm_weight)
        for name in ("dt_bias", "A_log"):
            getattr(theirs, name).copy_(getattr(ours, name))
        theirs.out_proj.weight.copy_(ours.out_proj.weight)
    return theirs


def their_rwkv7(ours: RWKV7) -> nn.Module:
    """fla-core's naive chunks of 32, at which it is fastest, between our projections."""
    from fla.ops.generalized_delta_rule.dplr.naive import dplr_chunkwise

    class Theirs(RWKV7):
        def forward(self, x: Tensor) -> Tensor:
            given, gate = self._project(x, self.initial_state(len(x))[0])
            r, log_w, k, v, n, c = (t.transpose(1, 2) for t in given)
            y, _ = dplr_chunkwise(r * r.shape[-1] ** 0.5, k, v, -n, c, log_w, chunk_size=32)
            return self._output(y.transpose(1, 2), given, gate)

    theirs = Theirs(ours.output.in_features, ours.num_heads)
    theirs.load_state_dict(ours.state_dict())
    return theirs
