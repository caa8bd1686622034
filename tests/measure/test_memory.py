"""Peaks of memory against arithmetic; limits."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure import memory
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.suites.bench import measure
from rnn_vs_attn.suites.bench.case import BenchCase

# Memory


def run_alone(code: str) -> str:
    """Code in a process of its own: the precise allocator cannot be undone."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(bool(memory.cpu_peak_missing()), reason=memory.cpu_peak_missing() or "-")
def test_peak_is_what_a_known_call_takes_also_after_the_heap_has_holes() -> None:
    code = """
import torch
from rnn_vs_attn.measure import memory
junk = [torch.ones(3000 + 7 * i) for i in range(4000)]
del junk[::2]
def call():
    a = torch.ones(24 << 18)
    b = a + 1
    del a
    return torch.ones(4 << 18)
call()
print(*memory.peaks([call, call], torch.device("cpu")))
"""
    assert [int(peak) for peak in run_alone(code).split()] == [pytest.approx(48 << 20, rel=0.02)] * 2


@pytest.mark.slow
@pytest.mark.skipif(bool(memory.cpu_peak_missing()), reason=memory.cpu_peak_missing() or "-")
@pytest.mark.parametrize(("model", "seq_len"), [("attention-naive", 1024), ("attention", 4096)])
def test_attentions_peak_agrees_with_the_arithmetic(model: str, seq_len: int) -> None:
    code = f"""
import torch
from rnn_vs_attn.measure import memory
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.measure import measure
torch.set_num_threads(2)
case = BenchCase({model!r}, {seq_len}, device="cpu", threads=2)
for _ in range(2):
    print(*(sample.value for sample in measure(case, Turn(1, first=False))))
"""
    forward, _, train = map(int, run_alone(code).splitlines()[-1].split())
    costs, shape = find(model).costs, BenchCase(model, seq_len).shape
    assert forward == pytest.approx(costs.least_memory(shape, 4, train=False), rel=0.05)
    assert train == pytest.approx(costs.least_memory(shape, 4, train=True), rel=0.05)


@pytest.mark.slow
@pytest.mark.skipif(bool(memory.cpu_peak_missing()), reason=memory.cpu_peak_missing() or "-")
def test_the_peak_of_a_compiled_pass_is_not_that_of_its_compilation() -> None:
    """Each mode is compiled at its first call; that of inference was the one whose peak was taken: 32 MiB."""
    code = """
import torch
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.measure import measure
def compiled(module):
    seen = set()
    def call(x):
        if torch.is_grad_enabled() not in seen:
            seen.add(torch.is_grad_enabled())
            torch.ones(8 << 20)
        return module(x)
    return call
torch.compile = compiled
torch.set_num_threads(1)
case = BenchCase("lstm", 8, d_model=16, device="cpu", threads=1, compile=True)
print(*(sample.value for sample in measure(case, Turn(1, first=False))))
"""
    forward, backward, train = map(int, run_alone(code).split())
    assert max(forward, backward, train) < 1 << 20


def test_saved_bytes_of_a_known_chain() -> None:
    """exp keeps its output, sin its input: the same tensor, counted once; the module's input is not counted."""
    workload = Workload.of(nn.Identity(), torch.randn(2, 4, 8))
    workload.run = lambda x: x.exp().sin()
    assert memory.saved_bytes(workload) == 2 * 4 * 8 * 4


def test_saved_bytes_of_naive_attention_hold_the_weights() -> None:
    case = BenchCase("attention-naive", 256, device="cpu", threads=1)
    saved = memory.saved_bytes(measure.workload(case, 0))
    square = 4 * 4 * 256 * 256 * 4
    copies = 4 * (4 * 256 * 128 * 4)  # Q scaled, K, V and the mixed values
    assert saved == square + copies + 256 * 256


def test_what_autograd_keeps_of_a_linear_model_by_hand() -> None:
    """Its input, for the gradient of the weights; of the loss the log-probabilities, the targets and one number."""
    model, x, targets = nn.Linear(8, 5), torch.randn(3, 8), torch.tensor([0, 1, 2])
    given = list(model.parameters())
    assert memory.kept_by_autograd(lambda: model(x), given) == 3 * 8 * 4
    assert memory.kept_by_autograd(lambda: model(x), [*given, x]) == 0
    loss = 3 * 5 * 4 + 3 * 8 + 4
    assert memory.kept_by_autograd(lambda: nn.functional.cross_entropy(model(x), targets), given) == 3 * 8 * 4 + loss
    with torch.no_grad():
        assert memory.kept_by_autograd(lambda: model(x), given) == 0


def test_a_storage_that_is_kept_twice_counts_once() -> None:
    x = torch.randn(2, 4, requires_grad=True)
    assert memory.kept_by_autograd(lambda: x * x, []) == 2 * 4 * 4
    assert memory.kept_by_autograd(lambda: x[0] * x[1], []) == 2 * 4 * 4  # two parts of one


@pytest.mark.slow
@pytest.mark.long
def test_a_limit_turns_a_large_allocation_into_an_error() -> None:
    code = """
import torch
from rnn_vs_attn.measure import memory
memory.limit(64 << 20)
try:
    torch.ones(256 << 20)
    print("taken")
except RuntimeError as error:
    print("refused")
memory.limit(None)
torch.ones(64 << 20)
"""
    assert run_alone(code) == "refused"


@pytest.mark.slow
@pytest.mark.long
def test_a_limit_that_the_user_set_holds_and_comes_back() -> None:
    code = """
import resource
import torch
from rnn_vs_attn.measure import memory
own = memory._proc_status("VmData") + (128 << 20)
resource.setrlimit(resource.RLIMIT_DATA, (own, resource.RLIM_INFINITY))
found = []
for most in (16 << 20, 1 << 40, None):
    memory.limit(most)
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    found.append(soft < own if most == 16 << 20 else (soft, hard) == (own, resource.RLIM_INFINITY))
print(found)
"""
    assert run_alone(code) == "[True, True, True]"


class Allocator:
    """Rounds as torch's does, and counts both what it was asked for and what it gave."""

    def __init__(self, counts: bool = True) -> None:
        self._counts = counts
        self._held: list[int] = []
        self._peak = 0

    def take(self, size: int) -> None:
        self._held.append(size)
        self._peak = max(self._peak, sum(self._held))

    def free(self, size: int) -> None:
        self._held.remove(size)

    def reset(self, device: torch.device) -> None:
        self._peak = sum(self._held)

    def stats(self, device: torch.device) -> dict[str, int]:
        if not self._counts:
            return {"requested_bytes.all.current": 0, "requested_bytes.all.peak": 0}
        return {"requested_bytes.all.current": sum(self._held), "requested_bytes.all.peak": self._peak}

    def empty(self, size: int, **options: object) -> object:
        self.take(size)
        allocator = self

        class Block:
            def __del__(self) -> None:
                allocator.free(size)

        return Block()


def with_allocator(monkeypatch: pytest.MonkeyPatch, allocator: Allocator) -> None:
    monkeypatch.setattr(torch.cuda, "memory_stats", allocator.stats)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", allocator.reset)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    monkeypatch.setattr(torch.cuda, "get_allocator_backend", lambda: "cudaMallocAsync")
    monkeypatch.setattr(torch, "empty", allocator.empty)


def test_a_cuda_peak_is_what_was_asked_for_above_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the second call too: what the first one left is in it, as the output of a forward pass is in its backward."""
    allocator, device = Allocator(), torch.device("cuda")
    allocator.take(5000)
    with_allocator(monkeypatch, allocator)

    def forward() -> None:
        allocator.take(700)
        allocator.take(33)
        allocator.free(700)

    def backward() -> None:
        allocator.take(100)
        allocator.free(100)

    assert memory.peak_missing(device) == ""
    assert memory.peaks([forward, backward], device) == [733, 133]


def test_an_allocator_that_does_not_count_gives_no_peak_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with_allocator(monkeypatch, Allocator(counts=False))
    reason = memory.peak_missing(torch.device("cuda"))
    assert reason == "torch's allocator on CUDA (cudaMallocAsync here) does not count the bytes that are asked of it"


@pytest.mark.cuda
def test_cuda_peak_is_exact() -> None:
    case = BenchCase("attention-naive", 1024, device="cuda", threads=1)
    first, second = ([s.value for s in measure.measure(case, Turn(1, first=False))] for _ in range(2))
    assert first == second


@pytest.mark.cuda
def test_a_cuda_peak_is_the_bytes_of_the_tensors_and_not_of_their_blocks() -> None:
    """1,001 floats have a block of 4,096 bytes, and three more one of 512."""
    device = torch.device("cuda")

    def call() -> torch.Tensor:
        first = torch.empty(1001, device=device)
        return first[:3].clone()

    assert memory.peak_missing(device) == ""
    call()
    assert memory.peaks([call], device) == [4 * (1001 + 3)]


@pytest.mark.cuda
@pytest.mark.slow
def test_cuda_peaks_do_not_depend_on_the_order_of_cases() -> None:
    """A work space that a library keeps is no case's own, nor is a block that an earlier case has left free."""
    code = """
import sys
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.measure import measure
for model in sys.argv[1:]:
    case = BenchCase(model, 1000, device="cuda", threads=1)
    print(model, *(sample.value for sample in measure(case, Turn(1, first=False))))
"""
    models = ["lstm", "attention", "mamba2", "conv"]
    one_way, the_other = (
        subprocess.run([sys.executable, "-c", code, *order], capture_output=True, text=True, check=True).stdout
        for order in (models, models[::-1])
    )
    assert sorted(one_way.splitlines()) == sorted(the_other.splitlines())
    assert len(one_way.splitlines()) == len(models)
