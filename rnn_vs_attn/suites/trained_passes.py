"""In the worker: models of checkpoints ready to be measured, as they take tokens, and from embeddings to hidden states.

Shapes: (B, L) ids, or (B, L, F) where tokens are numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.isolation import keeping
from rnn_vs_attn.measure.conduct import batch_independence
from rnn_vs_attn.measure.conduct.batch_independence import Batch
from rnn_vs_attn.measure.gradient.flow import float64, without_dropout
from rnn_vs_attn.measure.workload import TokenWorkload
from rnn_vs_attn.models import build
from rnn_vs_attn.models.mixer import SequenceMixer, Stack
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.trained import is_initial
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites import configured_passes
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.token_passes import place
from rnn_vs_attn.tasks.drawing.batches import TEST, draw
from rnn_vs_attn.training import checkpoint
from rnn_vs_attn.training.checkpoint import Checkpoint
from rnn_vs_attn.training.chosen import folders_of, said_of, sizes_of
from rnn_vs_attn.training.snapshot import load
from rnn_vs_attn.training.token_model import TokenModel, token_model


def model_of(name: str, seed: int) -> tuple[TokenModel, Checkpoint]:
    """A model in float32 on the CPU, and its checkpoint: that of the seed, where there are several.

    Before it was trained: with the weights that its own seed gives it. UserError where the checkpoint cannot be used.
    """
    folders = folders_of(name)
    model, kept = load(folders[seed % len(folders)])
    if is_initial(name):
        model = token_model(find(kept.model), model.shape, kept.plan.seed)
    return model, kept


def _note(case: Case) -> None:
    """Have the row say what the model is, and not how its layer was built."""
    seeds = [checkpoint.read(folder) for folder in folders_of(case.model)]
    keeping.NOTES.built_as(said_of(seeds, is_initial(case.model)), case.seq_len)


def look(case: Case) -> None:
    """UserError where one of the checkpoints of a model is not of what is built now."""
    for seed in range(len(folders_of(case.model))):
        model_of(case.model, seed)
    _note(case)


# As it takes tokens


def made(case: Case, seed: int) -> TokenWorkload:
    """A case with the weights of its checkpoint and tokens of `seed`, ready to be timed."""
    device, dtype = place(case, seed)
    model, _ = model_of(case.model, seed)
    model = build.placed(model, device, dtype).eval()
    _note(case)
    return TokenWorkload.of_ids(model, tokens(model, case.batch_size, case.seq_len))


def tokens(model: TokenModel, batch_size: int, seq_len: int) -> Tensor:
    """Drawn at random, which is all the same to its times."""
    weight, shape = next(model.parameters()), model.shape
    if shape.vocab_size:
        return torch.randint(shape.vocab_size, (batch_size, seq_len), device=weight.device)
    return torch.randn(batch_size, seq_len, shape.num_features, dtype=weight.dtype, device=weight.device)


def exact(workload: TokenWorkload, model: str) -> Iterator[Sample]:
    """What has no noise, as of models of transformers."""
    return configured_passes.exact(workload, model, workload.module.shape.layer.d_model)


def batch_of(name: str) -> Batch:
    """How a model treats a batch, asked of few tokens."""
    model = model_of(name, 0)[0].eval()
    length = min(batch_independence.LENGTHS[0], model.shape.num_positions or model.shape.layer.seq_len)
    if model.shape.vocab_size:
        return batch_independence.of_ids(model, model.shape.vocab_size, length)
    x, other = (tokens(model, batch_independence.SEQUENCES, length) for _ in range(2))
    with torch.no_grad():
        return batch_independence.ask(model, x, other)


# From embeddings to hidden states


class Positionwise(SequenceMixer):
    """A module that acts on each position by itself, with a state that holds nothing."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        y: Tensor = self.inner(x)
        return y

    def initial_state(self, batch_size: int) -> tuple[()]:
        """Nothing."""
        return ()

    def step(self, x_t: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(B, D) -> (B, D)."""
        return self.forward(x_t), state

    def advance(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(B, C, D) -> (B, C, D)."""
        return self.forward(x), state


def hidden_states(case: Case, seed: int) -> tuple[nn.Module, Tensor]:
    """In float64 on the device of a case: a model from embedded tokens to what its head is given, (1, L, D) to the
    same, and the embedded tokens of the held-out example number `seed` of its task, at the length of the case.
    """
    model, kept = model_of(case.model, seed)
    whole = in_float64(model, kept).to(case.device)
    inputs = example(kept, case.seq_len, seed).to(case.device)
    _note(case)
    with torch.no_grad():
        x = whole.embedded(inputs if whole.shape.vocab_size else inputs.double())
    return without_dropout(Stack(*whole.blocks, Positionwise(whole.norm))), x


def in_float64(model: TokenModel, kept: Checkpoint) -> TokenModel:
    """The same weights in a model that was built in float64, so that what it makes of them has all digits."""
    with float64():
        found = token_model(find(kept.model), model.shape)
    held = model.state_dict()
    with torch.no_grad():
        for name, tensor in found.state_dict().items():
            tensor.copy_(held[name])
    return found


def example(kept: Checkpoint, seq_len: int, index: int) -> Tensor:
    """The inputs of one held-out example, (1, L) or (1, L, F). UserError where the task has none of that length."""
    task, sizes = sizes_of(kept, seq_len)
    return draw(task, sizes, kept.plan.seed, TEST, index, 1).inputs
