"""FLOPs of a layer's passes: counted where they can be, unknown where they cannot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from rnn_vs_attn.measure.operations import flops
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models.build import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.suites import layer_passes
from rnn_vs_attn.suites.bench import measure
from rnn_vs_attn.suites.bench.case import BenchCase


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
