"""Stored samples that no run of `ab` has written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from edited_runs import edited
from fakes import fake_cases
from planted_pairs import Laboratory

from rnn_vs_attn.ab.options import AbOptions
from rnn_vs_attn.ab.samples import checked_samples
from rnn_vs_attn.ab.versions import CANDIDATE
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.worker.protocol import Prepare

OPTIONS = AbOptions(passes=("forward", "train"), screen=5, confirm=5)
CASES = fake_cases("lstm", "gru")


@pytest.fixture
def stored(laboratory: Laboratory) -> Path:
    """Pairs of one model that is timed and one that fails."""
    laboratory.trouble = lambda side, kind, model: (
        CaseFault("failed", "boom") if (side, kind, model) == (CANDIDATE, Prepare, "gru") else None
    )
    pairs = laboratory.pairs(cases=CASES, screen=5, confirm=5)
    assert pairs.run()
    pairs.folder.close()
    return laboratory.path


def first(path: Path, metric: str, status: str = "ok") -> int:
    """The number of the first line of a metric, from 0."""
    lines = checked_samples(path, OPTIONS, CASES)
    return next(i for i, line in enumerate(lines) if (line.metric, line.status) == (metric, status))


def test_the_samples_of_a_run_are_its_own(stored: Path) -> None:
    assert len(checked_samples(stored, OPTIONS, CASES)) == len((stored / "samples.jsonl").read_text().splitlines())


@pytest.mark.parametrize(
    ("metric", "status", "change", "said"),
    [
        ("ratio", "ok", lambda s: s.update(round=10), "there is no pair 10 of ab"),
        ("ratio", "ok", lambda s: s.update(suite="bench"), "there is no pair 0 of bench"),
        ("ratio", "ok", lambda s: s.update(value=-1.0), "ratio is not above 0"),
        ("ratio", "ok", lambda s: s.update(blocks=[0.0]), "ratio is not above 0"),
        ("ratio", "ok", lambda s: s.update(blocks=[]), "ratio has no pass, no blocks or no seconds"),
        ("ratio", "ok", lambda s: s["axes"].update({"pass": "backward"}), "ratio has no pass"),
        ("ratio", "ok", lambda s: s["details"].update(seconds="long"), "ratio has no pass, no blocks or no seconds"),
        ("ratio", "ok", lambda s: s["axes"].update(model="rnn"), "it is of no case that this run has"),
        ("forward_time", "ok", lambda s: s["axes"].update(side="left"), "forward_time is no time of a side"),
        ("forward_time", "ok", lambda s: s.update(metric="speed"), "speed is no time of a side"),
        ("forward_time", "ok", lambda s: s["details"].update(loops=0), "forward_time has no blocks, no loops"),
        ("forward_time", "ok", lambda s: s["details"].update(care={"much": True}), "no loops or no care"),
        ("forward_time", "failed", lambda s: s["details"].clear(), "it does not say what came of it once more"),
        ("forward_time", "failed", lambda s: s["details"].update(again={"candidate": {}}), "what came of it once more"),
        ("peak_flops", "ok", lambda s: s["axes"].pop("side"), "it is of no case and no side"),
        ("round_time", "ok", lambda s: s["details"].pop("sitting"), "it does not close a pair"),
        ("round_time", "ok", lambda s: s["details"].update(noted=["x"]), "it does not close a pair"),
        ("round_time", "ok", lambda s: s.update(metric="round"), "it is of no case and no side"),
    ],
)
def test_a_line_that_cannot_be_is_named(
    stored: Path, metric: str, status: str, change: Callable[[Any], Any], said: str
) -> None:
    def changed(value: Any) -> Any:
        change(value)
        return value

    number = first(stored, metric, status)
    edited(stored, "samples.jsonl", changed, number)
    with pytest.raises(UserError) as error:
        checked_samples(stored, OPTIONS, CASES)
    assert f"samples.jsonl, line {number + 1} is damaged: " in str(error.value)
    assert said in str(error.value)


def test_a_pair_that_is_missing_before_a_later_one_is_named(stored: Path) -> None:
    """What is counted would not be what was measured."""
    file = stored / "samples.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if '"round":2,' not in line))
    with pytest.raises(UserError, match=r"samples\.jsonl is damaged: pair 2 is missing"):
        checked_samples(stored, OPTIONS, CASES)
