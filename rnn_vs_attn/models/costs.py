"""Parameters, FLOPs, state and memory of the built-in models, from their definitions; no torch.

One multiply-add is two FLOPs. Only matrix products are counted (gates, softmax and masks are not), which is what
"FLOPs" means in the field's tables: those that a model is defined by, whatever a kernel makes of them. Causal attention
needs the pairs j <= i only, L (L + 1) / 2 of them, and restricted attention those of its window. `attention-naive` and
`attention-relative` are defined by products of all L * L pairs, written out, which are masked after. B batch_size,
L seq_len, D d_model, G gates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rnn_vs_attn.models.backends import TORCH

KERNEL_SIZE = 4  # of a convolution
WINDOW = 64  # positions that restricted attention sees
NO_POSITIONS, ROTARY, ALIBI = "none", "rotary", "alibi"  # what attention knows of where tokens stand
KINDS_OF_POSITIONS = (NO_POSITIONS, ROTARY, ALIBI)


@dataclass(frozen=True)
class Shape:
    """What a layer's cost depends on, and backend, whose kernels compute it, on which no closed form does.

    num_kv_heads: heads of keys and values where they are shared, 0 their default.
    """

    batch_size: int
    seq_len: int
    d_model: int
    num_heads: int = 1
    num_layers: int = 1
    causal: bool = True
    kernel_size: int = KERNEL_SIZE
    window: int = WINDOW
    num_kv_heads: int = 0
    positions: str = NO_POSITIONS
    backend: str = TORCH

    @property
    def kv_heads(self) -> int:
        """Heads of keys and values where they are shared."""
        return self.num_kv_heads or default_kv_heads(self.num_heads)

    @property
    def tokens(self) -> int:
        """Of all sequences of a batch."""
        return self.batch_size * self.seq_len


def default_kv_heads(num_heads: int) -> int:
    """A quarter of the heads; one where they are no multiple of four."""
    return num_heads // 4 if num_heads % 4 == 0 else 1


@dataclass(frozen=True)
class Flops:
    """FLOPs of one call; backward gives the gradients of inputs and parameters."""

    forward: int
    backward: int

    @property
    def train(self) -> int:
        """FLOPs of a forward pass and its backward pass."""
        return self.forward + self.backward


class Costs(Protocol):
    """Closed forms of one model."""

    def num_params(self, shape: Shape) -> int:
        """Elements of all parameters."""

    def flops(self, shape: Shape) -> Flops:
        """Of the matrix products of one call, a multiply-add being two."""

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes that are carried on after `seq_len` tokens. itemsize: bytes of a number."""

    def least_memory(self, shape: Shape, itemsize: int, train: bool) -> int:
        """Bytes that no call can do without, above its inputs and parameters."""
