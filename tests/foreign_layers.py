"""Small layers with the conventions that packages have, and what a call by hand gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


class Recurrence(nn.Module):
    """h_t = tanh(W h_(t-1) + U x_t); what its forward takes and returns is for those that inherit it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.w = nn.Linear(width, width, bias=False)
        self.u = nn.Linear(width, width)

    def run(self, x: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, L, D), (B, D) -> all h and the last."""
        h = x.new_zeros(len(x), x.shape[-1]) if h is None else h
        found = []
        for x_t in x.unbind(1):
            h = torch.tanh(self.w(h) + self.u(x_t))
            found.append(h)
        return torch.stack(found, dim=1), h


class TakesHx(Recurrence):
    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.run(input, hx)


class AsksForNextHidden(Recurrence):
    def forward(self, x: Tensor, prev_hidden: Any = None, return_next_prev_hidden: bool = False) -> Any:
        y, h = self.run(x, prev_hidden)
        return (y, h) if return_next_prev_hidden else y


class WithTimespans(Recurrence):
    def forward(self, input: Tensor, timespans: Tensor | None = None, hx: Tensor | None = None) -> Any:
        return self.run(input if timespans is None else input * timespans, hx)


class StateOfManyThings(Recurrence):
    """A state by names, as keywords."""

    def forward(
        self, x: Tensor, conv_state: Any = None, cell_state: Any = None, return_last_state: bool = False
    ) -> Any:
        y, h = self.run(x, None if cell_state is None else cell_state[0] + conv_state)
        return (y, {"conv_state": h - 1, "cell_state": [torch.ones_like(h)]}) if return_last_state else y


class CacheOfOneToken(Recurrence):
    """With a cache it takes one position."""

    def forward(self, x: Tensor, cache: Any = None, return_cache: bool = False) -> Any:
        assert cache is None or x.shape[1] == 1
        y, h = self.run(x, cache)
        return (y, h) if return_cache else y


class StepByKeywords(Recurrence):
    """Its forward has no state; its step takes (B, 1, D)."""

    def forward(self, x: Tensor, **kwargs: Any) -> Tensor:
        return self.run(x, None)[0]

    def step(self, x: Tensor, h_state: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        assert x.dim() == 3
        y, h = self.run(x, h_state)
        return y, {"h_state": h}


class StepWithFirstState(Recurrence):
    """Its step takes (B, D) and a state that it is asked for."""

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x, None)[0]

    def init_state(self, batch_size: int) -> Tensor:
        return self.w.weight.new_zeros(batch_size, self.w.in_features)

    def step(self, x: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        assert x.dim() == 2
        return self.run(x.unsqueeze(1), cache)


WITH_STATE = [
    TakesHx,
    AsksForNextHidden,
    WithTimespans,
    StateOfManyThings,
    CacheOfOneToken,
    StepByKeywords,
    StepWithFirstState,
]


class StateDoesNotAgree(Recurrence):
    """Its second call begins with twice the state."""

    def forward(self, x: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.run(x, None if hx is None else 2 * hx)


class StateIsNotRead(Recurrence):
    """What it takes as a state changes nothing."""

    def forward(self, x: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.run(x, None)


class SequenceFirst(Recurrence):
    def forward(self, src: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, h = self.run(src.transpose(0, 1), hx)
        return y.transpose(0, 1), h


@dataclass
class Result:
    attentions: Tensor | None
    last_hidden_state: Tensor


class ReturnsADataclass(Recurrence):
    def forward(self, hidden_states: Tensor, output_attentions: bool = True) -> Result:
        y, h = self.run(hidden_states, None)
        return Result(h if output_attentions else None, y)


class KeywordsOnly(Recurrence):
    def forward(self, *, hidden_states: Tensor, attention_mask: Tensor | None) -> dict[str, Tensor]:
        assert attention_mask is None
        return {"hidden_states": self.run(hidden_states, None)[0]}


class TakesAnything(Recurrence):
    def forward(self, *args: Tensor, context: Tensor | None = None, **kwargs: Any) -> Tensor:
        (x,) = args
        return self.run(x, None)[0]


class NeedsPositions(Recurrence):
    def forward(self, x: Tensor, position_ids: Tensor) -> Tensor:
        assert position_ids.shape == (1, x.shape[1])
        return self.run(x + position_ids[..., None], None)[0]


class WantsAngles(Recurrence):
    """Its signature does not say that it needs the angles."""

    head_dim = 4

    def forward(self, x: Tensor, position_embeddings: tuple[Tensor, Tensor] | None = None) -> Tensor:
        cos, sin = position_embeddings  # type: ignore[misc]
        assert cos.shape == (1, x.shape[1], 4)
        return self.run(x + cos[..., :1] - sin[..., 1:2], None)[0]


class OneSequence(Recurrence):
    def forward(self, x: Tensor) -> Tensor:
        length, _ = x.shape
        return self.run(x.unsqueeze(0), None)[0][0, :length]


class MixesAll(nn.Module):
    """Every output depends on every input of the batch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.u = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.u(x) + x.mean((0, 1), keepdim=True)


class AddsPlace(nn.Module):
    """It acts on each position alone, and adds where that stands along the second axis."""

    def __init__(self, width: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x + torch.arange(x.shape[1], dtype=x.dtype)[:, None]


class Attention(nn.Module):
    """Softmax attention with one head whose mask `read` understands."""

    def __init__(self, width: int, read: Callable[[Tensor, Any], Tensor]) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.read = read

    def forward(self, x: Tensor, attn_mask: Any = None) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
        return (scores if attn_mask is None else self.read(scores, attn_mask)).softmax(-1) @ v


class BehindAClosedGate(SequenceFirst):
    """A gate that is 0 in a new layer hides what it mixes."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.gate = nn.Parameter(torch.zeros(width))

    def forward(self, src: Tensor, mask: Any = None) -> Tensor:  # type: ignore[override]
        return src + self.gate * super().forward(src)[0]
