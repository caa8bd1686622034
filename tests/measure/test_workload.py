"""The passes of a layer and of a model of token ids: what they hold and leave; gradients do not add up."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from rnn_vs_attn.measure.timing.clock import CPUClock
from rnn_vs_attn.measure.workload import TokenWorkload, Workload, filled, mode
from rnn_vs_attn.models.build import count_parameters
from rnn_vs_attn.models.language.albert import Albert
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.suites.variants.albert import case as albert_case
from rnn_vs_attn.suites.variants.gpt import case as gpt_case

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


def test_a_training_pass_reaches_every_weight_and_leaves_no_gradient() -> None:
    module = GPT(dataclasses.replace(gpt_case.shape_of("1x64"), vocab_size=11))
    workload = TokenWorkload.of_ids(module, torch.randint(11, (2, 5)))
    reached = []
    for parameter in module.parameters():
        parameter.register_post_accumulate_grad_hook(lambda p: reached.append(p.grad is not None))
    workload.train()
    assert len(reached) == len(list(module.parameters()))
    assert all(parameter.grad is None for parameter in module.parameters())
    with mode(workload, "forward"):
        assert workload.forward().grad_fn is None


def test_a_token_model_is_timed_by_the_clock_of_layers() -> None:
    """Each call is given the same ids, and a training call leaves no gradient behind."""
    module = GPT(dataclasses.replace(gpt_case.shape_of("1x64"), vocab_size=11))
    workload = TokenWorkload.of_ids(module, torch.randint(11, (2, 5)))
    forward, train = (CPUClock().block(workload, name, 2) for name in ("forward", "train"))
    assert forward.seconds > 0
    assert train.backward is not None
    assert 0 < train.backward < train.seconds
    assert all(parameter.grad is None for parameter in module.parameters())
    assert workload.given is workload.x


@pytest.mark.long
def test_a_filled_module_is_the_same_module_with_other_weights() -> None:
    made = filled(lambda: Albert(albert_case.SIZES["albert-base"]), torch.device("cpu"), torch.float64)
    assert count_parameters(made) == 11_683_584
    assert {(float(p.detach().min()), p.dtype) for p in made.parameters()} == {(0.01, torch.float64)}
