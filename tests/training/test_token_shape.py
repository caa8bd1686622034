"""Shapes of models of tokens, and their way through JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from training_data import SHAPE

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.training.token_shape import TokenShape


def test_a_shape_comes_back_from_json() -> None:
    assert TokenShape.of(json.loads(json.dumps(asdict(SHAPE)))) == SHAPE


@pytest.mark.parametrize("given", [{}, {"vocab_size": 3, "num_features": 2}])
def test_tokens_are_ids_or_numbers(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="one of vocab_size and num_features is above 0"):
        TokenShape(Shape(1, 4, 8), 2, **given)


def test_parameters_of_a_zoology_model_by_hand() -> None:
    """Two blocks of width 4 without MLP, 5 tokens, 3 classes, 6 positions."""
    shape = TokenShape(Shape(1, 6, 4, num_layers=2), 3, vocab_size=5, num_positions=6)
    assert shape.own_params(num_blocks=2) == 5 * 4 + 6 * 4 + 2 * 8 + 8 + (4 * 3 + 3)
