"""One choice of attention's kernel a module: made by the row's own clock, entered once a block, and seen by no call."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.backends.cuda import cudnn_sdp_enabled, flash_sdp_enabled, math_sdp_enabled, mem_efficient_sdp_enabled
from torch.nn import functional as F
from torch.nn.attention import SDPBackend
from torch.profiler import ProfilerActivity, profile

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure import memory
from rnn_vs_attn.measure.decoder import Decoder
from rnn_vs_attn.measure.timing import calls, decoding, kernel_choice
from rnn_vs_attn.measure.timing.clock import PASSES, CPUClock
from rnn_vs_attn.measure.workload import Workload, mode
from rnn_vs_attn.models import mixer
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.layers.attention import Attention, GroupedQueryAttention
from rnn_vs_attn.models.mixer import Stack
from rnn_vs_attn.records.timing import Block
from rnn_vs_attn.records.types import LAUNCH_BOUND
from rnn_vs_attn.suites import layer_passes
from rnn_vs_attn.suites.bench import measure
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.decode import measure as decode
from rnn_vs_attn.suites.decode.case import DecodeCase
from rnn_vs_attn.suites.variants.gpt import case as gpt_case

MATH, FLASH = SDPBackend.MATH, SDPBackend.FLASH_ATTENTION


def enabled() -> set[SDPBackend]:
    found = {
        MATH: math_sdp_enabled(),
        FLASH: flash_sdp_enabled(),
        SDPBackend.CUDNN_ATTENTION: cudnn_sdp_enabled(),
        SDPBackend.EFFICIENT_ATTENTION: mem_efficient_sdp_enabled(),
    }
    return {kernel for kernel, on in found.items() if on}


ALL = enabled()


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, set[SDPBackend]]]:
    """Of every call of fused attention whether it keeps a gradient, and what it may run by."""
    seen: list[tuple[bool, set[SDPBackend]]] = []
    attend = F.scaled_dot_product_attention

    def noted(*args: Any, **named: Any) -> Tensor:
        seen.append((torch.is_grad_enabled(), enabled()))
        return attend(*args, **named)

    monkeypatch.setattr(F, "scaled_dot_product_attention", noted)
    return seen


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[SDPBackend]:
    """Every kernel that is chosen by a context, as often as it is entered, by whomever."""
    seen: list[SDPBackend] = []
    real = torch.nn.attention._sdpa_kernel

    def noted(backends: Any, *args: Any) -> None:
        seen.extend(backends if len(backends) == 1 else [])
        real(backends, *args)

    monkeypatch.setattr(torch.nn.attention, "_sdpa_kernel", noted)
    return seen


def workload(kernels: bool = True) -> Workload:
    """Three layers that attend, in training by the one kernel and in inference by the other."""
    module = Stack(Attention(16, 2), mixer.Block(GroupedQueryAttention(16, 4, 2), 16), Attention(16, 2))
    made = Workload.of(module, torch.randn(2, 12, 16))
    made.kernels = {"forward": FLASH, "train": MATH} if kernels else {}
    return made


@pytest.mark.parametrize(("name", "kernel"), [("forward", FLASH), ("train", MATH)])
def test_a_block_of_calls_enters_its_kernel_once(
    name: str, kernel: SDPBackend, ran: list[Any], entered: list[SDPBackend]
) -> None:
    CPUClock().block(workload(), name, 5)
    assert entered == [kernel]
    assert ran == [(name == "train", {kernel})] * 15
    assert enabled() == ALL


def test_a_module_that_is_called_by_itself_enters_none(ran: list[Any], entered: list[SDPBackend]) -> None:
    made = workload()
    made.module(made.x)
    assert (entered, ran) == ([], [(True, ALL)] * 3)
    CPUClock().block(workload(kernels=False), "train", 2)
    assert entered == []


@pytest.mark.long
def test_what_is_counted_and_kept_is_that_of_the_kernel_that_is_timed(ran: list[Any]) -> None:
    made = workload()
    made.both()
    memory.saved_bytes(made)
    layer_passes.count_operations(made, None)
    list(measure._peaks(made, torch.device("cpu")))
    assert {(grad, frozenset(kernels)) for grad, kernels in ran} == {
        (True, frozenset({MATH})),
        (False, frozenset({FLASH})),
    }


@pytest.mark.long
def test_what_is_compiled_has_no_context_in_it() -> None:
    traced: list[str] = []

    def backend(graph: Any, inputs: Any) -> Any:
        traced.extend(str(node.target) for node in graph.graph.nodes)
        return graph.forward

    module = Attention(16, 2)
    x = torch.randn(2, 12, 16)
    expected = module(x)
    compiled = torch.compile(module, backend=backend, fullgraph=True)
    made = dataclasses.replace(Workload.of(module, x), run=compiled, kernels={"forward": MATH})
    with mode(made, "forward"):
        torch.testing.assert_close(made.forward(), expected)
    torch._dynamo.reset()
    assert any("scaled_dot_product_attention" in name for name in traced)
    assert not [name for name in traced if "kernel" in name or "sdp_use" in name]


# By which clock


class Planted:
    """A clock whose seconds are those of the kernel that may run, in training those of another order."""

    def __init__(self, seconds: dict[SDPBackend | None, float]) -> None:
        self.seconds, self.asked = seconds, list[tuple[str, Workload]]()

    def block(self, workload: Workload, name: str, loops: int) -> Block:
        self.asked.append((name, workload))
        with mode(workload, name):
            (kernel,) = enabled() if enabled() != ALL else {None}
        return Block(self.seconds[kernel] if name == "train" else 1 / self.seconds[kernel])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Planted:
    planted = Planted({None: 1.0, MATH: 0.1, FLASH: 3.0})
    monkeypatch.setattr(kernel_choice, "clock_for", lambda device: planted)
    monkeypatch.setattr(kernel_choice, "candidates", lambda *_: (None, MATH, FLASH))
    return planted


def test_each_pass_has_the_kernel_by_which_its_row_reports_the_least(clock: Planted) -> None:
    made = workload(kernels=False)
    assert kernel_choice.of_passes(made) == {"forward": FLASH, "train": MATH}
    assert {trial.module for _, trial in clock.asked} == {made.module}


def test_of_passes_that_will_be_captured_replays_are_timed(clock: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    captured = []

    def capture(workload: Workload) -> Workload:
        if set(workload.kernels.values()) == {FLASH}:
            raise RuntimeError("operation not permitted when stream is capturing")
        captured.append(dataclasses.replace(workload))
        return captured[-1]

    monkeypatch.setattr(kernel_choice, "capture", capture)
    assert kernel_choice.of_passes(workload(kernels=False), graphs=True) == {"forward": None, "train": MATH}
    assert {id(trial) for _, trial in clock.asked} <= {id(trial) for trial in captured}
    assert [trial.kernels for trial in captured] == [dict.fromkeys(PASSES, kernel) for kernel in (None, MATH)] * 2


def test_bench_chooses_once_a_case_and_by_graphs_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(kernel_choice, "of_passes", lambda made, graphs: asked.append(graphs) or {"train": MATH})
    monkeypatch.setattr(measure, "capture", lambda made: made)
    case = BenchCase("attention", 8, 1, 16, device="cpu", threads=1, num_layers=3)
    for graphs in (False, True):
        assert measure.workload(dataclasses.replace(case, cuda_graphs=graphs), 0).kernels == {"train": MATH}
    list(measure.measure(dataclasses.replace(case, cuda_graphs=True), Turn()))
    assert asked == [False, True, True]


def test_a_choice_leaves_weights_input_gradients_and_draws_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    class InPlace(nn.Module):
        """A user's composition, with dropout and a memory of its own."""

        def __init__(self) -> None:
            super().__init__()
            self.attention, self.seen = Attention(8, 2), torch.zeros(8)

        def forward(self, x: Tensor) -> Tensor:
            self.seen += x.detach().mean((0, 1))
            return self.attention(F.dropout(x.mul_(2)))

    made = Workload.of(InPlace().bfloat16(), torch.randn(2, 4, 8).bfloat16())
    before, x, draws = made.module.attention.in_proj.weight.clone(), made.x.clone(), torch.get_rng_state()
    assert set(kernel_choice.of_passes(made)) == set(PASSES)
    assert torch.equal(made.module.attention.in_proj.weight, before)
    assert torch.equal(made.x, x)
    assert torch.equal(made.module.seen, torch.zeros(8))
    assert torch.equal(torch.get_rng_state(), draws)
    assert made.x.grad is None
    assert all(p.grad is None for p in made.module.parameters())
    assert enabled() == ALL


@pytest.mark.parametrize("num_layers", [1, 2])
def test_every_layer_computes_the_same_by_the_chosen_kernel(num_layers: int) -> None:
    made = Workload.of(
        Stack(*(Attention(24, 4) for _ in range(num_layers))).bfloat16(), torch.randn(2, 9, 24).bfloat16()
    )
    with mode(made, "forward"):
        before = made.forward()
    made.kernels = {"forward": MATH}
    with mode(made, "forward"):
        assert (made.forward() - before).abs().max() < 0.02


# Decoding


def test_prefills_run_by_their_kernel_and_steps_make_no_plans(monkeypatch: pytest.MonkeyPatch, ran: list[Any]) -> None:
    monkeypatch.setattr(kernel_choice, "of_prefill", lambda made: MATH)
    case = DecodeCase("attention", 20, 1, 16, num_layers=1, num_heads=2, device="cpu", threads=1)
    made = decode.decoder(case, 0)
    ran.clear()
    monkeypatch.setattr(decode, "decoder", lambda *_: made)
    list(decode.measure(case, Turn(enough=1e-3)))
    by = {frozenset(kernels) for _, kernels in ran}
    without = frozenset(ALL - {SDPBackend.CUDNN_ATTENTION})
    assert by >= {frozenset({MATH}), without}
    assert enabled() == ALL


def test_whether_a_prefill_waits_for_launches_is_asked_of_the_kernel_that_is_timed(
    monkeypatch: pytest.MonkeyPatch, ran: list[Any]
) -> None:
    """Another one takes another time, and may make its plans in the call that is looked at."""
    asked = []

    def prefill_bound(decoder: Decoder, seconds: float) -> list[bool]:
        ran.clear()
        decoder.prefill()
        asked.extend(ran)
        return [True]

    monkeypatch.setattr(kernel_choice, "of_prefill", lambda made: MATH)
    monkeypatch.setattr(decoding, "prefill_bound", prefill_bound)
    case = DecodeCase("attention", 20, 1, 16, num_layers=2, num_heads=2, device="cpu", threads=1)
    said = [s for s in decode.measure(case, Turn(enough=1e-3)) if s.metric == LAUNCH_BOUND]
    assert asked == [(False, {MATH})] * 2
    assert [(sample.axes, sample.value) for sample in said] == [({"pass": "prefill"}, 1.0)]


@pytest.mark.parametrize("of_tokens", [True, False])
def test_no_step_may_run_by_cudnn(of_tokens: bool, ran: list[Any]) -> None:
    """It would plan anew for each length, in a layer and in a language model."""
    if of_tokens:
        made = Decoder(
            GPT(dataclasses.replace(gpt_case.shape_of("1x64"), vocab_size=11)).eval(), torch.zeros(1, 8).long()
        )
    else:
        made = Decoder(Attention(16, 2), torch.randn(1, 8, 16), torch.randn(1, 16))
    with torch.no_grad():
        after = made.prefill()
        assert ran == [(False, ALL)]
        ran.clear()
        decoding.steps(made, after, 1e-3)
    assert len(ran) >= decoding.LEAST_STEPS
    assert all(kernels == ALL - {SDPBackend.CUDNN_ATTENTION} for _, kernels in ran)


def test_a_prefill_chooses_by_what_the_caller_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]  # ns

    class Slow(Attention):
        def advance(self, x: Tensor, state: Any) -> Any:
            now[0] += {frozenset(ALL): 2 * 10**9, frozenset({MATH}): 10**9}[frozenset(enabled())]
            return super().advance(x, state)

    monkeypatch.setattr(calls, "perf_counter_ns", lambda: now[0])
    module = Slow(16, 2).bfloat16()
    context = torch.randn(1, 8, 16).bfloat16()
    with torch.no_grad():
        assert kernel_choice.of_prefill(Decoder(module, context, context[:, 0])) == MATH
        assert kernel_choice.of_prefill(Decoder(module.float(), context.float(), context[:, 0].float())) is None


# On a GPU


@pytest.mark.cuda
@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("bfloat16", 5e-2)])
def test_the_chosen_kernel_computes_on_cuda_what_the_cpu_does(graphs: bool, dtype: str, tolerance: float) -> None:
    case = BenchCase("attention", 128, 2, 128, dtype=dtype, device="cuda", threads=1, num_layers=2, cuda_graphs=graphs)
    made = measure._made(case, 0)
    assert set(made.kernels) == (set(PASSES) if dtype == "bfloat16" else set())
    with mode(made, "train"):
        made.begin("train")
        y = made.train_forward()
        made.backward(y)
    gradient = made.x.grad.double().cpu()
    module = made.module.to("cpu", torch.float64)
    x = made.x.detach().to("cpu", torch.float64).requires_grad_()
    expected = module(x)
    expected.backward(made.grad_output.to("cpu", torch.float64))
    assert (y.double().cpu() - expected).abs().max() < tolerance * expected.abs().max()
    assert (gradient - x.grad).abs().max() < tolerance * x.grad.abs().max()


@pytest.mark.cuda
@pytest.mark.parametrize("model", ["attention", "gpt"])
def test_no_step_in_16_bits_runs_by_cudnn(model: str) -> None:
    case = DecodeCase(model, 64, 1, 128, dtype="bfloat16", device="cuda", threads=1, num_layers=2)
    with torch.no_grad():
        made = decode.decoder(case, 0)
        after = made.prefill()
        with profile(activities=[ProfilerActivity.CPU]) as recorded:
            decoding.steps(made, after, 1e-3)
    attended = {event.name for event in recorded.events() if "_scaled_dot_product_" in event.name}
    assert attended
    assert not [name for name in attended if "cudnn" in name]
