"""What `variants transformer-xl` measures: one way to evaluate tokens after as many as the attention length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.registry import LANGUAGE_BASELINE
from rnn_vs_attn.suites.case import Case, fixed, option

MEMORY = "memory"
TOKEN = "token"  # the pass of what says whether launches bound the time of a token
METHODS = (MEMORY, "window-1", "window-half", "cache", "cache-segment")


@dataclass(frozen=True)
class TransformerXLCase(Case):
    """seq_len is the attention length: the memory, the window or the cache that stands before what is evaluated."""

    model: str = fixed("transformer-xl")
    seq_len: int = option(
        800, "Attention lengths; those of the paper's Table 9.", typed="800,1800,2800,3800", minimum=2
    )
    batch_size: int = option(1, "Sequences a batch.", minimum=1)
    d_model: int = option(128, "Width of both models; feed-forwards are four times as wide.", minimum=1)
    num_layers: int = option(4, "Layers of both models.", minimum=1)
    threads: int = option(1, "CPU threads; 0 takes all usable cores.", minimum=0)
    causal: bool = fixed(True)
    method: str = option(
        MEMORY,
        "Segments with a memory; a window that is computed anew for each token, or for each half of it; a cache of "
        "keys and values, one token at a time or a segment.",
        typed=",".join(METHODS),
        choices=METHODS,
    )
    vocab_size: int = option(256, "Token ids; 256 are bytes.", minimum=2)
    segment_len: int = option(128, "Tokens that are evaluated at once with a memory.", minimum=1)
    train_len: int = option(
        800, "Attention lengths up to this are trained on too, to see what that takes of memory.", minimum=0
    )

    @property
    def label(self) -> str:
        return self.method


def complete(case: TransformerXLCase) -> TransformerXLCase:
    """The model that has the method: Transformer-XL the memory, one with learned positions all others."""
    return replace(case, model=TransformerXLCase.model if case.method == MEMORY else LANGUAGE_BASELINE)


def check(values: Mapping[str, Sequence[Any]]) -> None:
    """UserError where the heads do not fit the width, whichever model is asked for."""
    for d_model in values["d_model"]:
        for num_heads in values["num_heads"]:
            if d_model % num_heads:
                raise UserError(f"d_model {d_model} is not divisible by num_heads {num_heads}")
