"""Records of `recall` with planted outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fakes import of_rounds

from rnn_vs_attn.records.claims import Claim
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.recall import remarks
from rnn_vs_attn.suites.recall.analysis import derive
from rnn_vs_attn.suites.recall.case import RecallCase, complete
from rnn_vs_attn.suites.recall.claims import claims
from rnn_vs_attn.suites.recall.suite import RECALL

STEPS = 400  # of each training
RATES = (1e-3, 3e-3, 1e-2)


def case(model: str, rate: float = RATES[1], **fields: Any) -> RecallCase:
    """A case as a run has it."""
    given = {"task": "mqar", "seq_len": 32, "steps": STEPS, "device": "cpu", "threads": 1} | fields
    return complete(RecallCase(model=model, learning_rate=rate, **given))


def record(
    model: str,
    metric: str,
    values: Sequence[float | None],
    added: Mapping[str, Any] | None = None,
    rate: float = RATES[1],
    **fields: Any,
) -> Record:
    """One record, a value a seed."""
    axes = axes_of(case(model, rate, **fields)) | dict(added or {})
    return of_rounds(RECALL.metric(metric, axes), axes, dict(enumerate(values)))


def trained(
    model: str,
    steps: Sequence[float | None],
    /,
    rate: float = RATES[1],
    scores: Sequence[float | None] = (),
    losses: Sequence[float] = (),
    **fields: Any,
) -> list[Record]:
    """Trainings at one rate. steps: that each seed took, None where it did not solve the task. Without scores or losses
    these are perfect or useless by the steps; a second has ten steps.
    """
    found = {
        "accuracy": scores or [0.5 if step is None else 1.0 for step in steps],
        "loss": losses or [0.7 if step is None else 0.001 for step in steps],
        "steps_to_solve": steps,
        "seconds_to_solve": [None if step is None else step / 10 for step in steps],
    }
    return [record(model, metric, values, rate=rate, **fields) for metric, values in found.items()]


def grid(
    model: str, steps: Sequence[float | None], /, others: Sequence[float | None] = (None, None), **fields: Any
) -> list[Record]:
    """Trainings at all rates: at the middle one a seed each, at the others the first seed alone."""
    rates = zip((RATES[0], RATES[2]), others, strict=True)
    beside = [each for rate, step in rates for each in trained(model, [step], rate, losses=[0.9], **fields)]
    return [*beside, *trained(model, steps, **fields)]


def said(records: Sequence[Record]) -> list[str]:
    """The lines under a run's table."""
    return remarks.remarks([*records, *derive(records)])


def claimed(records: Sequence[Record]) -> list[Claim]:
    """What a run found."""
    return claims([*records, *derive(records)])
