"""Names of models of transformers: what stands behind `hf:`, and the fields that a name sets."""

from __future__ import annotations

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.configured import fields_of, source_of
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import CONFIGURED
from rnn_vs_attn.run.cases import with_model_arguments


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


@pytest.mark.parametrize("name", ["hf:", "hf:  ", "hf:(n_layer=2)"])
def test_a_name_that_says_nothing_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="names no configuration"):
        find(name)


def test_arguments_are_fields_and_several_values_make_a_model_each() -> None:
    found = with_model_arguments(["hf:mamba", "gru"], ["num_hidden_layers=2", "num_hidden_layers=4"])
    assert found == ["hf:mamba(num_hidden_layers=2)", "hf:mamba(num_hidden_layers=4)", "gru"]
    assert find(found[1]).name == found[1]
