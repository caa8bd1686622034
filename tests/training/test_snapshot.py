"""Trainings kept and gone on with, bit for bit; models loaded; what does not fit is refused."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from training_data import DATA, SHAPE, recall, same, training, weights

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.tasks.drawing.batches import Batch
from rnn_vs_attn.training import loop
from rnn_vs_attn.training.checkpoint import read
from rnn_vs_attn.training.course import DONE, STOPPED
from rnn_vs_attn.training.loop import Training
from rnn_vs_attn.training.objectives import Classes
from rnn_vs_attn.training.plan import TrainingPlan
from rnn_vs_attn.training.snapshot import load, resume, save
from rnn_vs_attn.training.token_model import positioned

PLAN = TrainingPlan(steps=9, learning_rate=0.01, warm_up=2, evaluate_every=4, batch_size=16, seed=3)
FIELDS = asdict(SHAPE)


class Drops(nn.Module):
    """A training's model behind dropout, which draws in every step."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: Tensor) -> Tensor:
        return nn.functional.dropout(self.inner(inputs), 0.3, self.training)


def dropping() -> Training:
    return Training(Drops(training(PLAN, "gru").model), Classes(), PLAN)


@pytest.mark.long
@pytest.mark.parametrize("step", [0, 3, 4, 6, 8])
def test_what_was_interrupted_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """At an evaluation, between two, and before the first step, with dropout's random numbers."""
    whole = dropping()
    whole.run(DATA)
    monkeypatch.setattr(loop, "WINDOW_STEPS", 1)
    first = dropping()
    if step:
        first.run(DATA, stop=lambda: first.course.step == step)
        assert (first.course.step, first.course.ending) == (step, STOPPED)
    save(tmp_path, first, "gru", FIELDS)
    torch.manual_seed(99)
    second = dropping()
    with torch.no_grad():
        for parameter in second.model.parameters():
            parameter.zero_()
    resume(tmp_path, second, "gru", FIELDS)
    assert second.run(DATA).ending == DONE
    assert same(weights(whole), weights(second))
    curves = [[replace(point, seconds=0) for point in each.course.curve] for each in (whole, second)]
    assert curves[0] == curves[1]


@pytest.mark.long
def test_what_a_kill_leaves_is_the_last_evaluation(tmp_path: Path) -> None:
    """A batch that cannot be drawn stands for the kill, after the checkpoint of step 4."""
    whole, killed = training(PLAN), training(PLAN)
    whole.run(DATA)

    def batch(step: int) -> Batch:
        if step == 6:
            raise KeyboardInterrupt
        return recall(step)

    with pytest.raises(KeyboardInterrupt):
        killed.run(replace(DATA, batch=batch), keep=lambda t: save(tmp_path, t, "lstm", FIELDS))
    assert read(tmp_path).course.step == 4
    again = training(PLAN)
    resume(tmp_path, again, "lstm", FIELDS)
    again.run(DATA)
    assert same(weights(whole), weights(again))


@pytest.mark.long
@pytest.mark.parametrize("model", ["attention", "lru", "mamba2", "lstm+attention"])
def test_a_model_is_loaded_with_its_weights_from_its_folder_alone(tmp_path: Path, model: str) -> None:
    trained = training(replace(PLAN, steps=2, warm_up=0), model)
    trained.run(DATA)
    save(tmp_path, trained, model, asdict(positioned(find(model), SHAPE)), task="recall")
    torch.manual_seed(5)
    found, kept = load(tmp_path)
    ids = recall(0).inputs
    with torch.no_grad():
        assert torch.equal(found(ids), trained.model(ids))
    assert (kept.about, kept.torch, kept.course.step) == ({"task": "recall"}, torch.__version__, 2)


def test_any_reader_of_safetensors_finds_the_weights_by_name(tmp_path: Path) -> None:
    trained = training(PLAN)
    save(tmp_path, trained, "lstm", FIELDS)
    (file,) = tmp_path.glob("*.safetensors")
    found = load_file(file)
    assert torch.equal(found["model.head.weight"], trained.model.head.weight)


@pytest.mark.long
def test_weights_that_are_shared_or_complex_are_kept(tmp_path: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = self.other = nn.Linear(8, 8)
            self.turn = nn.Parameter(torch.randn(8, dtype=torch.complex64))

        def forward(self, inputs: Tensor) -> Tensor:
            x = nn.functional.one_hot(inputs, 8).float()
            return self.other(self.one(x)) + (x * self.turn).real

    torch.manual_seed(0)
    whole, parts, again = (Training(Tied(), Classes(), PLAN) for _ in range(3))
    for each in (parts, again):
        each.model.load_state_dict(whole.model.state_dict())
    parts.run(DATA, stop=lambda: True)
    save(tmp_path, parts, "tied", {})
    resume(tmp_path, again, "tied", {})
    assert parts.course.step == 4
    for each in (whole, again):
        each.run(DATA)
    assert same(weights(whole), weights(again))


@pytest.mark.parametrize(
    ("model", "shape", "plan", "said"),
    [
        ("gru", {}, PLAN, "is of 'lstm', not of 'gru'"),
        ("lstm", {"inner_width": 8}, PLAN, "has inner_width 16, not 8"),
        ("lstm", {}, replace(PLAN, seed=4), "was trained by another plan"),
    ],
)
def test_another_model_shape_or_plan_is_refused(
    tmp_path: Path, model: str, shape: dict[str, int], plan: TrainingPlan, said: str
) -> None:
    save(tmp_path, training(PLAN), "lstm", FIELDS)
    with pytest.raises(UserError, match=said):
        resume(tmp_path, training(plan), model, FIELDS | shape)


def test_a_model_that_is_built_otherwise_now_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    """A user's module that was edited since: of the same name, with other weights."""
    save(tmp_path, training(PLAN, "lstm"), "mine", FIELDS)
    for name in ("gru", "mingru"):
        other = training(PLAN, name)
        before = weights(other)
        with pytest.raises(UserError, match="is of another model than is built now: "):
            resume(tmp_path, other, "mine", FIELDS)
        assert same(weights(other), before)
        assert other.course.step == 0


def test_a_checkpoint_of_something_else_is_no_model_of_tokens(tmp_path: Path) -> None:
    save(tmp_path, training(PLAN), "lstm", {"vocab_size": 8})
    with pytest.raises(UserError, match="is of no model of tokens: KeyError: 'layer'"):
        load(tmp_path)


def test_a_state_that_is_no_tensor_is_one_sentence(tmp_path: Path) -> None:
    class Says(nn.Linear):
        def get_extra_state(self) -> str:
            return "more"

        def set_extra_state(self, state: object) -> None:
            """As torch asks for both."""

    with pytest.raises(UserError, match="has '_extra_state', which is no tensor"):
        save(tmp_path, Training(Says(2, 2), Classes(), PLAN), "says", {})
