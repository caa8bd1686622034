"""The loop against formulas written out here, interruptions, endings, and a task that is learnt."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from training_data import DATA, LENGTH, VOCABULARY, recall, same, training, weights

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.language.token_ids import OfTokens
from rnn_vs_attn.tasks.drawing.batches import Batch
from rnn_vs_attn.training import loop
from rnn_vs_attn.training.course import DIVERGED, DONE, STOPPED, Progress, accurate, solved
from rnn_vs_attn.training.loop import Data, Training
from rnn_vs_attn.training.objectives import Classes
from rnn_vs_attn.training.plan import TrainingPlan
from rnn_vs_attn.training.token_shape import TokenShape

PLAN = TrainingPlan(steps=12, learning_rate=0.01, warm_up=3, evaluate_every=5, batch_size=16)


# Formulas


class Linear(nn.Module):
    """Logits W x + b of one-hot tokens and where they stand, flattened: a linear softmax model."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.W = nn.Parameter(torch.randn(VOCABULARY, VOCABULARY, dtype=torch.float64, generator=generator))
        self.b = nn.Parameter(torch.randn(VOCABULARY, dtype=torch.float64, generator=generator))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.W.T[inputs] + self.b


def first_is_asked(step: int) -> Batch:
    """At each token the one after it, modulo the vocabulary."""
    ids = recall(step).inputs
    return Batch(ids, (ids + 1) % VOCABULARY, torch.ones_like(ids, dtype=torch.bool))


def by_hand(plan: TrainingPlan) -> tuple[Tensor, Tensor, list[float]]:
    """W, b and losses by AdamW with decoupled decay, warm-up, cosine and clipping, gradients in closed form.

    Algorithm 2 of Loshchilov and Hutter 2019 with eta_t alpha as the learning rate in both of its places.
    """
    model = Linear()
    theta = [model.W.detach().clone(), model.b.detach().clone()]
    m, v = [0.0 * p for p in theta], [0.0 * p for p in theta]
    (beta1, beta2), epsilon, losses = plan.betas, 1e-8, []
    for t in range(1, plan.steps + 1):
        drawn = first_is_asked(t - 1)
        x = nn.functional.one_hot(drawn.inputs.flatten(), VOCABULARY).double()
        wanted = nn.functional.one_hot(drawn.targets.flatten(), VOCABULARY).double()
        said = x @ theta[0].T + theta[1]
        p = said.exp() / said.exp().sum(1, keepdim=True)
        losses.append(-(wanted * p.log()).sum(1).mean().item())
        d = (p - wanted) / len(x)
        gradients = [d.T @ x, d.sum(0)]
        norm = math.sqrt(sum((g**2).sum().item() for g in gradients))
        gradients = [g * min(1.0, plan.clip / (norm + 1e-6)) for g in gradients]
        if t <= plan.warm_up:
            rate = plan.learning_rate * t / plan.warm_up
        else:
            rate = (
                plan.learning_rate / 2 * (1 + math.cos(math.pi * (t - 1 - plan.warm_up) / (plan.steps - plan.warm_up)))
            )
        for i, decay in enumerate((plan.weight_decay, 0.0)):  # of W, and not of b
            m[i] = beta1 * m[i] + (1 - beta1) * gradients[i]
            v[i] = beta2 * v[i] + (1 - beta2) * gradients[i] ** 2
            step = (m[i] / (1 - beta1**t)) / ((v[i] / (1 - beta2**t)).sqrt() + epsilon)
            theta[i] = theta[i] - rate * step - rate * decay * theta[i]
    return theta[0], theta[1], losses


@pytest.mark.long
@pytest.mark.parametrize("clip", [0.05, 100.0])
def test_a_linear_softmax_model_is_trained_as_the_formulas_say(clip: float) -> None:
    plan = replace(PLAN, clip=clip, weight_decay=0.3, learning_rate=0.1, betas=(0.8, 0.95))
    trained = Training(Linear(), Classes(), plan)
    course = trained.run(Data(first_is_asked, [first_is_asked(99)]))
    W, b, losses = by_hand(plan)
    torch.testing.assert_close(trained.model.W.detach(), W, rtol=0, atol=1e-12)
    torch.testing.assert_close(trained.model.b.detach(), b, rtol=0, atol=1e-12)
    found = [point.train_loss for point in course.curve]
    means = [sum(part) / len(part) for part in (losses[:5], losses[5:10], losses[10:])]
    assert found[0] is None
    assert found[1:] == pytest.approx(means, rel=1e-12)


@pytest.mark.long
def test_gradients_are_clipped_to_a_norm_of_all_together_and_shorter_ones_left() -> None:
    """Without momentum's memory a step is the sign of the gradient, so that clipping is seen in the averages."""
    for clip, most in ((0.01, 0.01), (0.0, math.inf)):
        trained = training(replace(PLAN, steps=1, warm_up=0, clip=clip))
        trained.run(DATA)
        first = [state["exp_avg"] / 0.1 for state in trained.optimiser.state.values()]  # (1 - beta_1) g
        norm = math.sqrt(sum((each.double() ** 2).sum().item() for each in first))
        assert norm == pytest.approx(most, rel=1e-3) if clip else norm > 0.1


def test_vectors_do_not_decay_nor_what_a_module_exempts() -> None:
    model = nn.Linear(2, 2)
    model.extra = nn.Parameter(torch.ones(2, 2))
    model.extra._no_weight_decay = True
    groups = loop.adamw(list(model.parameters()), PLAN).param_groups
    assert [[p is model.weight for p in group["params"]] for group in groups] == [[True], [False, False]]
    assert [group["weight_decay"] for group in groups] == [PLAN.weight_decay, 0.0]


# The course


@pytest.mark.long
def test_it_evaluates_before_the_first_step_every_so_many_and_after_the_last() -> None:
    course = training(PLAN).run(DATA)
    assert [point.step for point in course.curve] == [0, 5, 10, 12]
    assert [point.tokens for point in course.curve] == [step * 16 * LENGTH for step in (0, 5, 10, 12)]
    assert [course.ending, course.step, course.losses] == [DONE, 12, (0.0, 0)]
    seconds = [point.seconds for point in course.curve]
    assert seconds == sorted(seconds)
    assert all(point.accuracy is not None for point in course.curve)


def test_seconds_are_those_of_steps_alone_and_tokens_a_second_their_quotient(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that only batches move: 2 s each to train on; 100 s each to be tested on, and whatever is kept."""
    clock = [0.0]
    monkeypatch.setattr(loop, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(loop, "WINDOW_SECONDS", 5.0)

    def taking(seconds: float, batch: Batch) -> Batch:
        clock[0] += seconds
        return batch

    class HeldOut:
        def __iter__(self) -> Iterator[Batch]:
            return (taking(100.0, batch) for batch in DATA.held_out)

    def kept(_: Training) -> None:
        clock[0] += 1000.0

    told: list[Progress] = []
    data = Data(lambda step: taking(2.0, recall(step)), HeldOut())
    course = training(PLAN).run(data, watch=told.append, keep=kept)
    assert [point.seconds for point in course.curve] == [0.0, 10.0, 20.0, 24.0]
    assert course.seconds == 24.0
    assert [(each.step, each.seconds) for each in told] == [(3, 6.0), (5, 10.0), (8, 16.0), (10, 20.0), (12, 24.0)]
    assert {each.tokens_per_second for each in told} == {16 * LENGTH / 2.0}
    assert told[0].seconds_left == 18.0


@pytest.mark.long
def test_held_out_batches_are_never_trained_on_and_each_step_has_its_own() -> None:
    asked: list[int] = []

    def batch(step: int) -> Batch:
        asked.append(step)
        return recall(step)

    training(PLAN).run(Data(batch, DATA.held_out))
    assert asked == list(range(12))


def test_steps_are_in_the_mode_for_training_and_evaluations_in_that_for_inference() -> None:
    seen = []
    trained = training(replace(PLAN, steps=3, warm_up=0, evaluate_every=2))
    trained.model.register_forward_hook(lambda module, *_: seen.append(module.training))
    trained.model.eval()
    trained.run(DATA)
    assert seen == [False, True, True, False, True, False]


@pytest.mark.long
def test_a_reader_is_told_what_the_last_steps_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "WINDOW_STEPS", 2)
    told: list[Progress] = []
    course = training(PLAN).run(DATA, watch=told.append)
    assert [each.step for each in told] == [2, 4, 5, 7, 9, 10, 12]
    assert {each.steps for each in told} == {12}
    assert told[-1].seconds_left == 0
    first = (2 * told[0].loss + 2 * told[1].loss + told[2].loss) / 5
    assert course.curve[1].train_loss == pytest.approx(first, rel=1e-6)


@pytest.mark.long
def test_the_same_plan_gives_the_same_weights_however_often_losses_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    first = training(PLAN)
    first.run(DATA)
    monkeypatch.setattr(loop, "WINDOW_STEPS", 1)
    torch.manual_seed(1234)
    second = training(PLAN)
    second.run(DATA)
    assert same(weights(first), weights(second))
    curves = [[replace(point, seconds=0) for point in each.course.curve] for each in (first, second)]
    assert curves[0] == curves[1]


@pytest.mark.long
def test_what_is_drawn_meanwhile_is_of_no_account() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    training(PLAN).run(DATA)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.long
def test_it_stops_when_asked_and_goes_on_as_if_it_had_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "WINDOW_STEPS", 1)
    whole, kept = training(PLAN), []
    whole.run(DATA)
    parts = training(PLAN)
    assert parts.run(DATA, stop=lambda: parts.course.step == 7, keep=lambda t: kept.append(t.course.step)).step == 7
    assert (parts.course.ending, kept) == (STOPPED, [5, 7])
    assert parts.run(DATA).ending == DONE
    assert same(weights(whole), weights(parts))
    assert parts.course.curve[-1].train_loss == whole.course.curve[-1].train_loss
    assert parts.run(DATA) is parts.course  # what is done is left alone


# Losses that are not finite


class Breaks(Classes):
    """A loss that becomes something else at a step."""

    def __init__(self, step: int, value: float) -> None:
        self.left, self.value = step, value

    def loss(self, model: nn.Module, asked: object) -> Tensor:
        self.left -= 1
        found = super().loss(model, asked)  # type: ignore[arg-type]
        return found * self.value if self.left == 0 else found


@pytest.mark.long
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_training_and_keeps_the_curve(value: float) -> None:
    trained, kept = training(PLAN), []
    trained.objective = Breaks(7, value)
    course = trained.run(DATA, keep=lambda t: kept.append(t.course.step))
    assert course.ending == DIVERGED
    assert course.reason == f"the loss became {value} at step 7 of 12"
    assert [point.step for point in course.curve] == [0, 5]
    assert kept == [5]
    assert trained.run(DATA) is course


def test_weights_that_the_last_step_broke_are_found_on_held_out_data() -> None:
    trained = training(replace(PLAN, steps=5))
    trained.model.head.weight.register_hook(lambda gradient: gradient * (math.nan if trained.course.step == 4 else 1))
    course = trained.run(DATA)
    assert course.reason == "the loss on held-out data was nan after step 5 of 5"


# Learning


@pytest.mark.long
def test_attention_of_two_layers_learns_to_recall() -> None:
    """Chance is 1 in 15, and what was asked is one of five tokens before."""
    shape = TokenShape(Shape(1, 8, 32, num_heads=2, num_layers=2), 16, 16, inner_width=64)
    plan = TrainingPlan(steps=300, learning_rate=3e-3, warm_up=20, evaluate_every=50)

    def batch(step: int) -> Batch:
        return recall(step, batch_size=32, length=8, vocabulary=16)

    trained = training(plan, "attention", shape)
    course = trained.run(Data(batch, [batch(10**6 + i) for i in range(8)]))
    assert course.curve[0].accuracy < 0.2
    assert course.curve[-1].accuracy > 0.95
    assert solved(course.curve, accurate(0.95)) is not None


@pytest.mark.cuda
def test_on_a_gpu_it_learns_what_it_learns_on_a_cpu() -> None:
    """No step waits for the GPU: what would is an error within steps."""
    plan = replace(PLAN, steps=60, evaluate_every=30)
    losses = {}
    for device in ("cpu", "cuda"):
        trained = training(plan)
        trained = Training(trained.model.to(device), Classes(), plan)
        losses[device] = trained.run(DATA).curve[-1].loss
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=1e-2)
    trained = Training(training(plan).model.to("cuda"), Classes(), plan)
    trained._step(recall(0))
    torch.cuda.set_sync_debug_mode("error")
    try:
        trained._step(recall(1))
    finally:
        torch.cuda.set_sync_debug_mode("default")


class OfIds(OfTokens):
    """A table of logits by token, that counts how often it looks at its ids."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.looked = nn.Embedding(VOCABULARY, VOCABULARY), 0

    def forward(self, ids: Tensor) -> Tensor:
        self.looked += self.checks_ids
        y: Tensor = self.table(ids)
        return y


def test_no_step_reads_a_token_id() -> None:
    """On a GPU each of them would wait for all that was begun."""
    model = OfIds()
    model(torch.zeros(1, 1).long())
    assert model.looked == 1
    assert Training(model, Classes(), TrainingPlan(2, 0.1)).run(DATA).ending == DONE
    assert model.looked == 1
