"""Which commands take which models: what `models` lists is accepted, and what it does not list is refused in words."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from rnn_vs_attn.ab.options import SUITE
from rnn_vs_attn.ab.stages import NAME
from rnn_vs_attn.cli import models
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.registry import BUILT_IN, find
from rnn_vs_attn.models.spec import ModelSpec
from rnn_vs_attn.run import cases
from rnn_vs_attn.suites import SUITES, takers
from rnn_vs_attn.suites.suite import Suite

OWN = ModelSpec("layers:RunningMean", "user", "layers:RunningMean", "your own module")
EVERY = pytest.mark.parametrize("spec", [*BUILT_IN, OWN], ids=lambda spec: spec.name)
CHOOSING = {suite.command: suite for suite in SUITES if not takers.models_of(suite)} | {NAME: SUITE}
FIXED = {suite.command: suite for suite in SUITES if takers.models_of(suite)}


def check(suite: Suite, model: str) -> None:
    """As the command does with `--model` and nothing else."""
    fields = dataclasses.fields(suite.axes.case)
    given: dict[str, Any] = {
        f.name: f.default if isinstance(f.default, bool) else [str(f.metadata.get("typed") or f.default)]
        for f in fields
    }
    axes = cases.parse(suite, given | {"model": [model], "threads": ["1"]})
    cases.check(suite, axes, force=False)
    suite.axes.check(axes)
    assert {case.model for case in cases.cases_of(suite, axes)} == {model}


@pytest.mark.long
@EVERY
@pytest.mark.parametrize("command", CHOOSING)
def test_a_command_accepts_what_is_listed_for_it_and_refuses_the_rest_with_a_way_out(
    spec: ModelSpec, command: str
) -> None:
    listed = models.commands(spec, decodes=True)
    if command in listed:
        check(CHOOSING[command], spec.name)
        return
    with pytest.raises(UserError) as caught:
        check(CHOOSING[command], spec.name)
    sentence = str(caught.value)
    assert sentence.startswith(f"{spec.name} ")
    assert f"rnn-vs-attn {listed[0]} " in sentence


@pytest.mark.long
@EVERY
@pytest.mark.parametrize("command", FIXED)
def test_a_command_without_a_choice_of_model_is_listed_for_those_that_it_measures(
    spec: ModelSpec, command: str
) -> None:
    """By the cases that it would run in all of its settings."""
    suite = FIXED[command]
    axes = {f.name: list(f.metadata.get("choices") or (f.default,)) for f in dataclasses.fields(suite.axes.case)}
    measured = {case.model for case in cases.cases_of(suite, axes)}
    assert (spec.name in measured) == (command in models.commands(spec, decodes=True))


@EVERY
def test_every_model_can_be_measured_by_something(spec: ModelSpec) -> None:
    assert models.commands(spec, decodes=True)


@pytest.mark.parametrize(
    ("model", "commands"),
    [
        ("lstm", ["bench", "gradflow", "scaling", "recall", "decode", "lm", "ab"]),
        ("lstm-lm", ["decode", "lm"]),
        ("gpt", ["decode", "variants transformer-xl", "variants gpt", "lm"]),
        ("transformer-xl", ["decode", "variants transformer-xl", "lm"]),
        ("albert", ["variants albert"]),
    ],
)
def test_the_commands_of_a_model(model: str, commands: list[str]) -> None:
    assert models.commands(find(model), decodes=True) == commands


def test_what_carries_no_state_is_not_decoded() -> None:
    assert models.commands(OWN, decodes=False) == ["bench", "gradflow", "scaling", "recall", "lm", "ab"]
