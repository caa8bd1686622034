"""CUDA graphs: replays against eager passes, in output, in gradients, on new inputs, and what they save.

python benchmarks/cuda/graph_replays.py [--device cuda] [--quick]

Targets: output and gradients within 1e-3 of the eager ones in float32 and 3e-2 in bfloat16, and a replay sees a new
input. Replayed / eager is shown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from alternating import ratio
from on_device import existing
from reporting import Figure, holds, interval, parsed, parser, report
from values import distance

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.measure.timing.clock import clock_for
from rnn_vs_attn.measure.timing.cuda_graphs import GraphedWorkload, capture
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.suites.bench import measure
from rnn_vs_attn.suites.bench.case import BenchCase

MODELS = ("attention", "attention-naive", "attention-local", "lstm", "gru", "rnn", "lstm-cell", "mingru", "conv")
BOUNDS = {"float32": 1e-3, "bfloat16": 3e-2}
BLOCK = 0.02  # seconds


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--device", type=existing, default="cuda")
    options.add_argument("--model", nargs="+", default=list(MODELS))
    options.add_argument("--seq-len", type=int, default=256)
    options.add_argument("--turns", type=int, default=7)
    given = parsed(options, model=["attention"], turns=6)
    report(figures(given), [], given)


def figures(given: argparse.Namespace) -> Iterator[Figure]:
    for dtype, bound in BOUNDS.items():
        for model in given.model:
            case = BenchCase(model, given.seq_len, device=given.device, dtype=dtype, threads=1)
            text, target = f"{model}, {dtype}", f"<= {bound:g}"
            eager = measure.workload(case, 0)
            try:
                replayed = capture(measure.workload(case, 0))
            except CaseFault as fault:
                yield holds(f"{text}: captured", so=False, beside=fault.reason)
                continue
            assert isinstance(replayed, GraphedWorkload)
            off = max(distance(a, b) for a, b in zip(of_replay(replayed), of_eager(eager), strict=True))
            yield Figure(f"{text}: worst tensor off by", off, target, off <= bound)
            yield holds(f"{text}: sees a new input", sees(replayed))
            for name in ("forward", "train"):
                found = ratio(timed(replayed, name), timed(eager, name), given.turns)
                yield Figure(f"{text}, {name}: replayed / eager", found.median, beside=interval(found))


def of_eager(made: Workload) -> list[Tensor]:
    """The output and the gradients, of the input first."""
    made.module.train()
    y = made.train_forward()
    made.backward(y)
    found = [y.detach().clone(), made.x.grad, *(p.grad for p in made.module.parameters())]
    kept = [t.clone() for t in found if t is not None]
    made.clear_gradients()
    return kept


def of_replay(made: GraphedWorkload) -> list[Tensor]:
    made.backward(made.train_forward())
    torch.cuda.synchronize(made.x.device)
    assert made.output is not None
    return [made.output.detach().clone(), *(t.clone() for t in made.written if t is not None)]


def sees(made: GraphedWorkload) -> bool:
    """Whether a replay's output changes with the numbers that its input holds."""
    before, kept = of_replay(made)[0], made.x.detach().clone()
    with torch.no_grad():
        made.x.mul_(0.5)
    after = of_replay(made)[0]
    with torch.no_grad():
        made.x.copy_(kept)
    return not torch.equal(before, after)


def timed(made: Workload, name: str) -> Callable[[], float]:
    """The median of three blocks of about BLOCK seconds."""
    clock = clock_for(made.x.device)
    clock.block(made, name, 1)
    loops = max(1, min(10, int(BLOCK / clock.block(made, name, 1).seconds)))
    return lambda: median(clock.block(made, name, loops).seconds for _ in range(3))


if __name__ == "__main__":
    main()
