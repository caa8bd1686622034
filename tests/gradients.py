"""Gradient flow of small modules in float64, and what it is compared with."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.gradient.flow import Flow, cotangents, flow_of, without_dropout
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites.gradflow import measure
from rnn_vs_attn.suites.gradflow.case import GradflowCase

D = 8
CPU = torch.device("cpu")
RECURRENT = ("rnn", "gru", "lstm", "lstm-cell")


def flow(module: nn.Module, length: int, exact: bool = False) -> Flow:
    made = without_dropout(module.double())
    return flow_of(made, torch.randn(1, length, D), cotangents(4, D, exact, CPU))


def built(name: str, num_layers: int = 1) -> nn.Module:
    return without_dropout(build.build(find(name), Shape(1, 64, D, 2, num_layers)).double())


def powers(factor: float, length: int) -> Tensor:
    """log10 of factor^k."""
    return torch.arange(length) * math.log10(factor)


def distance_between(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max())


def jacobian_norms(module: nn.Module, x: Tensor) -> Tensor:
    """log10 of ||dy_T / dx_(T-k)||_F / sqrt(D) from torch's whole Jacobian."""
    whole = torch.autograd.functional.jacobian(lambda inputs: build.call(module, inputs)[0, -1], x)
    return (whole[:, 0].norm(dim=(0, 2)) / math.sqrt(D)).log10().flip(0)


def of_case(model: str, seed: int = 0, **fields: Any) -> dict[Any, Sample]:
    """Samples of one round, by distance or by metric."""
    case = GradflowCase(model=model, seq_len=40, d_model=D, device="cpu", threads=1, **fields)
    return {s.axes.get("distance", s.metric): s for s in measure.measure(case, Turn(seed))}
