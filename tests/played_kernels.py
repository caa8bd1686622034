"""Packages of GPU kernels as they document themselves, played by loops over positions in torch, so that they run here.

The real ones are held against the same layers by benchmarks/peers/kernel_packages.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

VERSION = "9.8.7"


def chunk_simple_gla(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    g: Tensor | None = None,
    g_gamma: Tensor | None = None,
    scale: float | None = None,
    initial_state: Tensor | None = None,
    output_final_state: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """q, k [B, T, H, K], v [B, T, H, V], g [B, T, H] or g_gamma [H], logarithms; states [B, H, K, V]."""
    assert initial_state is not None
    scale, state, found = k.shape[-1] ** -0.5 if scale is None else scale, initial_state, []
    for t in range(q.shape[1]):
        if g is not None:
            state = g[:, t].exp()[..., None, None] * state
        if g_gamma is not None:
            state = g_gamma.exp()[None, :, None, None] * state
        state = state + torch.einsum("bhk,bhv->bhkv", k[:, t], v[:, t])
        found.append(scale * torch.einsum("bhk,bhkv->bhv", q[:, t].to(state.dtype), state))
    return torch.stack(found, 1).to(v.dtype), state if output_final_state else None


def chunk_gated_delta_rule(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    g: Tensor,
    beta: Tensor,
    scale: float | None = None,
    initial_state: Tensor | None = None,
    output_final_state: bool = False,
    use_qk_l2norm_in_kernel: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """The same shapes; beta [B, T, H]."""
    assert initial_state is not None
    scale, state, found = k.shape[-1] ** -0.5 if scale is None else scale, initial_state, []
    if use_qk_l2norm_in_kernel:
        q, k = (t / (t.pow(2).sum(-1, keepdim=True) + 1e-6).sqrt() for t in (q, k))
    for t in range(q.shape[1]):
        state = g[:, t].exp()[..., None, None] * state
        old = torch.einsum("bhk,bhkv->bhv", k[:, t].to(state.dtype), state)
        new = beta[:, t].unsqueeze(-1) * (v[:, t] - old)
        state = state + torch.einsum("bhk,bhv->bhkv", k[:, t].to(state.dtype), new)
        found.append(scale * torch.einsum("bhk,bhkv->bhv", q[:, t].to(state.dtype), state))
    return torch.stack(found, 1).to(v.dtype), state if output_final_state else None


def chunk_rwkv7(
    r: Tensor,
    w: Tensor,
    k: Tensor,
    v: Tensor,
    a: Tensor,
    b: Tensor,
    scale: float = 1.0,
    initial_state: Tensor | None = None,
    output_final_state: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """The same shapes; w the logarithm of a decay of each channel, a reads what b takes the place of."""
    assert initial_state is not None
    state, found = initial_state, []
    for t in range(r.shape[1]):
        read = torch.einsum("bhk,bhkv->bhv", a[:, t].to(state.dtype), state)
        state = w[:, t].exp().unsqueeze(-1) * state + torch.einsum("bhk,bhv->bhkv", b[:, t].to(state.dtype), read)
        state = state + torch.einsum("bhk,bhv->bhkv", k[:, t], v[:, t])
        found.append(scale * torch.einsum("bhk,bhkv->bhv", r[:, t].to(state.dtype), state))
    return torch.stack(found, 1).to(v.dtype), state if output_final_state else None


def mamba_chunk_scan_combined(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    chunk_size: int,
    D: Tensor | None = None,
    initial_states: Tensor | None = None,
    return_final_states: bool = False,
) -> Any:
    """x (batch, seqlen, nheads, headdim), dt (batch, seqlen, nheads), A and D (nheads), B and C (batch, seqlen, 1,
    dstate); states (batch, nheads, headdim, dstate).
    """
    assert initial_states is not None
    state, found = initial_states, []
    for t in range(x.shape[1]):
        state = (dt[:, t] * A).exp()[..., None, None] * state
        state = state + torch.einsum("bhp,bn->bhpn", dt[:, t].unsqueeze(-1) * x[:, t], B[:, t, 0].to(state.dtype))
        y = torch.einsum("bhpn,bn->bhp", state, C[:, t, 0].to(state.dtype))
        found.append(y if D is None else y + D.unsqueeze(-1) * x[:, t])
    y = torch.stack(found, 1).to(x.dtype)
    return (y, state) if return_final_states else y


OPS = {
    "fla.ops.simple_gla": chunk_simple_gla,
    "fla.ops.gated_delta_rule": chunk_gated_delta_rule,
    "fla.ops.rwkv7": chunk_rwkv7,
    "mamba_ssm.ops.triton.ssd_combined": mamba_chunk_scan_combined,
}


def play(monkeypatch: pytest.MonkeyPatch, **others: Callable[..., Any]) -> None:
    """Put both packages in place; others: operations by their names that take the place of the right ones."""
    for path, operation in OPS.items():
        names = path.split(".")
        for end in range(1, len(names) + 1):
            name = ".".join(names[:end])
            if name not in sys.modules or not hasattr(sys.modules[name], "__played__"):
                module = ModuleType(name)
                vars(module).update(__played__=True, __version__=VERSION, __path__=[])
                monkeypatch.setitem(sys.modules, name, module)
        operation = others.get(operation.__name__, operation)
        setattr(sys.modules[path], OPS[path].__name__, operation)
    for caller in ("fla", "mamba_ssm"):  # which may know the real ones, or those that another test played
        monkeypatch.delitem(sys.modules, f"rnn_vs_attn.models.kernels.{caller}", raising=False)
