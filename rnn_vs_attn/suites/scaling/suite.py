"""`scaling`: the cells of Vaswani et al. 2017, table 1, measured, and what parallelism brings on this machine."""

from __future__ import annotations

from rnn_vs_attn import units
from rnn_vs_attn.records.claims import VERDICT
from rnn_vs_attn.records.query import OF_MACHINE
from rnn_vs_attn.records.types import Metric
from rnn_vs_attn.report.tables import Column
from rnn_vs_attn.suites import columns
from rnn_vs_attn.suites.blocks import timed_samples
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
    TRAIN_TIME,
)
from rnn_vs_attn.suites.scaling import analysis, claims, figures, remarks, tables
from rnn_vs_attn.suites.scaling.case import ScalingCase, check, owes, select
from rnn_vs_attn.suites.scaling.crossings import FLOP_CROSSING
from rnn_vs_attn.suites.scaling.laws import LAW
from rnn_vs_attn.suites.scaling.speed_ups import EFFICIENCY, SERIAL_FRACTION, SPEED_UP
from rnn_vs_attn.suites.suite import Analysis, CaseAxes, Measured, Rounds, Suite, View, rows

PROJECTION_FLOPS = Metric("projection_flops", "1", "none", exact=True, title="of them those with weights, forward")
SEQUENTIAL_OPERATIONS = Metric(
    "sequential_operations", "1", "lower", exact=True, title="the longest chain of operations of a forward pass"
)
PATH_LENGTH = Metric(
    "path_length", "1", "lower", exact=True, title="operations from the first input to the last output"
)
LAUNCHES = Metric("launches", "1", "lower", exact=True, title="kernels that a pass launches on CUDA")

COLUMNS = (
    columns.time("forward ms", "forward_time", FORWARD),
    columns.time("train ms", "train_time", TRAIN),
    Column("FLOPs (forward)", "flops", units.scaled, FORWARD),
    Column("with weights", "projection_flops", units.scaled, FORWARD),
    Column("FLOPs (train)", "flops", units.scaled, TRAIN),
    Column("of peak (train)", "flops_fraction", units.percent, TRAIN),
    Column("sequential operations", "sequential_operations", columns.count),
    Column("path", "path_length", columns.count),
    Column("kernels launched", "launches", columns.count, FORWARD),
    Column("parameters", "num_params", columns.count, spare=True),
)

SCALING = Suite(
    name="scaling",
    help="Parallelism: speed-up over threads, sequential operations, exponents beside Vaswani's Table 1.",
    axes=CaseAxes(
        ScalingCase,
        row=("model", "seq_len", "d_model", "part"),
        compared=("model", "part"),
        machine=OF_MACHINE,
        check=check,
        select=select,
        run_defaults={"rounds": 6, "warm_up": 0.05, "min_blocks": 2, "case_seconds": 0.02},
    ),
    metrics=(
        Measured(FORWARD_TIME, owed=True, precise=True),
        Measured(BACKWARD_TIME, echo=True),
        Measured(TRAIN_TIME, owed=True, precise=True),
        Measured(HOST_TIME, echo=True),
        Measured(BY_LAUNCHES, echo=True),
        *rows(FLOPS, PROJECTION_FLOPS, NUM_PARAMS, SEQUENTIAL_OPERATIONS, PATH_LENGTH, LAUNCHES, *MACHINE_PEAKS),
        *rows(EXPONENT, LAW, CROSSING, FLOP_CROSSING),
        Measured(SPEED_UP, echo=True),
        Measured(EFFICIENCY, echo=True),
        Measured(SERIAL_FRACTION, echo=True),
        *rows(VERDICT),
    ),
    rounds=Rounds(passes=("forward", "train"), timed_samples=timed_samples, measured_rounds=1, owes=owes),
    analysis=Analysis(analysis.derive, analysis.expand, remarks.remarks, claims.claims),
    view=View(COLUMNS, figures=figures.figures, summary=tables.tables),
)
