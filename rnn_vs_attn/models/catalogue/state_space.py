"""State spaces whose transition depends on the input: Mamba-2."""

from __future__ import annotations

from dataclasses import dataclass

from rnn_vs_attn.models.backends import MAMBA_SSM
from rnn_vs_attn.models.costs import Flops, Shape
from rnn_vs_attn.models.spec import LINEAR_RECURRENCE, RECURRENCE, Complexity, ModelSpec, Traits


@dataclass(frozen=True)
class StateSpace:
    """Mamba-2 by its definition: projections in and out, and for each token the products B_t x_t^T and S_t^T C_t. What
    chunks multiply beside that is none of it, nor is the convolution, of 4 weights a channel.

    width: N, numbers of state of each of the `expand` D channels inside.
    """

    width: int = 64
    expand: int = 2
    kernel_size: int = 4

    def num_params(self, shape: Shape) -> int:
        """Both projections; weights and bias of the convolution; dt_bias, A and D a head; the norm."""
        projections = shape.d_model * (self._projected(shape) + self._inner(shape))
        convolution = self._convolved(shape) * (self.kernel_size + 1)
        return shape.num_layers * (projections + convolution + 3 * shape.num_heads + self._inner(shape))

    def flops(self, shape: Shape) -> Flops:
        projections = shape.d_model * (self._projected(shape) + self._inner(shape))
        mixing = 2 * self.width * self._inner(shape)
        forward = shape.num_layers * 2 * shape.tokens * (projections + mixing)
        return Flops(forward, 2 * forward)

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes, whatever the length: N numbers a channel, float32 at least, and the convolution's last inputs."""
        carried = self._inner(shape) * self.width * max(itemsize, 4)
        inputs = (self.kernel_size - 1) * self._convolved(shape) * itemsize
        return shape.num_layers * shape.batch_size * (carried + inputs)

    def least_memory(self, shape: Shape, itemsize: int, train: bool) -> int:
        """Bytes of what is projected and the output; for training also of what is convolved, once a layer."""
        token = self._projected(shape) + shape.d_model
        if train:
            token = shape.num_layers * (token + self._convolved(shape))
        return shape.tokens * token * itemsize

    def _inner(self, shape: Shape) -> int:
        return self.expand * shape.d_model

    def _convolved(self, shape: Shape) -> int:
        """Channels of the convolution: x, B and C."""
        return self._inner(shape) + 2 * self.width

    def _projected(self, shape: Shape) -> int:
        """What the projection in makes of a token: the gate, x, B and C, and a step size a head."""
        return self._inner(shape) + self._convolved(shape) + shape.num_heads


STATE_SPACES = (
    ModelSpec(
        name="mamba2",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.mamba2:Mamba2",
        layer_type=LINEAR_RECURRENCE,
        source="Dao and Gu 2024 (Mamba-2), section 6",
        complexity=Complexity("O(n d² + N n d)", "O(n d)", "O(log n)", "O(n)"),
        costs=StateSpace(),
        always_causal=True,
        uses_heads=True,
        note="N is 64, the numbers of state of each of 2 d channels",
        traits=Traits(backends=(MAMBA_SSM.name,)),
    ),
)
