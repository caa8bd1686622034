"""Everything that a model makes stands where its weights and its input do, and no value is waited for.

On the meta device no tensor has values: one of the CPU that meets one of them is an error, and so is a read of a value,
which on a GPU waits for all that was begun. Where there is a GPU, values and gradients there are held against those of
the CPU in float64.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from registry_models import LANGUAGE, LAYERS, OF_TOKENS, SHAPE, of_tokens, outputs
from torch import Tensor, nn

from rnn_vs_attn.measure.states import tensors
from rnn_vs_attn.models import build, mixer
from rnn_vs_attn.models.costs import ALIBI, NO_POSITIONS, ROTARY, Shape
from rnn_vs_attn.models.registry import MODELS
from rnn_vs_attn.models.spec import POSITIONS, ModelSpec

SHORT = dataclasses.replace(SHAPE, seq_len=4)
LONG = dataclasses.replace(SHAPE, seq_len=160)  # several chunks of every kernel that has some, and no multiple of all
IN_POSITIONS = [
    pytest.param(spec, kind, id=f"{spec.name}-{kind}")
    for spec in MODELS
    for kind in (NO_POSITIONS, ROTARY, ALIBI)
    if kind == NO_POSITIONS or POSITIONS in spec.traits.takes
]


def shape_of(spec: ModelSpec, kind: str = NO_POSITIONS) -> Shape:
    """Short where positions are taken one after another, which is slow and the same at every length."""
    one_by_one = spec.traits.loop_of or spec.traits.kernel_of_its_own
    return dataclasses.replace(SHORT if one_by_one else LONG, positions=kind)


def made(spec: ModelSpec, kind: str, device: str, dtype: torch.dtype) -> tuple[nn.Module, Tensor]:
    """A layer as a suite makes it ready, and an input that takes a gradient."""
    shape = shape_of(spec, kind)
    module = build.placed(build.build(spec, shape), torch.device(device), dtype)
    x = torch.randn(shape.batch_size, shape.seq_len, shape.d_model, device=device, dtype=dtype)
    return module, x.requires_grad_()


def gradients(module: nn.Module, x: Tensor, y: Tensor, dy: Tensor) -> list[Tensor]:
    inputs = [x, *module.parameters()]
    found = torch.autograd.grad(y, inputs, dy)
    assert len(found) == len(inputs)
    return list(found)


def decoded(module: nn.Module, x: Tensor) -> tuple[list[Tensor], Any]:
    """Outputs of two steps and of the rest at once (B, L, D), and the state after them."""
    with torch.no_grad():
        state, found = mixer.initial_state(module, len(x)), []
        for t in range(2):
            y_t, state = module.step(x[:, t], state)
            found.append(y_t.clone())
        rest, state = mixer.advance(module, x[:, 2:], state)
    return [*found, rest], state


@pytest.mark.long
@pytest.mark.parametrize(("spec", "kind"), IN_POSITIONS)
def test_a_layer_makes_everything_where_its_input_stands(spec: ModelSpec, kind: str) -> None:
    """In bfloat16, for which some of it is cast."""
    dtype = torch.bfloat16
    module, x = made(spec, kind, "meta", dtype)
    y = build.call(module, x)
    steps, state = decoded(module, x.detach())
    found = [y, *gradients(module, x, y, torch.ones_like(y)), *steps]
    assert {t.device.type for t in (*found, *tensors(state))} == {"meta"}
    assert {t.dtype for t in (y, *steps)} == {dtype}


@pytest.mark.long
@OF_TOKENS
def test_a_model_of_tokens_makes_everything_where_its_weights_stand(
    spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the ids that it refuses, of which it reads the largest."""
    monkeypatch.setattr(torch.Tensor, "aminmax", lambda ids: (torch.tensor(0), torch.tensor(0)))
    model, tokens = of_tokens(spec)
    y = outputs(model.to("meta"), tokens.to("meta"))
    y.backward(torch.ones_like(y))
    assert y.device.type == "meta"
    assert {parameter.grad.device.type for parameter in model.parameters() if parameter.grad is not None} == {"meta"}


@pytest.mark.long
@LANGUAGE
def test_a_language_model_decodes_where_its_weights_stand(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "aminmax", lambda ids: (torch.tensor(0), torch.tensor(0)))
    model, tokens = of_tokens(spec)
    model, tokens = model.to("meta"), tokens.to("meta")
    with torch.no_grad():
        found, state = model.advance(tokens[:, :5], model.initial_state(len(tokens)))
        logits, state = model.step(tokens[:, 5], state)
    assert {t.device.type for t in (found, logits, *tensors(state))} == {"meta"}


def relative(found: Tensor, expected: Tensor) -> float:
    """The norm of the difference over that of what is right."""
    expected = expected.detach().double()
    difference = torch.linalg.vector_norm(found.detach().cpu().double() - expected)
    return float(difference / torch.linalg.vector_norm(expected).clamp_min(torch.finfo(torch.float64).tiny))


def in_both(spec: ModelSpec, kind: str, dtype: torch.dtype) -> tuple[nn.Module, nn.Module]:
    """A layer on the GPU, and on the CPU in float64 with the same weights."""
    torch.manual_seed(0)
    (there, _), (here, _) = made(spec, kind, "cuda", dtype), made(spec, kind, "cpu", torch.float64)
    here.load_state_dict(there.state_dict())
    return there, here


@pytest.fixture
def without_tf32() -> Iterator[None]:
    from rnn_vs_attn.measure.device import set_precision

    set_precision(tf32=False)
    return


@pytest.mark.cuda
@pytest.mark.usefixtures("without_tf32")
@pytest.mark.parametrize(("spec", "kind"), IN_POSITIONS)
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_values_and_gradients_on_cuda_are_those_of_the_cpu(
    spec: ModelSpec, kind: str, dtype: torch.dtype, bound: float
) -> None:
    there, here = in_both(spec, kind, dtype)
    x = torch.randn(LONG.batch_size, shape_of(spec).seq_len, LONG.d_model, dtype=torch.float64)
    dy = torch.randn_like(x)
    found: list[Tensor] = []
    expected: list[Tensor] = []
    for module, results in ((there, found), (here, expected)):
        weight = next(module.parameters())
        inputs = x.to(weight.device, weight.dtype).requires_grad_()
        y = build.call(module, inputs)
        results += [y, *gradients(module, inputs, y, dy.to(y)), *decoded(module, inputs.detach())[0]]
    names = ["y", "dx", *(f"d {name}" for name, _ in here.named_parameters()), "step 0", "step 1", "rest"]
    errors = {name: relative(*pair) for name, *pair in zip(names, found, expected, strict=True)}
    assert {name: error for name, error in errors.items() if not error <= bound} == {}


@pytest.mark.cuda
@pytest.mark.usefixtures("without_tf32")
@OF_TOKENS
def test_a_model_of_tokens_on_cuda_is_that_of_the_cpu(spec: ModelSpec) -> None:
    model, tokens = of_tokens(spec)
    expected = outputs(model, tokens)
    found = outputs(build.placed(copy.deepcopy(model), torch.device("cuda"), torch.float64), tokens.cuda())
    assert relative(found, expected) <= 1e-12


@pytest.mark.cuda
@LAYERS
def test_a_layer_in_bfloat16_on_cuda_has_finite_gradients_near_those_of_the_cpu(spec: ModelSpec) -> None:
    """Within a few parts in a hundred, as bfloat16 has eight bits; what is wrong by a position or a sign is not."""
    there, here = in_both(spec, NO_POSITIONS, torch.bfloat16)
    size = LONG.batch_size, shape_of(spec).seq_len, LONG.d_model
    x = torch.randn(size, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    y, expected = build.call(there, x), build.call(here, x.detach().cpu().double())
    assert relative(y, expected) <= 0.05
    assert all(bool(t.isfinite().all()) for t in gradients(there, x, y, torch.ones_like(y)))
