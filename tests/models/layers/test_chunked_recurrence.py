"""Layers whose kernel is a package's: the same weights, outputs and gradients, and inputs in a dtype that it takes."""

from __future__ import annotations

import sys

import pytest
import torch
from matrix_state_layers import assert_forms_agree
from played_kernels import play
from registry_models import SHAPE, layer

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.models.backends import TORCH
from rnn_vs_attn.models.build import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.layers.chunked_recurrence import ChunkedRecurrence
from rnn_vs_attn.models.registry import MODELS, find
from rnn_vs_attn.models.spec import ModelSpec

BY_PACKAGE = [(spec, backend) for spec in MODELS for backend in spec.traits.backends]
EACH = pytest.mark.parametrize(("spec", "backend"), BY_PACKAGE, ids=[f"{s.name}-{b}" for s, b in BY_PACKAGE])


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)


def by_package(spec: ModelSpec, backend: str, num_layers: int = 1) -> Shape:
    return Shape(2, 37, 24, 4, num_layers, backend=backend)


def test_the_registry_says_which_layers_a_package_computes() -> None:
    found = {backend: [spec.name for spec, of in BY_PACKAGE if of == backend] for _, backend in BY_PACKAGE}
    assert found == {
        "mamba-ssm": ["mamba2"],
        "fla": ["linear-attention", "retention", "gated-deltanet", "rwkv7"],
    }


@EACH
def test_chunks_pieces_and_the_definition_agree_with_all_gradients(
    spec: ModelSpec, backend: str, packages: None
) -> None:
    module, x = layer(spec, by_package(spec, backend))
    assert isinstance(module, ChunkedRecurrence)
    assert module.chunked.__module__.startswith("rnn_vs_attn.models.kernels.")
    assert_forms_agree(module, x, 13, 1e-5 if spec.name in ("retention", "mamba2") else 1e-9)  # float32 decays, D


@EACH
def test_weights_are_the_same_whoever_computes(spec: ModelSpec, backend: str, packages: None) -> None:
    own, other = (dict(layer(spec, by_package(spec, of, 2))[0].named_parameters()) for of in (TORCH, backend))
    assert own.keys() == other.keys()
    assert all(torch.equal(own[name], other[name]) for name in own)


@EACH
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_package_is_given_what_it_mixes_as_it_is_and_the_own_kernel_with_the_states_digits(
    spec: ModelSpec, backend: str, dtype: torch.dtype, packages: None
) -> None:
    for of, mixed in ((TORCH, torch.float32), (backend, dtype)):
        module = build(spec, by_package(spec, of)).to(dtype)
        taken: list[tuple[torch.dtype, ...]] = []

        def noted(*given: torch.Tensor, kernel=module.chunked, taken=taken) -> object:  # type: ignore[no-untyped-def]
            taken.append(tuple(t.dtype for t in given if t is not None and t.dim() == 4))
            return kernel(*given)

        module.chunked = noted  # type: ignore[assignment]
        y = module(torch.randn(2, 37, 24, dtype=dtype))
        assert y.dtype == dtype
        *inputs, state = taken[0]
        assert state == torch.float32
        decays = [torch.float32] if spec.name == "rwkv7" else []  # of each channel
        assert set(inputs) == {mixed, *decays}


def test_a_pattern_is_computed_by_the_package_where_that_can(packages: None) -> None:
    spec = find("lstm+gated-deltanet+attention")
    assert spec.traits.backends == ("fla",)
    stack = build(spec, Shape(2, 9, 24, 4, backend="fla"))
    assert [getattr(part, "backend", None) for part in stack] == [None, "fla", None]


def test_other_layers_are_as_they_are(packages: None) -> None:
    module = build(find("mamba2"), Shape(2, 9, 24, 4, backend="fla"))
    assert module.backend == TORCH
    assert build(find("lstm"), Shape(2, 9, 24, 4, backend="fla")) is not None


def test_a_package_that_cannot_be_imported_is_unsupported_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "rnn_vs_attn.models.kernels.mamba_ssm", raising=False)
    monkeypatch.setitem(sys.modules, "mamba_ssm", None)  # which importing it refuses
    with pytest.raises(CaseFault) as fault:
        build(find("mamba2"), Shape(2, 9, 24, 4, backend="mamba-ssm"))
    assert fault.value.status == "unsupported"
    assert fault.value.reason.startswith("mamba-ssm is here and cannot be imported: ModuleNotFoundError: ")
    assert fault.value.reason.endswith("; install it again beside this torch, or use --backend torch")


def test_the_shape_of_the_registry_is_computed_by_torch() -> None:
    assert SHAPE.backend == TORCH
