"""Models that change their process, and models that report what of it is changed; a worker asked about them."""

from __future__ import annotations

from typing import Any

from rnn_vs_attn.limits import Budget
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.protocol import (
    About,
    MakeReady,
    Prepare,
    Release,
    TimeBlock,
)

SIZE: dict[str, Any] = {"seq_len": 4, "batch_size": 1, "d_model": 4, "num_heads": 1, "device": "cpu", "threads": 1}
BUDGET = Budget(warm_up=0.001, max_warm_up=0.002, block=0.0005, min_blocks=1, case=0)
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
