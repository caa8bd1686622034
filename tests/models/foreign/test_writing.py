"""A call in terms of d_model and num_heads builds what was built."""

from __future__ import annotations

import functools

import foreign
import pytest
from torch import nn

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.foreign.arguments import filled
from rnn_vs_attn.models.foreign.writing import Written, written

SHAPE = Shape(2, 64, 128, 4, 1, causal=True)
WIDTHS = "embedding_dim=d_model, num_heads=num_heads, context_length=64, n_layers=1, attn_pdrop=0.0"


@pytest.mark.parametrize(
    ("target", "given", "text", "names"),
    [
        (
            nn.GRU,
            {"bias": False},
            "GRU(input_size=d_model, hidden_size=d_model, bias=False, batch_first=True)",
            "d_model",
        ),
        (foreign.Mixer, {}, f"Mixer(config=MixerConfig({WIDTHS}), layer_idx=0)", "d_model, num_heads"),
        (foreign.NeedsRank, {"heads": 2, "rank": 3}, "NeedsRank(dim=d_model, heads=2, rank=3)", "d_model"),
    ],
)
def test_a_call_is_written_in_terms_of_the_shape(target: type, given: dict[str, object], text: str, names: str) -> None:
    found = written(filled(target, SHAPE, given), given)
    assert found is not None
    assert (found.text, found.of) == (text, names)


def test_its_imports_are_those_of_its_configuration_object_too() -> None:
    found = written(filled(foreign.Mixer, SHAPE, {}), {})
    assert found is not None
    assert found.imports == ("from foreign import Mixer", "from foreign import MixerConfig")


def test_what_has_no_name_of_its_own_is_not_written() -> None:
    target = functools.partial(nn.GRU, bias=False)
    assert written(filled(target, SHAPE, {}), {}) is None
    assert Written("f(heads=num_heads)").of == "d_model, num_heads"
    assert Written("f(num_heads=2)").of == "d_model"
