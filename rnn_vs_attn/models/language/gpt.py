"""GPT-2, from token ids to logits.

To be read beside Radford et al. 2019, "Language Models are Unsupervised Multitask Learners" (GPT-2) and Radford et al.
2018, "Improving Language Understanding by Generative Pre-Training" (GPT).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.kernels.activations import activation
from rnn_vs_attn.models.kernels.kv_cache import KeyValueCache
from rnn_vs_attn.models.kernels.linear import Linear, linear
from rnn_vs_attn.models.kernels.masks import without_future
from rnn_vs_attn.models.language.next_token import choose
from rnn_vs_attn.models.language.token_ids import OfTokens
from rnn_vs_attn.models.shapes import GPTShape


class CausalSelfAttention(nn.Module):
    """Masked multi-head attention (GPT, section 3.1), its three input projections in one product."""

    def __init__(self, shape: GPTShape, layer: int) -> None:
        super().__init__()
        self.num_heads, self.dropout = shape.num_heads, shape.dropout
        self.scale = shape.score_scale(layer)
        self.in_proj = Linear(shape.d_model, 3 * shape.d_model)
        self.out_proj = Linear(shape.d_model, shape.d_model)

    def forward(self, x: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """(B, C, D) -> (B, C, D); with a cache after the positions that it holds, to which these are added."""
        batch_size, length, width = x.shape
        q, k, v = self.in_proj(x).view(batch_size, length, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        earlier = 0
        if cache is not None:
            earlier = cache.length
            k, v = cache.append(k, v)
        dropout = self.dropout if self.training else 0.0
        if length == 1:  # the newest token sees all
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=self.scale)
        elif not earlier:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=dropout, scale=self.scale)
        else:  # is_causal would align the mask with the first key and not with the last
            mask = without_future(length, earlier + length, q.device)
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout, scale=self.scale)
        out: Tensor = self.out_proj(y.transpose(1, 2).reshape(batch_size, length, width))
        return out


class Block(nn.Module):
    """Norm before each part and none after it (GPT-2, section 2.3); feed-forward with GELU's tanh form (Hendrycks and
    Gimpel 2016), four times as wide, unless the shape has it otherwise."""

    def __init__(self, shape: GPTShape, layer: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(shape.d_model, eps=shape.norm_eps)
        self.attention = CausalSelfAttention(shape, layer)
        self.feed_forward_norm = nn.LayerNorm(shape.d_model, eps=shape.norm_eps)
        self.widen = Linear(shape.d_model, shape.inner_width)
        self.narrow = Linear(shape.inner_width, shape.d_model)
        self.activation = activation(shape.activation)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """(B, C, D) -> (B, C, D)."""
        x = x + self.dropout(self.attention(self.attention_norm(x), cache))
        hidden = self.activation(self.widen(self.feed_forward_norm(x)))
        return x + self.dropout(self.narrow(hidden))


class GPT(OfTokens):
    """The whole model. The output layer is the token embedding (GPT, section 3.1: h W_e^T) where the shape ties it."""

    def __init__(self, shape: GPTShape) -> None:
        super().__init__()
        if shape.d_model % shape.num_heads:
            raise UserError(f"d_model {shape.d_model} is not divisible by num_heads {shape.num_heads}")
        self.shape = shape
        self.tokens = nn.Embedding(shape.vocab_size, shape.d_model)
        self.positions = nn.Embedding(shape.context_len, shape.d_model)
        self.dropout = nn.Dropout(shape.dropout)
        self.blocks = nn.ModuleList(Block(shape, i) for i in range(shape.num_layers))
        self.norm = nn.LayerNorm(shape.d_model, eps=shape.norm_eps)
        self.output = None if shape.tied else Linear(shape.d_model, shape.vocab_size, bias=False)
        self._initialise()

    def _initialise(self) -> None:
        """N(0, 0.02); what writes into the residual path over sqrt(2 N), its number of additions (GPT-2, 2.3)."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif "norm" not in name:
                written = name.endswith(("out_proj.weight", "narrow.weight"))
                nn.init.normal_(parameter, std=0.02 / (math.sqrt(2 * self.shape.num_layers) if written else 1.0))

    def forward(self, tokens: Tensor) -> Tensor:
        """Token ids (B, L) -> logits (B, L, V). UserError for ids out of range or more than context_len of them."""
        self.check_ids(tokens, self.shape.vocab_size)
        return self._logits(self._hidden(tokens, None))

    def initial_state(self, batch_size: int) -> list[KeyValueCache]:
        """An empty cache a block."""
        head_dim = self.shape.d_model // self.shape.num_heads
        weight = self.tokens.weight
        return [KeyValueCache.empty(weight, batch_size, self.shape.num_heads, head_dim) for _ in self.blocks]

    def step(self, token: Tensor, state: list[KeyValueCache]) -> tuple[Tensor, list[KeyValueCache]]:
        """One token id each (B,), caches -> logits (B, V), the same caches with one more position."""
        logits, state = self.advance(token.unsqueeze(1), state)
        return logits.squeeze(1), state

    def advance(
        self, tokens: Tensor, state: list[KeyValueCache], last_only: bool = False
    ) -> tuple[Tensor, list[KeyValueCache]]:
        """Token ids (B, C) after those in the caches -> logits (B, C, V), or (B, 1, V) of the last; the same caches."""
        self.check_ids(tokens, self.shape.vocab_size)
        hidden = self._hidden(tokens, state)
        return self._logits(hidden[:, -1:] if last_only else hidden), state

    @torch.no_grad()
    def generate(
        self,
        prompt: Tensor,
        num_tokens: int,
        temperature: float = 0.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Token ids (B, L) -> (B, L + num_tokens), each chosen as `next_token.choose` says."""
        state, found = self.initial_state(prompt.shape[0]), [prompt]
        self.check_ids(prompt, self.shape.vocab_size)
        for _ in range(num_tokens):
            logits = self._logits(self._hidden(found[-1], state)[:, -1:])
            found.append(choose(logits[:, -1], temperature, top_k, top_p, generator).unsqueeze(1))
        return torch.cat(found, dim=1)

    def _hidden(self, tokens: Tensor, state: list[KeyValueCache] | None) -> Tensor:
        """Token ids (B, C) -> (B, C, D) after the last norm."""
        start = state[0].length if state else 0
        end = start + tokens.shape[1]
        if end > self.shape.context_len:
            raise UserError(f"position {end} is beyond context_len {self.shape.context_len}; give fewer tokens")
        x = self.dropout(self.tokens(tokens) + self.positions.weight[start:end])
        for i, block in enumerate(self.blocks):
            x = block(x, state[i] if state else None)
        hidden: Tensor = self.norm(x)
        return hidden

    def _logits(self, hidden: Tensor) -> Tensor:
        return linear(hidden, self.tokens.weight if self.output is None else self.output.weight)
