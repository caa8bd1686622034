"""`variants albert`: ALBERT beside BERT of the same shape, and each of its two switches alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.models.shapes import AlbertShape
from rnn_vs_attn.records.types import Metric, Record, Sample
from rnn_vs_attn.report.tables import Column
from rnn_vs_attn.suites.suite import Case, Suite, fixed, option
from rnn_vs_attn.suites.variants import passes as variants_passes
from rnn_vs_attn.suites.variants.albert import analysis as variants_albert_reading
from rnn_vs_attn.suites.variants.albert import remarks as variants_albert_words
from rnn_vs_attn.suites.variants.albert.analysis import PUBLISHED, SIZES, size
from rnn_vs_attn.suites.variants.passes import FLOPS, NUM_PARAMS, RATIO, WEIGHTS_SIZE

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class AlbertCase(Case):
    """Token ids to hidden states; what the two switches are set to follows from the size."""

    model: str = fixed("albert")
    seq_len: int = option(64, "Tokens of a pass.", minimum=1)
    batch_size: int = option(1, "Sequences a batch.", minimum=1)
    d_model: int = fixed(AlbertShape.d_model)
    num_heads: int = fixed(AlbertShape.num_heads)
    num_layers: int = fixed(AlbertShape.num_layers)
    threads: int = option(1, "CPU threads; 0 takes all usable cores.", minimum=0)
    causal: bool = fixed(False)
    size: str = option(
        "albert-base",
        "Sizes to measure: albert- or bert-, then base, large, xlarge or xxlarge; bert-base+factorised and "
        "bert-base+shared have one of ALBERT's switches on. The published ones are counted anyway.",
        sweep="albert-base,bert-base,bert-base+factorised,bert-base+shared",
        parse=size,
    )

    @property
    def label(self) -> str:
        return self.size


def complete(case: AlbertCase) -> AlbertCase:
    shape = SIZES[case.size]
    return replace(case, d_model=shape.d_model, num_heads=shape.num_heads, num_layers=shape.num_layers)


def check(sweep: Mapping[str, Sequence[Any]]) -> None:
    """UserError where a sequence is longer than the published positions have room for."""
    if max(sweep["seq_len"]) > AlbertShape.context_len:
        raise UserError(
            f"--seq-len {max(sweep['seq_len'])} is more than the {AlbertShape.context_len} positions there are"
        )


def counts(case: AlbertCase) -> dict[Metric, float]:
    """What is counted from the definition."""
    return variants_passes.counts(SIZES[case.size], case)


# In the worker


def make(case: AlbertCase) -> torch.nn.Module:
    from rnn_vs_attn.models.language.albert import Albert

    return Albert(SIZES[case.size])


def measure(case: AlbertCase, turn: Turn) -> Iterator[Sample]:
    """One round: both passes; what is counted in the first."""
    passes = variants_passes.made(lambda: make(case), case, turn.seed, AlbertShape.vocab_size)
    yield from variants_passes.times(passes, turn)
    if turn.first:
        yield from variants_passes.sizes(SIZES[case.size], case, passes.module)


def peaks(case: AlbertCase, turn: Turn) -> Iterator[Sample]:
    """Peaks of both passes."""
    return variants_passes.peaks(lambda: make(case), case, AlbertShape.vocab_size)


# In the parent


def derive(records: Sequence[Record]) -> list[Record]:
    """The published sizes that were not measured, counted; ratios to BERT; the paper's two tables of the switches."""
    others = variants_passes.counted(records, AlbertCase, list(PUBLISHED), complete, counts)
    ratios = variants_albert_reading.ratios(records)
    return [*others, *ratios, *variants_albert_reading.ablations(records)]


def _ratio(title: str, of: str, interval: str = "ends", **axes: str) -> Column:
    return Column(title, "ratio", variants_passes.factor, {"of": of} | axes, interval=interval)


COLUMNS = (
    *variants_passes.SIZE_COLUMNS,
    _ratio("parameters ÷ bert", "num_params", ""),
    _ratio("FLOPs ÷ bert", "flops", ""),
    _ratio("forward ÷ bert", "forward_time"),
    _ratio("train ÷ bert", "train_time"),
    _ratio("train MiB ÷ bert", "peak_memory", **{"pass": "train"}),
)

VARIANTS_ALBERT = Suite(
    name="variants-albert",
    group="variants",
    help="ALBERT beside BERT of the same shape: what sharing and factorised embeddings save, and what they do not.",
    case=AlbertCase,
    metrics=(
        variants_passes.FORWARD_TIME,
        variants_passes.TRAIN_TIME,
        variants_passes.PEAK_MEMORY,
        NUM_PARAMS,
        FLOPS,
        WEIGHTS_SIZE,
        RATIO,
    ),
    per_case=("forward_time", "train_time", "peak_memory"),
    precise=("forward_time", "train_time"),
    measure=measure,
    peaks=peaks,
    least_memory=lambda case: variants_passes.least_memory(SIZES[case.size].num_params, case),
    check=check,
    complete=complete,
    kept=lambda case: "+" not in case.size,
    compared=("size", "d_model", "num_heads", "num_layers"),
    row_axes=("size", "seq_len"),
    implied=("d_model", "num_heads", "num_layers"),
    derive=derive,
    expand=lambda records: variants_passes.published(records, PUBLISHED),
    remarks=variants_albert_words.remarks,
    columns=COLUMNS,
    echoes=("ratio",),
)
