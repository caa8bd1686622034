"""How layers treat a batch, asked once of each model and width."""

from __future__ import annotations

import dataclasses

from torch import nn

from rnn_vs_attn.measure.conduct import batch_independence
from rnn_vs_attn.measure.conduct.batch_independence import Batch
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.foreign.calling import was_tried
from rnn_vs_attn.models.language import transformers_models
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import CONFIGURED, ENCODER, LANGUAGE, TRAINED, USER
from rnn_vs_attn.suites import trained_passes
from rnn_vs_attn.suites.case import Case


class Batches:
    """What was found so far in this process."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Shape], Batch] = {}
        self._of_tokens: dict[str, Batch] = {}
        self._sees: dict[tuple[str, Shape], bool] = {}

    def of(self, model: str, shape: Shape, module: nn.Module | None = None) -> Batch:
        """How a model of that shape treats a batch. module: the model, where it is built."""
        key = model, dataclasses.replace(shape, batch_size=0, seq_len=0)
        if key not in self._found:
            made = build.build(find(model), shape) if module is None else module
            self._found[key] = batch_independence.of(made.eval(), shape.batch_size, shape.seq_len, shape.d_model)
        return self._found[key]

    def sees_the_future(self, model: str, shape: Shape) -> bool:
        """Whether a user's layer of the program's own conventions does though it must not, at that length."""
        key = model, dataclasses.replace(shape, batch_size=0)
        if key not in self._sees:
            made = build.build(find(model), shape).eval()
            asked = not any(map(was_tried, made.modules()))
            self._sees[key] = asked and batch_independence.sees_the_future(made, shape.seq_len, shape.d_model)
        return self._sees[key]

    def of_tokens(self, model: str) -> Batch:
        """How a model of transformers or a trained one does, asked of tokens."""
        if model not in self._of_tokens:
            trained = find(model).family == TRAINED
            self._of_tokens[model] = trained_passes.batch_of(model) if trained else _of_configured(model)
        return self._of_tokens[model]

    def of_case(self, case: Case, first: bool) -> Batch:
        """How the layer of a case treats a batch, in its first round. CaseFault where it runs over it."""
        if not first or find(case.model).family in (LANGUAGE, ENCODER):  # of token ids: their suites ask
            return Batch()
        of_tokens = find(case.model).family in (CONFIGURED, TRAINED)
        found = self.of_tokens(case.model) if of_tokens else self.of(case.model, case.shape)
        found.refuse()
        if case.shape.causal and find(case.model).family == USER:
            return dataclasses.replace(found, sees_the_future=self.sees_the_future(case.model, case.shape))
        return found


def _of_configured(model: str) -> Batch:
    made = transformers_models.build(model).eval()
    return batch_independence.of_ids(made, made.vocab_size, batch_independence.LENGTHS[0])
