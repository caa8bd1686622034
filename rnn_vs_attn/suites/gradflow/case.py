"""What `gradflow` measures: one sequence through a layer at initialisation, or through a trained model."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models import initialisation
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import CONFIGURED
from rnn_vs_attn.suites.case import LayerCase, fixed, option

MOST_PROBES = 1 << 16


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
        "Models: built-in names, entry points, package.module:Class, file.py:Class, or hf:TYPE and hf:FOLDER "
        "of transformers.",
        typed="rnn,lstm,gru,attention",
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
        parse=initialisation.parse,
    )
    block: bool = option(False, "Put each layer into a residual block: pre-norm, mixer, pre-norm, MLP.")
    probes: int = option(8, "Random cotangents a round; more of them narrow the interval.", minimum=1)
    exact: bool = option(False, "All d_model unit cotangents in place of probes.")
    reach_threshold: float = option(
        1e-3, "Reach is the largest distance that passes on this part of the largest norm from 1 on.", parse=fraction
    )


def check(values: Mapping[str, Sequence[Any]]) -> None:
    """UserError where an initialisation does not apply to a model of these values, or there are too many probes."""
    if max(values["probes"]) > MOST_PROBES:
        raise UserError(
            f"--probes {max(values['probes'])} is more than {MOST_PROBES}; --exact takes all d_model cotangents"
        )
    initialisation.check(values["init"], values["model"])
    configured = [name for name in values["model"] if find(name).family == CONFIGURED]
    if configured and any(values["block"]):
        raise UserError(f"--block is for layers, and {configured[0]} has blocks of its own; leave it out")
