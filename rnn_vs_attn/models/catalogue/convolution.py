"""Convolutions over the sequence."""

from __future__ import annotations

from dataclasses import dataclass

from rnn_vs_attn.models.costs import Flops, Shape
from rnn_vs_attn.models.spec import CONVOLUTION, CONVOLUTIONAL, Complexity, ModelSpec, Traits


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


CONVOLUTIONS = (
    ModelSpec(
        name="conv",
        family=CONVOLUTION,
        target="rnn_vs_attn.models.layers.convolution:StackedConvolution",
        layer_type=CONVOLUTIONAL,
        source="Vaswani et al. 2017, table 1; van den Oord et al. 2016 (WaveNet)",
        complexity=Complexity("O(k n d²)", "O(n d)", "O(1)", "O(log_k n)"),
        costs=Convolution(),
        note="k is --kernel-size; its path is that of a stack of layers, as many as it takes",
        traits=Traits(takes=("kernel_size",)),
    ),
)
