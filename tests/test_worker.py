"""One process measures case after case: what one model does to it stands on its own row and on no other."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Any

import pytest
from repositories import write

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import Budget, Turn
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.decode.case import DecodeCase
from rnn_vs_attn.suites.decode.suite import DECODE
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.protocol import (
    About,
    Check,
    Describe,
    FindOrigin,
    MakeReady,
    Measure,
    Misunderstood,
    Prepare,
    Release,
    Request,
    Samples,
    TimeBlock,
)

SIZE: dict[str, Any] = {"seq_len": 4, "batch_size": 1, "d_model": 4, "num_heads": 1, "device": "cpu", "threads": 1}
BUDGET = Budget(warm_up=0.001, max_warm_up=0.002, block=0.0005, min_blocks=1, case=0)
THREADS = "it changed torch's number of threads from 1 to 2, which was put back"

LEAKY = """\
import os, random, sys, warnings
import numpy, torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(2)
torch.set_default_dtype(torch.float64)
torch.set_default_device("meta")
torch.manual_seed(0)
random.seed(0)
numpy.random.seed(0)
torch.backends.mkldnn.set_flags(False)
os.environ["LEAKY"] = "1"
sys.path.insert(0, "/leaky")
warnings.simplefilter("ignore")
F.linear = lambda x, w, b=None: x @ w.T + b
nn.Tanh = nn.ReLU


class Leaky(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        torch.set_grad_enabled(False)
        torch.use_deterministic_algorithms(True)
        self.project = nn.Linear(d_model, d_model, device="cpu", dtype=torch.float32)

    def forward(self, x):
        if not hasattr(self, "called"):
            torch.set_float32_matmul_precision("medium")
            self.called = True
        assert os.environ["LEAKY"] == "1"
        return self.project(x)
"""
REPORT = """\
import copy, json, os, random, sys, warnings
import numpy, torch
from torch import nn
from torch.nn import functional as F


class Report(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.project = nn.Linear(d_model, d_model)
        self.drawn = [float(self.project.weight.detach().sum()), float(numpy.random.rand()), random.random()]

    def forward(self, x):
        found = {
            "threads": torch.get_num_threads(),
            "interop": torch.get_num_interop_threads(),
            "dtype": str(torch.get_default_dtype()),
            "device": str(torch.ones(1).device),
            "grad": torch.is_grad_enabled() == self.training,
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "mkldnn": torch.backends.mkldnn.enabled,
            "precision": torch.get_float32_matmul_precision(),
            "environment": sorted(name for name in os.environ if "TORCH" not in name and name != "PYTEST_CURRENT_TEST"),
            "path": sys.path,
            "linear": F.linear.__name__,
            "tanh": nn.Tanh.__name__,
            "copy": copy.__file__,
            "drawn": self.drawn,
            "silent": ("ignore", None, Warning, None, 0) in warnings.filters,
        }
        with open("report", "w") as file:
            json.dump(found, file)
        return self.project(x)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("users")
    write(made, {"leaky.py": LEAKY, "copy.py": REPORT, "torch.py": REPORT})
    return made


@pytest.fixture(scope="module")
def worker(folder: Path) -> Iterator[ChildWorker]:
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(__file__).parent / "user_modules")
    made = ChildWorker(folder=folder, variables={"THREADS_SEEN": str(folder / "threads")})
    yield made
    made.close()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


def about(model: str) -> About:
    return About.of(BENCH, BenchCase(model=model, **SIZE), max_memory=None)


def timed(worker: ChildWorker, model: str, seed: int = 1) -> list[str]:
    """All that is asked of a worker to time a case; the warnings of its row, but for those about the machine."""
    warnings = [*worker.ask(Prepare(about(model), seed=seed), 600).warnings]
    for name in ("forward", "train"):
        ready = worker.ask(MakeReady(name, BUDGET), 600)
        worker.ask(TimeBlock(name, ready.plan.loops), 600)
    warnings += worker.ask(Release(), 600).warnings
    return [warning for warning in warnings if warning.startswith("it changed")]


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


def test_what_is_missing_is_named_to_ab(worker: ChildWorker, folder: Path) -> None:
    """It said that there was no module, of one that is there."""
    write(folder, {"package/__init__.py": "import no_such_library\n", "package/layers.py": REPORT})
    with pytest.raises(UserError, match=r"No module named 'no_such_library' .*__init__.py, line 1") as caught:
        worker.ask(FindOrigin("package.layers:Report", forbidden=None), 600)
    assert "there is no module" not in str(caught.value)
    assert worker.ask(FindOrigin("nowhere:Report", forbidden=None), 600).reason == "there is no module nowhere"


def test_this_programs_own_modules_belong_to_no_model(folder: Path) -> None:
    """They may be imported first while a user's model is measured, and stand for others' rows too."""
    made = ChildWorker(folder=folder)
    try:
        for model in ("leaky.py:Leaky", "lstm", "attention"):
            samples = made.ask(Measure(about(model), Turn()), 600).samples
            told = {warning for sample in samples for warning in sample.warnings}
            assert (told == set()) == (model != "leaky.py:Leaky")
    finally:
        made.close()


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
