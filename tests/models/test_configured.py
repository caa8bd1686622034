"""Names of models of transformers: what stands behind `hf:`, and the fields that a name sets."""

from __future__ import annotations

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.configured import fields_of, source_of
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import CONFIGURED


def test_a_name_is_one_whether_or_not_anything_is_there() -> None:
    spec = find("hf:no/such/folder")
    assert (spec.family, spec.name) == (CONFIGURED, "hf:no/such/folder")


@pytest.mark.parametrize(
    ("name", "source", "fields"),
    [
        ("hf:gpt2", "gpt2", {}),
        ("hf:./a folder", "./a folder", {}),
        ("hf:mamba(num_hidden_layers=4)", "mamba", {"num_hidden_layers": 4}),
        ("hf:gpt2(n_layer=2, activation_function='relu')", "gpt2", {"n_layer": 2, "activation_function": "relu"}),
    ],
)
def test_what_a_name_says(name: str, source: str, fields: dict[str, object]) -> None:
    assert (source_of(name), fields_of(name)) == (source, fields)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hf:", "names no configuration"),
        ("hf:(n_layer=2)", "names no configuration"),
        ("hf:gpt2(2)", "must be NAME=VALUE"),
        ("hf:gpt2(n_layer=2", "must be NAME=VALUE"),
        ("hf:gpt2(n_layer=open)", "must be NAME=VALUE"),
        ("hf:gpt2(**{'n_layer': 2})", "must be NAME=VALUE"),
    ],
)
def test_a_name_that_says_nothing_is_refused(name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        find(name)
