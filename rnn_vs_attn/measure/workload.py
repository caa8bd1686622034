"""One case made ready to run: a module, its input, and the two passes that are measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnn_vs_attn.models import build


@dataclass
class Workload:
    """A module with an input (B, L, D) that requires grad and a fixed random gradient of the output.

    forward() keeps no gradient; train_forward() keeps the graph and backward(y) sends `grad_output` through it, into
    the gradients of the input and of all parameters. A fixed random gradient and not a sum: the sum of a normalised
    output has almost none.
    """

    module: nn.Module
    run: Callable[[Tensor], Tensor]
    x: Tensor
    grad_output: Tensor

    @classmethod
    def of(cls, module: nn.Module, x: Tensor, compiled: bool = False) -> Workload:
        target = torch.compile(module) if compiled else module
        return cls(module, lambda inputs: build.call(target, inputs), x.requires_grad_(), torch.randn_like(x))

    def forward(self) -> Tensor:
        """Call it under torch.no_grad() and module.eval(), as `clock` does once a block."""
        return self.run(self.x)

    def train_forward(self) -> Tensor:
        return self.run(self.x)

    def backward(self, y: Tensor) -> None:
        y.backward(self.grad_output)

    def clear_gradients(self) -> None:
        """Forget the gradients, so that the next call writes new ones and adds nothing up."""
        self.x.grad = None
        for parameter in self.module.parameters():
            parameter.grad = None

    def train(self) -> None:
        """One whole training pass with fresh gradients, which are dropped."""
        self.backward(self.train_forward())
        self.clear_gradients()
