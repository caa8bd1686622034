"""Losses and accuracies of models whose answers are known beforehand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from training_data import LENGTH, VOCABULARY, recall

from rnn_vs_attn.tasks.drawing.batches import Batch
from rnn_vs_attn.training.objectives import Classes, Numbers, asked_of, outputs, score

CPU = torch.device("cpu")


class Says(nn.Module):
    """The same for every token: logits of a row, or a number."""

    def __init__(self, row: Tensor) -> None:
        super().__init__()
        self.row = row

    def forward(self, inputs: Tensor) -> Tensor:
        return self.row.expand(*inputs.shape[:2], -1)


class Copies(nn.Module):
    """Logits of 9 for each token itself and 0 for all others."""

    def forward(self, inputs: Tensor) -> Tensor:
        return 9.0 * F.one_hot(inputs, VOCABULARY)


def test_a_uniform_model_has_the_loss_of_chance() -> None:
    found = score(Says(torch.zeros(VOCABULARY)), Classes(), [recall(0), recall(1)], CPU)
    assert found.loss == pytest.approx(math.log(VOCABULARY), rel=1e-6)


def test_a_model_that_copies_its_input_is_right_nowhere_but_where_nothing_is_asked() -> None:
    """Of `recall` it says 0 at the last position, and what is asked for never is; where all counted it had 5 of 6."""
    drawn = recall(0, batch_size=200)
    assert score(Copies(), Classes(), [drawn], CPU).accuracy == 0
    everywhere = Batch(drawn.inputs, drawn.inputs, torch.ones_like(drawn.answers))
    assert score(Copies(), Classes(), [everywhere], CPU).accuracy == 1
    wrong_place = Batch(drawn.inputs, drawn.targets, ~drawn.answers)  # the first token, asked for at places before
    expected = (drawn.inputs[:, :-1] == drawn.inputs[:, :1]).double().mean().item()
    assert score(Copies(), Classes(), [wrong_place], CPU).accuracy == pytest.approx(expected)


def test_tokens_without_an_answer_are_outside_of_the_loss_and_its_gradient() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4, LENGTH, VOCABULARY, requires_grad=True)
    drawn = recall(0, batch_size=4)

    class Given(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return logits

    loss = Classes().loss(Given(), asked_of(drawn, CPU))
    by_hand = -sum(logits[b, -1].log_softmax(0)[drawn.inputs[b, 0]] for b in range(4)) / 4
    torch.testing.assert_close(loss, by_hand)
    loss.backward()
    assert logits.grad is not None
    assert not logits.grad[:, :-1].any()
    assert logits.grad[:, -1].all()


def test_batches_count_by_their_answers() -> None:
    """One answer of loss 0 and three of ln 2: 3/4 ln 2, whatever batches they come in."""
    row, ids = torch.tensor([0.0, -200.0]), torch.zeros(1, 1, dtype=torch.long)
    here = torch.ones(1, 1, dtype=torch.bool)
    sure = Batch(ids, ids, here)
    wrong = Batch(ids.expand(1, 3), torch.ones(1, 3, dtype=torch.long), here.expand(1, 3))
    found = score(Says(row), Classes(), [sure, wrong], CPU)
    assert (found.loss, found.accuracy) == (150.0, 0.25)


def test_a_constant_has_the_variance_of_numbers_as_its_loss() -> None:
    """Of the sum of two numbers between 0 and 1, which is 1 in the mean: 1/6. Source: the adding problem's baseline."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(40000, 2, 1, generator=generator)
    answers = torch.tensor([False, True]).expand(40000, 2)
    drawn = Batch(inputs, inputs.sum((1, 2)), answers)
    found = score(Says(torch.ones(1)), Numbers(), [drawn], CPU)
    assert found.loss == pytest.approx(1 / 6, rel=0.02)
    assert found.accuracy is None
    loss = Numbers().loss(Says(torch.ones(1)), asked_of(drawn, CPU))
    torch.testing.assert_close(loss, ((drawn.targets - 1) ** 2).mean())


def test_answers_are_taken_in_the_order_of_their_places() -> None:
    ids = torch.arange(6).view(2, 3)
    answers = torch.tensor([[False, True, False], [True, False, True]])
    asked = asked_of(Batch(ids, 10 * ids, answers), CPU)
    assert asked.targets.tolist() == [10, 30, 50]
    assert asked.places is not None
    assert asked.places.tolist() == [1, 3, 5]
    assert asked_of(Batch(ids, ids, torch.ones_like(answers)), CPU).places is None


def test_models_that_take_places_are_asked_there_only() -> None:
    class Taking(Copies):
        takes_places = True

        def forward(self, inputs: Tensor, places: Tensor | None = None) -> Tensor:  # type: ignore[override]
            assert places is not None
            return super().forward(inputs).flatten(0, 1)[places]

    asked = asked_of(recall(0), CPU)
    assert torch.equal(outputs(Taking(), asked), outputs(Copies(), asked))


def test_a_batch_without_answers_and_no_batch_are_refused() -> None:
    drawn = recall(0)
    with pytest.raises(ValueError, match="a batch has answers"):
        asked_of(Batch(drawn.inputs, drawn.targets, torch.zeros_like(drawn.answers)), CPU)
    with pytest.raises(ValueError, match="just one in each"):
        asked_of(Batch(drawn.inputs, torch.zeros(16), ~drawn.answers), CPU)
    with pytest.raises(ValueError, match="there is no batch"):
        score(Copies(), Classes(), [], CPU)


def test_a_model_is_in_its_mode_again_after_it_was_scored() -> None:
    seen = []

    class Sees(Copies):
        def forward(self, inputs: Tensor) -> Tensor:
            seen.append((self.training, torch.is_grad_enabled()))
            return super().forward(inputs)

    model = Sees()
    score(model, Classes(), [recall(0)], CPU)
    assert seen == [(False, False)]
    assert model.training
