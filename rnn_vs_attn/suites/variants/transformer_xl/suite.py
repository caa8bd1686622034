"""`variants transformer-xl`: segments with a memory against sliding windows and a key-value cache."""

from __future__ import annotations

from dataclasses import replace

from rnn_vs_attn import units
from rnn_vs_attn.records.claims import VERDICT
from rnn_vs_attn.records.types import Metric
from rnn_vs_attn.report.tables import Column
from rnn_vs_attn.suites import columns
from rnn_vs_attn.suites.metrics import BY_LAUNCHES, NUM_PARAMS, PEAK_MEMORY, RATIO
from rnn_vs_attn.suites.suite import Analysis, CaseAxes, Measured, Rounds, Suite, View, rows
from rnn_vs_attn.suites.variants import figures
from rnn_vs_attn.suites.variants.transformer_xl import analysis, claims, remarks
from rnn_vs_attn.suites.variants.transformer_xl.case import MEMORY, TOKEN, TransformerXLCase, check, complete

TOKEN_TIME = Metric("token_time", "s", title="evaluation, a token")
RECEPTIVE_FIELD = Metric(
    "receptive_field", "1", "higher", exact=True, title="the largest distance at which a token changes the output"
)

COLUMNS = (
    replace(
        columns.time("token µs", "token_time", {"pass": TOKEN}), format=lambda value: units.significant(value * 1e6)
    ),
    Column("÷ memory", "ratio", columns.ratio, {"of": "token_time"}, interval="ends"),
    Column("Table 9", "published_ratio", columns.factor),
    Column("train MiB (memory)", "train_memory", units.mebibytes, {"segments": "memory"}, spare=True),
    Column("train MiB (one segment)", "train_memory", units.mebibytes, {"segments": "one"}, spare=True),
    Column("parameters", "num_params", columns.whole, spare=True),
)

VARIANTS_TRANSFORMER_XL = Suite(
    name="variants-transformer-xl",
    group="variants",
    help="Transformer-XL's evaluation, receptive field and training memory beside windows and a key-value cache.",
    axes=CaseAxes(
        TransformerXLCase,
        row=("method", "seq_len"),
        implied=("model",),
        compared=("model", "method"),
        complete=complete,
        check=check,
    ),
    metrics=(
        Measured(TOKEN_TIME, owed=True, precise=True),
        *rows(NUM_PARAMS, RECEPTIVE_FIELD, PEAK_MEMORY, VERDICT),
        Measured(BY_LAUNCHES, echo=True),
        Measured(RATIO, echo=True),
    ),
    rounds=Rounds(peaks=True, kept=lambda case: case.method == MEMORY),
    analysis=Analysis(analysis.derive, analysis.expand, remarks.remarks, claims.claims),
    view=View(COLUMNS, figures=figures.over_length),
)
