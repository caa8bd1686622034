"""A causal mask for a layer that sees the future and takes one: its form is found by what the outputs depend on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from rnn_vs_attn.models.foreign.axes import looks_ahead, seen_by_last
from rnn_vs_attn.models.foreign.call_arguments import optional, parameters_of
from rnn_vs_attn.models.foreign.companions import CAUSAL_MASKS, Companion, Constant, window_of
from rnn_vs_attn.models.foreign.convention import Caller

LONG = 256  # positions
_FLAGS = ("is_causal", "causal")
_MASKS = ("attn_mask", "attention_mask", "src_mask", "mask")


def sees_the_future(caller: Caller, x: Tensor, seq_len: int | None) -> bool:
    """Whether an output depends on later positions, of x (B, L, D) or of as many as a case has, up to LONG: a layer
    that attends in blocks, or to chosen positions, is another one where there are more of them.
    """
    longer = x.new_empty(1, min(seq_len or 0, LONG), x.shape[2]).normal_()
    return _looks_ahead(caller, x) or (longer.shape[1] > x.shape[1] and _looks_ahead(caller, longer))


def _looks_ahead(caller: Caller, x: Tensor) -> bool:
    try:
        return bool(caller(x).isfinite().all()) and looks_ahead(caller, x)
    except Exception:  # it takes no such length, which is for the row of its case
        return False


def masked(caller: Caller, x: Tensor) -> Caller:
    """The caller with a mask after which no output depends on later positions and the last on all that it did, or of
    those on as many as the layer says to see.

    The caller itself where the layer looks at no later position, or takes no mask that does it.
    """
    if not looks_ahead(caller, x):
        return caller
    window, length = window_of(caller.module), x.shape[1]
    seen = [there and (window is None or at >= length - window) for at, there in enumerate(seen_by_last(caller, x))]
    for beside in _masks(caller, window):
        tried = caller.with_beside(**beside)
        try:
            y = tried(x)
            if y.shape != x.shape or not y.isfinite().all():
                continue
            if not looks_ahead(tried, x) and seen_by_last(tried, x) == seen:
                return tried
        except Exception:  # it takes no mask of this form
            continue
    return caller


def _masks(caller: Caller, window: int | None) -> Iterator[dict[str, Companion]]:
    """What may make it causal: a flag, a mask with the flag beside it, a mask alone."""
    parameters = parameters_of(caller.module.forward)
    known = {name for name in parameters if name in optional(parameters) or name in caller.convention.arguments.beside}
    flags: list[dict[str, Companion]] = [{name: Constant(True)} for name in _FLAGS if name in known]
    yield from flags
    for name in _MASKS:
        if name in known:
            for mask in (replace(each, window=window) for each in CAUSAL_MASKS):
                yield from ({name: mask, **flag} for flag in flags)
                yield {name: mask}
