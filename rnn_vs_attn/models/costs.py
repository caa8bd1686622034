"""Parameters, FLOPs, state and memory of the built-in models, from their definitions; no torch.

One multiply-add is two FLOPs. Only matrix products are counted (gates, softmax and masks are not), which is what
"FLOPs" means in the field's tables: those that a model is defined by, whatever a kernel makes of them. Causal attention
needs the pairs j <= i only, L (L + 1) / 2 of them, and restricted attention those of its window. `attention-naive` and
`attention-relative` are defined by products of all L * L pairs, written out, which are masked after. B batch_size,
L seq_len, D d_model, G gates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

KERNEL_SIZE = 4  # of a convolution
WINDOW = 64  # positions that restricted attention sees


@dataclass(frozen=True)
class Shape:
    """What a layer's cost depends on."""

    batch_size: int
    seq_len: int
    d_model: int
    num_heads: int = 1
    num_layers: int = 1
    causal: bool = True
    kernel_size: int = KERNEL_SIZE
    window: int = WINDOW

    @property
    def tokens(self) -> int:
        """Of all sequences of a batch."""
        return self.batch_size * self.seq_len


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


@dataclass(frozen=True)
class Recurrent:
    """RNN (1 gate), GRU (3) and LSTM (4): torch's modules, with two bias vectors a layer."""

    gates: int
    states: int = 1

    def num_params(self, shape: Shape) -> int:
        return shape.num_layers * self.gates * (2 * shape.d_model**2 + 2 * shape.d_model)

    def flops(self, shape: Shape) -> Flops:
        """Forward: W_ih x_t and W_hh h_(t-1). Backward: both products twice, but no gradient of the initial state."""
        product = 2 * shape.batch_size * self.gates * shape.d_model**2
        steps = shape.num_layers * shape.seq_len
        return Flops(2 * product * steps, product * (4 * steps - shape.num_layers))

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes, whatever the length: h, and c for the LSTM."""
        return self.states * shape.num_layers * shape.batch_size * shape.d_model * itemsize

    def least_memory(self, shape: Shape, itemsize: int, train: bool) -> int:
        """Bytes that no kernel can do without: the output, and for training the gates and the input's gradient."""
        kept = (self.gates + 1) * shape.num_layers + 1 if train else 1
        return kept * shape.tokens * shape.d_model * itemsize


@dataclass(frozen=True)
class LinearRecurrence:
    """minGRU: one product for candidate and gate; the scan is no matrix product."""

    def num_params(self, shape: Shape) -> int:
        return shape.num_layers * 2 * (shape.d_model**2 + shape.d_model)

    def flops(self, shape: Shape) -> Flops:
        forward = shape.num_layers * 2 * shape.tokens * 2 * shape.d_model**2
        return Flops(forward, 2 * forward)

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes of h, whatever the length; float32 at least."""
        return shape.num_layers * shape.batch_size * shape.d_model * max(itemsize, 4)

    def least_memory(self, shape: Shape, itemsize: int, train: bool) -> int:
        """Bytes of candidate, gate and output; for training also of both coefficients, once a layer."""
        kept = 5 * shape.num_layers if train else 3
        return kept * shape.tokens * shape.d_model * itemsize


@dataclass(frozen=True)
class Convolution:
    """Causal convolutions of all channels to all, layer i with dilation kernel_size**i; zeros before the sequence are
    multiplied too.
    """

    def num_params(self, shape: Shape) -> int:
        return shape.num_layers * (shape.kernel_size * shape.d_model**2 + shape.d_model)

    def flops(self, shape: Shape) -> Flops:
        forward = shape.num_layers * 2 * shape.tokens * shape.kernel_size * shape.d_model**2
        return Flops(forward, 2 * forward)

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes of the inputs that each layer still reaches, whatever the length."""
        reach = sum((shape.kernel_size - 1) * shape.kernel_size**i for i in range(shape.num_layers))
        return reach * shape.batch_size * shape.d_model * itemsize

    def least_memory(self, shape: Shape, itemsize: int, train: bool) -> int:
        """Bytes of the padded input and the output; for training of every layer's input, and its gradient."""
        kept = shape.num_layers + 2 if train else 2
        return kept * shape.tokens * shape.d_model * itemsize


@dataclass(frozen=True)
class RelativeAttention:
    """Transformer-XL's attention: four projections and that of the positions without biases, u and v a head.

    Scores of content and of position are multiplied for all L * L pairs, those of position for a column more, which the
    shift takes as its padding; the mask comes after.
    """

    def num_params(self, shape: Shape) -> int:
        return shape.num_layers * (5 * shape.d_model**2 + 2 * shape.d_model)

    def flops(self, shape: Shape) -> Flops:
        """Positions are projected once for the batch, and have no gradient of their own."""
        projections = 2 * shape.tokens * 4 * shape.d_model**2
        positions = 2 * shape.seq_len * shape.d_model**2
        length = shape.seq_len
        shifted = length * (length + 1) if length > 1 else 1
        mixing = 2 * shape.batch_size * (2 * length**2 + shifted) * shape.d_model
        forward = projections + positions + mixing
        return Flops(shape.num_layers * forward, shape.num_layers * (2 * forward - positions))

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes of keys and values, and of the projected distances, which the sequences of a batch share."""
        distances = shape.seq_len * shape.d_model
        return shape.num_layers * (2 * shape.tokens * shape.d_model + distances) * itemsize

    def least_memory(self, shape: Shape, itemsize: int, train: bool) -> int:
        """Bytes of Q, K, V, the scores of positions and the mask; for training the masked scores, the weights and their
        gradient too.
        """
        token = shape.tokens * shape.d_model * itemsize
        square = shape.batch_size * shape.num_heads * shape.seq_len**2 * itemsize
        kept = (2 + shape.num_layers) * square if train else square
        return 3 * token + kept + shape.seq_len**2


@dataclass(frozen=True)
class Attention:
    """Multi-head attention with Q, K, V and output projections and their biases."""

    materialised: bool = False

    def num_params(self, shape: Shape) -> int:
        return shape.num_layers * (4 * shape.d_model**2 + 4 * shape.d_model)

    def pairs(self, shape: Shape) -> int:
        """Query-key pairs of one head."""
        if shape.causal and not self.materialised:
            return shape.seq_len * (shape.seq_len + 1) // 2
        return shape.seq_len**2

    def flops(self, shape: Shape) -> Flops:
        """Four projections, and what is between them; each product has two in the backward pass."""
        projections = shape.num_layers * 2 * shape.tokens * 4 * shape.d_model**2
        forward = projections + self.mixing(shape).forward
        return Flops(forward, 2 * forward)

    def mixing(self, shape: Shape) -> Flops:
        """Q K^T and A V."""
        forward = shape.num_layers * 2 * 2 * shape.batch_size * self.pairs(shape) * shape.d_model
        return Flops(forward, 2 * forward)

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes of the keys and values of `seq_len` tokens."""
        return 2 * shape.num_layers * shape.tokens * shape.d_model * itemsize

    def least_memory(self, shape: Shape, itemsize: int, train: bool) -> int:
        """Bytes of the tensors that are alive at once at the peak, work space aside.

        Fused, forward: Q, K, V, the mixed values and the output; training: also their gradients. Materialised,
        forward: Q, K, V, the mask and two of (B, H, L, L) (scores before and after the mask); training: the weights
        that are saved, their gradient and that of the scores. Each further layer keeps what it saves until its
        backward pass.
        """
        token = shape.tokens * shape.d_model * itemsize
        further = shape.num_layers - 1
        if not self.materialised:
            return ((9 + 5 * further) if train else 5 + min(further, 1)) * token
        square = shape.batch_size * shape.num_heads * shape.seq_len**2 * itemsize
        mask = shape.seq_len**2 if shape.causal else 0
        if train:
            return (4 + 5 * further) * token + (3 + further) * square + (1 + further) * mask
        return (3 + min(further, 1)) * token + 2 * square + mask


@dataclass(frozen=True)
class LocalAttention(Attention):
    """Restricted attention, always causal: a position with itself and up to window - 1 before it, however a kernel cuts
    the sequence into blocks.
    """

    def pairs(self, shape: Shape) -> int:
        length, window = shape.seq_len, min(shape.window, shape.seq_len)
        return window * (window + 1) // 2 + (length - window) * window

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes of the keys and values that the next position sees."""
        return super().state_size(replace(shape, seq_len=min(shape.seq_len, shape.window - 1)), itemsize)
