"""A state followed chunk by chunk: the same as in one piece, and where it cannot be."""

from __future__ import annotations

import flows
import pytest
import torch
from gradients import CPU, RECURRENT, D, built, distance_between, flow, jacobian_norms
from torch import nn

from rnn_vs_attn.measure.gradient.flow import by_chunks, cotangents, direct, flow_of, without_dropout
from rnn_vs_attn.models.mixer import Block, Stack

# Against autograd


@pytest.mark.long
@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("chunk", [1, 7, 128])
def test_chunks_and_one_piece_agree(name: str, chunk: int) -> None:
    module, x = built(name, num_layers=2), torch.randn(1, 100, D)
    probes = cotangents(4, D, False, CPU)
    in_chunks, in_one = by_chunks(module, x, probes, chunk), direct(module, x, probes)
    assert distance_between(in_chunks.log10, in_one.log10) < 1e-9
    assert in_chunks.beside_identity == pytest.approx(in_one.beside_identity, abs=1e-9)


@pytest.mark.long
@pytest.mark.parametrize("module", [flows.WithStep(D), flows.WithStateArgument(D)])
def test_stacks_and_blocks_of_users_layers_keep_their_state(module: nn.Module) -> None:
    stacked = without_dropout(Stack(Block(module, D), Block(flows.WithStep(D), D)).double())
    x = torch.randn(1, 40, D)
    found = flow_of(stacked, x, cotangents(1, D, True, CPU))
    assert found.route == "chunks"
    assert distance_between(found.log10, jacobian_norms(stacked, x)) < 1e-9


@pytest.mark.long
def test_many_cotangents_in_several_groups_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = built("gru"), torch.randn(1, 60, D)
    probes = cotangents(7, D, False, CPU)
    whole = [by_chunks(module, x, probes).log10, direct(module, x, probes).log10]
    for name in ("chunks", "whole"):
        monkeypatch.setattr(f"rnn_vs_attn.measure.gradient.{name}.AT_ONCE", 128)
    parts = [by_chunks(module, x, probes).log10, direct(module, x, probes).log10]
    assert distance_between(torch.stack(whole), torch.stack(parts)) < 1e-12


# What a user's module may hide


@pytest.mark.long
@pytest.mark.parametrize("length", [63, 64, 65, 127, 128])
def test_the_future_is_seen_wherever_blocks_end(length: int) -> None:
    assert any("not causal" in warning for warning in flow(flows.FutureInBlocks(D), length).warnings)
