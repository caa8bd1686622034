"""ALBERT, from token ids to hidden states and to logits of masked tokens.

To be read beside Lan et al. 2020, "ALBERT: A Lite BERT for Self-supervised Learning of Language Representations"; BERT
(Devlin et al. 2019) is the same with both switches off.

The switches are independent: factorised embeddings (ALBERT, section 3.1) and parameters shared across layers (all of
them, the attention's or the feed-forward's only, none). D is the paper's H; U embedding width, the paper's E.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.errors import UserError, unknown
from rnn_vs_attn.models.kernels.activations import activation
from rnn_vs_attn.models.language.token_ids import OfTokens
from rnn_vs_attn.models.shapes import SHARINGS, AlbertShape


class Embeddings(nn.Module):
    """Tokens, positions and segments at width U, summed and normalised; a layer to width D where U is another one."""

    def __init__(self, shape: AlbertShape) -> None:
        super().__init__()
        width = shape.width_of_embeddings
        self.tokens = nn.Embedding(shape.vocab_size, width)
        self.positions = nn.Embedding(shape.context_len, width)
        self.segments = nn.Embedding(shape.num_segments, width)
        self.norm = nn.LayerNorm(width, eps=shape.norm_eps)
        self.dropout = nn.Dropout(shape.dropout)
        self.widen = nn.Identity() if shape.embedding_dim is None else nn.Linear(width, shape.d_model)

    def forward(self, tokens: Tensor, segments: Tensor | None) -> Tensor:
        """Two of (B, L) -> (B, L, D)."""
        of_segments = self.segments.weight[0] if segments is None else self.segments(segments)
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]] + of_segments
        y: Tensor = self.widen(self.dropout(self.norm(x)))
        return y


class SelfAttention(nn.Module):
    """Multi-head attention over all positions, the residual sum and the norm after it."""

    def __init__(self, shape: AlbertShape) -> None:
        super().__init__()
        self.num_heads, self.rate = shape.num_heads, shape.dropout
        self.in_proj = nn.Linear(shape.d_model, 3 * shape.d_model)
        self.out_proj = nn.Linear(shape.d_model, shape.d_model)
        self.norm = nn.LayerNorm(shape.d_model, eps=shape.norm_eps)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, L, D), mask (B, 1, 1, L) that is true where a key counts -> (B, L, D)."""
        batch_size, length, width = x.shape
        q, k, v = self.in_proj(x).view(batch_size, length, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        rate = self.rate if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=rate)
        y = self.out_proj(y.transpose(1, 2).reshape(batch_size, length, width))
        out: Tensor = self.norm(x + self.dropout(y))
        return out


class FeedForward(nn.Module):
    """Two layers, the residual sum and the norm after it."""

    def __init__(self, shape: AlbertShape) -> None:
        super().__init__()
        self.widen = nn.Linear(shape.d_model, shape.inner_width)
        self.narrow = nn.Linear(shape.inner_width, shape.d_model)
        self.norm = nn.LayerNorm(shape.d_model, eps=shape.norm_eps)
        self.dropout = nn.Dropout(shape.dropout)
        self.activation = activation(shape.activation)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        y = self.dropout(self.narrow(self.activation(self.widen(x))))
        out: Tensor = self.norm(x + y)
        return out


class Albert(OfTokens):
    """Embeddings, num_layers times attention and feed-forward, and the pooler.

    `attention` and `feed_forward` hold one module a group where it is shared and one a layer where it is not. pooler:
    whether there is one; what predicts masked tokens has none.
    """

    def __init__(self, shape: AlbertShape, pooler: bool = True) -> None:
        super().__init__()
        if shape.sharing not in SHARINGS:
            raise unknown("sharing", shape.sharing, SHARINGS)
        if shape.d_model % shape.num_heads:
            raise UserError(f"d_model {shape.d_model} is not divisible by num_heads {shape.num_heads}")
        self.shape = shape
        attentions = shape.num_modules(shape.shares_attention)
        feed_forwards = shape.num_modules(shape.shares_feed_forward)
        self.embeddings = Embeddings(shape)
        self.attention = nn.ModuleList(SelfAttention(shape) for _ in range(attentions))
        self.feed_forward = nn.ModuleList(FeedForward(shape) for _ in range(feed_forwards))
        self.pooler = nn.Linear(shape.d_model, shape.d_model) if pooler else None
        initialise(self)

    def forward(self, tokens: Tensor, segments: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Token ids (B, L), segment ids (B, L), mask (B, L) that is true where a token counts -> (B, L, D).

        UserError for ids out of range or more than context_len tokens.
        """
        self.check_ids(tokens, self.shape.vocab_size)
        if tokens.shape[1] > self.shape.context_len:
            raise UserError(f"{tokens.shape[1]} tokens are more than context_len {self.shape.context_len}; give fewer")
        x = self.embeddings(tokens, segments)
        keys = None if mask is None else mask.bool()[:, None, None, :]
        for layer, inner in product(range(self.shape.num_layers), range(self.shape.inner_layers)):
            x = self.attention[self.shape.module_of(layer, inner, self.shape.shares_attention)](x, keys)
            x = self.feed_forward[self.shape.module_of(layer, inner, self.shape.shares_feed_forward)](x)
        return x

    def pooled(self, hidden: Tensor) -> Tensor:
        """Hidden states (B, L, D) -> (B, D): a layer over the first token's."""
        assert self.pooler is not None
        return torch.tanh(self.pooler(hidden[:, 0]))


class MaskedLanguageModel(nn.Module):
    """The model with the head that predicts masked tokens (BERT, section 3.1).

    A layer to width U, GELU, a norm, and the token embedding, where the shape ties it, as output layer with a bias a
    token.
    """

    def __init__(self, shape: AlbertShape) -> None:
        super().__init__()
        width = shape.width_of_embeddings
        self.encoder = Albert(shape, pooler=False)
        self.transform = nn.Linear(shape.d_model, width)
        self.norm = nn.LayerNorm(width, eps=shape.norm_eps)
        self.output = None if shape.tied else nn.Linear(width, shape.vocab_size, bias=False)
        self.bias = nn.Parameter(torch.zeros(shape.vocab_size))
        self.activation = activation(shape.activation)
        initialise(self)

    def forward(self, tokens: Tensor, segments: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """As of `Albert` -> logits (B, L, V)."""
        hidden = self.encoder(tokens, segments, mask)
        x = self.norm(self.activation(self.transform(hidden)))
        weight = self.encoder.embeddings.tokens.weight if self.output is None else self.output.weight
        return F.linear(x, weight, self.bias)


def initialise(module: nn.Module) -> None:
    """N(0, 0.02), biases 0, as BERT's appendix A.2 has it."""
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif "norm" not in name:
            nn.init.normal_(parameter, std=0.02)
