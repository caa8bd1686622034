"""Layers of anybody as modules: how many, with which weights, and what a refusal says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import foreign
import pytest
import torch
from torch import nn

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.isolation.keeping import NOTES
from rnn_vs_attn.models.build import build, count_parameters
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.mixer import Stack
from rnn_vs_attn.models.registry import find

SHAPE = Shape(2, 8, 16, 4)


@pytest.fixture(autouse=True)
def _nothing_is_noted() -> None:
    NOTES.tell()


def test_how_it_was_built_is_noted_where_it_is_not_the_programs_own_convention() -> None:
    build(find("torch.nn:GRU(bias=False)"), SHAPE)
    assert NOTES.tell() == ["built as GRU(input_size=16, hidden_size=16, bias=False, batch_first=True)"]
    build(find("layers:Heads"), SHAPE)
    assert NOTES.tell() == []


def test_that_it_sees_the_future_in_a_causal_case_is_noted() -> None:
    build(find("foreign:LooksAhead"), SHAPE)
    said = "built as LooksAhead(dim=16), not causal: no mask that it takes hides later positions"
    assert NOTES.tell() == [said]
    build(find("foreign:LooksAhead"), dataclasses.replace(SHAPE, causal=False))
    assert NOTES.tell() == ["built as LooksAhead(dim=16)"]


@pytest.mark.long
def test_of_several_lengths_the_one_of_the_case_is_told() -> None:
    for seq_len in (8, 32, 5):
        build(find("foreign:MixerStack"), dataclasses.replace(SHAPE, seq_len=seq_len))
    (told,) = NOTES.tell(32)
    assert "context_length=32" in told


def test_a_gru_by_its_path_is_torchs_gru() -> None:
    module = build(find("torch.nn:GRU"), SHAPE)
    own = nn.GRU(16, 16, batch_first=True)
    own.load_state_dict(next(m for m in module.modules() if isinstance(m, nn.GRU)).state_dict())
    x = torch.randn(2, 8, 16)
    y = module(x)
    torch.testing.assert_close(y[0] if isinstance(y, tuple) else y, own(x)[0])


@pytest.mark.long
@pytest.mark.parametrize("name", ["torch.nn:GRU", "foreign:Attention", "foreign:Mixer", "foreign:MixerStack"])
def test_three_layers_have_three_times_the_parameters_of_one(name: str) -> None:
    """A class that is told how many has them all; one whose configuration object alone is told is stacked."""
    one, three = (build(find(name), dataclasses.replace(SHAPE, num_layers=n)) for n in (1, 3))
    assert count_parameters(three) == 3 * count_parameters(one)
    assert isinstance(three, Stack) == (name in ("foreign:Attention", "foreign:Mixer"))


def test_each_layer_of_a_stack_has_weights_of_its_own() -> None:
    stack = build(find("foreign:Attention"), dataclasses.replace(SHAPE, num_layers=2))
    first, second = (next(layer.parameters()) for layer in stack.children())
    assert not torch.equal(first, second)


def test_a_module_that_is_there_already_is_copied_with_its_weights() -> None:
    module = build(find("foreign:ready"), dataclasses.replace(SHAPE, d_model=8))
    assert NOTES.tell() == ["built as a copy of the Keeps that stands there, with its weights"]
    ours, theirs = next(module.parameters()), next(foreign.ready.parameters())
    assert torch.equal(ours, theirs)
    assert ours is not theirs
    with pytest.raises(UserError, match="is built already and takes no arguments"):
        build(find("foreign:ready(mark=3)"), SHAPE)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("foreign:Attention(caused=1)", "takes no argument 'caused'; did you mean 'causal'?"),
        (
            "foreign:NeedsRank(heads=2)",
            "needs rank, which has no standard name; give it by --model-arg rank=VALUE, or write 'def "
            "layer(d_model, num_heads): return NeedsRank(dim=d_model, heads=2, ...)' under 'from foreign import "
            "NeedsRank' in a file layer.py and give --model layer.py:layer",
        ),
        (
            "foreign:Refuses",
            "cannot be built: Refuses(dim=16) raises ValueError: 16 is too narrow; give other values by --model-arg "
            "NAME=VALUE, or write 'def layer(d_model, num_heads): return Refuses(dim=d_model, ...)' under 'from "
            "foreign import Refuses' in a file layer.py and give --model layer.py:layer",
        ),
        (
            "foreign:Mixer(num_heads=3)",
            "cannot be built: MixerConfig(embedding_dim=16, num_heads=3, context_length=8, n_layers=1, attn_pdrop=0.0) "
            "raises ValueError: 16 is not divisible by 3 heads; give other values by --model-arg NAME=VALUE, or write "
            "'def layer(d_model, num_heads): return Mixer(config=MixerConfig(embedding_dim=d_model, num_heads=3, "
            "context_length=8, n_layers=1, attn_pdrop=0.0), layer_idx=0, ...)' under 'from foreign import Mixer; from "
            "foreign import MixerConfig' in a file layer.py and give --model layer.py:layer",
        ),
        (
            "foreign:SeesAll",
            "cannot be built: SeesAll(dim=16, heads=4, causal=True) raises ValueError: not causal yet; with its own "
            "causal=False it is built, so give --model-arg causal=False, or write 'def layer(d_model, num_heads): "
            "return SeesAll(dim=d_model, heads=num_heads, ...)' under 'from foreign import SeesAll' in a file layer.py "
            "and give --model layer.py:layer",
        ),
        ("no_such_package:Layer", "does not import: there is no module no_such_package; "),
    ],
)
def test_a_refusal_says_what_was_tried_and_the_lines_that_would_work(name: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        build(find(name), SHAPE)
    assert str(caught.value).startswith(f"model {name!r} {said}")


def test_the_argument_that_a_refusal_names_works() -> None:
    assert build(find("foreign:SeesAll(causal=False)"), SHAPE)(torch.randn(2, 8, 16)).shape == (2, 8, 16)


def test_the_lines_of_a_refusal_work(tmp_path: Path) -> None:
    """With the dots filled in, as its reader would."""
    with pytest.raises(UserError) as caught:
        build(find("foreign:NeedsRank"), SHAPE)
    _, line, _, head, _ = str(caught.value).rsplit("'", 4)
    file = tmp_path / "layer.py"
    file.write_text(f"{head}\n{line.replace('...', 'rank=5')}\n")
    module = build(find(f"{file}:layer"), SHAPE)
    assert next(m for m in module.modules() if isinstance(m, foreign.Keeps)).given == {"heads": 4, "rank": 5}
