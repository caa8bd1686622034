"""Whether a module whose casts are lifted to float64 is still the same function: it must agree with itself as it is.

How far apart the two may be follows from the module as it is: how far its own output and gradient move where input and
parameters change by a unit in the last place of its fewest digits, and what rounding adds up to over a sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TypeVar

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault, UserError, first_line
from rnn_vs_attn.isolation.keeping import kept
from rnn_vs_attn.isolation.seeds import same_draws
from rnn_vs_attn.measure.conduct.differences import OUTPUT_NOT_FINITE, finite
from rnn_vs_attn.measure.gradient.lifting import Lifting
from rnn_vs_attn.measure.gradient.passes import FOLLOW, TooFewDigits, any_cotangent, gradient, named
from rnn_vs_attn.measure.gradient.precision import fewest_digits, fewness
from rnn_vs_attn.measure.gradient.rounding import changed, changed_parameters
from rnn_vs_attn.models import build
from rnn_vs_attn.models.foreign import copies

_DRAWS, _TIMES = 3, 2.0  # changes that are tried, and how many times as far apart as they move it the lifted may be
_DECIDES = 0.1  # of the largest value: where rounding alone may do more, nothing is compared
_COMPARED = 16  # positions that are compared at least, of longer sequences

T = TypeVar("T")


def or_lifted(measured: Callable[[nn.Module], T], module: nn.Module, x: Tensor) -> tuple[T, list[str]]:
    """What is measured of the module as it is, and else with its casts lifted to float64, with a sentence that says so.

    x: (1, L, D). CaseFault where it computes with fewer digits and is another function when it is lifted.
    """
    spare = _copy(module)  # what calls of the other one make, such as tables, have fewer digits
    try:
        return measured(module), []
    except TooFewDigits as met:
        fault = TooFewDigits(met.dtype)  # without its traceback, which holds what was allocated up to there
    except (CaseFault, UserError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        return _of_one_that_fails(measured, module, spare, x, error)
    with _lifted(module, spare, x, fault) as said:
        return measured(spare), [said]


def _of_one_that_fails(
    measured: Callable[[nn.Module], T], module: nn.Module, spare: nn.Module, x: Tensor, error: Exception
) -> tuple[T, list[str]]:
    """Of a module that mixes formats in float64, so that torch refuses it, and runs in float32."""
    try:
        with _lifted(module, spare, x, TooFewDigits(torch.float32), in_float32=True) as said:
            return measured(spare), [said]
    except Exception:
        raise error from None


def _copy(module: nn.Module) -> nn.Module:
    try:
        return copies.copy_of(module)
    except Exception:  # it holds what cannot be copied
        return module


@contextmanager
def _lifted(
    module: nn.Module, spare: nn.Module, x: Tensor, fault: TooFewDigits, in_float32: bool = False
) -> Iterator[str]:
    """Within it `spare`, a copy of the module, is lifted; yields what is said of it."""
    with torch.enable_grad(), kept():
        few = _refuse_another(module, spare, x, fault, in_float32)
    try:
        with Lifting():
            yield (
                f"it computes in {named(few)} inside; its casts are lifted to float64 here, where its outputs and "
                f"gradients are its own within {named(few)}'s rounding"
            )
    except TooFewDigits as still:
        where = "also where its casts are lifted to float64, as torch's functions are not asked for them"
        raise CaseFault("unsupported", f"{still.what}, {where}; {FOLLOW}") from None


def _refuse_another(
    module: nn.Module, spare: nn.Module, x: Tensor, fault: TooFewDigits, in_float32: bool
) -> torch.dtype:
    """The format of its fewest digits. CaseFault where the lifted one is another function."""
    v = any_cotangent(1, x)
    with _in_float32(module) if in_float32 else nullcontext():
        given = x.float() if in_float32 else x
        few = fault.dtype if in_float32 else _fewest(module, x, fault.dtype)
        expected, allowed = _of_itself(module, given, v, torch.finfo(few).eps)
    try:
        with Lifting():
            found = _both(spare, x, v)
    except Exception as error:
        text = f"{fault.what}, and lifted to float64 it fails ({first_line(error)}); {FOLLOW}"
        raise CaseFault("unsupported", text) from error
    for what, one, other, most in zip(("outputs", "gradients"), found, expected, allowed, strict=True):
        apart = _apart(what, one, other, most, named(few))
        if apart:
            text = f"{fault.what}, and lifted to float64 it is not seen to be the same function"
            raise CaseFault("unsupported", f"{text} ({apart}); {FOLLOW}")
    return few


def _fewest(module: nn.Module, x: Tensor, seen: torch.dtype) -> torch.dtype:
    """The format of fewest digits, of the one that was seen and those on the way of the gradient."""
    try:
        found = fewest_digits(module, x) or seen
    except TooFewDigits as fault:
        found = fault.dtype
    return max(seen, found, key=fewness)


def _of_itself(module: nn.Module, x: Tensor, v: Tensor, eps: float) -> tuple[list[Tensor], list[Tensor]]:
    """Output and gradient of the module as it is, (1, L, D), and how far from each the lifted one may be, (L,)."""
    expected = _both(module, x, v)
    if not finite(expected):
        raise CaseFault("failed", OUTPUT_NOT_FINITE)
    steps = torch.arange(1, x.shape[1] + 1, device=x.device, dtype=torch.float64).sqrt()
    scales = [t.abs().max().clamp_min(1e-300) for t in expected]
    allowed = [eps * scale * grown for scale, grown in zip(scales, (steps, steps.flip(0)), strict=True)]
    for _ in range(_DRAWS):
        with changed_parameters(module, eps):
            others = _both(module, changed(x, eps), v)
        moved = [(other - t).abs().amax((0, 2)) for other, t in zip(others, expected, strict=True)]
        allowed = [torch.maximum(most, by) for most, by in zip(allowed, moved, strict=True)]
    return expected, [_TIMES * most for most in allowed]


def _both(module: nn.Module, x: Tensor, v: Tensor) -> list[Tensor]:
    """The output, and the gradient of the sum of v . output over all positions, (1, L, D) each, as float64."""
    inputs = x.detach().clone().requires_grad_()
    with same_draws():
        y = build.call(module, inputs.clone())
    back = gradient(y, inputs, v[:, None].expand_as(y).to(y.dtype))
    return [y.detach().double(), back.double()]


def _apart(what: str, found: Tensor, expected: Tensor, allowed: Tensor, few: str) -> str:
    """How the lifted one differs, wherever rounding decides; "" where it is near."""
    largest = expected.abs().max()
    decided = allowed <= _DECIDES * largest
    if int(decided.sum()) < min(_COMPARED, len(decided)):
        return f"{few}'s rounding alone moves its {what} by more than {_DECIDES:g} of the largest"
    off = (found - expected).abs().amax((0, 2))
    if bool((off <= allowed)[decided].all()):
        return ""
    by = float((off / largest)[decided].max())
    return f"its {what} differ by {by:.1g} of the largest, more than by {few}'s rounding"


@contextmanager
def _in_float32(module: nn.Module) -> Iterator[None]:
    """Within it parameters and buffers are float32, as is what a module makes; afterwards they are what they were."""
    tensors = [t for t in (*module.parameters(), *module.buffers()) if t.dtype == torch.float64]
    before, default = [t.data for t in tensors], torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        for tensor in tensors:
            tensor.data = tensor.data.float()
        yield
    finally:
        torch.set_default_dtype(default)
        for tensor, data in zip(tensors, before, strict=True):
            tensor.data = data
