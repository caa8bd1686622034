"""Mixers and models of token ids made ready to run: a module, its input, and the two passes that are measured."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from rnn_vs_attn.isolation.keeping import note_grad_mode
from rnn_vs_attn.measure.attention_kernels import Kernel, only
from rnn_vs_attn.measure.conduct.fresh_inputs import FreshInputs
from rnn_vs_attn.measure.conduct.holdings import Holdings
from rnn_vs_attn.models import build
from rnn_vs_attn.models.kernels import cudnn_weights
from rnn_vs_attn.models.language.token_ids import trust_ids
from rnn_vs_attn.records.timing import Care

_KEPT = 4  # copies that the last calls were given, whose place in memory no other one is to take meanwhile
EVERYTHING = Care(in_place=True, gradient_in_place=True, remembers=True)  # where nothing is timed


@dataclass
class Workload:
    """A module with an input (B, L, D) that requires grad and a fixed random gradient of the output.

    forward() keeps no gradient; train_forward() keeps the graph and backward(y) sends `grad_output` through it, into
    the gradients of the input and of all parameters. A fixed random gradient and not a sum: the sum of a normalised
    output has almost none. All calls are given `x` itself, but for what `renew` puts in its place. cares: by pass, of
    modules that need any. kernels: of attention, by pass, as `mode` enters them.
    """

    module: nn.Module
    run: Callable[[Tensor], Tensor]
    x: Tensor
    grad_output: Tensor
    cares: dict[str, Care] = field(default_factory=dict)
    kernels: dict[str, Kernel] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.given = self.leaf = self.x  # what the next call is given, and the leaf that its gradient goes to
        self.gradient = self.grad_output
        self._given: deque[Tensor] = deque(maxlen=_KEPT)
        self._fresh: FreshInputs | None = None
        self._holdings: Holdings | None = None

    @classmethod
    def of(cls, module: nn.Module, x: Tensor, compiled: bool = False) -> Workload:
        """Calls of a module with x (B, L, D), and a random gradient of its output for the backward pass."""
        target = torch.compile(module) if compiled else module
        return cls(module, lambda inputs: build.call(target, inputs), x.requires_grad_(), torch.randn_like(x))

    def forward(self) -> Tensor:
        """Call it under torch.no_grad() and module.eval(), as `clock` does once a block."""
        return self.run(self.given)

    def train_forward(self) -> Tensor:
        """The output (B, L, D), with what its backward pass needs."""
        return self.run(self.given)

    def backward(self, y: Tensor) -> None:
        """The gradients of the input and of all parameters."""
        y.backward(self.gradient)

    def clear_gradients(self) -> None:
        """Forget the gradients, so that the next call writes new ones and adds nothing up."""
        self.leaf.grad = None
        for parameter in self.module.parameters():
            parameter.grad = None

    def train(self) -> None:
        """One whole training pass with fresh gradients, which are dropped, on an input of its own."""
        self.renew()
        self.backward(self.train_forward())
        self.clear_gradients()

    def both(self) -> None:
        """Both passes once, each in its mode and on an input of its own; for what is made at the first call."""
        with mode(self, "forward"):
            self.renew()
            self.forward()
        with mode(self, "train"):
            self.train()

    def kernel(self, name: str) -> AbstractContextManager[object]:
        """Within, attention runs by the kernel that was chosen for the pass `name`."""
        return only(self.kernels.get(name))

    def take_care(self, name: str, care: Care) -> None:
        """Renew before each call of the pass `name` what `care` says; to be called in that pass's mode."""
        if care == Care():
            return
        if care.changes:
            self.renew(care)
            y = build.call(self.module, self.given)  # as it is: what compiling takes is yet to be timed
            if name == "train":
                self.backward(y)
                self.clear_gradients()
            self._holdings = Holdings(self.module)  # with what the first call made
        self.cares[name] = care

    def begin(self, name: str) -> Care | None:
        """Make ready for a block of calls of one pass: all with `x` itself, where no care says otherwise."""
        self.given = self.leaf = self.x
        self.gradient = self.grad_output
        return self.cares.get(name)

    def renew(self, care: Care = EVERYTHING) -> None:
        """Make ready what the next call is given. It stands outside of what is timed."""
        if care.remembers:
            self._fresh = self._fresh or FreshInputs(self.x)
            self.leaf = self._fresh.next()
        self.given = self.leaf.clone() if care.in_place else self.leaf
        if care.remembers:
            self._given.append(self.given)
        self.gradient = self.grad_output.clone() if care.gradient_in_place else self.grad_output
        if care.changes and self._holdings is not None:
            self._holdings.put_back(care.changes)


class TokenWorkload(Workload):
    """A model of token ids with ids (B, L) as its input, which has no gradient, and nothing that is to be renewed."""

    @classmethod
    def of_ids(cls, module: nn.Module, ids: Tensor, run: Callable[[Tensor], Tensor] | None = None) -> TokenWorkload:
        """`run` keeps the positions: its output is (B, L, ...), as of one token alone it is (B, 1, ...)."""
        trust_ids(module)
        run = run or module
        with torch.no_grad():
            of_one = run(ids[:, :1])
        shape = (*ids.shape[:2], *of_one.shape[2:])  # tokens may be several numbers each
        return cls(module, run, ids, torch.randn(shape, dtype=of_one.dtype, device=of_one.device))

    def renew(self, care: Care = EVERYTHING) -> None:
        """All calls are given the same ids: the program's own models only read them."""


@contextmanager
def mode(workload: Workload, name: str) -> Iterator[None]:
    """Inference: eval and no gradient. Not inference_mode: a module may cache tables that training reads later.

    Either with its kernel: entered here it is outside of every call, and takes none of its time.
    """
    workload.module.train(name == "train")
    with workload.kernel(name), torch.set_grad_enabled(name == "train"):
        yield
        note_grad_mode(name == "train")


# Token models whose weights are not drawn as usual


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
    module = module.to(dtype).to_empty(device=device)
    cudnn_weights.flatten(module)
    return module
