"""The programs that train what was published: on played runs what they say, and small ones of their own whole."""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

LEARNING = ROOT / "benchmarks" / "learning"
sys.path[:0] = [str(ROOT / "benchmarks" / "harness"), str(LEARNING)]
import defaults  # noqa: E402
import learning_rates  # noqa: E402
import panels  # noqa: E402
import published_settings  # noqa: E402
import trained  # noqa: E402

from rnn_vs_attn.records.types import Record, Run  # noqa: E402
from rnn_vs_attn.suites.recall.analysis import Outcome  # noqa: E402


def record(metric: str, value: float | None, status: str = "ok", **axes: Any) -> Record:
    samples = [] if status != "ok" else [value]
    plain: dict[str, Any] = {"better": "none", "exact": False, "scale": "ratio", "unit": "1", "low": None, "high": None}
    return Record(suite="recall", axes=axes, metric=metric, status=status, samples=samples, median=value, **plain)


def training(
    model: str, rate: float, accuracy: float | None, loss: float, steps: float | None = None, layers: int = 2
) -> list[Record]:
    axes = {"model": model, "learning_rate": rate, "num_layers": layers}
    values = {"accuracy": accuracy, "loss": loss, "steps_to_solve": steps, "num_params": 100.0}
    return [record(metric, value, **axes) for metric, value in values.items()]


def run_of(*trainings: list[Record]) -> Run:
    return Run("recall", [], {}, {}, "", None, "complete", [record for each in trainings for record in each])


# What is read out of a run


def test_the_best_learning_rate_is_that_of_the_highest_accuracy_then_of_the_lowest_loss() -> None:
    run = run_of(
        training("gru", 1e-3, 0.5, 0.9),
        training("gru", 3e-3, 0.7, 0.8, 40),
        training("gru", 1e-2, 0.7, 0.6, 60),
        training("lstm", 1e-2, 0.9, 0.1),
        [record("loss", None, "failed", model="gru", learning_rate=0.1, num_layers=2)],
    )
    assert trained.best(run, model="gru") == {
        "learning_rate": 1e-2,
        "accuracy": 0.7,
        "loss": 0.6,
        "steps_to_solve": 60,
        "num_params": 100,
    }
    failed = [fact for fact in trained.facts(run, model="gru") if fact["loss"] is None]
    assert [fact["learning_rate"] for fact in failed] == [0.1]
    assert trained.best(run_of(training("gru", 1e-3, None, 0.2), training("gru", 3e-3, None, 0.1)))["loss"] == 0.1


def test_a_folder_of_another_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["rnn-vs-attn", *"recall --task copy --max-seconds 1000000 --anonymous --output x".split()]
    head = Run("recall", words, {}, {}, "", None, "complete")
    monkeypatch.setattr(trained, "read_head", lambda folder: head)
    monkeypatch.setattr(trained, "read_run", lambda folder: head)
    (tmp_path / "run.json").touch()
    assert trained.trained(tmp_path, "--task copy") is head
    with pytest.raises(SystemExit, match=r"holds a run of `recall --task copy .*give another --folder"):
        trained.trained(tmp_path, "--task mqar")


@pytest.mark.parametrize(("status", "resumed"), [("interrupted", True), ("", False)])
def test_a_run_that_is_not_there_is_made_and_one_that_was_interrupted_goes_on(
    status: str, resumed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[list[str]] = []

    def exit_code(command: list[str]) -> int:
        called.append(command[3:])
        return 130

    monkeypatch.setattr(trained, "exit_code", exit_code)
    asked = ["recall", "--task", "copy", "--max-seconds", "1000000", "--anonymous"]
    head = Run("recall", ["rnn-vs-attn", *asked], {}, {}, "", None, status)
    monkeypatch.setattr(trained, "read_head", lambda folder: head)
    if resumed:
        (tmp_path / "run.json").touch()
    with pytest.raises(SystemExit, match="exit code 130; call this program again to go on"):
        trained.trained(tmp_path, "--task copy")
    assert called == [["recall", "--resume", str(tmp_path)] if resumed else [*asked, "--output", str(tmp_path)]]


# Panels


def test_the_published_accuracy_stands_beside_attention_alone_and_above_99_percent_is_the_target() -> None:
    fact = {"seq_len": 64, "pairs": 4, "d_model": 64, "learning_rate": 3e-3, "num_params": 1.0}
    solved = panels.figure({**fact, "model": "attention", "accuracy": 0.995, "steps_to_solve": 700.0}, 2000)
    assert (solved.met, solved.value) == (True, 0.995)
    assert solved.beside == "(solved after 700 of 2000 steps at 0.003; published 1)"
    assert panels.figure({**fact, "model": "attention", "accuracy": 0.99, "steps_to_solve": None}, 2000).met is False
    other = panels.figure({**fact, "model": "lstm", "accuracy": 0.25, "steps_to_solve": None}, 2000)
    assert (other.met, other.target) == (None, "")
    assert other.beside == "(not solved in 2000 steps at 0.003; ours alone)"


def test_the_panels_are_those_of_the_figure() -> None:
    for setting in (panels.SMALL, panels.WHOLE):
        for seq_len, pairs in setting.panels:
            assert seq_len == 16 * pairs
            assert all((seq_len, width) in panels.PUBLISHED for width in setting.widths)
    assert (panels.WHOLE.vocab_size, len(panels.WHOLE.rates.split(","))) == (8192, 4)


# Learning rates


def shares() -> Iterator[learning_rates.Share]:
    yield learning_rates.Share("attention", 1, (), 3)
    yield learning_rates.Share("gated-deltanet", 1, (3e-3,), 3)
    yield learning_rates.Share("attention", 2, (1e-3, 3e-3), 3)
    yield learning_rates.Share("gated-deltanet", 2, (3e-3,), 3)


def test_the_share_is_of_the_rates_that_solve_it_and_a_training_that_failed_solves_nothing() -> None:
    run = run_of(
        training("attention", 1e-3, 1.0, 0.0, 300),
        training("attention", 3e-3, 0.25, 1.4),
        training("attention", 3e-3, 1.0, 0.0, 200, layers=1),
        [record("loss", None, "failed", model="attention", learning_rate=1e-2, num_layers=2)],
    )
    found = learning_rates.share("attention", 2, list(trained.facts(run, model="attention", num_layers=2)))
    assert found == learning_rates.Share("attention", 2, (1e-3,), 3)
    assert (found.share, found.window) == (1 / 3, "(0.001 to 0.001)")
    row = learning_rates.table(run, [found]).rows[0]
    assert row == ["attention", "2", "1.000", "0.250", "failed", "1 of 3"]


def test_the_finding_is_said_and_judged() -> None:
    found = list(shares())
    assert learning_rates.finding(found) == (
        "With 1 layer mqar is solved by attention at 0 of 3, gated-deltanet at 1 of 3 learning rates. "
        "With 2 layers mqar is solved by attention at 2 of 3, gated-deltanet at 1 of 3 learning rates."
    )
    assert [figure.met for figure in learning_rates.judged(found)] == [True, True, True]
    other = learning_rates.Share("gated-deltanet", 2, (1e-3, 3e-3), 3)
    assert [figure.met for figure in learning_rates.judged([*found[:3], other])] == [False, True, True]


def test_the_rates_are_evenly_spaced_on_a_scale_of_logarithms() -> None:
    rates = [float(rate) for rate in learning_rates.SMALL.grid.split(",")]
    assert (len(rates), rates[0], rates[-1]) == (7, 1e-4, 3e-2)
    steps = [math.log(b / a) for a, b in itertools.pairwise(rates)]
    assert steps == pytest.approx([math.log(300) / 6] * 6, abs=0.01)


# Published settings


def test_losses_stand_on_the_published_scale() -> None:
    """The memoryless loss of copying at T = 1,000 is 0.020387, that of adding 1/6."""
    assert published_settings.COPY.chance(1000) == pytest.approx(0.020387, abs=5e-7)
    assert published_settings.COPY.scaled(math.log(8), 1000) == published_settings.COPY.chance(1000)
    assert (published_settings.ADDING.chance(100), published_settings.ADDING.scaled(0.1, 100)) == (1 / 6, 0.1)


def test_the_gru_must_solve_adding_and_nothing_else_is_judged() -> None:
    fact = {"length": 100, "loss": 0.02, "steps_to_solve": None, "num_params": 70193.0, "learning_rate": 4e-3}
    adding = published_settings.figure(published_settings.ADDING, {**fact, "model": "gru"})
    assert (adding.met, adding.target) == (False, "< 0.01")
    assert adding.beside == (
        "of 0.167 without memory (not solved; published at T = 600: 5.3e-05 of 0.167; 70,193 parameters, rate 0.004)"
    )
    lstm = published_settings.figure(published_settings.ADDING, {**fact, "model": "lstm", "steps_to_solve": 900.0})
    assert lstm.met is None
    assert "solved after 900 steps; published at T = 600: 0.164" in lstm.beside
    copied = published_settings.figure(published_settings.COPY, {**fact, "model": "gru", "loss": math.log(8)})
    assert (copied.met, copied.value) == (None, pytest.approx(10 * math.log(8) / 120))
    failed = published_settings.figure(published_settings.ADDING, {**fact, "model": "gru", "loss": None})
    assert failed.met is False


@pytest.mark.long
def test_widths_have_the_published_number_of_parameters() -> None:
    from rnn_vs_attn.models.registry import find
    from rnn_vs_attn.suites.recall.case import RecallCase
    from rnn_vs_attn.suites.recall.measure import shape_of
    from rnn_vs_attn.training.token_model import num_params

    for task, number in ((published_settings.ADDING, 70_000), (published_settings.COPY, 16_000)):
        for model, width in task.widths.items():
            alike = {"num_heads": 1, "num_layers": 1, "mlp": 0, "match": "none"}
            case = RecallCase(model=model, task=task.name, seq_len=task.seq_len(task.at), d_model=width, **alike)
            assert num_params(find(model), shape_of(case)) == pytest.approx(number, rel=0.02)


# Defaults


def outcome(*steps: float) -> Outcome:
    seeds = len(steps)
    axes = {"model": "lstm", "steps": 400}
    return Outcome(axes, 1e-2, [1.0] * seeds, [0.0] * seeds, [*steps], [1.0] * seeds, 3, 2, True, endless=0, lost=0)


@pytest.mark.parametrize(
    ("steps", "value", "met"),
    [((100, 200), 200, [True, True]), ((100, 220), 220, [True, False]), ((100, math.inf), 400, [False, False])],
)
def test_a_winner_solves_its_task_with_every_seed_within_half_of_the_steps(
    steps: tuple[float, ...], value: float, met: list[bool]
) -> None:
    solved, slowest = defaults.judged("parity", outcome(*steps), len(steps))
    assert ([solved.met, slowest.met], slowest.value, slowest.target) == (met, value, "<= 200")
    assert solved.value == sum(map(math.isfinite, steps))
    assert json.dumps(defaults.detail("parity", outcome(*steps)), allow_nan=False)


def test_fewer_seeds_than_were_asked_for_are_a_missed_target() -> None:
    assert [figure.met for figure in defaults.judged("parity", outcome(100), 2)] == [False, False]


# Whole programs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "figures"), [("panels", 2), ("learning_rates", 7), ("published_settings", 2), ("defaults", 4)]
)
def test_a_program_trains_and_then_reads_what_it_has_trained(program: str, figures: int, tmp_path: Path) -> None:
    words = [sys.executable, str(LEARNING / f"{program}.py"), "--quick", "--json", "--folder", str(tmp_path)]
    surroundings = os.environ | {"PYTHONPATH": str(ROOT)}
    first, again = (
        subprocess.run(words, capture_output=True, text=True, timeout=600, check=False, env=surroundings) for _ in "ab"
    )
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert first.stdout == again.stdout
    assert "$ rnn-vs-attn recall" in first.stderr
    assert "$ rnn-vs-attn recall" not in again.stderr
    document = json.loads(first.stdout)
    assert len(document["figures"]) == figures
    assert document["details"]
