"""A grid of learning rates: all of them with the first seed, and each model's best one with the others. No torch."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.query import Group, without
from rnn_vs_attn.records.types import AxisValue
from rnn_vs_attn.suites.case import Case, axes_of

RATE = "learning_rate"
_CHOSEN = ("steps", "seconds_per_model")  # by a look at the speed, where they were not given
AnyCase = TypeVar("AnyCase", bound=Case)


def rate(text: str) -> float:
    """A learning rate."""
    number = float(text) if re.fullmatch(r"[0-9]*\.?[0-9]+(e-?[0-9]+)?", text) else math.nan
    if not 0 < number <= 1:
        raise UserError(f"--learning-rate {text!r} is not a number above 0 and at most 1, such as 3e-3")
    return number


def kind(case: Case) -> Group:
    """What cases have in common that are the same but for their learning rate."""
    return without(axes_of(case), RATE, *_CHOSEN)


def best(
    number: int, cases: Sequence[AnyCase], merit: Callable[[Mapping[str, AxisValue]], tuple[float, ...] | None]
) -> list[AnyCase]:
    """All cases in round 0; in later ones of each kind the one whose axes have the highest merit by then.

    merit: None of a case that has come to no end.
    """
    if number == 0:
        return list(cases)
    found: dict[Group, tuple[tuple[float, ...], AnyCase]] = {}
    for case in cases:
        reached = merit(axes_of(case))
        if reached is not None and (kind(case) not in found or reached > found[kind(case)][0]):
            found[kind(case)] = reached, case
    return [case for _, case in found.values()]
