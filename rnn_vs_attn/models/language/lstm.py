"""A language model of LSTM layers, from token ids to logits: what the Transformers took the place of.

To be read beside Zaremba, Sutskever and Vinyals 2014, "Recurrent Neural Network Regularization" (stacked LSTM layers
between an embedding and a softmax) and Press and Wolf 2017, "Using the Output Embedding to Improve Language Models"
(the output layer is the embedding).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnn_vs_attn.models.kernels import recurrent_step
from rnn_vs_attn.models.kernels.linear import linear
from rnn_vs_attn.models.language.token_ids import OfTokens
from rnn_vs_attn.models.shapes import LanguageShape

State = tuple[Tensor, Tensor]  # h and c, (N, B, D) each


class LSTMLanguageModel(OfTokens):
    """The whole model; its state is as large after a million tokens as after one."""

    def __init__(self, shape: LanguageShape) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.vocab_size, shape.d_model)
        self.recurrence = nn.LSTM(shape.d_model, shape.d_model, shape.num_layers, batch_first=True)
        self.output_bias = nn.Parameter(torch.zeros(shape.vocab_size))
        nn.init.uniform_(self.tokens.weight, -0.1, 0.1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token ids (B, L) -> logits (B, L, V). UserError for ids out of range."""
        return self.advance(tokens, self.initial_state(tokens.shape[0]))[0]

    def initial_state(self, batch_size: int) -> State:
        """Zeros."""
        zeros = self.tokens.weight.new_zeros(self.shape.num_layers, batch_size, self.shape.d_model)
        return zeros, torch.zeros_like(zeros)

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """One token id each (B,), state -> logits (B, V), state."""
        self.check_ids(token, self.shape.vocab_size)
        hidden, state = recurrent_step.step(self.recurrence, self.tokens(token), state)
        return self._logits(hidden), state

    def advance(self, tokens: Tensor, state: State, last_only: bool = False) -> tuple[Tensor, State]:
        """Token ids (B, C), the state before them -> logits (B, C, V), or (B, 1, V) of the last; the state after."""
        self.check_ids(tokens, self.shape.vocab_size)
        hidden, state = self.recurrence(self.tokens(tokens), state)
        return self._logits(hidden[:, -1:] if last_only else hidden), state

    def _logits(self, hidden: Tensor) -> Tensor:
        return linear(hidden, self.tokens.weight, self.output_bias)
