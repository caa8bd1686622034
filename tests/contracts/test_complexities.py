"""How chains and paths grow, as the catalogue says, counted on each layer of the registry; chains of chunks exactly."""

from __future__ import annotations

import pytest
import torch
from planted_scaling import path
from registry_models import LAYERS

from rnn_vs_attn.measure.dataflow import critical_path
from rnn_vs_attn.models.build import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import MODELS, find
from rnn_vs_attn.models.spec import LINEAR_RECURRENCE, ModelSpec

RADIX = 8  # of the widest trees over positions: between lengths that are as many times each other all trees grow alike
LENGTHS = {"O(1)": (64, 512, 1024), "O(log n)": (128, 1024, 8192), "O(n)": (64, 128, 256)}


def chain(name: str, length: int, num_layers: int = 1) -> int:
    torch.manual_seed(0)
    module = build(find(name), Shape(1, length, 8, 2, num_layers, window=16))
    return critical_path.sequential_operations(module, torch.randn(1, length, 8))


@pytest.mark.slow
@LAYERS
def test_chains_grow_as_the_catalogue_says(spec: ModelSpec) -> None:
    """By nothing; by the same for each factor of RADIX in the length; or by the same for each token."""
    claimed = spec.complexity.sequential_operations
    short, middle, long = (chain(spec.name, length) for length in LENGTHS[claimed])
    if claimed == "O(1)":
        assert short == middle == long
    else:
        assert long - middle == {"O(log n)": 1, "O(n)": 2}[claimed] * (middle - short) > 0


@pytest.mark.long
@pytest.mark.parametrize(("name", "first"), [("gated-deltanet", 63), ("rwkv7", 66)])
def test_chains_of_delta_rules_have_an_operation_a_chunk(name: str, first: int) -> None:
    """A chunk's unknowns one after another, what is before and after them, and the chunks: docs/models.md has both."""
    assert [chain(name, n) for n in (64, 128, 1024)] == [first + n // 32 for n in (64, 128, 1024)]


@pytest.mark.long
@pytest.mark.parametrize(("name", "chunk"), [("linear-attention", 64), ("mamba2", 64)])
def test_chains_of_matrix_states_have_an_operation_for_each_doubling_of_their_chunks(name: str, chunk: int) -> None:
    found = [chain(name, chunk << doublings) for doublings in (1, 2, 3, 5)]
    assert [n - found[0] for n in found] == [0, 1, 2, 4]


@pytest.mark.long
@pytest.mark.parametrize(
    "spec", [spec for spec in MODELS if spec.layer_type == LINEAR_RECURRENCE], ids=lambda s: s.name
)
def test_paths_of_recurrences_are_one_operation_a_token(spec: ModelSpec) -> None:
    assert spec.complexity.path_length == "O(n)"
    assert [path(spec.name, n) for n in (3, 5)] == [3, 5]
