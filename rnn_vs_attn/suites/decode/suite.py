"""`decode`: what the next token costs after a context, in time and in state."""

from __future__ import annotations

from rnn_vs_attn import units
from rnn_vs_attn.models.spec import CONFIGURED, LANGUAGE
from rnn_vs_attn.records.claims import VERDICT
from rnn_vs_attn.records.types import Metric
from rnn_vs_attn.report.tables import Column
from rnn_vs_attn.suites import columns
from rnn_vs_attn.suites.case import as_configured
from rnn_vs_attn.suites.columns import PREFILL, STEP
from rnn_vs_attn.suites.decode import analysis, claims, figures, remarks
from rnn_vs_attn.suites.decode.case import DecodeCase
from rnn_vs_attn.suites.metrics import BY_LAUNCHES, CROSSING, NUM_PARAMS, PREFILL_TIME, STATE_SIZE, STEP_TIME
from rnn_vs_attn.suites.suite import Analysis, CaseAxes, Measured, Suite, View, rows

STEP_TIME_P95 = Metric("step_time_p95", "s", title="the 95th percentile over steps")

COLUMNS = (
    columns.time("prefill ms", "prefill_time", PREFILL),
    columns.time("step ms", "step_time", STEP),
    Column("step p95 ms", "step_time_p95", units.milliseconds, spare=True, pass_axes=STEP),
    Column("tokens/s", "decoded_tokens_per_second", units.scaled, spare=True),
    Column("state KiB", "state_size", columns.kibibytes),
    Column("parameters", "num_params", columns.count, spare=True),
)

DECODE = Suite(
    name="decode",
    help="Generation: time a token and size of the state over context length.",
    axes=CaseAxes(DecodeCase, complete=as_configured, takes=(LANGUAGE, CONFIGURED), needs_state=True),
    metrics=(
        Measured(PREFILL_TIME, owed=True, precise=True),
        Measured(STEP_TIME, owed=True, precise=True),
        Measured(STEP_TIME_P95, echo=True),
        Measured(BY_LAUNCHES, echo=True),
        *rows(STATE_SIZE, NUM_PARAMS, CROSSING, VERDICT),
    ),
    analysis=Analysis(analysis.derive, analysis.expand, remarks.remarks, claims.claims),
    view=View(COLUMNS, figures=figures.figures),
)
