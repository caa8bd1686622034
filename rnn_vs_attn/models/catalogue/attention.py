"""Softmax attention: fused, as lessons write it, restricted, and over distances."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rnn_vs_attn.models.costs import ALIBI, ROTARY, Flops, Shape
from rnn_vs_attn.models.spec import (
    ATTENTION,
    FUSED_ATTENTION,
    NAIVE_ATTENTION,
    NUM_KV_HEADS,
    POSITIONS,
    RESTRICTED,
    RESTRICTED_ATTENTION,
    SELF_ATTENTION,
    Complexity,
    ModelSpec,
    Traits,
)


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
    """Multi-head attention with Q, K, V and output projections and their biases.

    materialised: whether scores are in memory. grouped: whether heads share keys and values.
    """

    materialised: bool = False
    grouped: bool = False

    def projected(self, shape: Shape) -> int:
        """Width of keys, and of values."""
        return shape.d_model * shape.kv_heads // shape.num_heads if self.grouped else shape.d_model

    def num_params(self, shape: Shape) -> int:
        """Of the projections: to and from queries, to keys and to values."""
        width = 2 * (shape.d_model + self.projected(shape))
        return shape.num_layers * (shape.d_model + 1) * width

    def pairs(self, shape: Shape) -> int:
        """Query-key pairs of one head."""
        if shape.causal and not self.materialised:
            return shape.seq_len * (shape.seq_len + 1) // 2
        return shape.seq_len**2

    def flops(self, shape: Shape) -> Flops:
        """Four projections, and what is between them; each product has two in the backward pass."""
        width = 2 * (shape.d_model + self.projected(shape))
        projections = shape.num_layers * 2 * shape.tokens * shape.d_model * width
        forward = projections + self.mixing(shape).forward
        return Flops(forward, 2 * forward)

    def mixing(self, shape: Shape) -> Flops:
        """Q K^T and A V."""
        forward = shape.num_layers * 2 * 2 * shape.batch_size * self.pairs(shape) * shape.d_model
        return Flops(forward, 2 * forward)

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes of the keys and values of `seq_len` tokens."""
        return 2 * shape.num_layers * shape.tokens * self.projected(shape) * itemsize

    def least_memory(self, shape: Shape, itemsize: int, train: bool) -> int:
        """Bytes of the tensors that are alive at once at the peak, work space aside.

        Fused, forward: Q, K, V, the mixed values and the output; training: also their gradients. Materialised,
        forward: Q, K, V, the mask and two of (B, H, L, L) (scores before and after the mask); training: the weights
        that are saved, their gradient and that of the scores. Each further layer keeps what it saves until its
        backward pass. Keys and values that heads share are narrower. Queries and keys that were turned are beside
        those before. The bias of distances is a view of a line, but where scores are materialised: there it is one
        more of (H, L, L), which a training pass has given back at its peak.
        """
        token = shape.tokens * shape.d_model * itemsize
        further = shape.num_layers - 1
        if not self.materialised:
            shared = shape.tokens * self.projected(shape) * itemsize
            turned = token + shared if shape.positions == ROTARY else 0
            if train:
                return (5 + 3 * further) * token + (4 + 2 * further) * shared + (1 + further) * turned
            return (3 + min(further, 1)) * token + 2 * shared + turned
        square = shape.batch_size * shape.num_heads * shape.seq_len**2 * itemsize
        mask = shape.seq_len**2 if shape.causal else 0
        if train:
            return (4 + 5 * further) * token + (3 + further) * square + (1 + further) * mask
        turned = 2 * token if shape.positions == ROTARY else 0
        bias = square // shape.batch_size if shape.positions == ALIBI else 0
        return (3 + min(further, 1)) * token + 2 * square + max(mask, bias) + turned


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


ATTENTIONS = (
    ModelSpec(
        name="attention",
        family=ATTENTION,
        target="rnn_vs_attn.models.layers.attention:Attention",
        layer_type=SELF_ATTENTION,
        source="Vaswani et al. 2017; scaled_dot_product_attention",
        complexity=FUSED_ATTENTION,
        costs=Attention(),
        uses_heads=True,
        traits=Traits(baseline=True, kept=True, separable=True, takes=(POSITIONS,)),
    ),
    ModelSpec(
        name="attention-local",
        family=RESTRICTED_ATTENTION,
        target="rnn_vs_attn.models.layers.local_attention:LocalAttention",
        layer_type=RESTRICTED,
        source="Vaswani et al. 2017, section 4 (restricted self-attention)",
        complexity=Complexity("O(r n d + n d²)", "O(n d)", "O(1)", "O(n/r)"),
        costs=LocalAttention(),
        always_causal=True,
        uses_heads=True,
        note="r is --window; its path is that of a stack of layers, as many as it takes",
        traits=Traits(separable=True, takes=("window", POSITIONS)),
    ),
    ModelSpec(
        name="attention-naive",
        family=ATTENTION,
        target="rnn_vs_attn.models.layers.attention:NaiveAttention",
        layer_type=SELF_ATTENTION,
        source="Vaswani et al. 2017, as lessons write it",
        complexity=NAIVE_ATTENTION,
        costs=Attention(materialised=True),
        uses_heads=True,
        note="scores and weights materialised: the lesson's, not a baseline",
        traits=Traits(separable=True, takes=(POSITIONS,)),
    ),
    ModelSpec(
        name="attention-gqa",
        family=ATTENTION,
        target="rnn_vs_attn.models.layers.attention:GroupedQueryAttention",
        layer_type=SELF_ATTENTION,
        source="Ainslie et al. 2023 (GQA), section 2.2; scaled_dot_product_attention",
        complexity=FUSED_ATTENTION,
        costs=Attention(grouped=True),
        uses_heads=True,
        note="--num-kv-heads heads of keys and values, by itself a quarter of --num-heads, or 1 of no multiple of four",
        traits=Traits(separable=True, takes=(NUM_KV_HEADS, POSITIONS)),
    ),
    ModelSpec(
        name="attention-relative",
        family=ATTENTION,
        target="rnn_vs_attn.models.layers.attention:RelativeSelfAttention",
        layer_type=SELF_ATTENTION,
        source="Dai et al. 2019 (Transformer-XL), section 3.3",
        complexity=NAIVE_ATTENTION,
        costs=RelativeAttention(),
        always_causal=True,
        uses_heads=True,
        note="training materialises the scores of distances, which no fused kernel takes",
    ),
)
