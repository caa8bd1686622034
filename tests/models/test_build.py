"""Models built, called and matched in size."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.models.build import build, call, cast, matched_shape, nearest_width, value
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import ModelSpec


class WritesAndTakesGradients(nn.Linear):
    """Doubles its input in place, then takes a gradient, which it cannot where none is kept."""

    tries = 0

    def forward(self, x: Tensor) -> Tensor:
        self.tries += 1
        y = super().forward(x.mul_(2))
        torch.autograd.grad(y.sum(), self.weight)
        return y


def test_a_second_try_is_given_the_input_and_not_what_the_first_has_left_of_it() -> None:
    """A layer that writes to its input and takes gradients itself was asked on four times what it was given."""
    module, x = WritesAndTakesGradients(3, 3), torch.randn(2, 5, 3)
    before = x.clone()
    torch.testing.assert_close(value(module, x.clone), nn.functional.linear(2 * x, module.weight, module.bias))
    assert module.tries == 2
    assert torch.equal(x, before)


def test_where_memory_ends_there_is_no_second_try() -> None:
    class TooLarge(WritesAndTakesGradients):
        def forward(self, x: Tensor) -> Tensor:
            self.tries += 1
            raise torch.OutOfMemoryError("no more")

    module = TooLarge(3, 3)
    with pytest.raises(torch.OutOfMemoryError):
        value(module, torch.zeros(1, 2, 3).clone)
    assert module.tries == 1


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_complex_parameter_keeps_its_imaginary_part_in_every_dtype(dtype: torch.dtype) -> None:
    module = nn.ParameterDict({"turn": torch.full((3,), 1j), "gain": torch.ones(3)})
    cast(module, dtype)
    assert module["turn"].dtype == torch.complex64
    assert (module["turn"].imag == 1).all()
    assert module["gain"].dtype == dtype


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "lstm-cell"])
def test_match_params_comes_as_near_as_a_whole_width_can(name: str) -> None:
    spec, shape = find(name), Shape(1, 8, 128, 4)
    target = find("attention").costs.num_params(shape)
    width = matched_shape(spec, shape, "params", lambda *_: None).d_model

    def distance(w: int) -> int:
        return abs(spec.costs.num_params(dataclasses.replace(shape, d_model=w)) - target)

    assert distance(width) == min(distance(w) for w in range(1, 300))


def test_match_flops_moves_with_the_length() -> None:
    spec = find("lstm")

    def flops(model: ModelSpec, shape: Shape) -> int:
        return model.costs.flops(shape).train

    for seq_len in (64, 4096):
        shape = Shape(1, seq_len, 128, 4)
        width = matched_shape(spec, shape, "flops", flops).d_model
        reached = flops(spec, dataclasses.replace(shape, d_model=width))
        assert abs(reached / flops(find("attention"), shape) - 1) < 0.02
    assert matched_shape(spec, Shape(1, 4096, 128, 4), "flops", flops).d_model > 128


def test_match_keeps_heads_whole_for_a_users_module() -> None:
    shape = Shape(1, 8, 64, 4)
    assert matched_shape(find("layers:Heads"), shape, "params", lambda *_: None).d_model % 4 == 0


def test_match_flops_of_an_uncountable_module_is_unsupported() -> None:
    with pytest.raises(CaseFault, match="unknown"):
        matched_shape(find("layers:Heads"), Shape(1, 8, 64, 4), "flops", lambda *_: None)


def test_a_users_module_takes_the_keywords_of_its_signature() -> None:
    module = build(find("layers:Heads"), Shape(1, 8, 64, 8, causal=False))
    assert (module.heads, module.causal) == (8, False)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no_such_package.layers:Mixer", "does not import"),
        ("layers:Nothing", "no class or function 'Nothing'"),
        ("layers:NOT_CALLABLE", "no class or function"),
        ("layers:NeedsMore", "needs temperament"),
        ("layers:OtherKeyword", "takes no width by a name that is known here .it takes girth"),
        ("nowhere.py:Mixer", "does not exist"),
    ],
)
def test_a_module_that_cannot_be_built_is_one_sentence(path: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        build(find(path), Shape(1, 8, 16))


def test_a_file_is_a_module_too() -> None:
    import layers

    assert isinstance(build(find(f"{layers.__file__}:RunningMean"), Shape(1, 8, 16)), nn.Module)


def test_another_shape_is_refused() -> None:
    module = build(find("layers:ShortOutput"), Shape(1, 8, 16))
    with pytest.raises(UserError, match=r"maps \(1, 8, 16\) to \(1, 1, 16\)"):
        call(module, torch.randn(1, 8, 16))


@pytest.mark.parametrize(
    ("target", "step", "width"),
    [
        (100**2, 1, 100),
        (100**2, 8, 96),
        (102**2, 8, 104),
        (100**2, 16, 96),
        (1, 8, 8),
        (100**2 + 101, 1, 101),
        (100**2 + 99, 1, 100),
    ],
)
def test_the_nearest_width_is_the_multiple_whose_amount_is_nearest(target: int, step: int, width: int) -> None:
    """Of squares."""
    assert nearest_width(lambda w: w * w, target, step, most=10_000) == width


def test_widths_end_where_no_width_comes_to_the_target() -> None:
    assert nearest_width(lambda w: w, 10**9, 4, most=100) <= 2 * 100
