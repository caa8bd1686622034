"""What the worker runs of `variants albert`: both passes and their peaks."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.models.language.albert import Albert
from rnn_vs_attn.models.shapes import AlbertShape
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites import sizes, token_passes
from rnn_vs_attn.suites.measurement import Measurement
from rnn_vs_attn.suites.variants.albert.case import AlbertCase


def make(case: AlbertCase) -> nn.Module:
    return Albert(case.definition)


def measure(case: AlbertCase, turn: Turn) -> Iterator[Sample]:
    """One round: both passes; what is counted in the first."""
    workload = token_passes.made(lambda: make(case), case, turn.seed, AlbertShape.vocab_size)
    yield from token_passes.times(workload, turn)
    if turn.first:
        yield from token_passes.sizes(case, workload.module)


def peaks(case: AlbertCase, turn: Turn) -> Iterator[Sample]:
    """Peaks of both passes."""
    return token_passes.peaks(lambda: make(case), case, AlbertShape.vocab_size)


MEASUREMENT = Measurement(measure, peaks=peaks, least_memory=sizes.least_memory)
