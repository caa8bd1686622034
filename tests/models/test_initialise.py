"""Weights after an initialisation, against its definition."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy.stats import kstest
from torch import Tensor, nn

from rnn_vs_attn.models import build, initialise
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find

D = 16


def made(model: str, init: str, num_layers: int = 2, d_model: int = D, seq_len: int = 64) -> Any:
    torch.manual_seed(0)
    module = build.build(find(model), Shape(1, seq_len, d_model, 4, num_layers))
    initialise.apply(init, module, seq_len)
    return module


def gates(module: nn.Module, kind: str) -> list[Tensor]:
    """The parts of every layer's parameter of that kind, one a gate."""
    found = [p.detach() for name, p in module.named_parameters() if f".{kind}" in name]
    assert found
    return [
        part for p in found for part in p.split(module.recurrence.hidden_size if hasattr(module, "recurrence") else D)
    ]


def test_the_default_changes_nothing() -> None:
    torch.manual_seed(0)
    plain = build.build(find("lstm"), Shape(1, 64, D, 4, 2))
    for name, parameter in made("lstm", "default").named_parameters():
        assert torch.equal(parameter, dict(plain.named_parameters())[name])


@pytest.mark.parametrize(("model", "num_gates"), [("rnn", 1), ("gru", 3), ("lstm", 4), ("lstm-cell", 4)])
def test_each_gate_is_a_gain_times_an_orthogonal_matrix(model: str, num_gates: int) -> None:
    found = gates(made(model, "orthogonal:0.9"), "weight_hh")
    assert len(found) == 2 * num_gates
    for matrix in found:
        assert torch.allclose(matrix @ matrix.T, 0.81 * torch.eye(D), atol=1e-5)
    assert len({float(matrix[0, 0]) for matrix in found}) == len(found)


def test_a_gain_that_is_not_given_is_1() -> None:
    for matrix in gates(made("gru", "orthogonal"), "weight_hh"):
        assert torch.allclose(matrix @ matrix.T, torch.eye(D), atol=1e-5)


@pytest.mark.parametrize("model", ["lstm", "lstm-cell"])
@pytest.mark.parametrize(
    ("init", "changed"),
    [
        ("default", set()),
        ("orthogonal", {"weight_hh"}),
        ("forget-bias-1", {"bias_ih", "bias_hh"}),
        ("chrono", {"bias_ih", "bias_hh"}),
    ],
)
def test_an_initialisation_leaves_the_rest_as_it_was(model: str, init: str, changed: set[str]) -> None:
    module, before = made(model, init), dict(made(model, "default").named_parameters())
    other = [name for name, parameter in module.named_parameters() if not torch.equal(parameter, before[name])]
    assert {name.split(".")[-1].partition("_l")[0] for name in other} == changed
    assert len(other) == 2 * len(changed), "in both layers"
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_layers_within_residual_blocks_are_reached() -> None:
    module = build.build_blocks(find("lstm"), Shape(1, 64, D, 4, 2))
    initialise.apply("forget-bias-1", module, 64)
    biases = [p.detach()[D : 2 * D] for name, p in module.named_parameters() if ".bias_ih" in name]
    assert [bool((bias == 1).all()) for bias in biases] == [True, True]


@pytest.mark.parametrize("model", ["lstm", "lstm-cell"])
def test_a_forget_bias_of_1_is_the_sum_of_torchs_two(model: str) -> None:
    module, before = made(model, "forget-bias-1"), made(model, "default")
    sums = [a + b for a, b in zip(gates(module, "bias_ih"), gates(module, "bias_hh"), strict=True)]
    plain = [a + b for a, b in zip(gates(before, "bias_ih"), gates(before, "bias_hh"), strict=True)]
    for i, gate in enumerate(sums):
        assert torch.equal(gate, torch.ones(D) if i % 4 == 1 else plain[i])


@pytest.mark.parametrize(("init", "t_max"), [("chrono:512", 512), ("chrono", 64)])
def test_chrono_draws_time_scales_uniformly(init: str, t_max: int) -> None:
    module = made("lstm", init, num_layers=1, d_model=400)
    sums = [a + b for a, b in zip(gates(module, "bias_ih"), gates(module, "bias_hh"), strict=True)]
    assert torch.equal(sums[0], -sums[1])
    assert kstest(sums[1].exp().numpy(), "uniform", args=(1, t_max - 2)).pvalue > 0.01
    assert float(sums[1].max()) <= math.log(t_max - 1) + 1e-6


@pytest.mark.parametrize("model", ["lstm", "lstm-cell"])
def test_chrono_draws_for_every_layer_and_leaves_the_other_gates(model: str) -> None:
    module, before = made(model, "chrono"), made(model, "default")
    sums = [a + b for a, b in zip(gates(module, "bias_ih"), gates(module, "bias_hh"), strict=True)]
    plain = [a + b for a, b in zip(gates(before, "bias_ih"), gates(before, "bias_hh"), strict=True)]
    same = [torch.equal(gate, other) for gate, other in zip(sums, plain, strict=True)]
    assert same == [False, False, True, True] * 2
    forget = torch.stack([sums[1], sums[5]])
    assert torch.equal(torch.stack([sums[0], sums[4]]), -forget)
    assert not torch.equal(forget[0], forget[1])
    assert float(forget.min()) >= 0
    assert float(forget.max()) <= math.log(63) + 1e-6


def test_chrono_of_a_very_short_sequence_takes_the_least_time_scale() -> None:
    assert bool(torch.isfinite(gates(made("lstm", "chrono", seq_len=2), "bias_ih")[1]).all())


def test_every_layer_of_an_irnn_is_one() -> None:
    module = made("rnn", "identity")
    assert [torch.equal(matrix, torch.eye(D)) for matrix in gates(module, "weight_hh")] == [True, True]
    assert [float(w.std()) for w in gates(module, "weight_ih")] == pytest.approx([0.001, 0.001], rel=0.2)
    biases = [*gates(module, "bias_ih"), *gates(module, "bias_hh")]
    assert [bool(bias.any()) for bias in biases] == [False] * 4
    assert float(module(torch.ones(1, 4, D)).detach().min()) == 0.0


def test_identity_is_the_irnn() -> None:
    module = made("rnn", "identity", num_layers=1, d_model=64)
    layer = module.recurrence
    assert torch.equal(layer.weight_hh_l0, torch.eye(64))
    assert not layer.bias_ih_l0.any()
    assert not layer.bias_hh_l0.any()
    assert float(layer.weight_ih_l0.detach().std()) == pytest.approx(0.001, rel=0.1)
    with_relu = nn.RNN(64, 64, batch_first=True, nonlinearity="relu")
    with_relu.load_state_dict(layer.state_dict())
    x = torch.randn(2, 9, 64)
    assert torch.equal(module(x), with_relu(x)[0])
