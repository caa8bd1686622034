"""How one number is taken: each kind against an answer known from outside."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import Budget, Plan, Turn
from rnn_vs_attn.measure import device, machine_peak, memory
from rnn_vs_attn.measure.operations import flops
from rnn_vs_attn.measure.timing.clock import CPUClock
from rnn_vs_attn.measure.timing.cuda_graphs import GraphedWorkload, capture
from rnn_vs_attn.measure.timing.warm_up import calibrate, make_ready, warm_up
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models.build import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import MODELS, ModelSpec, find
from rnn_vs_attn.records.timing import Block
from rnn_vs_attn.suites import layer_passes
from rnn_vs_attn.suites.bench import measure
from rnn_vs_attn.suites.bench.case import BenchCase


@pytest.fixture
def workload() -> Workload:
    torch.manual_seed(0)
    return Workload.of(nn.Linear(8, 8), torch.randn(2, 4, 8))


class ScriptedClock:
    """A clock whose calls take the seconds given, the last of them for ever."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = list(seconds)
        self.loops: list[int] = []

    def block(self, workload: Workload, name: str, loops: int) -> Block:
        self.loops.append(loops)
        call = self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]
        return Block(call, wall=call * loops)


# Warm-up and calibration


def test_calibration_finds_loops_that_fill_a_block(workload: Workload) -> None:
    plan, spent = calibrate(ScriptedClock(0.001), workload, "forward", Budget(block=0.005, case=0.06))
    assert 0.005 <= plan.loops * 0.001 <= 0.007
    assert plan.num_blocks == 10
    assert spent > plan.loops * 0.001


def test_a_case_gets_at_least_the_least_number_of_blocks(workload: Workload) -> None:
    plan, _ = calibrate(ScriptedClock(0.1), workload, "forward", Budget(min_blocks=3))
    assert plan == Plan(loops=1, num_blocks=3)


def test_a_call_above_two_seconds_is_called_once_before_its_one_block(workload: Workload) -> None:
    clock = ScriptedClock(2.5)
    ready = make_ready(clock, workload, "train", Budget(), None, first_of_model=True)
    assert ready.plan == Plan(1, 1)
    assert clock.loops == [1]


def test_a_plan_of_an_earlier_round_is_kept(workload: Workload) -> None:
    clock = ScriptedClock(0.001)
    ready = make_ready(clock, workload, "train", Budget(), Plan(7, 5), first_of_model=False)
    assert ready.plan == Plan(7, 5)
    assert clock.loops == [1]


def test_warm_up_goes_on_until_the_time_has_settled(workload: Workload) -> None:
    falling = [0.05 * 0.9**i for i in range(8)]
    ready = warm_up(ScriptedClock(*falling, 0.02), workload, "train", Budget(warm_up=0.2, max_warm_up=5.0))
    assert ready.settled
    assert ready.warm_up_seconds > sum(falling)


def test_warm_up_that_never_settles_ends_and_says_so(workload: Workload) -> None:
    swinging = ScriptedClock(*[0.06, 0.1] * 50)
    ready = warm_up(swinging, workload, "train", Budget(warm_up=0.2, max_warm_up=0.6))
    assert not ready.settled
    assert 0.6 <= ready.warm_up_seconds < 0.8


# The clock


def test_train_blocks_hold_backward_within_and_drop_gradients(workload: Workload) -> None:
    block = CPUClock().block(workload, "train", 3)
    assert 0 < block.backward < block.seconds
    assert block.wall == pytest.approx(3 * block.seconds)
    assert workload.x.grad is None
    assert all(p.grad is None for p in workload.module.parameters())


def test_gradients_do_not_add_up_between_calls(workload: Workload) -> None:
    seen = []
    workload.module.weight.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.clone()))
    CPUClock().block(workload, "train", 3)
    assert len(seen) == 3
    assert torch.equal(seen[0], seen[2])


def test_forward_keeps_no_gradient_and_is_inference() -> None:
    states = []

    class Watched(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            states.append((self.training, torch.is_grad_enabled()))
            return super().forward(x)

    workload = Workload.of(Watched(8, 8), torch.randn(2, 4, 8))
    CPUClock().block(workload, "forward", 1)
    CPUClock().block(workload, "train", 1)
    assert states == [(False, False), (True, True)]


# Memory


def run_alone(code: str) -> str:
    """Code in a process of its own: the precise allocator cannot be undone."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


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
    for peak in map(int, run_alone(code).split()):
        assert peak == pytest.approx(48 << 20, rel=0.02)


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


# FLOPs


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.name)
def test_counted_flops_equal_the_closed_form_on_the_devices_own_kernels(spec: ModelSpec, causal: bool) -> None:
    """Restricted attention over its window; over more its kernel multiplies what stands at the edges of blocks too."""
    shape = Shape(2, 37, 16, 4, 2, causal, window=37)
    workload = Workload.of(build(spec, shape), torch.randn(2, 37, 16))
    forward, train = layer_passes.count_operations(workload, None)
    assert forward.flops == spec.costs.flops(shape).forward
    assert train.flops == spec.costs.flops(shape).train


def modules() -> Iterator[tuple[str, nn.Module]]:
    """Modules that torch's own counter counts right."""
    yield "mlp", nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 64), nn.GELU(), nn.Dropout(0.1), nn.Linear(64, 16))
    yield "attention with weights", Weighted()
    yield "encoder layer", nn.TransformerEncoderLayer(16, 4, 64, batch_first=True)
    yield "convolution", Convolution(groups=1)


class Weighted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attend(x, x, x, need_weights=True)[0]


class Convolution(nn.Module):
    def __init__(self, groups: int) -> None:
        super().__init__()
        self.convolve = nn.Conv1d(16, 16, 4, groups=groups)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.convolve(F.pad(x.transpose(1, 2), (3, 0))).transpose(1, 2)


@pytest.mark.parametrize(("name", "module"), list(modules()))
def test_a_users_flops_equal_torchs_counter_where_that_counts(name: str, module: nn.Module) -> None:
    workload = Workload.of(module, torch.randn(2, 12, 16))
    forward, train = layer_passes.count_operations(workload, None)
    module.train()
    with FlopCounterMode(display=False) as theirs:
        workload.train()
    assert train.flops == theirs.get_total_flops()
    assert train.flops == pytest.approx(3 * forward.flops, rel=0.02)


def test_flops_of_a_depthwise_convolution() -> None:
    """One product a channel, position and tap; torch's counter takes the backward pass of groups for a full one."""
    workload = Workload.of(Convolution(groups=16), torch.randn(2, 12, 16))
    forward, train = layer_passes.count_operations(workload, None)
    assert forward.flops == 2 * (2 * 12 * 16 * 4)
    assert train.flops == 3 * forward.flops


def test_flops_are_unknown_where_an_unseen_kernel_wrote() -> None:
    workload = Workload.of(build(find("layers:Unseen"), Shape(2, 4, 8)), torch.randn(2, 4, 8))
    forward, _ = layer_passes.count_operations(workload, None)
    assert forward.flops is None
    assert "outside torch's dispatcher" in forward.reason


def test_flops_are_unknown_and_not_zero_where_nothing_was_counted() -> None:
    counter = flops.count(lambda: torch.ones(3) + 1)
    assert counter.flops is None
    assert "no matrix product" in counter.reason


def test_flops_are_unknown_at_an_operation_without_a_count() -> None:
    counter = flops.count(lambda: torch.linalg.inv(torch.eye(3)) @ torch.ones(3, 3))
    assert counter.flops is None
    assert "linalg_inv" in counter.reason


def test_the_kernel_that_ran_is_named() -> None:
    case = BenchCase("lstm", 8, device="cpu", threads=1)
    forward, train = layer_passes.count_operations(measure.workload(case, 0), 128)
    assert forward.kernels == {"mkldnn_rnn_layer": 1}
    assert "mkldnn_rnn_layer_backward" in train.kernels


# State size, the machine's peak, devices


def test_state_size_of_a_users_module_is_read_from_its_steps() -> None:
    module, x = build(find("layers:RunningMean"), Shape(3, 8, 16)), torch.randn(3, 8, 16)
    assert measure.state_size(module, x, 4096) == 3 * 16 * 4


def test_state_size_that_grows_is_carried_on_to_the_length() -> None:
    class Cache(nn.Module):
        def initial_state(self, batch_size: int) -> torch.Tensor:
            return torch.zeros(batch_size, 0, 16)

        def step(self, x_t: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x_t, torch.cat([state, x_t[:, None]], 1)

    assert measure.state_size(Cache(), torch.randn(3, 8, 16), 100) == 3 * 100 * 16 * 4


def test_state_size_is_absent_without_steps() -> None:
    assert measure.state_size(nn.Linear(16, 16), torch.randn(3, 8, 16), 100) is None


def test_the_peak_is_the_fastest_product() -> None:
    samples = list(machine_peak.samples(torch.device("cpu"), torch.float32))
    rates = {sample.axes["by"]: sample.value for sample in samples if sample.metric == "product_flops"}
    others = {sample.metric: sample.value for sample in samples if not sample.axes}
    assert {"mm", "linear"} <= set(rates)
    assert others["peak_flops"] == max(rates.values())
    assert set(others) == {"peak_flops", "peak_bandwidth", "python_loop_time"}
    assert all(sample.value > 0 for sample in samples)


def test_peaks_are_known_work_by_the_time_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product of two 512 x 512 matrices has 2 * 512^3 FLOPs; a copy of 32 MiB reads and writes them; 20,000 steps."""
    seconds, steps = 0.25, machine_peak._PYTHON_STEPS
    monkeypatch.setattr(machine_peak, "_best", lambda call, device: seconds)
    found = list(machine_peak.samples(torch.device("cpu"), torch.float32))
    assert {s.value for s in found if s.metric in ("product_flops", "peak_flops")} == {2 * 512**3 / seconds}
    others = {sample.metric: sample.value for sample in found if sample.metric not in ("product_flops", "peak_flops")}
    assert steps == 20_000
    assert others == {"peak_bandwidth": 2 * 32 * 2**20 / seconds, "python_loop_time": seconds / steps}


def test_the_work_of_the_peaks_is_what_their_calls_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """By torch's own counter, and by the memory that a copy changes."""
    done = []

    def observed(call: Callable[[], object], device: torch.device) -> float:
        with FlopCounterMode(display=False) as counter:
            result = call()
        copied = result.nbytes if isinstance(result, torch.Tensor) and not counter.get_total_flops() else 0
        done.append((counter.get_total_flops(), copied))
        return 1.0

    monkeypatch.setattr(machine_peak, "_best", observed)
    found = {s.axes.get("by", s.metric): s.value for s in machine_peak.samples(torch.device("cpu"), torch.float32)}
    assert [flops for flops, _ in done[:2]] == [found["mm"], found["linear"]]
    assert 2 * done[-2][1] == found["peak_bandwidth"]


def test_cuda_without_cuda_says_the_way_out() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    from rnn_vs_attn.errors import UserError

    with pytest.raises(UserError, match="use --device cpu"):
        device.resolve("cuda")
    assert device.resolve("auto") == "cpu"


@pytest.mark.parametrize("name", ["cuda:2", "cuda:99", "cuda:300", "cuda:99999999999999999999"])
def test_a_gpu_that_is_not_there_is_named_with_those_that_are(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from rnn_vs_attn.errors import UserError

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [device.resolve(known) for known in ("cuda", "cuda:0", "cuda:1")] == ["cuda", "cuda:0", "cuda:1"]
    with pytest.raises(UserError, match=f"device '{name}' does not exist; this machine has cuda:0 to cuda:1"):
        device.resolve(name)


@pytest.mark.parametrize(("usable", "affinity"), [(1, 2), (2, 2)])
def test_a_worker_begins_with_no_more_threads_than_can_compute_at_once(
    usable: int, affinity: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnn_vs_attn.machine import environment
    from rnn_vs_attn.worker.answers import Answers

    monkeypatch.setattr(environment, "usable_cores", lambda: usable)
    monkeypatch.setattr(environment, "affinity_cores", lambda: affinity)
    monkeypatch.setattr(os, "environ", {})
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        Answers()
        assert torch.get_num_threads() == usable
        assert os.environ == ({"TORCHINDUCTOR_COMPILE_THREADS": "1"} if usable < affinity else {})
    finally:
        torch.set_num_threads(before)


def test_match_params_gives_the_workload_the_chosen_width() -> None:
    case = BenchCase("lstm", 8, device="cpu", threads=1, match="params")
    assert measure.workload(case, 0).x.shape[-1] == 90
    samples = {s.metric: s.value for s in measure.measure(dataclasses.replace(case, seq_len=4), Turn()) if not s.axes}
    assert samples["width"] == 90


@pytest.mark.cuda
def test_cuda_blocks_have_device_and_host_time() -> None:
    from rnn_vs_attn.measure.timing.clock import clock_for

    case = BenchCase("attention", 256, device="cuda", dtype="bfloat16", threads=1)
    block = clock_for(torch.device("cuda")).block(measure.workload(case, 0), "train", 5)
    assert 0 < block.backward < block.seconds
    assert block.host > 0


@pytest.mark.cuda
def test_cuda_graphs_replay_the_same_gradients() -> None:
    case = BenchCase("attention", 256, device="cuda", dtype="float32", threads=1, cuda_graphs=True)
    graphed = measure.workload(case, 0)
    plain = measure.workload(dataclasses.replace(case, cuda_graphs=False), 0)
    graphed.backward(graphed.train_forward())
    y = plain.run(plain.x)
    y.backward(plain.grad_output)
    assert torch.allclose(graphed.output, y, atol=1e-4)
    assert torch.allclose(graphed.written[0], plain.x.grad, atol=1e-4)


@pytest.fixture
def _graphs_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is captured runs once, on the CPU."""

    class Stream:
        def wait_stream(self, other: Stream) -> None:
            return

    class Graph:
        def pool(self) -> int:
            return 0

    for name, stands_for in (
        ("Stream", Stream),
        ("current_stream", Stream),
        ("stream", nullcontext),
        ("CUDAGraph", Graph),
        ("graph", lambda graph, pool=None: nullcontext()),
    ):
        monkeypatch.setattr(torch.cuda, name, stands_for)


@pytest.mark.usefixtures("_graphs_of_the_cpu")
def test_a_captured_backward_pass_reaches_the_input_that_is_timed(workload: Workload) -> None:
    """It was captured on a copy of the warm-up's, so that training was timed without the gradient of the input."""
    made = capture(workload)
    assert workload.given is workload.x
    assert isinstance(made, GraphedWorkload)
    expected = workload.grad_output @ workload.module.weight
    torch.testing.assert_close(made.written[0], expected)
    assert [g is None for g in made.written] == [False] * 3


@pytest.mark.usefixtures("_graphs_of_the_cpu")
def test_a_graph_without_a_gradient_of_the_input_is_no_training_pass() -> None:
    class Forgets(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.detach())

    with pytest.raises(CaseFault, match="no gradient of its output arrives at its input") as fault:
        capture(Workload.of(Forgets(8, 8), torch.randn(2, 4, 8)))
    assert fault.value.status == "unsupported"


@pytest.mark.cuda
def test_cuda_peak_is_exact() -> None:
    case = BenchCase("attention-naive", 1024, device="cuda", threads=1)
    first, second = ([s.value for s in measure.measure(case, Turn(1, first=False))] for _ in range(2))
    assert first == second
