"""What `variants albert` measures: ALBERT or BERT at a size, with its two switches on or off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rnn_vs_attn.errors import UserError, unknown
from rnn_vs_attn.models.shapes import ALBERT_SIZES, AlbertShape
from rnn_vs_attn.suites.case import fixed, option
from rnn_vs_attn.suites.sizes import SizedCase

_ALBERTS = {name.removeprefix("albert-"): shape for name, shape in ALBERT_SIZES.items() if name.startswith("albert-")}


def _sizes() -> Iterator[tuple[str, AlbertShape]]:
    """Each of ALBERT's shapes with both switches on, both off and one on; one vocabulary and one GELU for all."""
    for scale, shape in _ALBERTS.items():
        bert = f"bert-{scale}"
        yield f"albert-{scale}", shape
        yield bert, replace(shape, embedding_dim=None, sharing="none")
        yield f"{bert}+factorised", replace(shape, sharing="none")
        yield f"{bert}+shared", replace(shape, embedding_dim=None)


SIZES = dict(_sizes())


def size(text: str) -> str:
    """The name of a size; UserError where there is none of that name."""
    if text not in SIZES:
        raise unknown("size", text, SIZES, "rnn-vs-attn variants albert --help says how they are named.")
    return text


@dataclass(frozen=True)
class AlbertCase(SizedCase):
    """Token ids to hidden states; what the two switches are set to follows from the size."""

    model: str = fixed("albert")
    seq_len: int = option(64, "Tokens of a pass.", minimum=1)
    causal: bool = fixed(False)
    size: str = option(
        "albert-base",
        "Sizes to measure: albert- or bert-, then base, large, xlarge or xxlarge; bert-base+factorised and "
        "bert-base+shared have one of ALBERT's switches on. The published ones are counted anyway.",
        typed="albert-base,bert-base,bert-base+factorised,bert-base+shared",
        parse=size,
    )

    @property
    def definition(self) -> AlbertShape:
        return SIZES[self.size]


def check(values: Mapping[str, Sequence[Any]]) -> None:
    """UserError where a sequence is longer than the published positions have room for."""
    if max(values["seq_len"]) > AlbertShape.context_len:
        raise UserError(
            f"--seq-len {max(values['seq_len'])} is more than the {AlbertShape.context_len} positions there are"
        )
