"""`variants gpt`: what a GPT-2 of each size costs in parameters, FLOPs, memory and time, and how that grows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from rnn_vs_attn import units
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import DECODED, Turn
from rnn_vs_attn.models.shapes import GPT_SIZES, GPTShape
from rnn_vs_attn.records.types import Metric, Record, Sample
from rnn_vs_attn.report.tables import Column
from rnn_vs_attn.suites.suite import Case, Suite, fixed, option
from rnn_vs_attn.suites.variants import figures as variants_figures
from rnn_vs_attn.suites.variants import passes as variants_passes
from rnn_vs_attn.suites.variants.gpt import analysis as variants_gpt_reading
from rnn_vs_attn.suites.variants.gpt import remarks as variants_gpt_words
from rnn_vs_attn.suites.variants.passes import FLOPS, NUM_PARAMS, WEIGHTS_SIZE

if TYPE_CHECKING:
    import torch

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
class GPTCase(Case):
    """seq_len is the length of a pass, and the context that stands before the tokens that are decoded."""

    model: str = fixed("gpt")
    seq_len: int = option(64, "Tokens of a pass, and of the context before decoded ones.", minimum=1)
    batch_size: int = option(1, "Sequences a batch.", minimum=1)
    d_model: int = fixed(GPTShape.d_model)
    num_heads: int = fixed(GPTShape.num_heads)
    num_layers: int = fixed(GPTShape.num_layers)
    threads: int = option(1, "CPU threads; 0 takes all usable cores.", minimum=0)
    causal: bool = fixed(True)
    size: str = option(
        "gpt2",
        f"Sizes to measure: {', '.join(GPT_SIZES)}, or layers x width with heads of {HEAD_DIM}, such as 4x256; "
        f"the published ones are counted anyway.",
        sweep="2x128,4x256,6x384,8x512,gpt2",
        parse=size,
    )

    @property
    def label(self) -> str:
        return self.size


def complete(case: GPTCase) -> GPTCase:
    shape = shape_of(case.size)
    return replace(case, d_model=shape.d_model, num_heads=shape.num_heads, num_layers=shape.num_layers)


PREFILL_TIME = Metric("prefill_time", "s", title="the context taken in at once, to the state after it")
STEP_TIME = Metric("step_time", "s", title="one token decoded, the median over steps")


def check(sweep: Mapping[str, Sequence[Any]]) -> None:
    """UserError where a context is longer than the published positions have room for."""
    longest, room = max(sweep["seq_len"]), GPTShape.context_len - DECODED
    if longest > room:
        raise UserError(
            f"--seq-len {longest} is more than {room}: GPT-2 has {GPTShape.context_len} positions, "
            f"and {DECODED} of them are for decoding"
        )


def counts(case: GPTCase) -> dict[Metric, float]:
    """What is counted from the definition."""
    return variants_passes.counts(shape_of(case.size), case)


# In the worker


def make(case: GPTCase) -> torch.nn.Module:
    from rnn_vs_attn.models.language.gpt import GPT

    return GPT(shape_of(case.size))


def measure(case: GPTCase, turn: Turn) -> Iterator[Sample]:
    """One round: both passes, prefills, steps; what is counted in the first."""
    import torch

    from rnn_vs_attn.measure.decoder import Decoder
    from rnn_vs_attn.measure.timing import decoding

    passes = variants_passes.made(lambda: make(case), case, turn.seed, GPTShape.vocab_size)
    yield from variants_passes.times(passes, turn)
    with torch.no_grad():
        decoder = Decoder(passes.module.eval(), passes.tokens)
        prefills, after = decoding.prefills(decoder, turn.enough)
        yield Sample("prefill_time", median(prefills), blocks=prefills)
        yield Sample("step_time", decoding.steps(decoder, after, turn.enough).median)
    if turn.first:
        yield from variants_passes.sizes(shape_of(case.size), case, passes.module)


def peaks(case: GPTCase, turn: Turn) -> Iterator[Sample]:
    """Peaks of both passes."""
    return variants_passes.peaks(lambda: make(case), case, GPTShape.vocab_size)


# In the parent


def derive(records: Sequence[Record]) -> list[Record]:
    """The published sizes that were not measured, counted; growth with the number of parameters."""
    others = variants_passes.counted(records, GPTCase, list(GPT_SIZES), complete, counts)
    return [*others, *variants_gpt_reading.exponents(records)]


COLUMNS = (
    *variants_passes.SIZE_COLUMNS,
    variants_passes.time_column("prefill ms", "prefill_time"),
    variants_passes.time_column("step ms", "step_time"),
    Column("tokens/s", "tokens_per_second", units.scaled, spare=True),
)

VARIANTS_GPT = Suite(
    name="variants-gpt",
    group="variants",
    help="GPT-2 by size: parameters, FLOPs, memory, time of passes and of decoding, and how they grow.",
    case=GPTCase,
    metrics=(
        variants_passes.FORWARD_TIME,
        variants_passes.TRAIN_TIME,
        PREFILL_TIME,
        STEP_TIME,
        variants_passes.PEAK_MEMORY,
        NUM_PARAMS,
        FLOPS,
        WEIGHTS_SIZE,
        *variants_gpt_reading.METRICS,
    ),
    per_case=("forward_time", "train_time", "prefill_time", "step_time", "peak_memory"),
    precise=("forward_time", "train_time", "step_time"),
    measure=measure,
    peaks=peaks,
    least_memory=lambda case: variants_passes.least_memory(shape_of(case.size).num_params, case),
    check=check,
    complete=complete,
    row_axes=("size", "seq_len"),
    implied=("d_model", "num_heads", "num_layers"),
    derive=derive,
    expand=variants_gpt_reading.expand,
    remarks=variants_gpt_words.remarks,
    columns=COLUMNS,
    figures=variants_figures.over_size,
    echoes=("prefill_time",),
)
