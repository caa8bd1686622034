"""What is read from a class: its overloads, and the parameters of bases that its **kwargs reach."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import foreign
from torch import nn

from rnn_vs_attn.models.foreign.signatures import NEEDED_BY_A_BASE, required, signature_of


def test_overloads_tell_what_the_implementation_does_not() -> None:
    found = signature_of(nn.GRU)
    assert [n for n, p in found.parameters.items() if required(p)] == ["input_size", "hidden_size"]
    assert not found.open


def test_keywords_are_followed_to_the_bases_but_for_what_a_class_settles_itself() -> None:
    encoder, decoder = signature_of(foreign.Encoder), signature_of(foreign.Decoder)
    assert list(encoder.parameters) == ["dim", "depth", "heads"]  # a base has its width and layers by place
    assert list(decoder.parameters) == ["dim", "depth", "heads", "mode"]
    assert encoder.parameters["dim"].default is NEEDED_BY_A_BASE
    assert encoder.parameters["heads"].default == 8


def test_what_has_no_signature_takes_anything() -> None:
    found = signature_of(dict)
    assert (dict(found.parameters), found.open) == ({}, True)


def test_what_is_given_already_is_not_asked_for() -> None:
    given = functools.partial(nn.GRU, 3, bias=False)
    names = list(signature_of(given).parameters)
    assert names[:3] == ["hidden_size", "num_layers", "batch_first"]


def test_names_that_begin_with_an_underscore_are_not_given() -> None:
    def target(dim: int, _inner: int = 3, *rest: Any) -> None: ...

    assert list(signature_of(target).parameters) == ["dim"]
    assert list(inspect.signature(target).parameters) == ["dim", "_inner", "rest"]
