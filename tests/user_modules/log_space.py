"""A minGRU in log space, as Feng et al. 2024 give it in their appendix B.3, and the same layer one token after another.

Its outputs are right to 13 digits and its gradient is, beyond some tens of tokens, what rounding left of 1 - 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class InLogSpace(nn.Module):
    """h_t = (1 - z_t) h_(t-1) + z_t g(n_t), g positive, by a sum of exponentials over the whole sequence."""

    gate = 0.0  # added to what z is the sigmoid of

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.in_proj = nn.Linear(d_model, 2 * d_model)

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        k, n = self.in_proj(x).chunk(2, dim=-1)
        return k + self.gate, n

    def forward(self, x: Tensor) -> Tensor:
        k, n = self.parts(x)
        kept = (-F.softplus(k)).cumsum(1)
        added = -F.softplus(-k) + torch.where(n >= 0, (F.relu(n) + 0.5).log(), -F.softplus(-n))
        return (kept + (added - kept).logcumsumexp(1)).exp()

    def token(self, x_t: Tensor, h: Tensor) -> Tensor:
        k, n = self.parts(x_t)
        return torch.sigmoid(-k) * h + torch.sigmoid(k) * torch.where(n >= 0, n + 0.5, n.sigmoid())


class OneByOne(InLogSpace):
    """The same by its definition."""

    def forward(self, x: Tensor) -> Tensor:
        h, outputs = torch.zeros_like(x[:, 0]), []
        for x_t in x.unbind(1):
            h = self.token(x_t, h)
            outputs.append(h)
        return torch.stack(outputs, dim=1)


class WithRightStep(InLogSpace):
    """In log space, with a step that is not."""

    def initial_state(self, batch_size: int) -> Tensor:
        weight = self.in_proj.weight
        return weight.new_zeros(batch_size, weight.shape[1])

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = self.token(x_t, state)
        return h, h


class WithDetachedStep(WithRightStep):
    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return super().step(x_t, state.detach())


class FromAState(InLogSpace):
    """Takes a state, in log space too."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        k, n = self.parts(x)
        kept = -F.softplus(k)
        added = -F.softplus(-k) + torch.where(n >= 0, (F.relu(n) + 0.5).log(), -F.softplus(-n))
        if state is not None:
            kept, added = F.pad(kept, (0, 0, 1, 0)), torch.cat([state.log()[:, None], added], dim=1)
        sums = kept.cumsum(1)
        y = (sums + (added - sums).logcumsumexp(1)).exp()[:, -x.shape[1] :]
        return y, y[:, -1]
