"""A workload whose passes are captured into CUDA graphs once and then replayed, which removes launch overhead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rnn_vs_attn.errors import CaseFault, first_line
from rnn_vs_attn.isolation.keeping import NOTES
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.records.timing import Care

_NEEDS_OTHERS = (
    "it works in place on what it is given, or remembers it, so each call needs other tensors, and a CUDA graph reads "
    "the same ones at every replay"
)
_NO_GRADIENT = "no gradient of its output arrives at its input, so a graph of its backward pass would hold none of it"


@dataclass
class GraphedWorkload(Workload):
    """The same passes as replays. Gradients are written into the graph's own memory, afresh by each replay.

    written: what a replay of the backward pass writes, the gradients of the input and of the parameters that have one.
    """

    inference: Any = None
    training: Any = None
    gradients: Any = None
    output: Tensor | None = None
    written: tuple[Tensor | None, ...] = ()

    def forward(self) -> Tensor:
        self.inference.replay()
        return self.x

    def train_forward(self) -> Tensor:
        self.training.replay()
        return self.x

    def backward(self, y: Tensor) -> None:
        self.gradients.replay()

    def clear_gradients(self) -> None:
        """Nothing adds up: a replay overwrites what the last one wrote."""

    def take_care(self, name: str, care: Care) -> None:
        """CaseFault (unsupported) where a call needs another input than the one that the graph reads."""
        if care.in_place or care.gradient_in_place or care.remembers:
            raise CaseFault("unsupported", f"{_NEEDS_OTHERS}; leave --cuda-graphs out")
        super().take_care(name, care)


def capture(workload: Workload) -> Workload:
    """Graphs of inference, of the training forward pass and of its backward pass, in one memory pool.

    They are captured on one stream of the workload's own device: the pool asks for it, and autograd runs a backward
    pass on the stream of its forward pass.

    After a capture that failed the cases that follow are measured in another process.

    CaseFault (unsupported) where the module does what a graph cannot hold, such as a copy to the host, or where no
    gradient arrives at its input.
    """
    made, device = GraphedWorkload(workload.module, workload.run, workload.x, workload.grad_output), workload.x.device
    try:
        with torch.cuda.device(device):
            stream = torch.cuda.Stream(device)
            _warm_up(workload, stream)
            workload.begin("forward")  # the graphs read `x` itself: a warm-up's own input is freed
            _capture_into(made, workload, stream)
    except RuntimeError as error:
        if made.inference is not None:  # what fails in a capture leaves stream, allocator and generator in the middle
            NOTES.spoilt = True
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise CaseFault("unsupported", f"it cannot be captured in a CUDA graph: {first_line(error)}") from error
    if made.written[0] is None:
        raise CaseFault("unsupported", _NO_GRADIENT)
    return made


def _capture_into(made: GraphedWorkload, workload: Workload, stream: torch.cuda.Stream) -> None:
    made.inference = torch.cuda.CUDAGraph()
    workload.module.eval()
    with torch.no_grad(), torch.cuda.graph(made.inference, stream=stream):
        workload.forward()
    workload.module.train()
    made.training, made.gradients = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
    pool = made.inference.pool()
    with torch.cuda.graph(made.training, pool=pool, stream=stream):
        made.output = workload.train_forward()
    wanted = [workload.x, *(p for p in workload.module.parameters() if p.requires_grad)]
    with torch.cuda.graph(made.gradients, pool=pool, stream=stream):
        made.written = torch.autograd.grad(made.output, wanted, workload.grad_output, allow_unused=True)


def _warm_up(workload: Workload, stream: torch.cuda.Stream) -> None:
    """Three calls on the stream of the capture, which libraries take their work space for outside of the graph."""
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            workload.both()
    torch.cuda.current_stream().wait_stream(stream)
