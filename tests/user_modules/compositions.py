"""Layers of configurations that know lengths, blocks of them, and lists of layers; and some without any."""

from __future__ import annotations

import dataclasses

from foreign import Keeps
from torch import nn


@dataclasses.dataclass
class TokensConfig:
    n_embd: int = 768
    n_head: int = 12
    block_size: int = 1024


class OfTokens(Keeps):
    """Its configuration is a language model's, which calls its longest sequence a block."""

    def __init__(self, config: TokensConfig) -> None:
        super().__init__(config.n_embd, config=config)


@dataclasses.dataclass
class SparseConfig:
    hidden_size: int = 768
    max_position_embeddings: int = 4096
    block_size: int = 64


class OfSparse(Keeps):
    def __init__(self, config: SparseConfig) -> None:
        super().__init__(config.hidden_size, config=config)


class InBlocks(Keeps):
    """Attends block by block."""

    def __init__(self, dim: int, heads: int = 8, block_size: int = 16) -> None:
        super().__init__(dim, heads=heads, block_size=block_size)


class NeedsABlock(Keeps):
    def __init__(self, n_embd: int, n_head: int, block_size: int) -> None:
        super().__init__(n_embd, n_head=n_head, block_size=block_size)


@dataclasses.dataclass
class ListedConfig:
    hidden_size: int = 768
    num_hidden_layers: int = 3
    layer_types: tuple[str, ...] = ("recurrent", "recurrent", "attention")

    def __post_init__(self) -> None:
        if self.num_hidden_layers != len(self.layer_types):
            raise ValueError("layer_types has another length")


class OfList(Keeps):
    """One layer of a model whose layers are listed."""

    def __init__(self, config: ListedConfig, layer_idx: int) -> None:
        super().__init__(config.hidden_size, config=config)


class AllOfList(Keeps):
    def __init__(self, config: ListedConfig) -> None:
        super().__init__(config.hidden_size, config.num_hidden_layers)


class Around(Keeps):
    """Needs a module of any kind."""

    def __init__(self, dim: int, fn: nn.Module) -> None:
        super().__init__(dim, fn=fn)
