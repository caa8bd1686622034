"""What a layer is given beside its input: positions, rotary angles, and masks that hide the future."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.models.kernels.masks import without_future

_WINDOW = "sliding_window"


class Companion:
    """Something that depends on the input's length, number format and device alone."""

    said = ""

    def made(self, x: Tensor) -> Any:
        """The value for x (B, L, D)."""
        raise NotImplementedError


@dataclass(frozen=True)
class Positions(Companion):
    """0, 1, ..., L - 1: (1, L), or (L,) where not `batched`."""

    batched: bool = True
    said = "0 to L - 1"

    def made(self, x: Tensor) -> Tensor:
        positions = torch.arange(x.shape[1], device=x.device)
        return positions.unsqueeze(0) if self.batched else positions


@dataclass(frozen=True)
class Rotary(Companion):
    """(cos, sin) of rotary positions, (1, L, width) each, whose halves are alike.

    Source: Su et al. 2021, equation 34.
    """

    width: int
    base: float = 10_000.0
    said = "rotary (cos, sin)"

    def made(self, x: Tensor) -> tuple[Tensor, Tensor]:
        exponents = torch.arange(0, self.width, 2, device=x.device, dtype=torch.float64) / self.width
        positions = torch.arange(x.shape[1], device=x.device, dtype=torch.float64)
        angles = (positions[:, None] * self.base**-exponents).repeat(1, 2).unsqueeze(0)
        return angles.cos().to(x.dtype), angles.sin().to(x.dtype)


@dataclass(frozen=True)
class CausalMask(Companion):
    """What says that a position sees itself and those before it: (L, L), with ones before it up to `rank` axes.

    kind: "hidden" is True where a position is not seen, "seen" where it is; "added" is 0 where it is seen and -infinity
    elsewhere, in the format of the input. window: how many it sees, where not all of them.
    """

    kind: str
    rank: int = 2
    window: int | None = None

    @property
    def said(self) -> str:  # type: ignore[override]
        return "causal" if self.window is None else f"causal over {self.window} positions"

    def made(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        seen = without_future(length, length, x.device)
        if self.window is not None:
            seen = seen.triu(1 - self.window)
        if self.kind == "added":
            mask = torch.zeros(length, length, dtype=x.dtype, device=x.device).masked_fill(~seen, -torch.inf)
        else:
            mask = seen if self.kind == "seen" else ~seen
        return mask.view(*[1] * (self.rank - 2), length, length)


CAUSAL_MASKS = tuple(
    CausalMask(kind, rank) for kind, rank in (("hidden", 2), ("added", 4), ("seen", 4), ("seen", 2), ("added", 2))
)


@dataclass(frozen=True)
class OpenMask(Companion):
    """A mask that hides nothing, (1, 1, L, L) of 0, for a layer that adds one to its scores whatever it is."""

    said = "hides nothing"

    def made(self, x: Tensor) -> Tensor:
        return x.new_zeros(1, 1, x.shape[1], x.shape[1])


@dataclass(frozen=True)
class Constant(Companion):
    """The same for every input."""

    value: Any

    @property
    def said(self) -> str:  # type: ignore[override]
        return repr(self.value)

    def made(self, x: Tensor) -> Any:
        return self.value


class CompanionCache:
    """The companions of the last length, format and device, so that they are no part of what every call costs.

    It is no tensor of the module, which a call would change.
    """

    def __init__(self) -> None:
        self._key: Any = None
        self._values: dict[str, Any] = {}

    def of(self, companions: Mapping[str, Companion], x: Tensor) -> dict[str, Any]:
        """Each companion's value for x (B, L, D)."""
        if not companions:
            return {}
        if torch.compiler.is_compiling() or torch.is_inference_mode_enabled() or torch._C._len_torch_dispatch_stack():
            return {name: companion.made(x) for name, companion in companions.items()}
        key = companions, x.shape[1], x.dtype, x.device
        if key != self._key:
            values = {name: companion.made(x.detach()) for name, companion in companions.items()}
            self._key, self._values = key, values
        return dict(self._values)


def rotary_of(module: nn.Module, d_model: int) -> Rotary:
    """The rotary positions of a module's own head width and base, as its attributes or its configuration state them."""
    width = _stated(module, ("head_dim", "head_size", "dim_head"))
    heads = _stated(module, ("num_heads", "n_heads", "num_attention_heads", "n_head", "heads"))
    base = _stated(module, ("rope_theta", "rotary_emb_base"))
    part = _stated(module, ("partial_rotary_factor", "rotary_pct"))
    width = width or d_model // int(heads or 1)
    return Rotary(int(width * (part or 1)) // 2 * 2, float(base or Rotary.base))


def window_of(module: nn.Module) -> int | None:
    """How many positions a module leaves to its mask to show, as one of its parts or else its configuration states."""
    parts = list(module.modules())
    holders = [part for part in parts if hasattr(part, _WINDOW)] or [getattr(part, "config", None) for part in parts]
    found = next((getattr(holder, _WINDOW) for holder in holders if hasattr(holder, _WINDOW)), None)
    return found if type(found) is int and found > 0 else None


def _stated(module: nn.Module, names: tuple[str, ...]) -> Any:
    """The first positive number of one of these names, in a module, its parts, or their configurations."""
    for part in module.modules():
        config = getattr(part, "config", None)
        rope = getattr(config, "rope_parameters", None)
        for source in (part, config, rope):
            for name in names:
                value = source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
                if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
                    return value
    return None
