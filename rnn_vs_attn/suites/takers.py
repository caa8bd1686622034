"""Which suites take which models, as the suites declare it; no torch."""

from __future__ import annotations

import dataclasses

from rnn_vs_attn.models.spec import CONFIGURED, ENCODER, LANGUAGE, TRAINED, ModelSpec
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.suite import Suite


def models_of(suite: Suite) -> tuple[str, ...]:
    """The models that a suite measures in any of its settings, where it leaves no choice of model; () where it does."""
    fields = dataclasses.fields(suite.axes.case)
    if not any(field.name == "model" and field.metadata.get("fixed") for field in fields):
        return ()
    plain = suite.axes.case()
    choices = [(field.name, choice) for field in fields for choice in field.metadata.get("choices", ())]
    settings = [plain, *(dataclasses.replace(plain, **{name: choice}) for name, choice in choices)]
    return tuple(dict.fromkeys(suite.axes.complete(case).model for case in settings))


def taking(spec: ModelSpec, decodes: bool = True) -> list[Suite]:
    """The suites that measure a model. decodes: whether it carries a state from token to token."""
    return [suite for suite in SUITES if not _reason(suite, spec) and (decodes or not suite.axes.needs_state)]


def refusal(suite: Suite, spec: ModelSpec) -> str:
    """Why a suite does not measure a model, and what does; "" where it does."""
    reason = _reason(suite, spec)
    if not reason:
        return ""
    other = taking(spec)[0]
    return f"{reason}; rnn-vs-attn {other.command} {'measures' if models_of(other) else 'takes'} it"


def _reason(suite: Suite, spec: ModelSpec) -> str:
    only = models_of(suite)
    if only:
        return "" if spec.name in only else f"{suite.command} measures {' and '.join(only)}"
    if spec.family == ENCODER:
        return f"{spec.name} takes token ids and predicts none"
    if spec.family == LANGUAGE and LANGUAGE not in suite.axes.takes:
        return f"{spec.name} is a language model, from token ids to logits, and {suite.name} measures layers"
    if spec.family in (CONFIGURED, TRAINED) and spec.family not in suite.axes.takes:
        return f"{spec.name} takes token ids, and {suite.name} measures layers"
    return ""
