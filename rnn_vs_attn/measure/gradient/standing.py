"""A module as it stood at first: what a call of it changes is put back before every pass, or norms would drift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from rnn_vs_attn.isolation.seeds import same_draws
from rnn_vs_attn.measure.conduct.holdings import Holdings
from rnn_vs_attn.models import build

_HELD: WeakKeyDictionary[nn.Module, tuple[Holdings, Sequence[str]]] = WeakKeyDictionary()


@contextmanager
def held(module: nn.Module, names: Sequence[str]) -> Iterator[None]:
    """Within, every pass of the module begins with what it holds now under these names, and so does what follows."""
    before = _HELD.pop(module, None)
    if names:
        _HELD[module] = Holdings(module, every_number=True), names
    try:
        yield
    finally:
        put_back(module)
        _HELD.pop(module, None)
        if before is not None:
            _HELD[module] = before


def put_back(module: nn.Module) -> None:
    """Make it what it was where it was held; to be called before each pass."""
    if module in _HELD:
        holdings, names = _HELD[module]
        holdings.put_back(names)


def names_held(module: nn.Module) -> Sequence[str]:
    """What of a module is put back before each call; none outside of `held`."""
    return _HELD[module][1] if module in _HELD else ()


def changed_by_a_call(module: nn.Module, x: Tensor) -> list[str]:
    """Names of what a call changes, for x (1, L, D); it is again what it was.

    What the first call makes, as a table of positions, is no change: the second one is of the same length.
    """
    first = Holdings(module, every_number=True)
    with same_draws():
        build.value(module, x.clone)
    made = Holdings(module, every_number=True)
    with same_draws():
        build.value(module, lambda: 1.5 * x.flip(1))
    found = made.changed()
    made.put_back(found)
    first.put_back(found)
    return found
