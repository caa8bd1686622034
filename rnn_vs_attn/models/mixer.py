"""The slot that every model under test fills, and what can be built from several of them."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError


class SequenceMixer(nn.Module):
    """Maps (B, L, D) to (B, L, D), B batch, L sequence, D d_model.

    A mixer that can decode has `initial_state` and `step`, and `step` repeated over the sequence equals `forward`.
    """

    @property
    def advances_at_once(self) -> bool:
        """Whether `advance` takes several positions in one call, and not one after another."""
        return type(self).advance is not SequenceMixer.advance

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        raise NotImplementedError

    def initial_state(self, batch_size: int) -> Any:
        """The state before the first token: tensors and numbers, in lists, tuples, dicts, dataclasses or objects."""
        raise NotImplementedError

    def step(self, x_t: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(B, D), state -> (B, D), state. The state given may be changed in place."""
        raise NotImplementedError

    def advance(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(B, C, D) and the state before it -> (B, C, D) and the state after it."""
        return _step_by_step(self, x, state)


class Recurrence(SequenceMixer):
    """A mixer that starts from its first state and is advanced over all positions at once."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        return self.advance(x, self.initial_state(len(x)))[0]

    def sequential(self, x: Tensor) -> Tensor:
        """The same, one token after another: the definition, slow."""
        return _step_by_step(self, x, self.initial_state(len(x)))[0]


class Stack(nn.Sequential):
    """`num_layers` modules one after the other, with nothing between them."""

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = output_of(layer(x))
        return x

    def initial_state(self, batch_size: int) -> list[Any]:
        return [initial_state(layer, batch_size) for layer in self]

    def step(self, x_t: Tensor, state: list[Any]) -> tuple[Tensor, list[Any]]:
        """(B, D), states of all layers -> (B, D), states."""
        states = []
        for layer, layer_state in zip(self, state, strict=True):
            x_t, layer_state = layer.step(x_t, layer_state)
            states.append(layer_state)
        return x_t, states

    def advance(self, x: Tensor, state: list[Any]) -> tuple[Tensor, list[Any]]:
        """(B, C, D), states of all layers -> (B, C, D), states."""
        states = []
        for layer, layer_state in zip(self, state, strict=True):
            x, layer_state = advance(layer, x, layer_state)
            states.append(layer_state)
        return x, states


class Block(nn.Module):
    """A mixer in the usual pre-norm residual block: u = x + mixer(norm(x)), y = u + MLP(norm(u)).

    The MLP is of inner_width with GELU: four times as wide where that is None, and absent where it is 0. Source: Xiong
    et al. 2020, figure 1 (b); Radford et al. 2019, section 2.3.
    """

    def __init__(self, mixer: nn.Module, d_model: int, inner_width: int | None = None) -> None:
        super().__init__()
        inner = 4 * d_model if inner_width is None else inner_width
        self.mixer_norm = nn.LayerNorm(d_model)
        self.mixer = mixer
        self.mlp: nn.Module | None = None
        if inner:
            self.mlp = nn.Sequential(
                nn.LayerNorm(d_model), nn.Linear(d_model, inner), nn.GELU(), nn.Linear(inner, d_model)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        return self._widened(x + output_of(self.mixer(self.mixer_norm(x))))

    def _widened(self, u: Tensor) -> Tensor:
        """u + MLP(norm(u)), (B, L, D)."""
        return u if self.mlp is None else u + self.mlp(u)

    def initial_state(self, batch_size: int) -> Any:
        """The state of the mixer; everything else acts on one position alone."""
        return initial_state(self.mixer, batch_size)

    def advance(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(B, C, D), state -> (B, C, D), state."""
        mixed, state = advance(self.mixer, self.mixer_norm(x), state)
        return self._widened(x + mixed), state


def state_dtype(dtype: torch.dtype) -> torch.dtype:
    """In which a recurrence computes states and decays: float32 where numbers have fewer digits, as sums of many would
    lose them.
    """
    return dtype if dtype.itemsize > 2 else torch.float32


def head_dim(d_model: int, num_heads: int) -> int:
    """E, the width of a head. ValueError where heads do not divide the width."""
    if d_model % num_heads:
        raise ValueError(f"d_model {d_model} is not divisible by num_heads {num_heads}")
    return d_model // num_heads


def output_of(result: Any) -> Tensor:
    """The (B, L, D) tensor of a module that returns it alone or first in a tuple."""
    output = result[0] if isinstance(result, tuple) else result
    if not isinstance(output, Tensor):
        raise UserError(f"it returns {type(output).__name__}; it must return a tensor, or a tuple that begins with one")
    return output


def decodes(module: nn.Module) -> bool:
    """Whether a module has `initial_state` and `step`; a stack where all of its layers have."""
    if isinstance(module, Stack):
        return all(decodes(layer) for layer in module)
    return hasattr(module, "initial_state") and hasattr(module, "step")


def has_state(module: nn.Module) -> bool:
    """Whether `advance` can carry a module on from a state: it decodes, or its `forward` takes a `state`."""
    if isinstance(module, Stack):
        return all(has_state(layer) for layer in module)
    if isinstance(module, Block):
        return has_state(module.mixer)
    return _takes_state(module) or decodes(module)


def advances_at_once(module: nn.Module) -> bool:
    """Whether a module that `has_state` is carried over several positions in one call, and not by a step a token."""
    if isinstance(module, Stack):
        return all(advances_at_once(layer) for layer in module)
    if isinstance(module, Block):
        return advances_at_once(module.mixer)
    return module.advances_at_once if isinstance(module, SequenceMixer) else _takes_state(module)


def refused_state(module: nn.Module) -> str:
    """Why a state that a module offers is not used, "" where it offers none or has one that is."""
    if isinstance(module, Stack):
        return next(filter(None, map(refused_state, module)), "")
    said: str = refused_state(module.mixer) if isinstance(module, Block) else getattr(module, "refused_state", "")
    return said


def _takes_state(module: nn.Module) -> bool:
    return "state" in inspect.signature(module.forward).parameters


def initial_state(module: nn.Module, batch_size: int) -> Any:
    """The state before the first token; None for a module whose `forward` takes a state and makes its own first one."""
    return module.initial_state(batch_size) if hasattr(module, "initial_state") else None


def advance(module: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """(B, C, D) and the state before it -> (B, C, D) and the state after it, of a module that `has_state`.

    One call where `forward` takes a state and returns (output, state), else one step a token.
    """
    if isinstance(module, SequenceMixer | Stack | Block):
        return module.advance(x, state)
    if _takes_state(module):
        result = module(x) if state is None else module(x, state=state)
        if not isinstance(result, tuple) or len(result) != 2:
            raise UserError("its forward takes a state and must return (output, state)")
        return result
    return _step_by_step(module, x, state)


def _step_by_step(module: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    outputs: list[Tensor] = []
    own_memory = False  # whether a step hands out memory that the next one writes to
    for x_t in x.unbind(1):
        y_t, state = module.step(x_t, state)
        if len(outputs) == 0:
            first, y_t = y_t, y_t.clone()
        elif len(outputs) == 1:
            own_memory = y_t.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
        outputs.append(y_t.clone() if own_memory else y_t)
    return torch.stack(outputs, dim=1), state
