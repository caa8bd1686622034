"""What a model does in a worker is put back, said on its row, and costs no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from leaky_models import BUDGET, about, timed
from repositories import write

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.protocol import (
    Check,
    Describe,
    FindOrigin,
    MakeReady,
    Measure,
    Prepare,
    Release,
    TimeBlock,
)

THREADS = "it changed torch's number of threads from 1 to 2, which was put back"


def reported(worker: ChildWorker, folder: Path, model: str = "copy.py:Report") -> dict[str, Any]:
    """What a model finds in the process."""
    assert timed(worker, model) == []
    found: dict[str, Any] = json.loads((folder / "report").read_text())
    return found


def differences(found: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """What a model finds otherwise than the one before."""
    return {name: (before[name], value) for name, value in found.items() if value != before[name]}


def threads_seen(folder: Path) -> list[int]:
    """With how many threads calls ran since this was last asked."""
    file = folder / "threads"
    found = [int(line) for line in file.read_text().splitlines()] if file.exists() else []
    file.unlink(missing_ok=True)
    return found


def test_what_a_file_changes_reaches_no_other_model_and_is_said_on_its_row(worker: ChildWorker, folder: Path) -> None:
    """At its import, when it is built and when it is called."""
    before = reported(worker, folder)
    assert before["copy"] != str(folder / "copy.py")
    (told,) = timed(worker, "leaky.py:Leaky")
    for words in (
        "torch's number of threads from 1 to 2",
        "the default dtype from float32 to float64",
        "the default device from cpu to meta",
        "the seed of torch's random numbers",
        "torch.backends.mkldnn.enabled from on to off",
        "grad mode from on to off",
        "torch's deterministic mode from default to error",
        "torch's float32 matmul precision from highest to medium",
        "the environment variable LEAKY",
        "what stands under torch.nn.Tanh, torch.nn.functional.linear",
    ):
        assert words in told
    assert told.endswith(", which were put back")
    assert differences(reported(worker, folder), before) == {}
    assert timed(worker, "leaky.py:Leaky") == [told]
    assert timed(worker, "lstm") == []
    samples = worker.ask(Measure(about("leaky.py:Leaky"), Turn(1)), 600).samples
    assert [sample.warnings for sample in samples] == [[told]] * len(samples)
    assert differences(reported(worker, folder), before) == {}


@pytest.mark.parametrize("name", ["SetsThreadsWhenBuilt", "SetsThreadsAtFirst"])
def test_what_is_labelled_threads_1_is_timed_with_one_thread(name: str, worker: ChildWorker, folder: Path) -> None:
    assert timed(worker, f"changes:{name}") == [THREADS]
    worker.ask(Prepare(about(f"changes:{name}"), seed=1), 600)
    for pass_name in ("forward", "train"):
        ready = worker.ask(MakeReady(pass_name, BUDGET), 600)
        threads_seen(folder)
        worker.ask(TimeBlock(pass_name, ready.plan.loops), 600)
        assert set(threads_seen(folder)) == {1}
    worker.ask(Release(), 600)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SetsInteropThreads", "torch's number of interop threads from"),
        ("LeavesAThread", "the running threads by"),
    ],
)
def test_what_cannot_be_put_back_costs_the_process_and_no_other_row(
    name: str, said: str, worker: ChildWorker, folder: Path
) -> None:
    before, pid = reported(worker, folder), worker.pid
    (told,) = timed(worker, f"changes:{name}")
    assert said in told
    assert told.endswith("which cannot be put back: the cases after it are measured in another process")
    assert worker.pid == pid
    assert differences(reported(worker, folder), before) == {}
    assert worker.pid != pid


def test_a_module_that_is_only_checked_changes_nothing_either(worker: ChildWorker, folder: Path) -> None:
    before = reported(worker, folder)
    worker.ask(Check(about("leaky.py:Leaky")), 600)
    worker.ask(Describe("leaky.py:Leaky", Shape(batch_size=1, seq_len=4, d_model=4)), 600)
    assert worker.ask(FindOrigin("leaky.py:Leaky", forbidden=None), 600).file == str(folder / "leaky.py")
    assert differences(reported(worker, folder), before) == {}


def test_a_module_that_does_not_fit_leaves_nothing_behind(worker: ChildWorker, folder: Path) -> None:
    before = reported(worker, folder)
    write(
        folder,
        {"unfit.py": "import torch\ntorch.set_default_dtype(torch.float64)\nimport os\nos.environ['UNFIT'] = '1'\n"},
    )
    for _ in range(2):
        with pytest.raises(UserError, match="no class or function 'Mixer'"):
            worker.ask(Prepare(about("unfit.py:Mixer"), seed=0), 600)
        assert reported(worker, folder) == before


def test_a_file_called_torch_is_measured_beside_torch(worker: ChildWorker, folder: Path) -> None:
    found = reported(worker, folder, "torch.py:Report")
    assert found == reported(worker, folder, "copy.py:Report")
    assert timed(worker, "attention") == []
