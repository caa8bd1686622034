"""Shapes of the language models, the published sizes by name, and how many parameters each has; no torch.

Counts are closed forms of the definitions (shared parameters once, a tied output layer not again), so that a table of
sizes needs no model to be built. U embedding width, F feed-forward's width.
"""

from __future__ import annotations

from dataclasses import dataclass

SHARINGS = ("all", "attention", "feed-forward", "none")


@dataclass(frozen=True)
class GPTShape:
    """GPT-2. dropout: 0.1 in its publication; 0 unless asked for, as it computes the same without.

    d_inner: width of the feed-forward, None for four times d_model. tied: the output layer is the token embedding.
    What is not GPT-2's own: scaled: scores are divided by sqrt(head_dim); scaled_by_layer: those of layer i, from 1,
    also by i.
    """

    num_layers: int = 12
    d_model: int = 768
    num_heads: int = 12
    vocab_size: int = 50257
    context_len: int = 1024
    dropout: float = 0.0
    d_inner: int | None = None
    activation: str = "gelu_new"
    norm_eps: float = 1e-5
    tied: bool = True
    scaled: bool = True
    scaled_by_layer: bool = False

    @property
    def inner_width(self) -> int:
        return 4 * self.d_model if self.d_inner is None else self.d_inner

    def score_scale(self, layer: int) -> float | None:
        """What the scores of a layer, from 0, are multiplied by; None for 1 / sqrt(head_dim), which is the usual."""
        if self.scaled and not self.scaled_by_layer:
            return None
        scale = (self.d_model // self.num_heads) ** -0.5 if self.scaled else 1.0
        return scale / (layer + 1) if self.scaled_by_layer else scale

    @property
    def block_params(self) -> int:
        """One block: 4 D^2 + 9 D + 2 D F + F; 12 D^2 + 13 D where F is 4 D."""
        return 4 * self.d_model**2 + 9 * self.d_model + (2 * self.d_model + 1) * self.inner_width

    @property
    def non_embedding_params(self) -> int:
        """All blocks and the last norm."""
        return self.num_layers * self.block_params + 2 * self.d_model

    @property
    def num_params(self) -> int:
        rows = self.vocab_size * (1 if self.tied else 2) + self.context_len
        return rows * self.d_model + self.non_embedding_params

    def forward_flops(self, batch_size: int, seq_len: int) -> int:
        """FLOPs of one forward pass, the output layer included; a multiply-add is two, pairs j <= i only."""
        tokens = batch_size * seq_len
        of_block = (4 * self.d_model + 2 * self.inner_width) * self.d_model
        products = tokens * (self.num_layers * of_block + self.vocab_size * self.d_model)
        mixing = self.num_layers * batch_size * seq_len * (seq_len + 1) * self.d_model
        return 2 * (products + mixing)


GPT_SIZES = {
    "gpt2": GPTShape(),
    "gpt2-medium": GPTShape(24, 1024, 16),
    "gpt2-large": GPTShape(36, 1280, 20),
    "gpt2-xl": GPTShape(48, 1600, 25),
}


@dataclass(frozen=True)
class AlbertShape:
    """ALBERT, and BERT with both of its switches off: sharing "none" and embedding_dim None (as wide as the model).

    activation: "gelu_new" is GELU's tanh form, which ALBERT has; "gelu" is GELU itself, which BERT has. d_inner: width
    of the feed-forward, None for four times d_model. tied: the masked language model's output layer is the token
    embedding. num_groups: layers share with those of their group only; inner_layers: how many layers each of
    num_layers is, one after another (ALBERT's released code has both, its publication neither).
    """

    num_layers: int = 12
    d_model: int = 768
    num_heads: int = 12
    embedding_dim: int | None = 128
    sharing: str = "all"
    vocab_size: int = 30000
    context_len: int = 512
    num_segments: int = 2
    activation: str = "gelu_new"
    dropout: float = 0.0
    d_inner: int | None = None
    norm_eps: float = 1e-12
    tied: bool = True
    num_groups: int = 1
    inner_layers: int = 1

    @property
    def shares_attention(self) -> bool:
        return self.sharing in ("all", "attention")

    @property
    def shares_feed_forward(self) -> bool:
        return self.sharing in ("all", "feed-forward")

    def num_modules(self, shared: bool) -> int:
        """How many attentions, or feed-forwards, there are."""
        return (self.num_groups if shared else self.num_layers) * self.inner_layers

    def module_of(self, layer: int, inner: int, shared: bool) -> int:
        """Which of them a layer uses; groups are as even as can be, in the order of the layers."""
        own = int(layer / (self.num_layers / self.num_groups)) if shared else layer
        return own * self.inner_layers + inner

    @property
    def inner_width(self) -> int:
        return 4 * self.d_model if self.d_inner is None else self.d_inner

    @property
    def width_of_embeddings(self) -> int:
        return self.d_model if self.embedding_dim is None else self.embedding_dim

    @property
    def attention_params(self) -> int:
        """Four projections and a norm: 4 D^2 + 6 D."""
        return 4 * self.d_model**2 + 6 * self.d_model

    @property
    def feed_forward_params(self) -> int:
        """Two layers and a norm: 2 D F + F + 3 D; 8 D^2 + 7 D where F is 4 D."""
        return (2 * self.d_model + 1) * self.inner_width + 3 * self.d_model

    @property
    def embedding_params(self) -> int:
        """Tokens, positions and segments at width U, and a norm."""
        return (self.vocab_size + self.context_len + self.num_segments + 2) * self.width_of_embeddings

    @property
    def num_params(self) -> int:
        """With the pooler and without the masked-language-model head."""
        widening = 0 if self.embedding_dim is None else (self.embedding_dim + 1) * self.d_model
        attention = self.num_modules(self.shares_attention)
        feed_forward = self.num_modules(self.shares_feed_forward)
        layers = attention * self.attention_params + feed_forward * self.feed_forward_params
        return self.embedding_params + widening + layers + self.pooler_params

    @property
    def pooler_params(self) -> int:
        return self.d_model**2 + self.d_model

    @property
    def head_params(self) -> int:
        """A layer to width U, a norm and a bias a token; the output layer where it is not that of the embeddings."""
        width = self.width_of_embeddings
        output = 0 if self.tied else self.vocab_size * width
        return (self.d_model + 1) * width + 2 * width + self.vocab_size + output

    @property
    def masked_lm_params(self) -> int:
        """Without the pooler, with the head."""
        return self.num_params - self.pooler_params + self.head_params

    def forward_flops(self, batch_size: int, seq_len: int) -> int:
        """FLOPs of the matrix products of the layers in one forward pass; sharing changes nothing of it."""
        tokens = batch_size * seq_len
        layers = self.num_layers * self.inner_layers
        products = tokens * layers * (4 * self.d_model + 2 * self.inner_width) * self.d_model
        mixing = 2 * layers * batch_size * seq_len**2 * self.d_model
        widening = 0 if self.embedding_dim is None else tokens * self.embedding_dim * self.d_model
        return 2 * (products + mixing + widening)


ALBERT_SIZES = {
    "albert-base": AlbertShape(),
    "albert-large": AlbertShape(24, 1024, 16),
    "albert-xlarge": AlbertShape(24, 2048, 32),
    "albert-xxlarge": AlbertShape(12, 4096, 64),
    "bert-base": AlbertShape(embedding_dim=None, sharing="none", vocab_size=30522, activation="gelu"),
    "bert-large": AlbertShape(24, 1024, 16, embedding_dim=None, sharing="none", vocab_size=30522, activation="gelu"),
}


@dataclass(frozen=True)
class TransformerXLShape:
    """Transformer-XL. memory_len: positions kept from before, in training and in evaluation.

    cutoffs: ids at which the adaptive clusters of the vocabulary end, () for one cluster; div_val: each cluster's
    embeddings are that many times narrower than the one's before. tied: the output layer is the embedding; its
    projections are tied from the second cluster on (the first has its own, as released). untied_biases: u and v a
    layer, not shared.
    """

    num_layers: int = 16
    d_model: int = 410
    num_heads: int = 10
    head_dim: int = 41
    d_inner: int = 2100
    vocab_size: int = 267735
    cutoffs: tuple[int, ...] = (20000, 40000, 200000)
    div_val: int = 1
    memory_len: int = 150
    evaluation_memory_len: int = 640
    tied: bool = True
    untied_biases: bool = False
    dropout: float = 0.0

    @property
    def clusters(self) -> list[tuple[int, int]]:
        """Of each cluster of the vocabulary how many ids it has and how wide their embeddings are."""
        ends = [0, *self.cutoffs, self.vocab_size]
        return [(ends[i + 1] - ends[i], self.d_model // self.div_val**i) for i in range(len(ends) - 1)]

    @property
    def layer_params(self) -> int:
        """Four projections, that of the positions, the feed-forward, two norms; no bias in the projections."""
        heads = self.num_heads * self.head_dim
        return 5 * self.d_model * heads + 2 * self.d_model * self.d_inner + self.d_inner + 5 * self.d_model

    @property
    def num_params(self) -> int:
        rows = sum(number * width for number, width in self.clusters)
        projections = sum(self.d_model * width for _, width in self.clusters) if self.div_val > 1 else 0
        own_first = self.d_model**2 if self.div_val > 1 else 0
        output = (own_first if self.tied else rows + projections) + self.vocab_size
        gates = (len(self.clusters) - 1) * (self.d_model + 1)
        biases = 2 * self.num_heads * self.head_dim * (self.num_layers if self.untied_biases else 1)
        return rows + projections + output + gates + biases + self.num_layers * self.layer_params


TRANSFORMER_XL_SIZES = {
    "transformer-xl-wt103-base": TransformerXLShape(),
    "transformer-xl-wt103-large": TransformerXLShape(
        18, 1024, 16, 64, 4096, div_val=4, memory_len=384, evaluation_memory_len=1600
    ),
    "transformer-xl-enwik8-base": TransformerXLShape(
        12, 512, 8, 64, 2048, vocab_size=204, cutoffs=(), memory_len=512, evaluation_memory_len=2100
    ),
    "transformer-xl-enwik8-large": TransformerXLShape(
        24, 1024, 8, 128, 3072, vocab_size=204, cutoffs=(), memory_len=768, evaluation_memory_len=3800
    ),
}


@dataclass(frozen=True)
class LanguageShape:
    """What language models have in common, so that they can be set side by side; feed-forwards four times as wide."""

    d_model: int
    num_heads: int
    num_layers: int
    vocab_size: int
    context_len: int
    memory_len: int

    @property
    def num_params(self) -> int:
        """Parameters of recurrent layers, a tied embedding and the output's bias, which have no shape of their own."""
        return self.num_layers * 8 * (self.d_model**2 + self.d_model) + self.vocab_size * (self.d_model + 1)

    def gpt(self) -> GPTShape:
        return GPTShape(self.num_layers, self.d_model, self.num_heads, self.vocab_size, self.context_len)

    def transformer_xl(self) -> TransformerXLShape:
        return TransformerXLShape(
            num_layers=self.num_layers,
            d_model=self.d_model,
            num_heads=self.num_heads,
            head_dim=self.d_model // self.num_heads,
            d_inner=4 * self.d_model,
            vocab_size=self.vocab_size,
            cutoffs=(),
            memory_len=self.memory_len,
            evaluation_memory_len=self.memory_len,
        )
