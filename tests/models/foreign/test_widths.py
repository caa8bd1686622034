"""Which parameters are the width: an input with its partners, one alone, or two readings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from rnn_vs_attn.models.foreign.widths import Ambiguous, is_list, widths


def parameters(target: Callable[..., Any]) -> Any:
    return inspect.signature(target).parameters


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (lambda dim, hidden_dim=256: None, ["dim"]),
        (lambda dim, dim_out=None: None, ["dim"]),
        (lambda dim, dim_out: None, ["dim", "dim_out"]),
        (lambda input_size, hidden_size: None, ["input_size", "hidden_size"]),
        (lambda input_size, hidden_size=64: None, ["input_size", "hidden_size"]),
        (lambda input_size, output_size, hidden_size=64: None, ["input_size", "output_size"]),
        (lambda input_dim, embed_dim, num_heads: None, ["input_dim", "embed_dim"]),
        (lambda in_features=8, out_features=8: None, ["in_features", "out_features"]),
        (lambda window_size, dim=None: None, ["dim"]),
        (lambda d_model=512, hidden_dim=2048: None, ["d_model"]),
        (lambda embedding_dim=-1, hidden_size=-1: None, ["embedding_dim"]),
        (lambda hidden_size=768, state=3: None, ["hidden_size"]),
        (lambda heads, dim=False: None, []),
    ],
)
def test_one_reading(target: Callable[..., Any], expected: list[str]) -> None:
    assert widths(parameters(target)) == expected


@pytest.mark.parametrize(
    ("target", "pair"),
    [
        (lambda dim, hidden_dim: None, ("dim", "hidden_dim")),
        (lambda embed_dim, hidden_dim: None, ("embed_dim", "hidden_dim")),
        (lambda embedding_dim, hidden_dim=128: None, ("embedding_dim", "hidden_dim")),
        (lambda embedding_size=128, hidden_size=768: None, ("embedding_size", "hidden_size")),
        (lambda channels, features: None, ("channels", "features")),
    ],
)
def test_two_readings(target: Callable[..., Any], pair: tuple[str, str]) -> None:
    with pytest.raises(Ambiguous) as caught:
        widths(parameters(target))
    assert (caught.value.first, caught.value.other) == pair
    assert widths(parameters(target), given=[pair[1]]) == [pair[0]]


def test_a_list_is_told_by_its_annotation_its_default_or_its_name() -> None:
    def target(num_inputs: int, num_channels, sizes: list[int], hidden_sizes, dims=(1,), width: int = 3) -> None: ...  # type: ignore[no-untyped-def]

    found = {name: is_list(parameter, beside_input=True) for name, parameter in parameters(target).items()}
    assert found == dict.fromkeys(("num_channels", "sizes", "hidden_sizes", "dims"), True) | dict.fromkeys(
        ("num_inputs", "width"), False
    )
    assert not is_list(parameters(target)["num_channels"], beside_input=False)
