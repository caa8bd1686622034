"""One training of `recall`: its model, what is measured of it, how it ends and goes on."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.isolation.patches import NAMESPACES
from rnn_vs_attn.models import build, registry
from rnn_vs_attn.models.registry import BASELINE, MODELS
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites import takers
from rnn_vs_attn.suites.recall import measure
from rnn_vs_attn.suites.recall.case import EXAMPLES, SOLVED_ACCURACY, RecallCase, complete
from rnn_vs_attn.suites.recall.suite import RECALL
from rnn_vs_attn.tasks import bounds
from rnn_vs_attn.tasks.drawing.batches import TEST, TRAIN, Batch, draw
from rnn_vs_attn.tasks.registry import find
from rnn_vs_attn.training import checkpoint
from rnn_vs_attn.training.course import DONE, Course, Point, Progress
from rnn_vs_attn.training.token_model import num_params

TIMES = ("seconds_to_solve", "train_seconds")
TRAINED = [spec.name for spec in MODELS if not takers.refusal(RECALL, spec)]


def case(model: str = "lstm", task: str = "parity", **fields: Any) -> RecallCase:
    """A training of a few steps."""
    small: dict[str, Any] = {"seq_len": 16, "batch_size": 8, "d_model": 8, "num_heads": 2, "num_layers": 1, "steps": 20}
    plain: dict[str, Any] = {"positions": "none", "mlp": 2, "learning_rate": 3e-3, "device": "cpu", "threads": 1}
    return complete(RecallCase(model=model, task=task, **(small | plain | fields)))


def trained(of: RecallCase, seed: int = 0, folder: Path | None = None) -> list[Sample]:
    return [each for each in measure.train(of, seed, folder) if isinstance(each, Sample)]


def found(samples: Sequence[Sample], name: str, **at: Any) -> Sample:
    (sample,) = [each for each in samples if each.metric == name and dict(each.axes) == at]
    return sample


def untimed(samples: Sequence[Sample]) -> list[Sample]:
    return [each for each in samples if each.metric not in TIMES]


@pytest.fixture
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word after each evaluation, so that there are many."""
    monkeypatch.setattr("rnn_vs_attn.suites.stretches.STRETCH", -1.0)


# What is measured


@pytest.mark.long
def test_a_training_gives_its_curve_its_ends_and_its_sizes() -> None:
    of = case(steps=40)
    samples = trained(of)
    curve = [each for each in samples if each.metric == "curve_accuracy"]
    assert [each.axes["step"] for each in curve] == list(range(0, 41, 2))
    assert found(samples, "accuracy").value == curve[-1].value
    assert found(samples, "loss").value == found(samples, "curve_loss", step=40).value
    assert found(samples, "width").value == measure.shape_of(of).layer.d_model
    assert found(samples, "num_params").value == num_params(registry.find("lstm"), measure.shape_of(of))
    assert (found(samples, "train_seconds").value or 0) > 0
    assert {each.metric for each in samples} <= {row.metric.name for row in RECALL.metrics}


@pytest.mark.long
def test_a_curve_begins_without_any_training() -> None:
    one, other = (trained(case(steps=2, learning_rate=rate)) for rate in (1e-3, 1e-1))
    assert found(one, "curve_loss", step=0).value == found(other, "curve_loss", step=0).value
    assert found(one, "loss").value != found(other, "loss").value


@pytest.mark.long
def test_a_seed_has_weights_and_data_of_its_own_and_the_same_again() -> None:
    first, again, other = (untimed(trained(case(), seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.long
def test_accuracy_at_the_trained_length_is_that_of_the_same_examples() -> None:
    samples = trained(case(test_seq_len="16,32,64"))
    assert found(samples, "accuracy_at_length", length=16).value == found(samples, "accuracy").value
    assert found(samples, "loss_at_length", length=16).value == found(samples, "loss").value
    assert [each.axes["length"] for each in samples if each.metric == "accuracy_at_length"] == [16, 32, 64]


@pytest.mark.long
def test_adding_has_a_loss_and_no_accuracy() -> None:
    samples = trained(case("gru", "adding"))
    assert found(samples, "accuracy").value is None
    assert all(each.value is None for each in samples if each.metric in ("curve_accuracy", "accuracy_at_length"))
    assert 0.01 < (found(samples, "loss").value or 0) < 2
    assert found(samples, "steps_to_solve").value is None
    assert not any(each.metric == "best_accuracy" for each in samples)


def test_a_task_that_was_not_solved_has_no_steps_to_solve() -> None:
    samples = trained(case(steps=4))
    assert found(samples, "steps_to_solve").value is None
    assert found(samples, "seconds_to_solve").value is None


@pytest.mark.long
@pytest.mark.parametrize("seq_len", [16, 100, 512])
def test_all_lengths_are_tested_on_as_many_examples_and_none_that_is_trained_on(seq_len: int) -> None:
    of = case(seq_len=seq_len)
    batches = list(measure.held_out(of, of.sizes, 0))
    assert all(batch.inputs.numel() <= 1 << 14 for batch in batches)
    tested = torch.cat([batch.inputs for batch in batches])
    assert EXAMPLES <= len(tested) < 2 * EXAMPLES
    trained_on = {tuple(row) for step in range(8) for row in measure.data_of(of, 0).batch(step).inputs.tolist()}
    assert not trained_on & {tuple(row) for row in tested.tolist()}


def test_seconds_to_solve_are_those_up_to_the_evaluation_from_which_on_it_stays_solved() -> None:
    """Solved after 2 steps, lost again, and solved from 6 on."""
    of = case(steps=8)
    training = measure.begun(of, measure.shape_of(of), 0)
    accuracies = [0.5, 0.995, 0.98, SOLVED_ACCURACY, 1.0]
    curve = [Point(2 * i, 0, 1.5 * i, None, 0.1, accuracy) for i, accuracy in enumerate(accuracies)]
    training.course = Course(step=8, seconds=6.25, curve=curve, ending=DONE)
    samples = list(measure.samples(of, training, 0))
    assert found(samples, "steps_to_solve").value == 6
    assert found(samples, "seconds_to_solve").value == 4.5
    assert found(samples, "train_seconds").value == 6.25


# Lengths that were not trained


@pytest.mark.long
def test_learned_positions_end_where_training_did_and_that_is_said() -> None:
    samples = trained(case("attention", test_seq_len="12,32"))
    for length in (12, 16):
        assert found(samples, "accuracy_at_length", length=length).value is not None
    beyond = found(samples, "accuracy_at_length", length=32)
    assert beyond.value is None
    assert "not tested at 32 tokens" in beyond.warnings[0]
    assert "position" in beyond.warnings[0]


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("attention", {"positions": "rotary"}),
        ("attention", {"positions": "alibi"}),
        ("attention", {"token_positions": "none"}),
        ("lstm", {}),
        ("mingru", {}),
    ],
)
def test_what_knows_of_places_by_itself_goes_on(model: str, fields: dict[str, Any]) -> None:
    samples = trained(case(model, test_seq_len="32,64", steps=2, **fields))
    values = [each.value for each in samples if each.metric == "accuracy_at_length"]
    assert len(values) == 3
    assert None not in values


# Memory


def test_a_state_that_is_too_small_has_a_best_accuracy_below_1() -> None:
    """Two numbers of 32 bits against 40 symbols of 3 bits."""
    of = case("lstm", "copy", d_model=1, seq_len=100, num_symbols=40, match="none", test_seq_len="100", steps=2)
    samples = trained(of)
    best = found(samples, "best_accuracy").value
    assert found(samples, "state_bits").value == 64
    assert best == bounds.best_accuracy(find("copy"), of.sizes, 64)
    assert best is not None
    assert 1 / 8 < best < 1


def test_attention_remembers_all_tokens() -> None:
    """Keys and values of each of them: nothing is out of reach."""
    samples = trained(case("attention", "copy", seq_len=32, steps=2, test_seq_len="32"))
    assert (found(samples, "state_bits").value or 0) >= 2 * 32 * 32 * 8
    assert found(samples, "best_accuracy").value == 1


def test_what_has_no_state_has_no_bits() -> None:
    samples = trained(case("trainings:Counts", steps=2))
    assert not any(each.metric in ("state_bits", "best_accuracy") for each in samples)


# Equal parameters


@pytest.mark.long
@pytest.mark.parametrize("model", TRAINED)
def test_widths_match_the_parameters_of_attention(model: str) -> None:
    """No multiple of the step beside it comes nearer."""
    of, spec = (
        case(model, "mqar", d_model=64, num_heads=4, num_layers=2, seq_len=32, match="params"),
        registry.find(model),
    )
    target = num_params(registry.find(BASELINE), measure.shape_of(dataclasses.replace(of, model=BASELINE)))
    step = build.width_step(spec, of.shape)
    width = measure.shape_of(of).layer.d_model

    def away(width: int) -> int:
        alone = dataclasses.replace(of, d_model=width, match="none")
        return abs(num_params(spec, measure.shape_of(alone)) - target)

    assert width % step == 0
    assert all(away(width) <= away(other) for other in (width - step, width + step) if other > 0)


def test_widths_stay_where_nothing_is_to_be_matched() -> None:
    assert measure.shape_of(case("gru", d_model=24, match="none")).layer.d_model == 24
    assert measure.shape_of(case(BASELINE, d_model=24)).layer.d_model == 24


# How it ends and goes on


def test_a_loss_that_becomes_nan_is_a_fault_with_its_step() -> None:
    with pytest.raises(CaseFault, match="the loss became nan at step 8 of 20") as raised:
        trained(case("trainings:Diverges", match="none"))
    assert raised.value.status == "failed"


@pytest.mark.long
@pytest.mark.usefixtures("short_stretches")
def test_a_reader_is_told_how_far_it_is_and_then_what_it_came_to() -> None:
    told = list(measure.train(case(), 0, None))
    stretches = [each for each in told if isinstance(each, Progress)]
    assert told[: len(stretches)] == stretches
    assert [each.step for each in stretches] == list(range(1, 21))
    assert [each.over for each in stretches] == [False] * 19 + [True]
    assert all(math.isfinite(each.loss) and each.tokens_per_second > 0 for each in stretches)
    assert [each.seconds for each in stretches] == sorted(each.seconds for each in stretches)


@pytest.mark.long
@pytest.mark.usefixtures("short_stretches")
@pytest.mark.parametrize("cut_off", [1, 7, 19])
def test_a_training_that_was_cut_off_goes_on_bit_for_bit(cut_off: int, tmp_path: Path) -> None:
    of = case(steps=40)  # evaluated and kept every second step
    list(itertools.islice(measure.train(of, 3, tmp_path / "kept"), cut_off))
    assert untimed(trained(of, 3, tmp_path / "kept")) == untimed(trained(of, 3))


@pytest.mark.long
def test_a_training_that_has_ended_is_not_trained_again(tmp_path: Path) -> None:
    assert trained(case(), 0, tmp_path / "kept") == trained(case(), 0, tmp_path / "kept")


# What is learnt


def at_random(spec: Any, sizes: Any, seed: int, split: str, index: int, number: int) -> Batch:
    """A batch whose answers have nothing to do with its inputs."""
    batch = draw(spec, sizes, seed, split, index, number)
    generator = torch.Generator().manual_seed(1000 * index + {TRAIN: 1, TEST: 2}[split])
    low = sizes.vocab_size // 2  # the values of mqar
    targets = torch.randint(low, sizes.vocab_size, batch.targets.shape, generator=generator)
    return dataclasses.replace(batch, targets=targets)


@pytest.mark.long
def test_answers_drawn_at_random_are_guessed_as_often_as_chance_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within five standard deviations of 1,024 guesses."""
    NAMESPACES.see()  # or what is put there would be taken for what belongs there, by tests that follow
    monkeypatch.setattr(measure, "draw", at_random)
    of = case("lstm", "mqar", seq_len=16, num_pairs=4, steps=60, learning_rate=1e-2, test_seq_len="16")
    chance = find("mqar").forms.chance(of.sizes).accuracy
    assert chance == 1 / 16
    accuracy = found(trained(of), "accuracy").value
    assert accuracy == pytest.approx(chance, abs=5 * math.sqrt(chance * (1 - chance) / 1024))


@pytest.mark.slow
@pytest.mark.parametrize(("model", "steps"), [("lstm", 1200), ("attention", 300)])
def test_copy_at_lag_1_is_learnt(model: str, steps: int) -> None:
    of = case(
        model,
        "copy",
        seq_len=9,
        num_symbols=4,
        d_model=32,
        num_layers=2,
        batch_size=32,
        steps=steps,
        learning_rate=1e-2,
        test_seq_len="9",
    )
    samples = trained(of)
    assert (found(samples, "accuracy").value or 0) >= SOLVED_ACCURACY
    assert (found(samples, "steps_to_solve").value or 0) > 0


def test_a_damaged_checkpoint_says_what_to_remove_and_no_folder_above_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "trained" / "one"
    folder.mkdir(parents=True)
    (folder / checkpoint.NAME).write_text("nothing")
    with pytest.raises(CaseFault, match="remove trained/one of the run") as fault:
        trained(case(), folder=folder)
    assert fault.value.reason.startswith("trained/one/checkpoint.json is damaged")
    assert str(tmp_path) not in fault.value.reason


class Summed(torch.nn.Module):
    """A running sum, with steps that are its forward."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(d_model, d_model)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x).cumsum(1)

    def initial_state(self, batch_size: int) -> torch.Tensor:
        return torch.zeros(batch_size, self.inner.out_features)

    def step(self, x_t: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        state = state + self.inner(x_t)
        return state, state


class Forgetful(Summed):
    """Its steps remember nothing, its forward does."""

    def step(self, x_t: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.inner(x_t), state[:, :1]


class Stuck(Summed):
    """It cannot step."""

    def step(self, x_t: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        raise RuntimeError("no steps yet")


@pytest.mark.parametrize(("layer", "reason"), [("Forgetful", "its steps are not its forward"), ("Stuck", "no steps")])
def test_a_state_that_ones_own_layer_does_not_go_by_bounds_nothing_and_costs_no_training(
    layer: str, reason: str
) -> None:
    samples = trained(case(f"{__name__}:{layer}", "copy", seq_len=24, positions="rotary"))
    bits = found(samples, "state_bits")
    assert bits.value is None
    assert reason in bits.warnings[0]
    assert not [each for each in samples if each.metric == "best_accuracy"]
    assert found(samples, "accuracy").value is not None


def test_the_state_of_ones_own_layer_is_counted_in_bits() -> None:
    of = case(f"{__name__}:Summed", "copy", seq_len=24, positions="rotary", match="none")
    assert found(trained(of), "state_bits").value == 8 * 4 * of.d_model
