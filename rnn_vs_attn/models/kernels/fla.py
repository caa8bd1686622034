"""The recurrences of this program by the Triton kernels of flash-linear-attention, for CUDA devices.

Each function stands for the kernel that a layer names when it is built (layers/chunked_recurrence.py). Inputs may have
16 bits; states have 32. These kernels have no more digits than float32, whatever they are given.
Source: Yang and Zhang 2024, flash-linear-attention (on PyPI fla-core), whose ops these are.
"""

from __future__ import annotations

from fla.ops.gated_delta_rule import chunk_gated_delta_rule
from fla.ops.rwkv7 import chunk_rwkv7
from fla.ops.simple_gla import chunk_simple_gla
from torch import Tensor

from rnn_vs_attn.models.kernels.linear_attention import Read


def linear_attention(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor | None, matrix: Tensor, normaliser: Tensor | None = None
) -> Read:
    """q, k, v (B, L, H, E), log g, one a position and head but the same at all positions, or None, and the state before
    them.
    """
    of_heads = None if log_decay is None else log_decay[0, 0].float()
    values, after = chunk_simple_gla(
        q, k, v, g_gamma=of_heads, scale=1.0, initial_state=matrix, output_final_state=True
    )
    if normaliser is None:
        return Read(values, after, None, None)
    sums = normaliser.unsqueeze(1) + k.cumsum(1, dtype=normaliser.dtype)
    return Read(values, after, (q * sums).sum(-1), sums[:, -1])


def gated_delta_rule(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """q, k, v (B, L, H, E), log a and b, one a position and head, S before them -> y and S after them. Keys and
    queries are divided by their lengths in the kernel.
    """
    y, after = chunk_gated_delta_rule(
        q,
        k,
        v,
        log_a,
        b,
        scale=q.shape[-1] ** -0.5,
        initial_state=state,
        output_final_state=True,
        use_qk_l2norm_in_kernel=True,
    )
    return y, after


def generalised_delta_rule(
    r: Tensor, log_w: Tensor, k: Tensor, v: Tensor, n: Tensor, c: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """All (B, L, H, E), S before them -> y and S after them."""
    y, after = chunk_rwkv7(r, log_w, k, v, -n, c, scale=1.0, initial_state=state, output_final_state=True)
    return y, after
