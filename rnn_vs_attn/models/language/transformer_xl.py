"""Transformer-XL, from token ids to log-probabilities.

To be read beside Dai et al. 2019, "Transformer-XL: Attentive Language Models beyond a Fixed-Length Context". Section
3.2: segments with a memory of hidden states whose gradient is stopped. Section 3.3 and appendix B: attention with
relative positions in four terms, computed with one shift. Adaptive input and softmax: Grave et al. 2017, Baevski and
Auli 2019. L is a segment.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.kernels.linear import Linear, linear
from rnn_vs_attn.models.language.token_ids import OfTokens
from rnn_vs_attn.models.layers.relative_attention import RelativeAttention, RelativeMemory, by_distance
from rnn_vs_attn.models.shapes import TransformerXLShape


class Layer(nn.Module):
    """Relative attention and a feed-forward with ReLU, each followed by its residual sum and a norm."""

    def __init__(self, shape: TransformerXLShape, biases: nn.ParameterList | None) -> None:
        super().__init__()
        self.attention = RelativeAttention(shape.d_model, shape.num_heads, shape.head_dim, biases, shape.dropout)
        self.attention_norm = nn.LayerNorm(shape.d_model)
        self.widen = Linear(shape.d_model, shape.d_inner)
        self.narrow = Linear(shape.d_inner, shape.d_model)
        self.norm = nn.LayerNorm(shape.d_model)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, memory: Tensor | None, positions: Tensor) -> Tensor:
        """(B, L, D), (B, M, D), sinusoids (K, D) -> (B, L, D)."""
        return self._after(x, self.attention(x, memory, positions))

    def advance(self, x: Tensor, memory: RelativeMemory) -> Tensor:
        """(B, C, D) after what the memory holds -> (B, C, D)."""
        return self._after(x, self.attention.advance(x, memory))

    def _after(self, x: Tensor, attended: Tensor) -> Tensor:
        x = self.attention_norm(x + self.dropout(attended))
        y = self.dropout(self.narrow(self.dropout(F.relu(self.widen(x)))))
        out: Tensor = self.norm(x + y)
        return out


class AdaptiveEmbedding(nn.Module):
    """Token ids to width D: rarer clusters have narrower rows and a projection each; scaled by sqrt(D)."""

    def __init__(self, shape: TransformerXLShape) -> None:
        super().__init__()
        self.shape = shape
        self.rows = nn.ParameterList(nn.Parameter(torch.empty(size)) for size in shape.clusters)
        projected = shape.clusters if shape.div_val > 1 else []
        self.projections = nn.ParameterList(nn.Parameter(torch.empty(shape.d_model, width)) for _, width in projected)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L) -> (B, L, D)."""
        scale = math.sqrt(self.shape.d_model)
        if len(self.rows) == 1:
            return self._projected(F.embedding(tokens, self.rows[0]), 0) * scale
        found = self.rows[0].new_zeros(*tokens.shape, self.shape.d_model)
        start = 0
        for i, rows in enumerate(self.rows):
            here = (tokens >= start) & (tokens < start + len(rows))
            found[here] = self._projected(F.embedding(tokens[here] - start, rows), i)
            start += len(rows)
        return found * scale

    def _projected(self, rows: Tensor, cluster: int) -> Tensor:
        return linear(rows, self.projections[cluster]) if len(self.projections) else rows


class AdaptiveLogSoftmax(nn.Module):
    """Hidden states to log-probabilities: a head over the first cluster and one gate a further cluster, a tail each."""

    def __init__(self, shape: TransformerXLShape, embedding: AdaptiveEmbedding) -> None:
        super().__init__()
        self.tied, self.embedding = shape.tied, [embedding]  # in a list, so that it is not registered twice
        clusters = shape.clusters
        self.bias = nn.Parameter(torch.zeros(shape.vocab_size))
        self.gates = nn.Parameter(torch.empty(len(clusters) - 1, shape.d_model))
        self.gate_bias = nn.Parameter(torch.zeros(len(clusters) - 1))
        own_rows = [] if shape.tied else clusters
        self.own_rows = nn.ParameterList(nn.Parameter(torch.empty(size)) for size in own_rows)
        own = [] if shape.div_val == 1 else clusters[:1] if shape.tied else clusters
        self.own_projections = nn.ParameterList(nn.Parameter(torch.empty(shape.d_model, width)) for _, width in own)

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V), probabilities that add up to 1."""
        rows = self.embedding[0].rows if self.tied else self.own_rows
        ends = [0]
        for cluster in rows:
            ends.append(ends[-1] + len(cluster))
        logits = [
            linear(self._projected(hidden, i), cluster, self.bias[ends[i] : ends[i + 1]])
            for i, cluster in enumerate(rows)
        ]
        if len(logits) == 1:
            return logits[0].log_softmax(-1)
        gates = linear(self._projected(hidden, 0), self.gates, self.gate_bias)
        head = torch.cat([logits[0], gates], dim=-1).log_softmax(-1)
        first = ends[1]
        tails = [head[..., first + i : first + i + 1] + t.log_softmax(-1) for i, t in enumerate(logits[1:])]
        return torch.cat([head[..., :first], *tails], dim=-1)

    def _projected(self, hidden: Tensor, cluster: int) -> Tensor:
        """(..., D) -> (..., width of the cluster)."""
        if not len(self.own_projections):
            return hidden
        own = cluster < len(self.own_projections)
        projection = self.own_projections[cluster] if own else self.embedding[0].projections[cluster]
        return hidden @ projection


Memory = list[Tensor]  # the inputs of every layer, (B, M, D) each


class TransformerXL(OfTokens):
    """The whole model. Memory is passed from call to call; its length in training and in evaluation is the shape's."""

    def __init__(self, shape: TransformerXLShape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = AdaptiveEmbedding(shape)
        size = (shape.num_heads, shape.head_dim)
        shared = None if shape.untied_biases else nn.ParameterList(nn.Parameter(torch.empty(size)) for _ in range(2))
        self.biases = shared  # u and v of all layers
        self.layers = nn.ModuleList(Layer(shape, shared) for _ in range(shape.num_layers))
        self.output = AdaptiveLogSoftmax(shape, self.embedding)
        self.dropout = nn.Dropout(shape.dropout)
        self._initialise()

    def _initialise(self) -> None:
        """N(0, 0.02); norms N(1, 0.02), as released."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.normal_(parameter, mean=1.0 if "norm" in name else 0.0, std=0.02)

    @property
    def memory_len(self) -> int:
        return self.shape.memory_len if self.training else self.shape.evaluation_memory_len

    def forward(self, tokens: Tensor, memory: Memory | None = None) -> tuple[Tensor, Memory]:
        """Token ids (B, L) and the memory before them -> log-probabilities (B, L, V) and the memory after them.

        UserError for ids out of range or a memory of another length or batch size than can be.
        """
        self.check_ids(tokens, self.shape.vocab_size)
        hidden, memory = self.hidden(tokens, memory)
        return self.output(hidden), memory

    def hidden(self, tokens: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Token ids (B, L) -> hidden states (B, L, D) and the memory after them."""
        earlier = self._check(memory, tokens.shape[0])
        x = self.dropout(self.embedding(tokens))
        keys = earlier + tokens.shape[1]
        positions = self.dropout(by_distance(keys, self.shape.d_model, x.dtype, x.device))
        kept = []
        for i, layer in enumerate(self.layers):
            before = memory[i] if memory else None
            kept.append(self._remembered(before, x))
            x = layer(x, before, positions)
        return self.dropout(x), kept

    def _remembered(self, before: Tensor | None, x: Tensor) -> Tensor:
        """The last memory_len positions of a layer's inputs, without gradient (section 3.2: SG)."""
        with torch.no_grad():
            both = x.detach() if before is None else torch.cat([before, x.detach()], dim=1)
            return both[:, both.shape[1] - min(self.memory_len, both.shape[1]) :]

    def _check(self, memory: Memory | None, batch_size: int) -> int:
        """The length of a memory. UserError where it does not fit."""
        if not memory:
            return 0
        if len(memory) != len(self.layers) or any(m.shape != memory[0].shape for m in memory):
            raise UserError(f"a memory has {len(self.layers)} tensors of one shape; this has {len(memory)}")
        if memory[0].shape[0] != batch_size:
            raise UserError(f"this memory is of {memory[0].shape[0]} sequences, and the batch has {batch_size}")
        if memory[0].shape[1] > self.memory_len:
            raise UserError(f"this memory has {memory[0].shape[1]} positions; memory_len is {self.memory_len}")
        return memory[0].shape[1]

    # Decoding: keys and values of the memory in place of its hidden states

    def initial_state(self, batch_size: int) -> list[RelativeMemory]:
        """The memory before the first token, a layer each."""
        return [layer.attention.empty_memory(batch_size, self.memory_len) for layer in self.layers]

    def step(self, token: Tensor, state: list[RelativeMemory]) -> tuple[Tensor, list[RelativeMemory]]:
        """One token id each (B,), memory -> log-probabilities (B, V), the same memory with one more position."""
        found, state = self.advance(token.unsqueeze(1), state)
        return found.squeeze(1), state

    @torch.no_grad()
    def advance(
        self, tokens: Tensor, state: list[RelativeMemory], last_only: bool = False
    ) -> tuple[Tensor, list[RelativeMemory]]:
        """Token ids (B, C) -> log-probabilities (B, C, V), or (B, 1, V) of the last; in segments of memory_len."""
        self.check_ids(tokens, self.shape.vocab_size)
        found = []
        for segment in tokens.split(max(self.memory_len, 1), dim=1):
            x = self.embedding(segment)
            for layer, memory in zip(self.layers, state, strict=True):
                x = layer.advance(x, memory)
            found.append(x)
        hidden = found[-1][:, -1:] if last_only else torch.cat(found, dim=1)
        return self.output(hidden), state
