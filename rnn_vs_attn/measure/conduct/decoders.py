"""What a module that decodes does to what it is given, and what it keeps from call to call: seen before it is timed."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from rnn_vs_attn.measure.conduct.differences import OUTPUT_NOT_FINITE, finite
from rnn_vs_attn.measure.conduct.fresh_inputs import FreshInputs
from rnn_vs_attn.measure.conduct.holdings import Holdings
from rnn_vs_attn.measure.conduct.layers import remembers_fresh, said_of, touched
from rnn_vs_attn.measure.decoder import Decoder
from rnn_vs_attn.records.timing import Care

_CONTEXT = 16  # tokens that it is asked on


@torch.no_grad()
def renew_between_calls(decoder: Decoder) -> list[str]:
    """Have the decoder renew what its calls need renewed, as is seen in a few of them; what its row says of that."""
    asked = _Asked(decoder)
    asked.prefill(asked.context.clone())  # what depends on the shape is there from now on
    asked.step(asked.input.clone())
    holdings = Holdings(decoder.module)
    care = Care(
        in_place=_in_place(asked),
        remembers=_remembers(asked),
        changes=tuple(holdings.changed()),
    )
    holdings.put_back()
    decoder.take_care(care)
    return said_of(care)


@torch.no_grad()
def not_finite(decoder: Decoder) -> list[str]:
    """What the row says where the outputs for the whole context, or for the token after it, are not finite."""
    asked = _Asked(decoder, positions=decoder.context.shape[1])
    outputs = asked.prefill(decoder.context.clone()), asked.step(asked.input.clone())
    return [] if finite(outputs) else [OUTPUT_NOT_FINITE]


class _Asked:
    """Prefills and steps of a module, and what they are given."""

    def __init__(self, decoder: Decoder, positions: int = _CONTEXT) -> None:
        self.decoder = decoder
        self.context = decoder.context[:, :positions].clone()
        self.input = self.context[:, 0].clone() if decoder.next_input is None else decoder.next_input.clone()
        self.state: Any = None

    def prefill(self, context: Tensor) -> Tensor:
        """The output of a prefill, whose state the next step takes; of a language model the last logits."""
        y, self.state = self.decoder.take_in(context)
        return y

    def step(self, given: Tensor) -> Tensor:
        """The output of a step after the last prefill."""
        return self.decoder.output(given, copy.deepcopy(self.state))[0]


def _in_place(asked: _Asked) -> bool:
    context, given = asked.context.clone(), asked.input.clone()
    asked.prefill(context)
    asked.step(given)
    return touched(context, asked.context) or touched(given, asked.input)


def _remembers(asked: _Asked) -> bool:
    contexts, inputs = FreshInputs(asked.context), FreshInputs(asked.input)
    of_prefill = remembers_fresh(asked.prefill, contexts)
    return remembers_fresh(asked.step, inputs) or of_prefill
