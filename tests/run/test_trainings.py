"""Trainings of a run: which ones, what a fault costs, what is kept where it ends before them."""

from __future__ import annotations

import dataclasses
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from planted_recall import RATES, case
from played_trainings import SECOND, STRETCHES, Gym

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.records.folder import StorageError, read_samples
from rnn_vs_attn.records.types import ROUND_TIME, Record, Run
from rnn_vs_attn.run.listener import Silence
from rnn_vs_attn.run.trainings import folder_name
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.training.chosen import FOLDER
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.lanes import Lanes
from rnn_vs_attn.worker.protocol import Trained

LSTM, GRU = ([case(model, rate) for rate in RATES] for model in ("lstm", "gru"))
EVERY = STRETCHES * SECOND  # seconds of a training


def best_at(best: float) -> Any:
    """Trainings that solve their task at one rate alone."""
    return lambda axes, seed: 100.0 if axes["learning_rate"] == best else None


def record(run: Run, metric: str, of: Case) -> Record:
    (found,) = [r for r in run.records if r.metric == metric and dataclasses.asdict(of).items() <= r.axes.items()]
    return found


def faults(run: Run) -> list[Record]:
    return [each for each in run.records if each.status != "ok"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run"


# Which trainings a round has


@pytest.mark.long
def test_the_first_round_trains_the_grid_and_later_ones_the_best_rate(path: Path) -> None:
    gym = Gym(path, best_at(RATES[2]))
    run = gym.run(*LSTM, *GRU)
    assert sorted(gym.trained(0)) == sorted((model, rate) for model in ("lstm", "gru") for rate in RATES)
    assert sorted(gym.trained(1)) == sorted(gym.trained(2)) == [("gru", RATES[2]), ("lstm", RATES[2])]
    assert run.status == "complete"
    assert faults(run) == []
    assert [len(record(run, "loss", each).samples) for each in LSTM] == [1, 1, 3]


def test_each_training_is_asked_for_until_it_has_ended_and_in_a_folder_of_its_own(path: Path) -> None:
    gym = Gym(path)
    gym.run(LSTM[0], GRU[0], rounds=2)
    assert len(gym.asked) == 4 * STRETCHES
    folders = {request.folder for request in gym.asked}
    assert len(folders) == 4
    assert {Path(folder).parent for folder in folders} == {path.resolve() / FOLDER}


def test_several_are_trained_at_a_time_in_processes_that_stay(path: Path) -> None:
    gym = Gym(path)
    gym.run(*LSTM, *GRU)
    assert {number for number, _ in gym.machine.asked[:2]} == {0, 1}
    assert len(gym.machine.workers) == 2


@pytest.mark.long
def test_the_order_of_trainings_differs_between_rounds(path: Path) -> None:
    cases = [case(f"{model}", 1e-3, d_model=width) for model in ("lstm", "gru", "rnn") for width in (8, 16, 32)]
    gym = Gym(path)
    gym.run(*cases)
    orders = {
        tuple((r.about.axes["model"], r.about.axes["d_model"]) for r in gym.asked if r.seed == n) for n in range(3)
    }
    assert len(orders) == 3


def test_progress_is_told_of_each_stretch_and_each_end(path: Path) -> None:
    told: list[Any] = []

    class Listener(Silence):
        def case_goes_on(self, case: Case, told_of: Trained) -> None:
            told.append(told_of.step)

        def case_ends(self, case: Case) -> None:
            told.append(case.model)

    Gym(path).run(LSTM[0], rounds=1, progress=Listener())
    assert told == [133, 266, "lstm"]


# Faults


def test_a_rate_that_fails_is_never_the_best_and_costs_nobody_else(path: Path) -> None:
    def ends(axes: dict[str, Any], seed: int) -> Any:
        diverged = (axes["model"], axes["learning_rate"]) == ("lstm", RATES[2])
        return CaseFault("failed", "the loss became nan at step 7") if diverged else 100.0

    gym = Gym(path, ends)
    run = gym.run(*LSTM, *GRU)
    assert sorted(gym.trained(1)) == [("gru", RATES[0]), ("lstm", RATES[0])]
    (fault,) = faults(run)
    assert (fault.metric, fault.status, fault.error) == ("loss", "failed", "the loss became nan at step 7")
    assert fault.axes["learning_rate"] == RATES[2]
    assert run.status == "complete"


def test_a_model_of_which_all_rates_fail_leaves_the_others(path: Path) -> None:
    gym = Gym(path, lambda axes, seed: CaseFault("failed", "NaN") if axes["model"] == "lstm" else 100.0)
    run = gym.run(*LSTM, *GRU)
    assert gym.trained(2) == [("gru", RATES[0])]
    assert [fault.axes["model"] for fault in faults(run)] == ["lstm"] * 3
    assert len(record(run, "loss", GRU[0]).samples) == 3


def test_a_run_in_which_all_fails_ends(path: Path) -> None:
    gym = Gym(path, lambda axes, seed: UserError("no such thing"))
    run = gym.run(*LSTM)
    assert [(fault.status, fault.error) for fault in faults(run)] == [("failed", "no such thing")] * 3
    assert gym.trained(1) == []
    assert run.status == "complete"


@pytest.mark.long
def test_a_best_rate_that_fails_later_stays_the_best_and_no_other_one_takes_its_place(path: Path) -> None:
    """Seeds at two rates are no seeds of one."""

    def ends(axes: dict[str, Any], seed: int) -> Any:
        return CaseFault("failed", "NaN") if (axes["model"], seed) == ("lstm", 1) else 100.0

    gym = Gym(path, ends)
    run = gym.run(*LSTM, *GRU)
    assert sorted(gym.trained(1)) == [("gru", RATES[0]), ("lstm", RATES[0])]
    assert gym.trained(2) == [("gru", RATES[0])]
    assert record(run, "loss", LSTM[0]).samples == [0.001]
    assert [fault.axes["learning_rate"] for fault in faults(run)] == [RATES[0]]


def test_a_worker_that_dies_costs_its_training_alone(path: Path) -> None:
    gym = Gym(path, lambda axes, seed: CaseFault("crashed", "it died") if axes["model"] == "lstm" else 100.0)
    run = gym.run(LSTM[0], GRU[0])
    assert [fault.error for fault in faults(run)] == ["it died"]
    assert record(run, "loss", GRU[0]).samples == [0.001] * 3


def test_a_full_disk_ends_the_run(path: Path) -> None:
    gym = Gym(path, lambda axes, seed: StorageError("no space left"))
    runner = gym.runner([LSTM[0], GRU[0]])
    with pytest.raises(StorageError):
        runner.run()
    runner.journal.folder.close()
    assert not any(worker.alive for worker in gym.machine.workers)


# Where the time is up, and afterwards


@pytest.mark.long
def test_what_was_trained_when_the_time_was_up_is_kept_and_the_run_goes_on(path: Path) -> None:
    gym = Gym(path, number=1)
    run = gym.run(*LSTM, rounds=1, max_seconds=1.5 * EVERY)
    assert len(gym.trained(0)) == 2
    assert len([r for r in run.records if r.metric == "loss" and r.ok]) == 1
    assert {fault.status for fault in faults(run)} == {"timeout"}
    assert "--resume" in faults(run)[0].error
    assert run.status == "interrupted"

    run = Gym(path).run(*LSTM, rounds=1)
    assert (faults(run), run.status) == ([], "complete")


@pytest.mark.long
def test_a_run_whose_time_was_up_in_a_later_round_goes_on_with_it(path: Path) -> None:
    gym = Gym(path, number=1)
    run = gym.run(LSTM[0], GRU[0], max_seconds=2.5 * EVERY)
    assert run.status == "interrupted"
    assert faults(run) == []
    gym = Gym(path)
    run = gym.run(LSTM[0], GRU[0])
    assert gym.trained(0) == []
    assert len(gym.trained(1)) == len(gym.trained(2)) == 2
    assert record(run, "loss", LSTM[0]).samples == [0.001] * 3
    assert run.status == "complete"


@pytest.mark.long
def test_a_failed_training_is_tried_again_in_its_own_folder(path: Path) -> None:
    gym = Gym(path, lambda axes, seed: CaseFault("crashed", "it died") if axes["model"] == "lstm" else 100.0)
    gym.run(LSTM[0], GRU[0])
    before = {request.folder for request in gym.asked if request.about.axes["model"] == "lstm"}

    gym = Gym(path)
    run = gym.run(LSTM[0], GRU[0], retry=True)
    assert {request.about.axes["model"] for request in gym.asked} == {"lstm"}
    assert before < {request.folder for request in gym.asked}
    assert (faults(run), record(run, "loss", LSTM[0]).samples) == ([], [0.001] * 3)


@pytest.mark.long
def test_a_rate_that_is_tried_again_may_be_the_best_of_later_rounds(path: Path) -> None:
    def at_first(axes: dict[str, Any], seed: int) -> Any:
        return CaseFault("failed", "NaN") if axes["learning_rate"] == RATES[2] else None

    Gym(path, at_first).run(*LSTM)
    gym = Gym(path, best_at(RATES[2]))
    run = gym.run(*LSTM, retry=True)
    assert [gym.trained(seed) for seed in range(3)] == [[("lstm", RATES[2])]] * 3
    assert record(run, "steps_to_solve", LSTM[2]).samples == [100.0] * 3


@pytest.mark.long
def test_samples_are_written_as_trainings_end(path: Path) -> None:
    """Not with the round, which may take minutes more."""
    seen: list[int] = []

    class Listener(Silence):
        def case_ends(self, case: Case) -> None:
            seen.append(sum(line.metric == "loss" for line in read_samples(path)))

    Gym(path, number=1).run(*LSTM, rounds=1, progress=Listener())
    assert seen == [1, 2, 3]


# Folders


def test_folders_of_trainings_are_readable_and_each_has_one_of_its_own() -> None:
    cases = [*LSTM, *GRU, case("lstm", d_model=8), case("lstm", seq_len=64), case("lstm", num_pairs=2)]
    names = [folder_name(each, number) for each in cases for number in range(2)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names)
    assert folder_name(LSTM[1], 2).startswith("mqar-lstm-0.003-32-")
    assert folder_name(LSTM[1], 2).endswith("-round-2")
    assert folder_name(LSTM[1], 2) == folder_name(dataclasses.replace(LSTM[1]), 2)


@pytest.mark.parametrize("model", ["../../layers:Own", "a/b.py:C", "x:" + "Y" * 300])
def test_a_models_name_makes_no_path(model: str) -> None:
    name = folder_name(case(model), 0)
    assert len(name) < 120
    assert Path(name).name == name
    assert not name.startswith((".", "-"))


# Real processes


def trained_in(path: Path, folder: Path, retry: bool = False) -> Run:
    """Two small models, in processes whose folder is the one given."""
    small = {"task": "parity", "seq_len": 16, "d_model": 8, "num_heads": 2, "num_layers": 1, "steps": 20}
    cases = [case(model, match="none", batch_size=8, **small) for model in ("trainings:DiesOnce", "lstm")]
    runner = Gym(path).runner(cases, retry=retry, rounds=1)
    runner.lanes = Lanes(partial(ChildWorker, folder=folder), 2, timeout=600)
    run = runner.run()
    runner.journal.folder.close()
    return run


def values(run: Run) -> list[tuple[str, Any, Any]]:
    """Of all that is no time."""
    return sorted(
        (repr(sorted(r.axes.items(), key=str)), r.metric, r.samples)
        for r in run.records
        if "seconds" not in r.metric and r.metric != ROUND_TIME
    )


@pytest.mark.slow
def test_a_training_whose_process_was_killed_goes_on_bit_for_bit(path: Path, tmp_path: Path) -> None:
    """In the eighth step, with seven of them kept; what is trained beside it does not notice."""
    run = trained_in(path, tmp_path)
    assert [(fault.axes["model"], fault.status) for fault in faults(run)] == [("trainings:DiesOnce", "crashed")]
    assert "signal 9" in faults(run)[0].error
    run = trained_in(path, tmp_path, retry=True)
    assert faults(run) == []
    assert (tmp_path / "died").exists()
    assert values(run) == values(trained_in(tmp_path / "straight", tmp_path))
