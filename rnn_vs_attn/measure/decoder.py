"""One module that decodes made ready to run: the context it decodes after, and what its calls are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from rnn_vs_attn.measure.conduct.fresh_inputs import FreshInputs
from rnn_vs_attn.measure.conduct.holdings import Holdings
from rnn_vs_attn.models.language.token_ids import trust_ids
from rnn_vs_attn.models.mixer import advance, decodes, initial_state
from rnn_vs_attn.records.timing import Care


@dataclass
class Decoder:
    """A module that decodes, and the context it decodes after: inputs (B, L, D) of a mixer, or token ids (B, L).

    A language model is fed the likeliest token, a mixer the input `next_input` (B, D) at every step. care: what has to
    be renewed before a call, of modules that need any.
    """

    module: nn.Module
    context: Tensor
    next_input: Tensor | None = None
    care: Care = field(default_factory=Care)

    def __post_init__(self) -> None:
        self.given: Tensor | None = None  # in place of the context, where care says so
        self._fresh: dict[str, FreshInputs] = {}
        trust_ids(self.module)
        self._holdings: Holdings | None = None

    def take_care(self, care: Care) -> None:
        """Renew from now on what `care` says."""
        self.care = care
        self._holdings = Holdings(self.module) if care.changes else None

    def prefill(self) -> tuple[Tensor, Any]:
        """Take the context in; the input of the first step and the state."""
        y, state = self.take_in(self.context if self.given is None else self.given)
        return (y[:, -1].argmax(-1) if self.next_input is None else self.next_input), state

    def take_in(self, context: Tensor) -> tuple[Tensor, Any]:
        """The outputs for a context (B, L, D) and the state after it; of token ids (B, L) the last logits (B, 1, V)."""
        state = initial_state(self.module, context.shape[0])
        if self.next_input is None:
            return self.module.advance(context, state, last_only=True)
        return advance(self.module, context, state)

    def renew(self) -> None:
        """Make ready what the next prefill is given; it stands outside of what is timed."""
        self.given = self._renewed("context", self.context)
        if self._holdings is not None:
            self._holdings.put_back(self.care.changes)

    def renewed(self, given: Tensor) -> Tensor:
        """What the next step is given, in place of what the last one was; a token that was chosen stays."""
        return given if self.next_input is None else self._renewed("input", self.next_input)

    def _renewed(self, name: str, like: Tensor) -> Tensor:
        if self.care.remembers:
            like = self._fresh.setdefault(name, FreshInputs(like)).next()
        return like.clone() if self.care.in_place else like

    def step(self, given: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The input of one step and the state -> those of the next."""
        y, state = self.output(given, state)
        return (y.argmax(-1) if self.next_input is None else given), state

    def output(self, given: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The output of one step (B, D), or its logits (B, V), and the state after it."""
        return self.module.step(given, state) if self.next_input is None else step(self.module, given, state)


def step(module: nn.Module, x_t: Tensor, state: Any) -> tuple[Tensor, Any]:
    """(B, D), state -> (B, D), state, of a mixer that has a state."""
    if decodes(module):
        found: tuple[Tensor, Any] = module.step(x_t, state)
        return found
    y, state = advance(module, x_t.unsqueeze(1), state)
    return y.squeeze(1), state
