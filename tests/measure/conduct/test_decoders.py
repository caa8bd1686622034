"""What steps do to what they are given, and what timed calls are given for it."""

from __future__ import annotations

from typing import Any

import habits
import pytest
import torch
from decoders import habit
from torch import nn

from rnn_vs_attn.measure.conduct import decoders
from rnn_vs_attn.measure.conduct.layers import IN_PLACE, REMEMBERS
from rnn_vs_attn.measure.timing import decoding
from rnn_vs_attn.records.timing import Care
from rnn_vs_attn.suites.decode import measure


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "care", "said"),
    [
        ("Decodes", Care(), []),
        ("StepHandsOutItsState", Care(), []),
        ("StepInPlaceOnInput", Care(in_place=True), [IN_PLACE]),
        ("KeepsItsStart", Care(changes=("start",)), ["a call changes start"]),
        ("StepKeepsProjection", Care(remembers=True, changes=("last", "kept")), [REMEMBERS, "a call changes last"]),
        ("RandomStep", Care(), []),
    ],
)
def test_what_a_step_does_to_what_it_is_given_is_seen(name: str, care: Care, said: list[str]) -> None:
    made = measure.decoder(habit(name), 0)
    found = decoders.renew_between_calls(made)
    assert made.care == care
    assert len(found) == len(said)
    assert all(text.startswith(begin) for text, begin in zip(found, said, strict=True))


@pytest.mark.long
def test_each_timed_step_of_a_layer_that_remembers_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    made = measure.decoder(habit("StepKeepsProjection"), 0)
    decoders.renew_between_calls(made)
    calls = {"step": 0, "project": 0}

    def counted(name: str, real: Any) -> Any:
        def call(self: Any, *given: Any) -> Any:
            calls[name] += 1
            return real(self, *given)

        return call

    monkeypatch.setattr(habits.StepKeepsProjection, "step", counted("step", habits.StepKeepsProjection.step))
    monkeypatch.setattr(nn.Linear, "forward", counted("project", nn.Linear.forward))
    with torch.no_grad():
        decoding.steps(made, made.prefill())
    assert calls["step"] == calls["project"] > 24 + decoding.LEAST_STEPS


@pytest.mark.long
def test_each_timed_call_of_a_layer_in_place_has_the_same_input() -> None:
    made = measure.decoder(habit("StepInPlaceOnInput"), 0)
    assert made.next_input is not None
    context, following = made.context.clone(), made.next_input.clone()
    decoders.renew_between_calls(made)
    seen = []
    real = made.module.step
    made.module.step = lambda x_t, state: seen.append(x_t.clone()) or real(x_t, state)
    with torch.no_grad():
        _, after = decoding.prefills(made)
        prefilled = len(seen)
        decoding.steps(made, after)
    assert all(torch.equal(x_t, context[:, i % 24]) for i, x_t in enumerate(seen[:prefilled]))
    assert all(torch.equal(x_t, following) for x_t in seen[prefilled:])
