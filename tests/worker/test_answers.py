"""A request that does not fit is nobody's fault but its own."""

from __future__ import annotations

from dataclasses import dataclass, make_dataclass
from typing import Any

import pytest
from leaky_models import about

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.protocol import (
    About,
    Measure,
    Misunderstood,
    Request,
    Samples,
)


@dataclass(frozen=True)
class Guess(Request[Samples]):
    """No worker is asked this."""


def other_measure(**more: Any) -> Request[Samples]:
    """A request of the name that a worker knows, with other fields."""
    fields = [(name, type(value)) for name, value in more.items()]
    made: Request[Samples] = make_dataclass("Measure", fields, bases=(Guess,), frozen=True)(**more)
    return made


def test_a_request_that_does_not_fit_is_no_cases_fault(worker: ChildWorker) -> None:
    """It was taken for one, and what `ab` compares exactly vanished without a word."""
    with pytest.raises(Misunderstood, match="there is no request 'Guess'"):
        worker.ask(Guess(), 600)
    with pytest.raises(Misunderstood, match="Measure has no field 'seed'"):
        worker.ask(other_measure(about=about("lstm"), turn=Turn(), part="measure", seed=0), 600)
    with pytest.raises(Misunderstood, match="Measure lacks 'turn'"):
        worker.ask(other_measure(about=about("lstm"), part="measure"), 600)
    with pytest.raises(Misunderstood, match="there is no case of 'bench' with these axes"):
        worker.ask(Measure(About("bench", {"width": 4}, None), Turn()), 600)
    assert worker.ask(Measure(about("lstm"), Turn()), 600).samples
