"""Cases of `variants`, and records of them with planted values."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from fakes import of_rounds

from rnn_vs_attn.models import build
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.sizes import complete
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.suites.variants.albert.case import AlbertCase
from rnn_vs_attn.suites.variants.gpt.case import GPTCase
from rnn_vs_attn.suites.variants.transformer_xl import case as transformer_xl_case
from rnn_vs_attn.suites.variants.transformer_xl.case import TransformerXLCase

HERE: dict[str, Any] = {"device": "cpu", "threads": 1}


def gpt(size: str, **fields: Any) -> GPTCase:
    return complete(GPTCase(size=size, **(HERE | fields)))


def albert(size: str, **fields: Any) -> AlbertCase:
    return complete(AlbertCase(size=size, **(HERE | fields)))


def xl(method: str, seq_len: int, **fields: Any) -> TransformerXLCase:
    return transformer_xl_case.complete(TransformerXLCase(method=method, seq_len=seq_len, **(HERE | fields)))


def at(suite: Suite, metric: str, case: Any, values: list[float], **added: Any) -> Record:
    """A record of a case with one value a round."""
    axes = axes_of(case) | added
    made = of_rounds(suite.metric(metric, axes), axes, dict(enumerate(values)))
    return dataclasses.replace(made, suite=suite.name)


def by_size(records: list[Record], metric: str) -> dict[str, float]:
    found = [r for r in records if r.metric == metric and "size" in r.axes and r.median is not None]
    return {str(r.axes["size"]): r.median or 0.0 for r in found}


def parameters_of(make: Any) -> int:
    with torch.device("meta"):
        return build.count_parameters(make())
