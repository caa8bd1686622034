"""Layers with the signatures that other people's packages have, none of which names d_model alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn


class Keeps(nn.Module):
    """Remembers what it was given; maps (B, L, D) to the same."""

    def __init__(self, width: int, layers: int = 1, **given: Any) -> None:
        super().__init__()
        self.given = given
        self.project = nn.Sequential(*(nn.Linear(width, width) for _ in range(layers)))

    def forward(self, x: Tensor) -> Tensor:
        return self.project(x)


class Attention(Keeps):
    def __init__(self, dim: int, dim_head: int = 64, heads: int = 8, causal: bool = False, dropout: float = 0.0):
        super().__init__(dim, dim_head=dim_head, heads=heads, causal=causal, dropout=dropout)


class Local(Keeps):
    """Needs a window and no width."""

    def __init__(self, window_size: int, causal: bool = False, look_forward: int | None = None, dim: int | None = None):
        super().__init__(dim or 1, window_size=window_size, causal=causal, look_forward=look_forward)


class Cells(Keeps):
    def __init__(self, input_size: int, units: int, batch_first: bool = False, proj_size: int | None = None):
        super().__init__(input_size, units=units, batch_first=batch_first, proj_size=proj_size)


class Convolutions(Keeps):
    def __init__(self, num_inputs: int, num_channels: Sequence[int], kernel_size: int = 2, dropout: float = 0.1):
        sizes = {"num_channels": num_channels, "kernel_size": kernel_size, "dropout": dropout}
        super().__init__(num_inputs, len(num_channels), **sizes)


class Layers(Keeps):
    """What Encoder and Decoder hand their **kwargs to."""

    def __init__(self, dim: int, depth: int, heads: int = 8, causal: bool = False, mode: str = "x", **kwargs: Any):
        super().__init__(dim, depth, heads=heads, causal=causal, mode=mode, **kwargs)


class Encoder(Layers):
    def __init__(self, **kwargs: Any) -> None:
        assert "causal" not in kwargs, "an encoder sees all"
        super().__init__(mode="encoder", **kwargs)


class Decoder(Layers):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(causal=True, **kwargs)


@dataclasses.dataclass
class MixerConfig:
    embedding_dim: int = -1
    num_heads: int = 8
    context_length: int = -1
    n_layers: int = 12
    attn_pdrop: float = 0.1
    state_size: int = 16

    def __post_init__(self) -> None:
        if self.embedding_dim % self.num_heads:
            raise ValueError(f"{self.embedding_dim} is not divisible by {self.num_heads} heads")


class StateSpace(Keeps):
    """What needs a state of a size, and a direction."""

    def __init__(self, width: int, state_dim: int, bidir: bool) -> None:
        super().__init__(width, state_dim=state_dim, bidir=bidir)


@dataclasses.dataclass
class OtherConfig:
    size: int = 3


class Mixer(Keeps):
    """One layer, whatever its configuration says of layers; the parameter has no annotation."""

    def __init__(self, config, layer_idx):  # type: ignore[no-untyped-def]
        super().__init__(config.embedding_dim, config=config, layer_idx=layer_idx)


class MixerStack(Keeps):
    """All layers, annotated."""

    def __init__(self, settings: MixerConfig) -> None:
        super().__init__(settings.embedding_dim, settings.n_layers, settings=settings)


class KeysAndValues(Keeps):
    """By the names of Vaswani et al. 2017."""

    def __init__(self, n_head: int, d_model: int, d_k: int, d_v: int) -> None:
        super().__init__(d_model, n_head=n_head, d_k=d_k, d_v=d_v)


class KeysOfNoHeads(Keeps):
    def __init__(self, d_model: int, d_k: int) -> None:
        super().__init__(d_model, d_k=d_k)


class KnowsItsDepth(Keeps):
    """One layer, told how deep it lies."""

    def __init__(self, dim: int, num_query_heads: int, depth: int = 0) -> None:
        super().__init__(dim, num_query_heads=num_query_heads, depth=depth)


class GivesTheLast(Keeps):
    """One output a sequence where it is not asked for all."""

    def __init__(self, units: int, return_sequences: bool = False) -> None:
        super().__init__(units, return_sequences=return_sequences)


class TwoReadings(Keeps):
    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__(dim, hidden_dim=hidden_dim)


class EmbeddedAndHidden(Keeps):
    def __init__(self, embedding_size: int = 128, hidden_size: int = 768) -> None:
        super().__init__(hidden_size, embedding_size=embedding_size)


class NoWidth(Keeps):
    def __init__(self, girth: int = 16, num_heads: int = 2) -> None:
        super().__init__(girth, num_heads=num_heads)


class NeedsRank(Keeps):
    def __init__(self, dim: int, heads: int, rank: int) -> None:
        super().__init__(dim, heads=heads, rank=rank)


class Refuses(Keeps):
    def __init__(self, dim: int) -> None:
        raise ValueError(f"{dim} is too narrow")


class SeesAll(Keeps):
    """Knows of a causal form that it does not have."""

    def __init__(self, dim: int, heads: int = 8, causal: bool = False) -> None:
        if causal:
            raise ValueError("not causal yet")
        super().__init__(dim, heads=heads)


class FeedForward(Keeps):
    def __init__(self, dim: int, mlp_dim: int, d_ff: int = 3) -> None:
        super().__init__(dim, mlp_dim=mlp_dim, d_ff=d_ff)


def attention(dim: int, heads: int) -> nn.Module:
    """A function that returns a module."""
    return Attention(dim, heads=heads)


class LooksAhead(nn.Module):
    """The mean over all positions; it takes no mask."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(x) + x.mean(1, keepdim=True)


ready = Keeps(8, mark="ready")
