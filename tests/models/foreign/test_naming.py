"""Names of models with arguments: taken apart, put together, made out of --model-arg."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.foreign.naming import argument, joined, names_in, split, with_arguments
from rnn_vs_attn.models.registry import find

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
NAMES = st.from_regex(r"[a-z_]{3,8}x", fullmatch=True)


@pytest.mark.long
@settings(max_examples=30, deadline=None)
@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=3))
def test_a_name_is_taken_apart_as_it_was_put_together(arguments: dict[str, Any]) -> None:
    for path in ("torch.nn:GRU", "a (1)/layer.py:Layer", "hf:some/folder"):
        assert split(joined(path, arguments)) == (path, arguments)
        assert names_in(f"lstm, {joined(path, arguments)},gru") == ["lstm", joined(path, arguments), "gru"]


def test_a_bracket_that_stays_open_holds_no_list_together() -> None:
    assert names_in("a(b.py:C, lstm") == ["a(b.py:C", "lstm"]


@pytest.mark.parametrize("name", ["lstm", "a.b:C", "a(1).py:C", "a:C()", "a:C(1)", "a:C(b=open)", "(a=1)", "a:C(b=1"])
def test_what_ends_with_no_arguments_is_a_name(name: str) -> None:
    assert split(name) == (name, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bias=False", ("", "bias", False)),
        ("layout=NLC", ("", "layout", "NLC")),
        ("layout='a=b:c'", ("", "layout", "a=b:c")),
        ("sizes=[1, 2]", ("", "sizes", [1, 2])),
        ("torch.nn:GRU:bias=False", ("torch.nn:GRU", "bias", False)),
        ("C:/x/layer.py:Layer:mode=a:b", ("C:/x/layer.py:Layer", "mode", "a:b")),
        ("a:C(b=1):mode=fast", ("a:C(b=1)", "mode", "fast")),
    ],
)
def test_an_argument_is_a_literal_or_a_word(text: str, expected: tuple[str, str, Any]) -> None:
    found = argument(text)
    assert (found.model, found.name, found.value) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bias", "is not NAME=VALUE"),
        ("=3", "is not NAME=VALUE"),
        ("torch.nn:GRU:=3", "is not NAME=VALUE"),
        ("a b=3", "is not NAME=VALUE"),
        ("bias=", "gives no value"),
        ("sizes=[1,", "gives no value"),
        ("scale=1e999", "gives 1e999, which no name can hold"),
    ],
)
def test_an_argument_that_is_none_is_one_sentence(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        argument(text)


def test_other_values_of_one_name_make_a_model_each() -> None:
    models, texts = ["lstm", "a:B", "a:C(mode='x')"], ["size=1", "size=2", "size=1", "a:C:mode=y", "a:C:size=2"]
    assert with_arguments(models, models[1:], texts) == [
        "lstm",
        "a:B(size=1)",
        "a:B(size=2)",
        "a:C(mode='y', size=1)",
        "a:C(mode='y', size=2)",
    ]
    assert with_arguments(["a:B"], ["a:B"], ["on=1", "on=True"]) == ["a:B(on=1)", "a:B(on=True)"]


@pytest.mark.parametrize(
    ("models", "text", "said"),
    [
        (["lstm"], "size=1", "is for no model: none that is named is your own or a package's"),
        (["lstm", "a:Bee"], "a:Be:size=1", "unknown model of --model-arg 'a:Be'; did you mean 'a:Bee'?"),
        (["lstm", "a:Bee"], "lstm:size=1", "unknown model of --model-arg 'lstm'"),
    ],
)
def test_an_argument_for_no_model_is_refused(models: list[str], text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        with_arguments(models, models[1:], [text])


def test_a_model_is_found_by_its_name_with_arguments() -> None:
    spec = find("torch.nn:GRU(bias=False)")
    assert (spec.name, spec.target, spec.arguments) == ("torch.nn:GRU(bias=False)", "torch.nn:GRU", {"bias": False})
    with pytest.raises(UserError, match="model 'lstm' is built in and takes no arguments"):
        find("lstm(bias=False)")
    with pytest.raises(UserError, match=r"file\.py:ClassName, and what it is built with as ClassName\(name=value\)"):
        find("torch.nn:GRU(bias)")
