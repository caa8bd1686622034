"""Times of a case in a worker: threads that a call sets are a fault and no wrong number."""

from __future__ import annotations

from pathlib import Path

import pytest
from leaky_models import BUDGET, SIZE, about, timed
from repositories import write

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.suites.decode.case import DecodeCase
from rnn_vs_attn.suites.decode.suite import DECODE
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.protocol import (
    About,
    MakeReady,
    Measure,
    Prepare,
    TimeBlock,
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
