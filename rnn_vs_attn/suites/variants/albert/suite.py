"""`variants albert`: ALBERT beside BERT of the same shape, and each of its two switches alone."""

from __future__ import annotations

from dataclasses import replace

from rnn_vs_attn.records.claims import VERDICT
from rnn_vs_attn.report.tables import Column
from rnn_vs_attn.suites import columns, sizes
from rnn_vs_attn.suites.metrics import (
    BY_LAUNCHES,
    FLOPS_PER_TOKEN,
    FORWARD_TIME,
    NUM_PARAMS,
    PEAK_MEMORY,
    RATIO,
    TRAIN_TIME,
    WEIGHTS_SIZE,
)
from rnn_vs_attn.suites.suite import Analysis, CaseAxes, Measured, Rounds, Suite, View, rows
from rnn_vs_attn.suites.variants.albert import analysis, claims, remarks
from rnn_vs_attn.suites.variants.albert.case import AlbertCase, check


def _ratio(title: str, of: str, interval: str = "ends", **axes: str) -> Column:
    shown = columns.ratio if interval else columns.factor
    return Column(title, "ratio", shown, {"of": of} | axes, interval=interval)


COLUMNS = (
    *columns.of_sizes("parameters", "train call ms"),
    replace(_ratio("parameters ÷ bert", "num_params", ""), spare=True),
    _ratio("FLOPs ÷ bert", "flops_per_token", ""),
    replace(_ratio("forward ÷ bert", "forward_time"), spare=True),
    _ratio("train ÷ bert", "train_time"),
    _ratio("MiB ÷ bert", "peak_memory", "", **{"pass": "train"}),
)

VARIANTS_ALBERT = Suite(
    name="variants-albert",
    group="variants",
    help="ALBERT beside BERT of the same shape: what sharing and factorised embeddings save, and what they do not.",
    axes=CaseAxes(
        AlbertCase,
        row=("size", "seq_len"),
        implied=sizes.IMPLIED,
        compared=("size", *sizes.IMPLIED),
        complete=sizes.complete,
        check=check,
    ),
    metrics=(
        Measured(FORWARD_TIME, owed=True, precise=True),
        Measured(TRAIN_TIME, owed=True, precise=True),
        Measured(PEAK_MEMORY, owed=True),
        Measured(BY_LAUNCHES, echo=True),
        *rows(NUM_PARAMS, FLOPS_PER_TOKEN, WEIGHTS_SIZE, VERDICT),
        Measured(RATIO, echo=True),
    ),
    rounds=Rounds(peaks=True, kept=lambda case: "+" not in case.size),
    analysis=Analysis(analysis.derive, analysis.expand, remarks.remarks, claims.claims),
    view=View(COLUMNS),
)
