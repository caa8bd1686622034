"""Cases of `scaling`, and records of it with planted times."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import torch
from fakes import of_rounds
from torch import nn

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.dataflow import path_length
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.records.claims import Claim
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.scaling import claims, measure
from rnn_vs_attn.suites.scaling.analysis import derive
from rnn_vs_attn.suites.scaling.case import LAYER, ScalingCase
from rnn_vs_attn.suites.scaling.suite import SCALING

# Maximum path length


def path(name: str, length: int, **shape: Any) -> int | None:
    def make(layers: int) -> nn.Module:
        torch.manual_seed(0)
        given = Shape(1, length, 8, 2, **(shape | {"num_layers": layers}))
        return build.build(find(name), given).double()

    torch.manual_seed(1)
    x = torch.randn(1, length, 8, dtype=torch.float64)
    return path_length.shortest(make, shape.get("num_layers", 1), x).operations


# FLOPs, counted on the modules themselves


def exact_records(names: list[str], lengths: list[int], widths: list[int]) -> list[Record]:
    """What the worker counts of these cells."""
    found = []
    for name in names:
        for length in lengths:
            for width in widths:
                case = ScalingCase(name, length, 1, width, device="cpu", window=16)
                for sample in measure.measure(case, Turn(0)):
                    axes = axes_of(case) | sample.axes
                    found.append(of_rounds(SCALING.metric(sample.metric, axes), axes, {0: sample.value}))
    return found


# Times, planted


ROUNDS = (1.0, 1.02, 0.97, 1.01, 0.99, 1.03)
LSTM = {"lstm": LAYER}
GRID = ([64, 128, 256, 512, 1024, 2048], [64, 128, 256])


def timed(
    time: Callable[[str, int, int, int], float],
    models: Mapping[str, str],
    lengths: list[int],
    widths: list[int],
    threads: list[int] = [1],  # noqa: B006
    noise: float = 0.0,
    rounds: tuple[float, ...] = ROUNDS,
) -> list[Record]:
    """Records of forward and training times: time(model, seq_len, d_model, threads) in every round, times the round."""
    chance = random.Random(3)
    found = []
    for model, part in models.items():
        for length in lengths:
            for width in widths:
                for count in threads:
                    case = ScalingCase(model, length, 1, width, device="cpu", threads=count, part=part)
                    for metric, scale in (("forward_time", 1.0), ("train_time", 3.0)):
                        axes = axes_of(case)
                        values = {
                            i: scale * r * time(model, length, width, count) * math.exp(noise * chance.gauss(0, 1))
                            for i, r in enumerate(rounds)
                        }
                        found.append(of_rounds(SCALING.metric(metric, axes), axes, values))
    return found


def only(records: list[Record], metric: str, **axes: Any) -> Record:
    (found,) = (r for r in records if r.metric == metric and axes.items() <= r.axes.items())
    return found


def claim(records: list[Record], model: str, key: str) -> Claim:
    """What is found of these records."""
    found = claims.claims([*records, *derive(records)])
    (one,) = (each for each in found if each.key == key and each.axes == {"model": model})
    return one


def verdict(records: list[Record], model: str, key: str) -> str:
    return claim(records, model, key).verdict
