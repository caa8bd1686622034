"""What the worker runs of `variants gpt`: passes, prefills, steps, and the peaks of both passes."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import torch
from torch import nn

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.decoder import Decoder
from rnn_vs_attn.measure.timing import decoding
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.shapes import GPTShape
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites import sizes, token_passes
from rnn_vs_attn.suites.blocks import calls_bound
from rnn_vs_attn.suites.measurement import Measurement
from rnn_vs_attn.suites.variants.gpt.case import GPTCase


def make(case: GPTCase) -> nn.Module:
    return GPT(case.definition)


def measure(case: GPTCase, turn: Turn) -> Iterator[Sample]:
    """One round: both passes, prefills, steps; what is counted in the first."""
    workload = token_passes.made(lambda: make(case), case, turn.seed, GPTShape.vocab_size)
    yield from token_passes.times(workload, turn)
    with torch.no_grad():
        decoder = Decoder(workload.module.eval(), workload.x)
        prefills, after = decoding.prefills(decoder, turn.enough)
        yield Sample("prefill_time", median(prefills), blocks=prefills)
        yield from calls_bound("prefill", decoding.prefill_bound(decoder, median(prefills)))
        steps = decoding.steps(decoder, after, turn.enough)
        yield Sample("step_time", steps.median)
        yield from calls_bound("step", steps.launch_bound)
    if turn.first:
        yield from token_passes.sizes(case, workload.module)


def peaks(case: GPTCase, turn: Turn) -> Iterator[Sample]:
    """Peaks of both passes."""
    return token_passes.peaks(lambda: make(case), case, GPTShape.vocab_size)


MEASUREMENT = Measurement(measure, peaks=peaks, least_memory=sizes.least_memory)
