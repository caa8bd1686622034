"""`bench`: time and memory of forward, backward and training passes over sequence lengths."""

from __future__ import annotations

from dataclasses import replace

from rnn_vs_attn import units
from rnn_vs_attn.models.registry import BASELINE, find
from rnn_vs_attn.models.spec import ATTENTION, CONFIGURED, TRAINED
from rnn_vs_attn.records.claims import VERDICT
from rnn_vs_attn.records.query import OF_MACHINE
from rnn_vs_attn.records.types import Metric
from rnn_vs_attn.report.tables import Column
from rnn_vs_attn.stats.intervals import MIN_ROUNDS
from rnn_vs_attn.suites import columns
from rnn_vs_attn.suites.bench import analysis, claims, figures, remarks
from rnn_vs_attn.suites.bench.case import BenchCase, check, select
from rnn_vs_attn.suites.blocks import timed_samples
from rnn_vs_attn.suites.case import as_configured
from rnn_vs_attn.suites.columns import FORWARD, TRAIN
from rnn_vs_attn.suites.metrics import (
    BACKWARD_TIME,
    BY_LAUNCHES,
    CROSSING,
    EXPONENT,
    FLOPS,
    FORWARD_TIME,
    HOST_TIME,
    MACHINE_PEAKS,
    NUM_PARAMS,
    PEAK_MEMORY,
    STATE_SIZE,
    TRAIN_TIME,
    WIDTH,
)
from rnn_vs_attn.suites.suite import Analysis, CaseAxes, Measured, Rounds, Suite, View, rows

COMPILE_TIME = Metric("compile_time", "s", title="the first call under torch.compile")
SAVED_BYTES = Metric("saved_bytes", "B", exact=True, title="what autograd keeps for the backward pass")

KERNEL_ERROR = Metric("kernel_error", "1", title="--backend: the largest relative error beside the layer's definition")

COLUMNS = (
    replace(columns.time("forward ms", "forward_time", FORWARD), spare=True),
    replace(columns.time("backward ms", "backward_time", TRAIN), spare=True),
    columns.time("train ms", "train_time", TRAIN),
    Column(f"train ÷ {BASELINE}", "ratio", units.significant, {"of": "train_time"}, interval="ends"),
    Column("forward MiB", "peak_memory", units.mebibytes, FORWARD, spare=True),
    Column("train MiB", "peak_memory", units.mebibytes, TRAIN),
    Column("tokens/s", "tokens_per_second", units.scaled, spare=True),
    Column("FLOP/s", "flops_per_second", units.scaled, spare=True),
    Column("of peak", "flops_fraction", units.percent, spare=True),
    Column("parameters", "num_params", columns.count, spare=True),
    Column("FLOPs (train)", "flops", units.scaled, TRAIN, spare=True),
    Column("state KiB", "state_size", columns.kibibytes, spare=True),
    Column("width", "width", columns.count),
    Column("compile s", "compile_time", units.significant, TRAIN),
    Column("host ms", "host_time", units.milliseconds, TRAIN, spare=True),
)

BENCH = Suite(
    name="bench",
    help="Time and memory of forward, backward and training passes over sequence lengths.",
    axes=CaseAxes(
        BenchCase,
        machine=OF_MACHINE,
        complete=as_configured,
        check=check,
        select=select,
        takes=(CONFIGURED, TRAINED),
    ),
    metrics=(
        Measured(FORWARD_TIME, owed=True, precise=True),
        Measured(BACKWARD_TIME, owed=True, precise=True, echo=True),
        Measured(TRAIN_TIME, owed=True, precise=True),
        Measured(PEAK_MEMORY, owed=True),
        Measured(HOST_TIME, echo=True),
        Measured(BY_LAUNCHES, echo=True),
        Measured(KERNEL_ERROR, echo=True),
        *rows(
            COMPILE_TIME, SAVED_BYTES, NUM_PARAMS, WIDTH, FLOPS, STATE_SIZE, *MACHINE_PEAKS, EXPONENT, CROSSING, VERDICT
        ),
    ),
    rounds=Rounds(
        passes=("forward", "train"),
        timed_samples=timed_samples,
        measured_rounds=MIN_ROUNDS,
        always_measured=lambda case: find(case.model).family == ATTENTION,
    ),
    analysis=Analysis(analysis.derive, analysis.expand, remarks.remarks, claims.claims),
    view=View(COLUMNS, figures=figures.figures),
)
