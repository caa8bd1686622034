"""What a call changes in a module is put back before every pass: norms do not depend on how many there were before."""

from __future__ import annotations

import copy

import drifts
import flows
import pytest
import torch
from gradients import CPU, D, distance_between, jacobian_norms, powers
from torch import nn

from rnn_vs_attn.measure.conduct.holdings import Holdings
from rnn_vs_attn.measure.gradient import flow

LENGTH = 60


def all_norms(module: nn.Module, x: torch.Tensor) -> flow.Flow:
    return flow.flow_of(module, x, flow.cotangents(4, D, True, CPU))


@pytest.mark.long
@pytest.mark.parametrize("kind", drifts.DRIFTING)
def test_a_module_whose_calls_change_it_has_the_norms_of_its_first_call(kind: type[nn.Module]) -> None:
    """A running mean or a counter had moved on by some hundred passes before the gradient was taken."""
    module, x = flow.without_dropout(kind(D)), torch.randn(1, LENGTH, D)
    expected = jacobian_norms(copy.deepcopy(module), x)
    before = copy.deepcopy(module)
    found, again = all_norms(module, x), all_norms(module, x)
    assert "a call changes " in found.warnings[0]
    assert "put back before the next one" in found.warnings[0]
    mixes = any("mixes the sequences" in text and "one at a time" in text for text in found.warnings)
    assert mixes == issubclass(kind, drifts.RunningMean)  # the mean is of all sequences
    assert not any("earlier calls" in text for text in found.warnings)
    assert distance_between(found.log10, expected) < 1e-9
    assert distance_between(again.log10, expected) < 1e-9
    assert all(torch.equal(a, b) for a, b in zip(tensors(module), tensors(before), strict=True))
    assert getattr(module, "seen", None) == getattr(before, "seen", None)


def tensors(module: nn.Module) -> list[torch.Tensor]:
    return [*module.parameters(), *module.buffers()]


@pytest.mark.long
def test_what_changes_and_is_not_computed_from_leaves_the_chunks() -> None:
    found = all_norms(flow.without_dropout(drifts.WatchesItsSteps(D)), torch.randn(1, 400, D))
    assert found.route == "chunks"
    assert found.warnings == ["a call changes largest, which is put back before the next one"]
    assert distance_between(found.log10, powers(0.9, 400)) < 1e-9


@pytest.mark.long
def test_steps_that_change_what_the_next_chunk_begins_with_are_no_state() -> None:
    found = all_norms(flow.without_dropout(drifts.DriftsFromStepToStep(D)), torch.randn(1, LENGTH, D))
    assert found.route == "direct"
    assert "taken on from its state it differs from its forward" in found.warnings[1]


@pytest.mark.long
@pytest.mark.parametrize("kind", [drifts.MakesATable, flows.LinearRNN, flows.WithStep, flows.Dropping])
def test_a_table_of_the_first_call_is_no_change(kind: type[nn.Module]) -> None:
    assert all_norms(flow.without_dropout(kind(D)), torch.randn(1, LENGTH, D)).warnings == []


@pytest.mark.long
def test_a_few_calls_more_are_all_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is copied from pass to pass of a module that changes nothing."""
    made = []
    put_back = Holdings.put_back
    monkeypatch.setattr(Holdings, "put_back", lambda self, names=None: made.append(names) or put_back(self, names))
    module, calls = flow.without_dropout(flows.LinearRNN(D)), []
    module.register_forward_hook(lambda *_: calls.append(1))
    x = torch.randn(1, LENGTH, D)
    all_norms(module, x)
    whole = len(calls)
    monkeypatch.setattr(flow, "changed_by_a_call", lambda module, x: [])
    calls.clear()
    all_norms(module, x)
    assert whole == len(calls) + 2
    assert all(names is None or not list(names) for names in made)
