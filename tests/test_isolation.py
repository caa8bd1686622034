"""What a module changes in its process: it is put back, its row says so, and a broken label is no number."""

from __future__ import annotations

import gc
import locale
import logging
import os
import random
import resource
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.isolation.keeping import HELD, NOTES, OWN, Own, kept, note_import
from rnn_vs_attn.isolation.seeds import seed_all, undrawn
from rnn_vs_attn.isolation.settings import same
from rnn_vs_attn.isolation.threads import THREADS
from rnn_vs_attn.measure.timing import calls
from rnn_vs_attn.measure.timing.clock import CPUClock
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models.build import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find

linux = pytest.mark.skipif(sys.platform != "linux", reason="threads are read from /proc, and processors are chosen")
ENTERED: list[Any] = []  # what is entered and never left, and not forgotten either


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    """After each test every setting is what it was, by its own reading."""
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = True, False  # as torch begins
    settings = [setting for setting in (*HELD, *OWN) if setting.name != "environment variables"]  # pytest has its own
    before = [setting.read() for setting in settings]
    NOTES.tell()
    yield
    NOTES.tell()
    NOTES.spoilt = False
    assert [s.name for s, value in zip(settings, before, strict=True) if not same(s.read(), value)] == []


@pytest.fixture
def own() -> Iterator[Own]:
    made = Own()
    yield made
    sys.meta_path.remove(made._modules)


def enter(context: Any) -> None:
    """Enter and never leave."""
    ENTERED.append(context)
    context.__enter__()


def set_of(module: Any, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(module, name, value)


def attribute(module: Any, name: str) -> Callable[[], Any]:
    return lambda: getattr(module, name)


def saves_on_a_copy() -> bool:
    """Whether a hook meets what a product saves."""
    w = torch.ones(2, requires_grad=True)
    found = (w * w).grad_fn
    return bool(torch._C._autograd._top_saved_tensors_default_hooks(True)) and found is not None


B = torch.backends
sdp = nn.attention.sdpa_kernel
precision = torch.get_float32_matmul_precision
TORCH: list[tuple[Callable[[], Any], Callable[[], Any], str]] = [
    (
        lambda: torch.set_default_dtype(torch.float64),
        torch.get_default_dtype,
        "the default dtype from float32 to float64",
    ),
    (
        lambda: torch.set_default_device("meta"),
        lambda: torch.ones(1).device.type,
        "the default device from cpu to meta",
    ),
    (
        lambda: enter(torch.device("meta")),
        lambda: torch.ones(1).device.type,
        "the torch function modes that are active",
    ),
    (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled, "grad mode from on to off"),
    (lambda: enter(torch.no_grad()), torch.is_grad_enabled, "grad mode from on to off"),
    (lambda: enter(torch.inference_mode()), torch.is_inference_mode_enabled, "inference mode from off to on"),
    (
        lambda: torch.set_deterministic_debug_mode("warn"),
        torch.is_deterministic_algorithms_warn_only_enabled,
        "torch's deterministic mode from default to warn",
    ),
    (
        set_of(torch.utils.deterministic, "fill_uninitialized_memory", False),
        attribute(torch.utils.deterministic, "fill_uninitialized_memory"),
        "fill_uninitialized_memory from on to off",
    ),
    (set_of(B.cudnn, "benchmark", True), attribute(B.cudnn, "benchmark"), "cudnn.benchmark from off to on"),
    (set_of(B.cudnn, "deterministic", True), attribute(B.cudnn, "deterministic"), "cudnn.deterministic from off to on"),
    (set_of(B.cudnn, "enabled", False), attribute(B.cudnn, "enabled"), "cudnn.enabled from on to off"),
    (set_of(B.cudnn, "allow_tf32", False), attribute(B.cudnn, "allow_tf32"), "cudnn.allow_tf32 from on to off"),
    (lambda: torch.set_float32_matmul_precision("medium"), precision, "matmul precision from highest to medium"),
    (set_of(B.cuda.matmul, "allow_tf32", True), precision, "matmul precision from highest to high"),
    (
        set_of(B.cuda.matmul, "allow_bf16_reduced_precision_reduction", False),
        attribute(B.cuda.matmul, "allow_bf16_reduced_precision_reduction"),
        "allow_bf16_reduced_precision_reduction from on to off",
    ),
    (lambda: B.mkldnn.set_flags(False), attribute(B.mkldnn, "enabled"), "mkldnn.enabled from on to off"),
    (lambda: B.mha.set_fastpath_enabled(False), B.mha.get_fastpath_enabled, "fast path of transformer layers from on"),
    (lambda: B.cuda.enable_flash_sdp(False), B.cuda.flash_sdp_enabled, "flash attention from on to off"),
    (
        lambda: enter(sdp(nn.attention.SDPBackend.MATH)),
        B.cuda.mem_efficient_sdp_enabled,
        "flash attention from on to off",
    ),
    (
        lambda: torch.set_flush_denormal(True),
        lambda: 5e-324 * random.choice([1.0]) > 0,
        "denormal numbers from off to on",
    ),
    (lambda: torch.autograd.set_detect_anomaly(True), torch.is_anomaly_enabled, "anomaly mode from off,on to on,on"),
    (
        lambda: enter(torch.autocast("cpu", torch.bfloat16)),
        lambda: (torch.ones(2, 2) @ torch.ones(2, 2)).dtype,
        "autocast on cpu from off to on",
    ),
    (lambda: enter(torch.autograd.graph.save_on_cpu()), saves_on_a_copy, "what is done with tensors that are saved"),
    (lambda: enter(TorchDispatchMode()), lambda: len(_get_current_dispatch_mode_stack()), "the torch dispatch modes"),
    (
        lambda: torch.autograd.set_multithreading_enabled(False),
        torch._C._is_multithreading_enabled,
        "autograd's threads",
    ),
    (B.disable_global_flags, B.flags_frozen, "torch.backends' global flags from on to off"),
    (lambda: (gc.disable if gc.isenabled() else gc.enable)(), gc.isenabled, "garbage collection from"),
    (lambda: gc.set_threshold(3), gc.get_threshold, "thresholds of garbage collection from"),
    (lambda: sys.setswitchinterval(1.0), sys.getswitchinterval, "Python's switch interval from"),
]


@pytest.mark.parametrize(("change", "look", "said"), TORCH)
def test_what_a_call_leaves_changed_is_put_back_before_the_next_and_said(
    change: Callable[[], Any], look: Callable[[], Any], said: str
) -> None:
    before = look()
    with kept():
        change()
        assert look() != before
    assert look() == before
    (told,) = NOTES.tell()
    assert told.startswith("it changed ")
    assert said in told
    assert told.endswith("put back")
    assert not NOTES.spoilt


def test_newer_and_older_switches_of_float32_precision_are_put_back_whatever_their_mixture() -> None:
    """They follow from one another; torch refuses to read the older ones where the newer ones contradict them."""
    if not hasattr(torch._C, "_get_fp32_precision_getter"):
        pytest.skip("this torch has the older ones only")
    places = (B, B.mkldnn.matmul, B.mkldnn.rnn, B.cudnn.conv, B.cuda.matmul)
    chance = random.Random(0)
    for _ in range(30):
        with kept():
            for place in chance.sample(places, 2):
                place.fp32_precision = chance.choice(["ieee", "tf32"])
            if chance.random() < 0.5:
                torch.set_float32_matmul_precision(chance.choice(["high", "medium", "highest"]))
        assert torch.get_float32_matmul_precision() == "highest"
        assert B.cudnn.allow_tf32
        assert B.mkldnn.matmul.fp32_precision == "none"
    assert not NOTES.spoilt


def test_everything_at_once_is_put_back_and_said_in_one_sentence() -> None:
    with kept():
        torch.set_default_device("meta")
        enter(TorchDispatchMode())
        enter(torch.inference_mode())
        torch.set_num_threads(3)
        torch.set_default_dtype(torch.float64)
        B.disable_global_flags()
    assert torch.get_num_threads() == 1
    made = nn.Linear(2, 2)(torch.ones(1, 2, requires_grad=True))
    made.sum().backward()
    assert (made.device.type, made.dtype) == ("cpu", torch.float32)
    (told,) = NOTES.tell()
    assert "torch's number of threads from 1 to 3; " in told
    assert told.endswith(", which were put back")


def test_what_a_module_raises_passes_and_its_changes_are_put_back_all_the_same() -> None:
    def raises() -> None:
        torch.set_num_threads(2)
        raise ValueError("a layer's own")

    with pytest.raises(ValueError, match="a layer's own"), kept(timed=True):
        raises()
    assert torch.get_num_threads() == 1


# Labels


def timed(*calls: Callable[[], object]) -> None:
    """What stands around calls that are timed."""
    with kept(timed=True):
        for call in calls:
            call()


def test_threads_that_each_timed_call_sets_are_no_number_under_the_label_threads_1() -> None:
    with pytest.raises(CaseFault, match="torch's number of threads from 1 to 2 in calls that are timed") as caught:
        timed(lambda: torch.set_num_threads(2))
    assert caught.value.status == "failed"
    assert torch.get_num_threads() == 1


def test_threads_that_a_call_sets_and_puts_back_itself_are_seen_too() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "set_num_threads", THREADS.ask)
        with pytest.raises(CaseFault, match="torch's number of threads from 1 to 2 and back in calls that are timed"):
            timed(lambda: torch.set_num_threads(2), lambda: torch.set_num_threads(1))
        timed(lambda: torch.set_num_threads(1))  # what it is anyway


@linux
def test_processors_that_a_call_chooses_are_put_back_for_all_threads_of_torch() -> None:
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        pytest.skip("one processor leaves no choice")
    choose = lambda: os.sched_setaffinity(0, {min(before)})  # noqa: E731
    starts_a_thread = lambda: torch.ones(1 << 20).sin_()  # noqa: E731  # which inherits the choice
    with pytest.raises(CaseFault, match="the processors that it may run on"):
        timed(choose, lambda: THREADS.set(2), starts_a_thread)
    tasks = [int(thread.name) for thread in Path("/proc/self/task").iterdir()]
    assert {frozenset(os.sched_getaffinity(task)) for task in tasks} == {frozenset(before)}


def test_a_setting_that_no_label_promises_costs_no_number() -> None:
    with kept(timed=True):
        torch.set_default_dtype(torch.float64)
    assert NOTES.tell() == ["it changed the default dtype from float32 to float64, which was put back"]


# A model's own


def nothing(*_: Any, **__: Any) -> None:
    return None


def bent(x: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    return x


def virtual_timer() -> bool:
    return signal.getitimer(signal.ITIMER_VIRTUAL)[0] > 0


OWNED: list[tuple[Callable[[], Any], Callable[[], Any], str]] = [
    (lambda: os.environ.update(ONE="1", TWO="2"), lambda: os.environ.get("TWO"), "the environment variables ONE, TWO"),
    (lambda: os.environ.pop("HOME"), lambda: os.environ.get("HOME"), "the environment variable HOME"),
    (lambda: os.chdir("/"), Path.cwd, "the current folder from"),
    (lambda: sys.setrecursionlimit(5000), sys.getrecursionlimit, "Python's recursion limit from"),
    (lambda: logging.disable(50), lambda: logging.root.manager.disable, "the level or the handlers of logging"),
    (
        lambda: signal.signal(signal.SIGUSR1, nothing),
        lambda: signal.getsignal(signal.SIGUSR1),
        "the handler of SIGUSR1",
    ),
    (lambda: signal.setitimer(signal.ITIMER_VIRTUAL, 1000), virtual_timer, "a timer that sends a signal"),
    (lambda: setattr(sys, "stdout", sys.stderr), lambda: id(sys.stdout), "where the standard streams lead"),
    (lambda: setattr(sys, "excepthook", nothing), lambda: sys.excepthook, "what is done with exceptions"),
    (lambda: numpy.seterr(all="raise"), numpy.geterr, "how numpy handles errors"),
    (
        lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1])),
        lambda: resource.getrlimit(resource.RLIMIT_CORE)[0],
        "the limit RLIMIT_CORE",
    ),
    (set_of(F, "softmax", bent), attribute(F, "softmax"), "what stands under torch.nn.functional.softmax"),
    (set_of(torch, "relu", torch.sigmoid), attribute(torch, "relu"), "what stands under torch.relu"),
    (set_of(torch.Tensor, "matmul", bent), attribute(torch.Tensor, "matmul"), "what stands under Tensor.matmul"),
    (set_of(nn.Linear, "forward", bent), attribute(nn.Linear, "forward"), "what stands under Linear.forward"),
    (set_of(nn.LSTM, "__call__", bent), attribute(nn.LSTM, "__call__"), "what stands under LSTM.__call__"),
    (set_of(nn, "Linear", nn.Identity), attribute(nn, "Linear"), "what stands under torch.nn.Linear"),
    (set_of(torch._VF, "lstm", bent), attribute(torch._VF, "lstm"), "what stands under torch._VF.lstm"),
    (
        lambda: nn.modules.module.register_module_forward_hook(nothing),
        lambda: len(nn.modules.module._global_forward_hooks),
        "what is called around all modules",
    ),
    (lambda: sys.modules.update(json=sys), lambda: sys.modules["json"].__name__, "the modules json"),
]


@pytest.mark.parametrize(("change", "look", "said"), OWNED)
def test_what_a_file_changes_for_itself_does_not_reach_the_next_model(
    change: Callable[[], Any], look: Callable[[], Any], said: str, own: Own
) -> None:
    if said == "the limit RLIMIT_CORE" and resource.getrlimit(resource.RLIMIT_CORE)[0] == 0:
        change = lambda: resource.setrlimit(  # noqa: E731
            resource.RLIMIT_CORE, (4096, resource.getrlimit(resource.RLIMIT_CORE)[1])
        )
    before = look()
    own.enter("first")
    change()
    its = look()
    assert its != before
    own.leave()
    (told,) = NOTES.tell()
    assert told.startswith(f"it changed {said}")
    own.enter("second")
    assert look() == before
    own.leave()
    assert NOTES.tell() == []


def test_a_variable_that_a_file_sets_when_it_is_imported_is_there_in_each_of_its_calls(own: Own) -> None:
    """And a folder on sys.path, and a function of torch that it has put in the place of another."""
    own.enter("first")
    os.environ["OF_THE_FIRST"] = "1"
    sys.path.append("/of/the/first")
    F.gelu = bent
    own.leave()
    for key, has in (("second", False), ("first", True), ("second", False)):
        own.enter(key)
        assert ("OF_THE_FIRST" in os.environ, "/of/the/first" in sys.path, F.gelu is bent) == (has, has, has)
        own.leave()


def test_what_one_model_of_a_file_changes_is_not_there_for_the_others_nor_on_their_rows(own: Own) -> None:
    own.enter("file", "one")
    os.environ["OF_ALL"] = "1"
    note_import()
    os.environ["OF_ONE"] = "1"
    own.leave()
    assert NOTES.tell() == ["it changed the environment variables OF_ALL, OF_ONE, which were put back"]
    own.enter("file", "other")
    assert ("OF_ALL" in os.environ, "OF_ONE" in os.environ) == (True, False)
    own.leave()
    assert NOTES.tell() == ["it changed the environment variable OF_ALL, which was put back"]
    own.enter("file", "one")
    assert "OF_ONE" in os.environ
    own.leave()
    NOTES.tell()


def test_filters_of_warnings_are_put_back_without_a_word(own: Own) -> None:
    """Libraries set them whenever they are imported, and no number depends on them."""
    before = list(warnings.filters)
    own.enter("first")
    warnings.simplefilter("ignore")
    own.leave()
    assert list(warnings.filters) == before
    assert NOTES.tell() == []


def test_the_locale_is_put_back(own: Own) -> None:
    before = locale.setlocale(locale.LC_ALL)
    own.enter("first")
    locale.setlocale(locale.LC_ALL, "C")
    own.leave()
    assert locale.setlocale(locale.LC_ALL) == before


# Random numbers


class DrawsFromAll(nn.Module):
    """Weights from torch, numpy and Python."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        drawn = [torch.randn(d_model), torch.tensor(numpy.random.randn(d_model)), torch.tensor([random.random()])]
        self.w = nn.Parameter(torch.cat([part.float() for part in drawn]))


def weights_of(seed: int) -> torch.Tensor:
    seed_all(seed)
    return DrawsFromAll(4).w.detach()


def test_the_next_models_weights_are_those_of_its_seed_after_a_module_that_seeds() -> None:
    expected = weights_of(3)
    torch.manual_seed(0)
    numpy.random.seed(0)
    random.seed(0)
    assert torch.equal(weights_of(3), expected)
    assert not torch.equal(weights_of(4), expected)


def test_a_seed_that_a_file_sets_when_it_is_imported_is_of_no_account() -> None:
    seed_all(3)
    expected = torch.randn(3), numpy.random.randn(3), random.random()
    seed_all(3)
    with undrawn():
        torch.manual_seed(0)
        numpy.random.seed(0)
        random.seed(0)
    assert torch.equal(torch.randn(3), expected[0])
    assert (numpy.random.randn(3) == expected[1]).all()
    assert random.random() == expected[2]


def test_a_module_that_seeds_when_it_is_built_does_not_fix_what_is_drawn_after_it() -> None:
    """Its weights are the same in every round, which is said; the input is that of the round."""
    drawn = []
    for seed in (5, 6):
        seed_all(seed)
        build(find("changes:SeedsWhenBuilt"), Shape(1, 8, 4))
        drawn.append(torch.randn(3))
    assert not torch.equal(*drawn)
    said = "the seed of torch's random numbers (its weights are the same in every round)"
    assert NOTES.tell() == [f"it changed {said}, which was put back"]


def test_a_call_so_long_that_the_first_one_is_the_number_keeps_to_its_label(monkeypatch: pytest.MonkeyPatch) -> None:
    device = torch.device("cpu")
    monkeypatch.setattr(calls, "_LONG", -1.0)
    assert len(calls.seconds(lambda: None, device)) == 1
    with pytest.raises(CaseFault, match="in calls that are timed"):
        calls.seconds(lambda: torch.set_num_threads(2), device)
    monkeypatch.setattr(calls, "_LONG", 1e9)
    first = iter([True])
    calls.seconds(lambda: next(first, False) and torch.set_num_threads(2), device, enough=0.0)  # it is thrown away
    assert torch.get_num_threads() == 1


class TurnsGradientsOn(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.set_grad_enabled(True)
        return 2 * x


def test_a_forward_pass_that_turns_gradients_on_for_the_next_call_is_said() -> None:
    """The pass keeps no gradient; what stands around a block hides what its calls leave behind."""
    CPUClock().block(Workload.of(TurnsGradientsOn(), torch.ones(1, 2, 2)), "forward", 2)
    assert NOTES.tell() == ["it changed grad mode from off to on, which was put back"]
