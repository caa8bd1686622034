"""What `variants gpt` found: how its costs grow with its number of parameters, and how many of these are embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn import units
from rnn_vs_attn.models.shapes import GPTShape
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED, Claim
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.curves import interval
from rnn_vs_attn.suites.deciding import exponent_takes, of_exponent
from rnn_vs_attn.suites.variants.claims import of_host, settings
from rnn_vs_attn.suites.variants.remarks import where

_GROWTH = {  # by metric and pass: what is said, and by which sign of the exponent less 1 what explains it
    ("step_time", None): (
        "Generating a token with GPT takes time",
        0,
        "each token is multiplied with every weight once",
    ),
    ("flops_per_token", None): ("A token takes GPT FLOPs", 0, ""),
    ("train_time", None): ("Training GPT takes time", 0, ""),
    ("forward_time", None): ("A forward pass of GPT takes time", 0, ""),
    ("peak_memory", "train"): (
        "Training GPT takes memory",
        -1,
        "gradients are as large as the weights, activations grow more slowly",
    ),
    ("prefill_time", None): (
        "Taking in a context takes GPT time",
        1,
        "only the last token meets the vocabulary, which is most of a small model",
    ),
}
_SIZES = 4  # whose shares of embeddings one sentence has


def claims(records: Sequence[Record]) -> list[Claim]:
    """Growth, of which the first is what generation costs; then embeddings."""
    exponents = measured(records, "exponent")
    found = [claim for name in _GROWTH for claim in _growth(exponents, records, *name)]
    return [*found, *_embeddings(records)]


def _growth(exponents: Sequence[Record], records: Sequence[Record], metric: str, name: str | None) -> Iterator[Claim]:
    what, explained, why = _GROWTH[metric, name]
    for record in (r for r in exponents if (r.axes["of"], r.axes.get("pass")) == (metric, name)):
        verdict = of_exponent(1.0, record)
        ends = f"from {record.axes['size_from']} to {record.axes['size_to']}{where(record.axes, exponents)}"
        value = units.significant(record.median or 0.0) if metric == "flops_per_token" else interval(record)
        told = (
            exponent_takes(1.0, record) if verdict == UNDECIDED else why if _sign(record, verdict) == explained else ""
        )
        told = "; ".join(filter(None, (told, of_host(records, metric.removesuffix("_time"), record.axes))))
        key = f"grows-{str(metric).removesuffix('_time').replace('_', '-')}"
        text = f"{what} in proportion to its parameters"
        figure = f"It grows as parameters^{value} {ends}"
        yield Claim(key, text, verdict, figure, told, settings(record.axes))


def _sign(record: Record, verdict: str) -> int:
    """Of the exponent less 1, 0 where it counts as 1."""
    return 0 if verdict == HOLDS else 1 if (record.median or 0.0) > 1 else -1


def _embeddings(records: Sequence[Record]) -> Iterator[Claim]:
    """Which part of each size its vocabulary and positions are, from the smallest on."""
    shares: dict[str, float] = {}
    counted = sorted(measured(records, "num_params"), key=lambda record: record.median or 0.0)
    for record in (r for r in counted if r.median and r.axes.get("d_model")):
        rows = (GPTShape.vocab_size + GPTShape.context_len) * float(record.axes["d_model"] or 0)
        shares[str(record.axes["size"])] = rows / (record.median or 1.0)
    if len(shares) < 2:
        return
    verdict = HOLDS if list(shares.values()) == sorted(shares.values(), reverse=True) else FAILS
    sizes = list(shares) if len(shares) <= _SIZES else [list(shares)[at] for at in (0, len(shares) // 2, -1)]
    told = ", ".join(f"{units.percent(shares[size])} of {size}" for size in sizes)
    figure = f"Those of {GPTShape.vocab_size:,} tokens and {GPTShape.context_len:,} positions are {told}"
    yield Claim("embeddings-share", "The larger a GPT is, the smaller is the part of its embeddings", verdict, figure)
