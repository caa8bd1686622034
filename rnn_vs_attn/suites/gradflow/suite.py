"""`gradflow`: how much of the gradient arrives, distance by distance."""

from __future__ import annotations

from rnn_vs_attn import units
from rnn_vs_attn.models.spec import CONFIGURED, TRAINED
from rnn_vs_attn.records.claims import VERDICT
from rnn_vs_attn.records.types import Metric, Record
from rnn_vs_attn.report.tables import Column, Pivot
from rnn_vs_attn.suites.case import as_configured
from rnn_vs_attn.suites.gradflow import analysis, claims, figures, remarks
from rnn_vs_attn.suites.gradflow.case import GradflowCase, check
from rnn_vs_attn.suites.suite import Analysis, CaseAxes, Measured, Suite, View, rows

GRADIENT_NORM = Metric("gradient_norm_log10", "1", "none", scale="difference", title="log10 of the gradient's norm")
BESIDE_IDENTITY = Metric(
    "beside_identity_log10", "1", "none", scale="difference", title="log10 of the norm at distance 0 less the identity"
)
IDENTITY_SHARE = Metric(
    "identity_share", "1", "none", title="1 / (1 + b^2), b the norm at distance 0 less the identity"
)
REACH = Metric(
    "reach", "1", "higher", title="largest distance with reach_threshold of the largest norm from distance 1 on, tokens"
)
SPECTRAL_RADIUS = Metric("spectral_radius", "1", "none", title="of the recurrent matrix, the largest of all layers")
SINGULAR_VALUE = Metric(
    "largest_singular_value", "1", "none", title="of the recurrent matrix, the largest of all layers"
)


def _number(record: Record) -> str:
    return remarks.interval(record, units.significant)


COLUMNS = (
    Column("decay a token", "decay", units.significant, spare=True, cell=remarks.decay),
    Column("half-life, tokens", "half_life", units.significant, cell=_number),
    Column("reach, tokens", "reach", units.significant, cell=remarks.reach),
    Column("law", "gradient_law", units.significant, cell=lambda r: r.text),
    Column("exponent", "power_exponent", units.significant, cell=_number),
    Column("spectral radius", "spectral_radius", units.significant, spare=True, cell=_number),
    Column("largest singular value", "largest_singular_value", units.significant, spare=True, cell=_number),
    Column(
        "identity at distance 0",
        "identity_share",
        units.percent,
        cell=lambda r: remarks.interval(r, units.percent),
    ),
)

NORMS = Pivot(
    title="gradient_norm: ||dy_T / dx_(T - distance)||_F / sqrt(d_model)",
    metric=GRADIENT_NORM.name,
    axis="distance",
    cell=remarks.norm,
    note="in brackets the 95% interval of the median over rounds, each with weights and input of its own",
)

GRADFLOW = Suite(
    name="gradflow",
    help="How much of the gradient arrives, distance by distance, without underflow.",
    axes=CaseAxes(GradflowCase, complete=as_configured, check=check, takes=(CONFIGURED, TRAINED), of_weights=True),
    metrics=(
        Measured(GRADIENT_NORM, owed=True),
        *rows(REACH, BESIDE_IDENTITY, IDENTITY_SHARE, SPECTRAL_RADIUS, SINGULAR_VALUE, *analysis.METRICS, VERDICT),
    ),
    analysis=Analysis(analysis.derive, remarks=remarks.remarks, claims=claims.claims),
    view=View(COLUMNS, (NORMS,), figures.figures, figures.chart),
)
