"""Times of a case in a worker: threads that a call sets are a fault and no wrong number."""

from __future__ import annotations

import select
from pathlib import Path
from typing import Any

import pytest
from leaky_models import BUDGET, SIZE, about, timed
from repositories import write

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.suites.decode.case import DecodeCase
from rnn_vs_attn.suites.decode.suite import DECODE
from rnn_vs_attn.suites.recall.case import RecallCase, complete
from rnn_vs_attn.suites.recall.suite import RECALL
from rnn_vs_attn.worker import cases
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.protocol import (
    About,
    MakeReady,
    Measure,
    Prepare,
    TimeBlock,
    Train,
    Trained,
)


@pytest.mark.parametrize("name", ["SetsThreadsInEveryCall", "SetsThreadsAndPutsThemBack"])
def test_threads_that_are_set_in_every_call_are_a_fault_and_no_wrong_number(name: str, worker: ChildWorker) -> None:
    with pytest.raises(CaseFault, match=r"torch's number of threads from 1 to 2.*in calls that are timed") as caught:
        timed(worker, f"changes:{name}")
    assert caught.value.status == "failed"
    assert "torch's number of threads from 1 to 2" in caught.value.warnings[0]
    assert timed(worker, "changes:Notes") == []


def test_threads_that_change_between_blocks_are_seen_after_the_block(worker: ChildWorker, folder: Path) -> None:
    worker.ask(Prepare(about("changes:SetsThreadsWhenTold"), seed=0), 600)
    worker.ask(MakeReady("forward", BUDGET), 600)
    worker.ask(TimeBlock("forward", loops=1), 600)
    write(folder, {"set the threads": ""})
    with pytest.raises(CaseFault, match="in calls that are timed"):
        worker.ask(TimeBlock("forward", loops=1), 600)


def test_a_forward_pass_keeps_its_number_where_training_breaks_the_label(worker: ChildWorker) -> None:
    worker.ask(Prepare(about("changes:SetsThreadsInTraining"), seed=0), 600)
    ready = worker.ask(MakeReady("forward", BUDGET), 600)
    assert worker.ask(TimeBlock("forward", ready.plan.loops), 600).seconds > 0
    with pytest.raises(CaseFault, match="in calls that are timed"):
        worker.ask(MakeReady("train", BUDGET), 600)


def test_steps_that_set_threads_have_no_time(worker: ChildWorker) -> None:
    case = DecodeCase(model="changes:SetsThreadsInSteps", num_layers=1, **SIZE)
    with pytest.raises(CaseFault, match="in calls that are timed"):
        worker.ask(Measure(About.of(DECODE, case, max_memory=None), Turn()), 600)


# Trainings


def training(model: str, steps: int = 20, task: str = "parity", **fields: Any) -> About:
    """One of a small model."""
    small: dict[str, Any] = {"seq_len": 16, "batch_size": 8, "d_model": 8, "num_heads": 2, "num_layers": 1}
    case = RecallCase(model=model, task=task, steps=steps, match="none", device="cpu", threads=1, **(small | fields))
    return About.of(RECALL, complete(case), max_memory=None)


def trained(worker: ChildWorker, about: About, seed: int = 0, folder: str = "") -> Trained:
    """The last word of a training, however many stretches it takes here."""
    while not (told := worker.ask(Train(about, seed, folder), 600)).samples:
        assert told.step < told.steps
    return told


def test_a_training_goes_on_as_long_as_the_same_is_asked(worker: ChildWorker) -> None:
    """Of so many steps that it takes several stretches."""
    endless = Train(training("lstm", steps=1 << 20), 0)
    steps = [worker.ask(endless, 600).step for _ in range(2)]
    assert 0 < steps[0] < steps[1]
    other = trained(worker, training("gru"))
    assert (other.step, other.steps) == (20, 20)
    assert {sample.metric for sample in other.samples} >= {"accuracy", "loss", "curve_loss", "train_seconds"}
    assert worker.ask(endless, 600).step < steps[1]  # it was given up for the other one


def test_a_training_whose_loss_is_no_number_is_a_fault_and_costs_its_process_nothing(worker: ChildWorker) -> None:
    with pytest.raises(CaseFault, match="the loss became nan at step 8 of 20") as caught:
        trained(worker, training("trainings:Diverges"))
    assert caught.value.status == "failed"
    assert worker.alive
    assert trained(worker, training("lstm")).step == 20


def test_a_training_that_a_folder_keeps_is_not_trained_again(worker: ChildWorker, tmp_path: Path) -> None:
    """Nor by another plan."""
    folder = str(tmp_path / "kept")
    assert trained(worker, training("lstm"), 3, folder).samples == trained(worker, training("lstm"), 3, folder).samples
    with pytest.raises(CaseFault, match="another plan"):
        trained(worker, training("lstm", steps=40), 3, folder)


def test_what_a_module_changes_while_it_trains_is_a_warning_of_its_samples(worker: ChildWorker) -> None:
    found = trained(worker, training("trainings:SetsAFlag"))
    assert all(any("it changed" in warning for warning in sample.warnings) for sample in found.samples)


def test_a_worker_can_be_read_from_once_it_has_answered(worker: ChildWorker) -> None:
    """So that several are waited for at the same time."""
    assert select.select([worker], [], [], 0)[0] == []
    request = Train(training("lstm"), 0)
    worker.begin(request)
    assert select.select([worker], [], [], 600)[0] == [worker]
    assert worker.answer(request, 600).steps == 20


@pytest.mark.parametrize(("device", "held"), [("cpu", 4), ("cuda", 1), ("cuda:1", 1)])
def test_no_thread_is_held_where_a_gpu_computes(device: str, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Autograd launches from a thread of its own, which would be kept beside the one that waits for it."""
    found: list[int] = []
    monkeypatch.setattr(cases.processors, "hold", found.append)
    cases._hold(DecodeCase("lstm", 8, device=device, threads=4))
    assert found == [held]
