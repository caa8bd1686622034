"""A model of token ids made ready to run: a batch of ids, and the two passes that are measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnn_vs_attn.measure.conduct.differences import GRADIENTS_NOT_FINITE, OUTPUT_NOT_FINITE, finite


@dataclass
class TokenPasses:
    """A module, token ids (B, L), and a fixed random gradient of what `run` makes of them.

    A random gradient and not a sum: the sum of a normalised output has almost none.
    """

    module: nn.Module
    run: Callable[[Tensor], Tensor]
    tokens: Tensor
    grad_output: Tensor

    @classmethod
    def of(cls, module: nn.Module, tokens: Tensor, run: Callable[[Tensor], Tensor] | None = None) -> TokenPasses:
        """`run` keeps the positions: its output is (B, L, ...), as of one token alone it is (B, 1, ...)."""
        run = run or module
        with torch.no_grad():
            of_one = run(tokens[:, :1])
        shape = (*tokens.shape, *of_one.shape[2:])
        return cls(module, run, tokens, torch.randn(shape, dtype=of_one.dtype, device=of_one.device))

    def forward(self) -> Tensor:
        """Inference: eval and no gradient."""
        self.module.eval()
        with torch.no_grad():
            return self.run(self.tokens)

    def train(self) -> None:
        """Forward and backward with fresh gradients of all parameters, which are dropped."""
        self.module.train()
        self.run(self.tokens).backward(self.grad_output)
        self.module.zero_grad(set_to_none=True)

    def not_finite(self) -> list[str]:
        """What a row says where the output or a gradient of one call of each pass is not finite."""
        said = [] if finite([self.forward()]) else [OUTPUT_NOT_FINITE]
        self.module.train()
        self.run(self.tokens).backward(self.grad_output)
        gradients = [p.grad for p in self.module.parameters() if p.grad is not None]
        said += [] if finite(gradients) else [GRADIENTS_NOT_FINITE]
        self.module.zero_grad(set_to_none=True)
        return said


def filled(make: Callable[[], nn.Module], device: torch.device, dtype: torch.dtype) -> nn.Module:
    """A module whose weights are all alike: for its memory, which does not depend on them.

    They are written to, since memory that was never touched does not count as taken.
    """
    module = _empty(make, device, dtype)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(0.01)
    return module


def drawn(make: Callable[[], nn.Module], device: torch.device, dtype: torch.dtype) -> nn.Module:
    """A module with weights of N(0, 0.02), biases of 0 and norms of 1: for its times.

    Building it as usual draws every weight twice, which takes longer than the passes that are timed.
    """
    module = _empty(make, device, dtype)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.dim() == 1:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
            else:
                parameter.normal_(std=0.02)
    return module


def _empty(make: Callable[[], nn.Module], device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The module with room for its weights and nothing written there."""
    with torch.device("meta"):
        module = make()
    return module.to(dtype).to_empty(device=device)
