"""Parameters that hold what stood in memory, as a model around the layer was to set them: they are seen and refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from rnn_vs_attn.errors import UserError

_WARN = 1  # what torch.get_deterministic_debug_mode gives where the mode is "warn"


@contextmanager
def marked() -> Iterator[None]:
    """Within, memory that `torch.empty` gives holds NaN until something is written to it."""
    set_by_user = torch.are_deterministic_algorithms_enabled()
    if set_by_user or not torch.utils.deterministic.fill_uninitialized_memory:
        yield
        return
    torch.set_deterministic_debug_mode("warn")  # use_deterministic_algorithms would import Inductor's settings
    try:
        yield
    finally:
        if torch.get_deterministic_debug_mode() == _WARN:  # or the layer has set it otherwise
            torch.set_deterministic_debug_mode("default")


def refuse(module: nn.Module) -> None:
    """UserError where a parameter holds NaN: what such a layer gives is no number of anybody's."""
    names = [name for name, p in module.named_parameters() if _holds_nan(p)]
    if names:
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        raise UserError(
            f"its parameter {names[0]}{more} is not initialised when it is built alone (it holds NaN, or whatever "
            "stood in memory); build it in a function that initialises what the model around it would"
        )


def _holds_nan(parameter: nn.Parameter) -> bool:
    if isinstance(parameter, nn.parameter.UninitializedParameter) or not parameter.is_floating_point():
        return False
    return bool(parameter.isnan().any())
