"""Runs of a report: what their machines are called, in which order they stand, what was found in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planted_reports import CLAIMS, EPYC, H100, entry, time

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.pages.entries import entries_of, machines_of


@pytest.mark.parametrize(
    ("facts", "device", "name"),
    [
        (EPYC, "cpu", "AMD EPYC, 2 cores"),
        (EPYC | {"usable_cores": 1}, "cpu", "AMD EPYC, 1 core"),
        ({"cpu": "abacus"}, "cpu", "abacus"),
        ({}, "cpu", "a processor without a name"),
        (H100, "cuda", "NVIDIA H100"),
        (H100, "cuda:0", "NVIDIA H100"),
        (H100, "cuda:1", "an accelerator without a name"),
        (EPYC, "cuda:", "an accelerator without a name"),
        ({"gpus": [{}]}, "cuda", "an accelerator without a name"),
    ],
)
def test_a_machine_is_called_as_people_call_it(facts: dict[str, Any], device: str, name: str) -> None:
    assert entry("bench", environment=facts).machine_of(device) == name


def test_a_run_on_one_accelerator_is_of_that() -> None:
    runs = [entry("bench", time("lstm", 1.0, 0.9, 1.1, device="cuda:0"), environment=H100), entry("bench")]
    assert machines_of(runs) == ["NVIDIA H100", "AMD EPYC, 2 cores"]


def test_runs_stand_in_the_order_of_the_commands() -> None:
    runs = {Path(str(number)): entry(suite).run for number, suite in enumerate(("lm", "bench", "lm", "gradflow"))}
    assert [str(each.path) for each in entries_of(runs)] == ["1", "3", "0", "2"]


def test_a_run_of_an_unknown_suite_is_a_sentence() -> None:
    with pytest.raises(UserError, match="'juggling', which this version does not have"):
        entries_of({Path("x"): replace(entry("bench").run, suite="juggling")})


def test_claims_that_were_stored_are_found_where_this_version_finds_none() -> None:
    stored = entry("scaling", claims=CLAIMS)
    assert stored.claims == list(CLAIMS)
    own = replace(stored.suite, analysis=replace(stored.suite.analysis, claims=lambda records: [CLAIMS[1]]))
    assert replace(stored, suite=own).claims == [CLAIMS[1]]
