"""What `models` lists of each model."""

from __future__ import annotations

import io

import pytest
import torch
from rich.console import Console

from rnn_vs_attn.cli.models import model_row, print_models
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.language.albert import Albert
from rnn_vs_attn.models.registry import BUILT_IN, find
from rnn_vs_attn.models.shapes import AlbertShape


@pytest.mark.parametrize(("d_model", "num_layers"), [(64, 1), (128, 3)])
def test_parameters_of_albert_are_those_of_the_module(d_model: int, num_layers: int) -> None:
    row = model_row(find("albert"), Shape(1, 48, d_model, 4, num_layers), named=True, debug=False)
    with torch.device("meta"):
        module = Albert(AlbertShape(num_layers, d_model, 4, vocab_size=256, context_len=48))
    assert row["num_params"] == sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.long
def test_a_narrow_terminal_shows_every_model_and_all_of_its_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 60 columns, by rich as on a terminal: names and numbers whole, and every line within the width."""
    shape = Shape(1, 512, 128, 4, 1)
    rows = [model_row(spec, shape, named=False, debug=False) for spec in BUILT_IN]
    out = Console(file=io.StringIO(), force_terminal=True, width=60, color_system=None)
    monkeypatch.setattr("rnn_vs_attn.cli.models.Terminal", lambda: out)
    print_models(rows, shape)
    text = out.file.getvalue()
    assert max(map(len, text.splitlines())) <= 60
    whole = [row["name"] for row in rows] + [f"{row['num_params']:,}" for row in rows] + ["FLOPs (train)", "commands"]
    assert [word for word in whole if word not in text] == []
