"""What must agree between the machines of two runs, and the spread between days."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from planted_runs import MACHINE, record, run_of, stored

from rnn_vs_attn.compare import machines
from rnn_vs_attn.errors import UserError


def test_facts_that_must_agree_are_named_with_both_values() -> None:
    assert machines.unlike(run_of(), run_of()) == []
    other = run_of(environment=MACHINE | {"cpu": "slide rule", "load": 9.0})
    assert machines.unlike(run_of(), other) == ["cpu: abacus and slide rule"]


def test_runs_whose_inputs_are_made_otherwise_are_unlike() -> None:
    (line,) = machines.unlike(run_of(settings={"inputs": 1}), run_of(settings={"inputs": 2}))
    assert line.startswith("inputs: ")
    assert machines.unlike(run_of(settings={"inputs": 1}), run_of()) == []  # the first version did not write it


@pytest.mark.long
def test_the_spread_between_days_is_that_of_the_medians_of_stored_runs(tmp_path: Path) -> None:
    factors = [1.0, 1.05, 0.97, 1.02, 0.99]
    for number, factor in enumerate(factors):
        stored(tmp_path / f"{number}", record("forward_time", [0.01 * factor]))
    stored(tmp_path / "other", record("forward_time", [0.5]), environment=MACHINE | {"cpu": "slide rule"})
    spread, number = machines.spread_of(tmp_path, run_of())
    logs = [math.log(factor) for factor in factors]
    mean = sum(logs) / 5
    assert number == 5
    assert spread == pytest.approx(math.sqrt(sum((v - mean) ** 2 for v in logs) / 4))


@pytest.mark.long
def test_a_history_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere is no folder; give one that holds runs of this machine"):
        machines.spread_of(tmp_path / "nowhere", run_of())


def test_too_short_a_history_is_refused(tmp_path: Path) -> None:
    for number in range(4):
        stored(tmp_path / f"{number}", record("forward_time", [0.01]))
    with pytest.raises(UserError, match="has 4 complete runs of bench on this machine, of 4; 5 or more are needed"):
        machines.spread_of(tmp_path, run_of())
