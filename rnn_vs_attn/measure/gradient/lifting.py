"""Casts to fewer digits that a module makes inside, lifted to float64 while it is measured.

A layer of a package that says `.float()` or `dtype=torch.float32` follows no dtype of its input's, and whoever measures
it cannot mend that. Every function of torch is asked for float64 where it is asked for fewer digits, in what the module
calls and on the way back. What is not asked through torch's functions stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import FunctionType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_LIFTED = {
    torch.float32: torch.float64,
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.complex64: torch.complex128,
    torch.complex32: torch.complex128,
}
_ALL_DIGITS = frozenset(_LIFTED.values())
_CASTS = {
    Tensor.float: Tensor.double,
    Tensor.half: Tensor.double,
    Tensor.bfloat16: Tensor.double,
    Tensor.cfloat: Tensor.cdouble,
    Tensor.chalf: Tensor.cdouble,
}
_CAST = {*_CASTS, Tensor.to, Tensor.type, Tensor.type_as}
_TYPES = ("BFloat16Tensor", "HalfTensor", "FloatTensor")  # as torch.cuda.FloatTensor


def _asking_no_mode(function: Any) -> Callable[..., Any]:
    """The same function of torch, which hands itself to no mode: what it calls is then seen by the mode."""
    never = {"has_torch_function": lambda _: False, "has_torch_function_unary": lambda _: False}
    made = FunctionType(function.__code__, {**function.__globals__, **never}, function.__name__, function.__defaults__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


_WAYS_BACK = {way: _asking_no_mode(way) for way in (torch.autograd.grad, torch.autograd.backward, Tensor.backward)}


class Lifting(TorchFunctionMode):
    """While active, no function of torch makes fewer digits than float64's of what it is given."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _WAYS_BACK:
            with self:  # backward passes of a module's own functions, and what is computed a second time
                return _WAYS_BACK[func](*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name == "__get__":
            return func(*args, **kwargs)
        if func is Tensor.type:
            args = (args[0], *map(_lifted_type, args[1:]))
        return _lifted_call(func, _asked(args), {key: _asked(value) for key, value in kwargs.items()}, name)


def _lifted_call(func: Any, args: Any, kwargs: dict[str, Any], name: str) -> Any:
    given = list(_tensors((*args, *kwargs.values())))
    few = any(t.dtype in _LIFTED for t in given)
    makes_anew = not name.endswith("_") and "out" not in kwargs  # so a copy of more digits will do
    if few and makes_anew and any(t.dtype in _ALL_DIGITS for t in given):
        args, kwargs = _lifted(args), {key: _lifted(value) for key, value in kwargs.items()}
    made = _CASTS.get(func, func)(*args, **kwargs)
    if func in _CAST and made is args[0]:
        return made.clone()  # a cast to fewer digits has memory of its own
    return made if few else _lifted(made)


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif type(value) in (tuple, list):
            yield from _tensors(value)


def _asked(value: Any) -> Any:
    """What a function is given, with float64 in the place of formats of fewer digits."""
    if isinstance(value, torch.dtype):
        return _LIFTED.get(value, value)
    return type(value)(map(_asked, value)) if type(value) in (tuple, list) else value


def _lifted(value: Any) -> Any:
    """The same with tensors of fewer digits made float64."""
    if isinstance(value, Tensor):
        return value.to(_LIFTED[value.dtype]) if value.dtype in _LIFTED else value
    return type(value)(map(_lifted, value)) if type(value) in (tuple, list) else value


def _lifted_type(kind: Any) -> Any:
    """What `Tensor.type` is given: a dtype, a name such as torch.FloatTensor, or the class of that name."""
    name = kind if isinstance(kind, str) else torch.typename(kind)
    few = next((few for few in _TYPES if name.endswith(f".{few}")), None)
    return kind if few is None else name.removesuffix(few) + "DoubleTensor"
