"""What `variants gpt` measures: GPT-2 at a published size, or at one of layers x width."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import DECODED
from rnn_vs_attn.models.shapes import GPT_SIZES, GPTShape
from rnn_vs_attn.suites.case import fixed, option
from rnn_vs_attn.suites.sizes import SizedCase

HEAD_DIM = 64  # of every size, as published
_OWN_SIZE = re.compile(r"([1-9][0-9]{0,2})x([1-9][0-9]{0,4})")


def size(text: str) -> str:
    """A published size, or layers x width."""
    match = _OWN_SIZE.fullmatch(text)
    if text not in GPT_SIZES and not (match and int(match[2]) % HEAD_DIM == 0):
        raise UserError(
            f"--size {text!r} is none of {', '.join(GPT_SIZES)}, nor layers x width such as 4x256 with a width that is "
            f"a multiple of {HEAD_DIM}"
        )
    return text


def shape_of(size: str) -> GPTShape:
    """The shape of a size that `size` lets pass; heads of 64, and GPT-2's vocabulary and positions."""
    match = _OWN_SIZE.fullmatch(size)
    if match is None:
        return GPT_SIZES[size]
    return GPTShape(int(match[1]), int(match[2]), int(match[2]) // HEAD_DIM)


@dataclass(frozen=True)
class GPTCase(SizedCase):
    """seq_len is the length of a pass, and the context that stands before the tokens that are decoded."""

    model: str = fixed("gpt")
    seq_len: int = option(64, "Tokens of a pass, and of the context before decoded ones.", minimum=1)
    causal: bool = fixed(True)
    size: str = option(
        "gpt2",
        f"Sizes to measure: {', '.join(GPT_SIZES)}, or layers x width with heads of {HEAD_DIM}, such as 4x256; "
        f"the published ones are counted anyway.",
        typed="2x128,4x256,6x384,8x512,gpt2",
        parse=size,
    )

    @property
    def definition(self) -> GPTShape:
        return shape_of(self.size)


def check(values: Mapping[str, Sequence[Any]]) -> None:
    """UserError where a context is longer than the published positions have room for."""
    longest, room = max(values["seq_len"]), GPTShape.context_len - DECODED
    if longest > room:
        raise UserError(
            f"--seq-len {longest} is more than {room}: GPT-2 has {GPTShape.context_len} positions, "
            f"and {DECODED} of them are for decoding"
        )
