"""Recurrences that take away what a key held before they write to it: Gated DeltaNet and RWKV-7."""

from __future__ import annotations

from dataclasses import dataclass

from rnn_vs_attn.models.backends import FLA
from rnn_vs_attn.models.costs import Flops, Shape
from rnn_vs_attn.models.spec import LINEAR_RECURRENCE, RECURRENCE, STEP_BY_STEP, ModelSpec, Traits


@dataclass(frozen=True)
class GatedDeltaRule:
    """Gated DeltaNet: projections of q, k, v, the gate and the output, two numbers a head, and three products with the
    state at each position by its definition: what k held, what is written, what q reads. A chunked kernel multiplies
    more than that; the convolution is of each channel by itself, and no matrix product.
    """

    kernel_size: int = 4

    def num_params(self, shape: Shape) -> int:
        """Projections; the convolution of q, k and v; A and dt_bias a head; the norm of a head."""
        convolution = 3 * shape.d_model * self.kernel_size
        beside = 2 * shape.num_heads + shape.d_model // shape.num_heads
        return shape.num_layers * (self._projected(shape) + convolution + beside)

    def flops(self, shape: Shape) -> Flops:
        """Each product has two in the backward pass."""
        state = shape.d_model * (shape.d_model // shape.num_heads)
        forward = shape.num_layers * 2 * shape.tokens * (self._projected(shape) + 3 * state)
        return Flops(forward, 2 * forward)

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes, whatever the length: S, float32 at least, and the convolution's last inputs."""
        matrix = shape.d_model * (shape.d_model // shape.num_heads) * max(itemsize, 4)
        inputs = (self.kernel_size - 1) * 3 * shape.d_model * itemsize
        return shape.num_layers * shape.batch_size * (matrix + inputs)

    def least_memory(self, shape: Shape, itemsize: int, train: bool) -> int:
        """Bytes of q, k, v, the gate and the output; for training also of what is convolved, once a layer."""
        kept = 8 * shape.num_layers if train else 5
        return kept * shape.tokens * shape.d_model * itemsize

    def _projected(self, shape: Shape) -> int:
        """Elements of the matrices that a token is multiplied with."""
        return shape.d_model * (5 * shape.d_model + 2 * shape.num_heads)


def decay_rank(d_model: int) -> int:
    """Of RWKV-7's decays and in-context learning rates: 1.8 sqrt(d), in steps of 32, as the released models have it."""
    return max(32, 32 * round(1.8 * d_model**0.5 / 32))


def gate_rank(d_model: int) -> int:
    """Of RWKV-7's gate: 0.6 d^0.8, in steps of 32, as the released models have it."""
    return max(32, 32 * round(0.6 * d_model**0.8 / 32))


@dataclass(frozen=True)
class GeneralisedDeltaRule:
    """RWKV-7's time mixing: projections of r, k, v and the output, three of low rank, and four products with the state
    at each position by its definition: what is removed is read and taken away, k v^T written, r read.
    """

    def num_params(self, shape: Shape) -> int:
        """Matrices, and thirteen vectors: six mixes, two biases, xi, alpha, rho, and the norm's two."""
        return shape.num_layers * (self._projected(shape) + 13 * shape.d_model)

    def flops(self, shape: Shape) -> Flops:
        """Each product has two in the backward pass, but there is no gradient of the initial state."""
        state = shape.d_model * (shape.d_model // shape.num_heads)
        forward = shape.num_layers * 2 * shape.tokens * (self._projected(shape) + 4 * state)
        return Flops(forward, 2 * forward - shape.num_layers * 2 * shape.batch_size * state)

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes, whatever the length: S, float32 at least, and the last token."""
        matrix = shape.d_model * (shape.d_model // shape.num_heads) * max(itemsize, 4)
        return shape.num_layers * shape.batch_size * (matrix + shape.d_model * itemsize)

    def least_memory(self, shape: Shape, itemsize: int, train: bool) -> int:
        """Bytes of what the recurrence takes, the gate and the output; for training also of the six mixes, once a
        layer.
        """
        kept = 14 * shape.num_layers if train else 8
        return kept * shape.tokens * shape.d_model * itemsize

    def _projected(self, shape: Shape) -> int:
        """Elements of the matrices that a token is multiplied with."""
        ranks = 2 * decay_rank(shape.d_model) + gate_rank(shape.d_model)
        return shape.d_model * (4 * shape.d_model + 2 * ranks)


_NOTE = "FLOPs are those of its recurrence, whatever its kernel adds; chunks of 32 positions wait for each other"

DELTA_RULES = (
    ModelSpec(
        name="gated-deltanet",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.gated_deltanet:GatedDeltaNet",
        layer_type=LINEAR_RECURRENCE,
        source="Yang, Kautz and Hatamizadeh 2024 (Gated DeltaNet), section 3",
        complexity=STEP_BY_STEP,
        costs=GatedDeltaRule(),
        always_causal=True,
        uses_heads=True,
        note=_NOTE,
        traits=Traits(backends=(FLA.name,)),
    ),
    ModelSpec(
        name="rwkv7",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.rwkv7:RWKV7",
        layer_type=LINEAR_RECURRENCE,
        source="Peng et al. 2025 (RWKV-7), section 4",
        complexity=STEP_BY_STEP,
        costs=GeneralisedDeltaRule(),
        always_causal=True,
        uses_heads=True,
        note=_NOTE,
        traits=Traits(backends=(FLA.name,)),
    ),
)
