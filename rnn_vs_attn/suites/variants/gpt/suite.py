"""`variants gpt`: what a GPT-2 of each size costs in parameters, FLOPs, memory and time, and how that grows."""

from __future__ import annotations

from dataclasses import replace

from rnn_vs_attn import units
from rnn_vs_attn.records.claims import VERDICT
from rnn_vs_attn.report.tables import Column
from rnn_vs_attn.suites import columns, sizes
from rnn_vs_attn.suites.metrics import (
    BY_LAUNCHES,
    EXPONENT,
    FLOPS_PER_TOKEN,
    FORWARD_TIME,
    NUM_PARAMS,
    PEAK_MEMORY,
    PREFILL_TIME,
    STEP_TIME,
    TRAIN_TIME,
    WEIGHTS_SIZE,
)
from rnn_vs_attn.suites.suite import Analysis, CaseAxes, Measured, Rounds, Suite, View, rows
from rnn_vs_attn.suites.variants import figures
from rnn_vs_attn.suites.variants.gpt import analysis, claims, remarks
from rnn_vs_attn.suites.variants.gpt.case import GPTCase, check

COLUMNS = (
    *columns.of_sizes("parameters", "forward ms", "train ms", "train call ms", "train MiB"),
    replace(columns.time("prefill ms", "prefill_time", columns.PREFILL), spare=True),
    columns.time("step ms", "step_time", columns.STEP),
    Column("tokens/s", "decoded_tokens_per_second", units.scaled, spare=True),
)

VARIANTS_GPT = Suite(
    name="variants-gpt",
    group="variants",
    help="GPT-2 by size: parameters, FLOPs, memory, time of passes and of decoding, and how they grow.",
    axes=CaseAxes(
        GPTCase,
        row=("size", "seq_len"),
        implied=sizes.IMPLIED,
        complete=sizes.complete,
        check=check,
    ),
    metrics=(
        Measured(FORWARD_TIME, owed=True, precise=True),
        Measured(TRAIN_TIME, owed=True, precise=True),
        Measured(PREFILL_TIME, owed=True, echo=True),
        Measured(STEP_TIME, owed=True, precise=True),
        Measured(PEAK_MEMORY, owed=True),
        Measured(BY_LAUNCHES, echo=True),
        *rows(NUM_PARAMS, FLOPS_PER_TOKEN, WEIGHTS_SIZE, EXPONENT, VERDICT),
    ),
    rounds=Rounds(peaks=True),
    analysis=Analysis(analysis.derive, analysis.expand, remarks.remarks, claims.claims),
    view=View(COLUMNS, figures=figures.over_size),
)
