"""The slot that every model under test fills."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class SequenceMixer(nn.Module):
    """Maps (B, L, D) to (B, L, D), B batch, L sequence, D d_model.

    A mixer that can decode has `initial_state` and `step`, and `step` repeated over the sequence equals `forward`.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        raise NotImplementedError

    def initial_state(self, batch_size: int) -> Any:
        """The state before the first token."""
        raise NotImplementedError

    def step(self, x_t: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(B, D), state -> (B, D), state. The state given may be changed in place."""
        raise NotImplementedError


class Stack(nn.Sequential):
    """`num_layers` modules one after the other, with no residual path and no feed-forward layer between them."""

    def choose_kernel(self, x: Tensor) -> None:
        """Let each layer that has several kernels choose among them for x (B, L, D)."""
        for layer in self:
            if hasattr(layer, "choose_kernel"):
                layer.choose_kernel(x)

    def initial_state(self, batch_size: int) -> list[Any]:
        return [layer.initial_state(batch_size) for layer in self]

    def step(self, x_t: Tensor, state: list[Any]) -> tuple[Tensor, list[Any]]:
        """(B, D), states of all layers -> (B, D), states."""
        states = []
        for layer, layer_state in zip(self, state, strict=True):
            x_t, layer_state = layer.step(x_t, layer_state)
            states.append(layer_state)
        return x_t, states
