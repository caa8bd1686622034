"""`gradflow`: how much of the gradient arrives, distance by distance."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rnn_vs_attn import units
from rnn_vs_attn.errors import CaseFault, UserError, first_line
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.models import initialisation as initialisations
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.records.types import Metric, Record, Sample
from rnn_vs_attn.report.tables import Column, Pivot
from rnn_vs_attn.suites.gradflow import analysis as gradflow_reading
from rnn_vs_attn.suites.gradflow import figures as gradflow_figures
from rnn_vs_attn.suites.gradflow import remarks as gradflow_words
from rnn_vs_attn.suites.gradflow import samples
from rnn_vs_attn.suites.suite import LayerCase, Suite, fixed, option

if TYPE_CHECKING:
    import torch

    from rnn_vs_attn.measure.gradient.norms import Flow


def fraction(text: str) -> float:
    """A number above 0 and at most 1."""
    number = float(text) if re.fullmatch(r"[0-9]*\.?[0-9]+(e-?[0-9]+)?", text) else math.nan
    if not 0 < number <= 1:
        raise UserError(f"--reach-threshold {text!r} is not a number above 0 and at most 1, such as 1e-3")
    return number


@dataclass(frozen=True)
class GradflowCase(LayerCase):
    """One sequence, in float64; what is added says whose gradient is measured and with how many cotangents."""

    model: str = option(
        "lstm",
        "Models: built-in names, entry points, package.module:Class or file.py:Class.",
        sweep="rnn,lstm,gru,attention",
    )
    seq_len: int = option(
        1024, "Sequence lengths: 512, or 64:4096 (doubling); the last distance is one less.", minimum=2
    )
    batch_size: int = fixed(1)
    d_model: int = option(64, "Width of the input and output.", minimum=1)
    dtype: str = fixed("float64")
    threads: int = option(
        1, "CPU threads; 0 takes all usable cores, which helps attention at long sequences.", minimum=0
    )
    init: str = option(
        "default",
        "Weights: default, orthogonal[:GAIN] (1), forget-bias-1, chrono[:T_MAX] (seq_len), identity.",
        parse=initialisations.parse,
    )
    block: bool = option(False, "Put each layer into a residual block: pre-norm, mixer, pre-norm, MLP.")
    probes: int = option(8, "Random cotangents a round; more of them narrow the interval.", minimum=1)
    exact: bool = option(False, "All d_model unit cotangents in place of probes.")
    reach_threshold: float = option(
        1e-3, "Reach is the largest distance that passes on this part of the largest norm from 1 on.", parse=fraction
    )


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


MOST_PROBES = 1 << 16


def check(sweep: Mapping[str, Sequence[Any]]) -> None:
    """UserError where an initialisation does not apply to a model of this sweep, or there are too many probes."""
    if max(sweep["probes"]) > MOST_PROBES:
        raise UserError(
            f"--probes {max(sweep['probes'])} is more than {MOST_PROBES}; --exact takes all d_model cotangents"
        )
    initialisations.check(sweep["init"], sweep["model"])


# In the worker


def module_of(case: GradflowCase) -> torch.nn.Module:
    """The module of a case on its device, in float64, with the weights that --init names."""
    from rnn_vs_attn.measure.gradient import flow as adjoint
    from rnn_vs_attn.models import build, initialise

    make = build.build_blocks if case.block else build.build
    module = make(find(case.model), case.shape).double()
    initialise.apply(case.init, module, case.seq_len)
    return adjoint.make_ready(module.to(case.device))


def probe(case: GradflowCase) -> None:
    """CaseFault where a module has no gradient to give; an error of its own is a fault too."""
    import torch

    from rnn_vs_attn.measure.gradient import flow as adjoint

    with adjoint.float64():
        x = torch.randn(1, case.seq_len, case.d_model, device=case.device)
        adjoint.check(module_of(case), x)


def measure(case: GradflowCase, turn: Turn) -> Iterator[Sample]:
    """One round: fresh weights, a fresh input, and the norm at every distance of the grid."""
    module, flow = _round(case, turn.seed)
    if turn.seed == 0:
        _BESIDE_GRID[case] = samples.beside_grid(flow)
    elif case not in _BESIDE_GRID:
        _BESIDE_GRID[case] = _of_first_round(case)
    beside = _BESIDE_GRID[case]
    if isinstance(beside, str):
        flow, beside = replace(flow, warnings=[*flow.warnings, beside]), ([], [])
    yield from samples.norms(flow, *beside)
    yield samples.reach(flow.log10.tolist(), flow.most.tolist(), case.reach_threshold)
    if case.block:
        yield from samples.identity(flow.beside_identity, flow.warnings)
    if case.model == "rnn":
        yield from samples.spectrum(module)


def _round(case: GradflowCase, seed: int) -> tuple[torch.nn.Module, Flow]:
    import torch

    from rnn_vs_attn.isolation.seeds import seed_all
    from rnn_vs_attn.measure.gradient import flow as adjoint

    seed_all(seed)
    with adjoint.float64():
        module = module_of(case)
        x = torch.randn(1, case.seq_len, case.d_model, device=case.device)
        cotangents = adjoint.cotangents(case.probes, case.d_model, case.exact, x.device)
        return module, adjoint.flow(module, x, cotangents)


# Distances beside the grid, past and future, of each case: those of its first round, so that all rounds have the same;
# or why they are unknown.
_BESIDE_GRID: dict[GradflowCase, tuple[list[int], list[int]] | str] = {}


def _of_first_round(case: GradflowCase) -> tuple[list[int], list[int]] | str:
    """In a process that has not measured it, as after --resume."""
    try:
        return samples.beside_grid(_round(case, 0)[1])
    except Exception as error:
        reason = error.reason if isinstance(error, CaseFault) else first_line(error)
        return f"no distances beside the grid are shown: they are those of the first round, which failed ({reason})"


# In the parent


def _number(record: Record) -> str:
    return gradflow_words.interval(record, units.significant)


COLUMNS = (
    Column("decay a token", "decay", units.significant, cell=gradflow_words.decay),
    Column("half-life, tokens", "half_life", units.significant, cell=_number),
    Column("reach, tokens", "reach", units.significant, cell=gradflow_words.reach),
    Column("verdict", "verdict", units.significant, cell=lambda r: r.text),
    Column("exponent", "power_exponent", units.significant, cell=_number),
    Column("spectral radius", "spectral_radius", units.significant, cell=_number),
    Column("largest singular value", "largest_singular_value", units.significant, cell=_number),
    Column(
        "identity at distance 0",
        "identity_share",
        units.percent,
        cell=lambda r: gradflow_words.interval(r, units.percent),
    ),
)

NORMS = Pivot(
    title="gradient_norm: ||dy_T / dx_(T - distance)||_F / sqrt(d_model)",
    metric=GRADIENT_NORM.name,
    axis="distance",
    cell=gradflow_words.norm,
    note="in brackets the 95% interval of the median over rounds, each with weights and input of its own",
)

GRADFLOW = Suite(
    name="gradflow",
    help="How much of the gradient arrives, distance by distance, without underflow.",
    case=GradflowCase,
    metrics=(
        GRADIENT_NORM,
        REACH,
        BESIDE_IDENTITY,
        IDENTITY_SHARE,
        SPECTRAL_RADIUS,
        SINGULAR_VALUE,
        *gradflow_reading.METRICS,
    ),
    per_case=(GRADIENT_NORM.name,),
    precise=(),
    measure=measure,
    check=check,
    probe=probe,
    derive=gradflow_reading.derive,
    remarks=gradflow_words.remarks,
    columns=COLUMNS,
    pivots=(NORMS,),
    figures=gradflow_figures.figures,
    chart=gradflow_figures.chart,
)
