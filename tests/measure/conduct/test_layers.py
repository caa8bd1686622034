"""Layers that work in place, drift or remember: seen for what they are, and timed on what a model would give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import habits
import pytest
import torch
from command import TINY, lines_of, run
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.measure import memory
from rnn_vs_attn.measure.conduct import layers
from rnn_vs_attn.measure.conduct.batch_independence import KEEPS_STATE, MIXES, RANDOM
from rnn_vs_attn.measure.conduct.differences import GRADIENTS_NOT_FINITE, OUTPUT_NOT_FINITE
from rnn_vs_attn.measure.conduct.holdings import Holdings
from rnn_vs_attn.measure.conduct.layers import Conduct, renew_between_calls
from rnn_vs_attn.measure.timing.clock import PASSES, CPUClock
from rnn_vs_attn.measure.timing.cuda_graphs import GraphedWorkload
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.records.timing import Care
from rnn_vs_attn.suites import layer_passes

NOTHING = Care()
IN_PLACE = Care(in_place=True)
SEEN = {
    habits.Plain: (NOTHING, NOTHING),
    habits.InPlace: (IN_PLACE, IN_PLACE),
    habits.InPlaceInside: (IN_PLACE, IN_PLACE),
    habits.InPlaceInEval: (IN_PLACE, NOTHING),
    habits.Unchanged: (IN_PLACE, IN_PLACE),
    habits.GradientInPlace: (NOTHING, Care(gradient_in_place=True)),
    habits.ShrinksWeights: (Care(changes=("project.weight",)),) * 2,
    habits.FastWeights: (Care(changes=("memory",)),) * 2,
    habits.Carries: (Care(changes=("h",)),) * 2,
    habits.CarriesInAList: (Care(changes=("states",)),) * 2,
    habits.Normalised: (NOTHING, Care(changes=("norm.running_mean", "norm.running_var"))),
    habits.WritesToThePrevious: (Care(in_place=True, changes=("last",)),) * 2,
    habits.Counts: (NOTHING, NOTHING),
    habits.Same: (NOTHING, NOTHING),
    habits.View: (NOTHING, NOTHING),
    habits.KeepsByShape: (NOTHING, NOTHING),
    habits.StaleOutput: (NOTHING, NOTHING),
    habits.Experts: (NOTHING, NOTHING),
    habits.EveryOther: (NOTHING, NOTHING),
    habits.SkipsAtRandom: (NOTHING, NOTHING),
    habits.Random: (NOTHING, NOTHING),
}
REMEMBERING = {
    habits.KeepsOutput: PASSES,
    habits.KeepsByValue: PASSES,
    habits.KeepsProjection: ("forward",),
    habits.KeepsInTraining: ("train",),
    habits.KeepsMany: PASSES,
    habits.KeepsAll: PASSES,
    habits.KeepsInTheClass: PASSES,
    habits.KeepsRows: PASSES,
    habits.KeepsByFirstNumber: ("forward",),
}


def workload(module: nn.Module, *, seq_len: int = 6, width: int = 8, batch_size: int = 4) -> Workload:
    torch.manual_seed(0)
    return Workload.of(module, torch.randn(batch_size, seq_len, width))


def kinds(*found: type[nn.Module]) -> Any:
    return pytest.mark.parametrize("kind", found, ids=lambda kind: kind.__name__)


# What is seen


@kinds(*SEEN)
def test_what_a_layer_does_to_what_it_is_given_is_seen(kind: type[nn.Module]) -> None:
    made = workload(kind(8))
    assert tuple(renew_between_calls(made, name).care for name in PASSES) == SEEN[kind]


@pytest.mark.parametrize("name", PASSES)
@kinds(*REMEMBERING)
def test_a_layer_that_remembers_inputs_is_marked(kind: type[nn.Module], name: str) -> None:
    found = renew_between_calls(workload(kind(8)), name)
    assert found.care.remembers == (name in REMEMBERING[kind])
    assert (layers.REMEMBERS in found.warnings) == (name in REMEMBERING[kind])


@pytest.mark.parametrize(
    ("kind", "forward", "train"),
    [
        (habits.NotFinite, [OUTPUT_NOT_FINITE], [OUTPUT_NOT_FINITE, GRADIENTS_NOT_FINITE]),
        (habits.NotFiniteInTraining, [], [OUTPUT_NOT_FINITE, GRADIENTS_NOT_FINITE]),
        (habits.InfiniteGradient, [], [GRADIENTS_NOT_FINITE]),
        (habits.ByTheCall, [KEEPS_STATE], [KEEPS_STATE]),
        (habits.EveryOther, [KEEPS_STATE], [KEEPS_STATE]),
        (habits.Random, [RANDOM], []),
        (habits.RandomOfNumPy, [RANDOM], []),
        (habits.SkipsAtRandom, [], []),
        (habits.Centred, [MIXES], [f"in training {MIXES}"]),
        (habits.StaleOutput, [layers.SAME_OUTPUT], [layers.SAME_OUTPUT]),
    ],
)
def test_what_a_row_has_to_say(kind: type[nn.Module], forward: list[str], train: list[str]) -> None:
    made = workload(kind(8))
    assert [list(renew_between_calls(made, name).warnings) for name in PASSES] == [forward, train]


def test_statistics_over_the_batch_are_said_of_training_only() -> None:
    made = workload(habits.Normalised(8))
    forward, train = (renew_between_calls(made, name).warnings for name in PASSES)
    assert (forward, train[1:]) == ((), (f"in training {MIXES}",))


@pytest.mark.parametrize("name", PASSES)
def test_a_layer_whose_first_call_fails_was_timed_with_nothing_said_of_it(name: str) -> None:
    """What it keeps from call to call was never looked at, and its row was silent."""

    class FailsAtFirst(habits.InPlace):
        called = False

        def forward(self, x: Tensor) -> Tensor:
            if not self.called:
                self.called = True
                raise ValueError("not today")
            return super().forward(x)

    made = workload(FailsAtFirst(8))
    said = "what it keeps from call to call could not be asked (ValueError: not today)"
    assert renew_between_calls(made, name) == Conduct(NOTHING, (said,))
    assert renew_between_calls(made, name).care.in_place


def test_a_long_call_is_asked_about_on_fewer_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "BRIEF_CALL", 0.0)
    lengths = []

    class Watched(habits.KeepsByValue):
        def forward(self, x: Tensor) -> Tensor:
            lengths.append(x.shape[1])
            return super().forward(x)

    assert layers.observe(workload(Watched(8), seq_len=30), "forward").care.remembers
    assert (lengths[0], set(lengths[1:])) == (30, {1})


def test_a_layer_that_refuses_few_positions_is_asked_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "BRIEF_CALL", 0.0)

    class Particular(habits.KeepsByValue):
        def forward(self, x: Tensor) -> Tensor:
            if x.shape[1] != 30:
                raise ValueError("give 30")
            return super().forward(x)

    assert renew_between_calls(workload(Particular(8), seq_len=30), "forward").care.remembers


def test_what_takes_fresh_inputs_for_seen_ones_is_not_measured() -> None:
    with pytest.raises(CaseFault, match="what a call takes cannot be measured"):
        renew_between_calls(workload(habits.KeepsByStorage(8)), "forward")


def test_asking_leaves_input_and_weights_as_they_were() -> None:
    for kind in (habits.InPlace, habits.KeepsMany, habits.GradientInPlace):
        made = workload(kind(8))
        before = [t.detach().clone() for t in (made.x, made.grad_output)]
        renew_between_calls(made, "forward")
        renew_between_calls(made, "train")
        assert all(torch.equal(a, b) for a, b in zip(before, (made.x, made.grad_output), strict=True))
        assert made.x.grad is None


# How it is timed


def computed(monkeypatch: pytest.MonkeyPatch, made: Workload, name: str, loops: int) -> int:
    """How often a block of `loops` calls computes the layer anew."""
    counted = []
    whole, part = habits.Plain.computed, nn.Linear.forward
    monkeypatch.setattr(habits.Plain, "computed", lambda self, x: counted.append(1) or whole(self, x))
    if isinstance(made.module, habits.KeepsProjection | habits.KeepsInTraining):
        counted = []
        monkeypatch.setattr(habits.Plain, "computed", whole)
        monkeypatch.setattr(nn.Linear, "forward", lambda self, x: counted.append(1) or part(self, x))
    CPUClock().block(made, name, loops)
    return len(counted)


@pytest.mark.long
@kinds(*(kind for kind in REMEMBERING if kind is not habits.KeepsRows))
def test_each_timed_call_of_a_layer_that_remembers_computes(
    kind: type[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cached call looked like 0.003 ms."""
    name = REMEMBERING[kind][-1]
    made = workload(kind(8))
    if hasattr(made.module, "cached"):  # its cache is bound to what it caches
        monkeypatch.setattr(made.module, "cached", habits.lru_cache(lambda x: made.module.computed(x)))
    renew_between_calls(made, name)
    assert computed(monkeypatch, made, name, 300) == 300


def given(made: Workload, name: str, loops: int) -> list[Tensor]:
    """What the module is given in the calls of a block."""
    found = []
    handle = made.module.register_forward_pre_hook(lambda module, args: found.append(args[0]))
    CPUClock().block(made, name, loops)
    handle.remove()
    assert len(found) == loops
    return found


@pytest.mark.parametrize("name", PASSES)
def test_other_layers_are_given_the_input_itself_in_every_call(name: str) -> None:
    made = workload(habits.Plain(8))
    renew_between_calls(made, name)
    assert all(x is made.x for x in given(made, name, 3))


def test_a_layer_that_works_in_place_begins_every_call_with_the_same_input() -> None:
    """The one input drifted: after a thousand calls it was 1.5 to the thousandth power."""
    for name in PASSES:
        made = workload(habits.InPlace(8))
        expected = made.x.detach().clone()
        renew_between_calls(made, name)
        seen = []
        made.module.register_forward_pre_hook(lambda module, args, seen=seen: seen.append(args[0].detach().clone()))
        CPUClock().block(made, name, 50)
        assert len(seen) == 50
        assert all(torch.equal(x, expected) for x in seen)


def test_a_layer_that_works_in_place_is_trained_to_its_input() -> None:
    """ "A leaf Variable that requires grad is being used in an in-place operation" failed its training pass."""
    made = workload(habits.InPlace(8))
    renew_between_calls(made, "train")
    gradients = []
    made.x.register_hook(lambda gradient: gradients.append(gradient.clone()))
    block = CPUClock().block(made, "train", 3)
    assert 0 < block.backward < block.seconds
    assert len(gradients) == 3
    assert torch.equal(gradients[0], gradients[2])
    assert made.x.grad is None


def test_a_pass_after_one_in_place_is_given_the_input_itself() -> None:
    made = workload(habits.InPlaceInEval(8))
    for name in PASSES:
        renew_between_calls(made, name)
        CPUClock().block(made, name, 2)
    assert all(x is made.x for x in given(made, "train", 2))


@kinds(habits.ShrinksWeights, habits.FastWeights, habits.Carries, habits.CarriesInAList)
@pytest.mark.parametrize("name", PASSES)
def test_what_a_call_changes_does_not_drift(kind: type[nn.Module], name: str) -> None:
    """Weights times 0.9 a call were denormal after some hundred calls; a state that doubles was infinite."""
    made = workload(kind(8))
    renew_between_calls(made, name)
    once = CPUClock().block(made, name, 1)
    held = Holdings(made.module)
    CPUClock().block(made, name, 400)
    assert once.seconds > 0
    assert held.changed() == []


def test_the_gradient_of_the_output_does_not_drift() -> None:
    made = workload(habits.GradientInPlace(8))
    before = made.grad_output.clone()
    renew_between_calls(made, "train")
    CPUClock().block(made, "train", 5)
    assert torch.equal(made.grad_output, before)


def test_a_later_round_takes_what_the_first_one_saw() -> None:
    for kind in (habits.KeepsMany, habits.Carries, habits.InPlace, habits.Plain):
        first = renew_between_calls(workload(kind(8)), "forward")
        later = workload(kind(8))
        calls: list[int] = []
        later.module.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        assert renew_between_calls(later, "forward", first.care) == Conduct(first.care)
        assert len(calls) == (1 if first.care.changes else 0)
        assert later.cares == ({} if first.care == NOTHING else {"forward": first.care})


def test_a_state_that_the_first_call_makes_does_not_drift_in_a_later_round() -> None:
    class MakesItsState(habits.Plain):
        h: Any = None

        def forward(self, x: Tensor) -> Tensor:
            self.h = torch.ones(8) if self.h is None else 3 * self.h
            return self.computed(x) + self.h

    care = renew_between_calls(workload(MakesItsState(8)), "forward").care
    later = workload(MakesItsState(8))
    renew_between_calls(later, "forward", care)
    CPUClock().block(later, "forward", 200)
    assert float(later.module.h.max()) == 3


def test_compiling_is_left_to_be_timed() -> None:
    for kind in (habits.Carries, habits.InPlace, habits.KeepsMany):
        made = workload(kind(8))
        made.run = lambda x: pytest.fail("the target that is compiled was called")
        assert renew_between_calls(made, "forward").care != NOTHING


def test_a_cuda_graph_of_such_a_layer_is_refused() -> None:
    plain = workload(habits.Plain(8))
    made = GraphedWorkload(plain.module, plain.run, plain.x, plain.grad_output)
    made.take_care("forward", NOTHING)
    for care in (IN_PLACE, Care(remembers=True), Care(gradient_in_place=True)):
        with pytest.raises(CaseFault, match="leave --cuda-graphs out"):
            made.take_care("forward", care)


# What else is measured of it


@kinds(habits.InPlace, habits.KeepsByValue)
def test_flops_are_those_of_a_layer_that_computes(kind: type[nn.Module]) -> None:
    made = workload(kind(8))
    forward, _ = layer_passes.count_operations(made, None)
    assert forward.flops == 2 * 4 * 6 * 8 * 8
    assert [x.flops for x in layer_passes.count_operations(workload(habits.InPlace(8)), None)] == [
        x.flops for x in layer_passes.count_operations(workload(habits.Plain(8)), None)
    ]


@kinds(habits.KeepsMany, habits.KeepsInTheClass)
def test_flops_are_unknown_of_a_layer_that_looks_at_its_inputs_memory(kind: type[nn.Module]) -> None:
    forward, _ = layer_passes.count_operations(workload(kind(8)), None)
    assert forward.flops is None
    assert "hands a tensor to what runs outside" in forward.reason


def test_bytes_for_the_backward_pass_are_counted_of_a_layer_that_works_in_place() -> None:
    assert memory.saved_bytes(workload(habits.InPlace(8))) == memory.saved_bytes(workload(habits.Plain(8)))


# Fresh inputs, and what a module holds


def test_a_scripted_module_and_one_without_its_sizes_yet_can_be_asked() -> None:
    with pytest.warns(DeprecationWarning, match="torch.jit.script"):
        scripted = torch.jit.script(nn.Sequential(nn.Linear(8, 8), nn.Tanh()))
    lazy = nn.LazyLinear(8)
    assert (
        renew_between_calls(workload(scripted), "train")
        == renew_between_calls(workload(lazy), "train")
        == Conduct(NOTHING)
    )


# In a run


@pytest.mark.slow
def test_the_rows_of_bench_say_it(tmp_path: Path) -> None:
    models = {"InPlace": layers.IN_PLACE, "KeepsMany": layers.REMEMBERS, "NotFinite": OUTPUT_NOT_FINITE, "Plain": ""}
    words = ["--model", ",".join(f"habits:{name}" for name in models), "--seq-len", "8", "--rounds", "2"]
    done = run("bench", *TINY, *words, "--output", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert all(text in done.stdout for text in models.values())
    times = [r for r in lines_of(tmp_path / "run/records.jsonl") if r["metric"] == "forward_time"]
    said = {r["axes"]["model"].removeprefix("habits:"): r["warnings"] for r in times}
    assert not {*models.values()} & {*said.pop("Plain")}  # a busy machine may put others there
    assert all(models[name] in texts for name, texts in said.items())
