"""Linear attention, without and with decay: a state that is one matrix a head."""

from __future__ import annotations

from dataclasses import dataclass

from rnn_vs_attn.models.backends import FLA
from rnn_vs_attn.models.costs import Flops, Shape
from rnn_vs_attn.models.spec import BY_SCAN, LINEAR_RECURRENCE, RECURRENCE, ModelSpec, Traits


@dataclass(frozen=True)
class MatrixState:
    """Of a recurrence S_t = g_t S_(t-1) + k_t v_t^T, o_t = q_t S_t, with D / H channels a head, by that definition: a
    position multiplies k_t v_t^T and q_t S_t, and q_t n_t where there is a normaliser n. A chunked kernel multiplies
    positions of a chunk with each other beside that, which is none of it. Decays and gates are no matrix products.

    projections: of D channels to D, that of the output among them. biased: whether these have biases. gates: projected
    beside them, one a head each, with biases. stabilised: whether the state has a logarithm of its scale, one a head.
    """

    projections: int
    biased: bool
    gates: int = 0
    normalised: bool = True
    stabilised: bool = False

    def num_params(self, shape: Shape) -> int:
        width, gates = shape.d_model, self.gates * shape.num_heads
        biases = self.projections * width if self.biased else 0
        return shape.num_layers * (self.projections * width**2 + biases + gates * (width + 1))

    def flops(self, shape: Shape) -> Flops:
        """Each product has two in the backward pass."""
        width, gates = shape.d_model, self.gates * shape.num_heads
        projected = self.projections * width**2 + gates * width
        mixed = 2 * width * (width // shape.num_heads) + (width if self.normalised else 0)
        forward = shape.num_layers * 2 * shape.tokens * (projected + mixed)
        return Flops(forward, 2 * forward)

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes of S, and of n and its scale, whatever the length; float32 at least."""
        width, heads = shape.d_model, shape.num_heads
        numbers = width * (width // heads) + (width if self.normalised else 0) + (heads if self.stabilised else 0)
        return shape.num_layers * shape.batch_size * numbers * max(itemsize, 4)

    def least_memory(self, shape: Shape, itemsize: int, train: bool) -> int:
        """Bytes of what all projections give but the last, what is mixed and the output; for training each layer keeps
        the first ones and its mixed values, beside one gradient.
        """
        of_layer = self.projections * shape.tokens * shape.d_model * itemsize
        token = shape.tokens * shape.d_model * itemsize
        return (shape.num_layers * of_layer + 2 * token) if train else of_layer + token


LINEAR_ATTENTIONS = (
    ModelSpec(
        name="linear-attention",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.linear_attention:LinearAttention",
        layer_type=LINEAR_RECURRENCE,
        source="Katharopoulos et al. 2020, equations 9 to 12",
        complexity=BY_SCAN,
        costs=MatrixState(projections=4, biased=True),
        always_causal=True,
        uses_heads=True,
        note="FLOPs are those of its recurrence, k v^T and q S at each position, whatever chunks of its kernel add",
        traits=Traits(backends=(FLA.name,)),
    ),
    ModelSpec(
        name="retention",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.retention:Retention",
        layer_type=LINEAR_RECURRENCE,
        source="Sun et al. 2023 (RetNet), sections 2.1 and 2.2",
        complexity=BY_SCAN,
        costs=MatrixState(projections=5, biased=False, normalised=False),
        always_causal=True,
        uses_heads=True,
        note="FLOPs are those of its recurrence, as of linear-attention",
        traits=Traits(backends=(FLA.name,)),
    ),
    ModelSpec(
        name="mlstm",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.mlstm:MLSTM",
        layer_type=LINEAR_RECURRENCE,
        source="Beck et al. 2024 (xLSTM), section 2.3",
        complexity=BY_SCAN,
        costs=MatrixState(projections=5, biased=True, gates=2, stabilised=True),
        always_causal=True,
        uses_heads=True,
        note="FLOPs are those of its recurrence, as of linear-attention",
    ),
)
