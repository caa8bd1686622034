"""Mamba-2's recurrence by the Triton kernels of its authors' package, for CUDA devices.

Inputs may have 16 bits; states have 32. Source: Dao and Gu 2024, section 6, and its package mamba-ssm.
"""

from __future__ import annotations

from mamba_ssm.ops.triton.ssd_combined import mamba_chunk_scan_combined
from torch import Tensor

from rnn_vs_attn.models.backends import MAMBA_SSM


def state_space(
    x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, skip: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """x (B, L, H, E), dt one a position and head, A and D one a head, B and C (B, L, N), S (B, N, H, E) ->
    y (B, L, H, E) and S after them.
    """
    others = {"D": skip.float(), "initial_states": state.permute(0, 2, 3, 1), "return_final_states": True}
    y, after = mamba_chunk_scan_combined(x, dt, a, b.unsqueeze(2), c.unsqueeze(2), MAMBA_SSM.chunk, **others)
    return y, after.permute(0, 3, 1, 2)
