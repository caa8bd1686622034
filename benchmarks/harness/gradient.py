"""Gradient flow: what all distances at once cost beside a pass a distance and beside one bare pass, and long sequences.

python benchmarks/harness/gradient.py [--seq-len 1024] [--turns 9] [--quick]

Every figure but the peak is a ratio of times taken in turn in one process, with the 95 % interval of its median over
turns. The rival of the first one takes one forward pass and then one backward pass for each distance, with the same
probes in one batch; timed at some of the distances, spread evenly, its whole is their mean times their number.
The bare pass is one forward and one backward pass with the same probes in one batch, from the last output to all
inputs: what `gradflow` adds is that nothing underflows, and every check of what it prints. Targets: 100 times faster
than a pass a distance at seq_len 1,024; 2 bare passes at 4,096; a token at 65,536 takes at most 1.5 times that of
one at 4,096, in a process of at most 1 GiB.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import torch
from alternating import ratio, seconds
from reporting import Figure, at_least, at_most, parsed, parser, report

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.gradient import flow
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.gradflow.case import GradflowCase
from rnn_vs_attn.suites.gradflow.measure import module_of
from rnn_vs_attn.suites.gradflow.suite import GRADFLOW
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.protocol import About, Measure


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--seq-len", type=int, default=1024, help="of the comparison with a pass a distance")
    options.add_argument("--turns", type=int, default=9, help="turns of each side")
    options.add_argument("--a-turn", type=int, default=4, help="distances that the rival is timed at in a turn")
    options.add_argument("--speed-up", type=float, default=100.0, help="target of the comparison")
    options.add_argument("--bare", type=float, default=2.0, help="target in bare passes, at the first of --lengths")
    options.add_argument("--lengths", type=int, nargs=2, default=[4096, 65536], help="a long sequence and a longer one")
    given = parsed(options, seq_len=64, turns=intervals.MIN_ROUNDS, a_turn=2, lengths=[256, 1024])
    torch.set_num_threads(GradflowCase.threads)  # the command's own default
    details: list[dict[str, object]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, object]]) -> Iterator[Figure]:
    near, far = given.lengths
    found = speed_up(Sides(given.seq_len), given.turns, given.a_turn)
    details.append({"speed_up": found.median} | _ends(found))
    name = f"all distances at once, times faster than a pass a distance (lstm, seq_len {given.seq_len})"
    yield at_least(name, found, given.speed_up)
    found = bare_passes(Sides(near), given.turns)
    details.append({"bare_passes": found.median} | _ends(found))
    yield at_most(f"gradflow ÷ a bare pass (lstm, seq_len {near}, 8 probes)", found, given.bare)
    peak = peak_of(case_of(far))
    yield Figure(f"peak of the process at seq_len {far}, GiB", peak, "<= 1", peak <= 1)
    found = longer(Sides(near), Sides(far), min(given.turns, intervals.MIN_ROUNDS))
    details += [{"longer": found.median} | _ends(found), {"peak_gib": peak}]
    yield at_most(f"a token at seq_len {far} ÷ one at {near}", found, 1.5)


def _ends(found: intervals.Estimate) -> dict[str, object]:
    return {"low": found.low, "high": found.high}


def case_of(seq_len: int) -> GradflowCase:
    return GradflowCase(model="lstm", seq_len=seq_len, device="cpu", threads=GradflowCase.threads)


@dataclass
class Sides:
    """The module, input and probes of a length, and the calls whose times are compared."""

    seq_len: int

    def __post_init__(self) -> None:
        case = case_of(self.seq_len)
        with flow.float64():
            self.module = module_of(case)
            self.x = torch.randn(1, case.seq_len, case.d_model)
            self.probes = flow.cotangents(case.probes, case.d_model, False, self.x.device)

    def ours(self) -> None:
        with flow.float64():
            flow.flow_of(self.module, self.x, self.probes)

    def bare(self) -> None:
        """One forward and one backward pass, from the last output to all inputs."""
        with flow.float64():
            inputs = self.x.expand(len(self.probes), -1, -1).clone().requires_grad_()
            torch.autograd.grad(self.module(inputs)[:, -1], inputs, self.probes)


def speed_up(sides: Sides, turns: int, a_turn: int) -> intervals.Estimate:
    """How many times as long a pass a distance takes."""
    return ratio(lambda: pass_a_distance(sides, a_turn), lambda: seconds(sides.ours), turns)


def pass_a_distance(sides: Sides, a_turn: int) -> float:
    """Seconds of the rival at all distances, from one forward pass and `a_turn` of its backward passes."""
    length = sides.seq_len
    with flow.float64():
        tokens = [token.expand(len(sides.probes), -1).clone().requires_grad_() for token in sides.x[0]]
        begun = perf_counter()
        y = sides.module(torch.stack(tokens, dim=1))[:, -1]
        forward = perf_counter() - begun
        offset = random.randrange(length // a_turn)
        begun = perf_counter()
        for i in range(a_turn):
            torch.autograd.grad(y, tokens[offset + i * (length // a_turn)], sides.probes, retain_graph=True)
    return forward + (perf_counter() - begun) / a_turn * length


def bare_passes(sides: Sides, turns: int) -> intervals.Estimate:
    """How many times as long as one bare pass gradflow takes."""
    return ratio(lambda: seconds(sides.ours), lambda: seconds(sides.bare), turns)


def longer(near: Sides, far: Sides, turns: int) -> intervals.Estimate:
    """How many times as long a token takes in the longer sequence."""
    times = far.seq_len / near.seq_len
    return ratio(lambda: seconds(far.ours) / times, lambda: seconds(near.ours), turns)


def peak_of(case: GradflowCase) -> float:
    """GiB that a worker needs for one round of a case."""
    worker = ChildWorker()
    worker.ask(Measure(About.of(GRADFLOW, case, max_memory=None), Turn()), 3600)
    status = dict(line.split(":", 1) for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines())
    worker.close()
    return int(status["VmHWM"].split()[0]) / (1 << 20)


if __name__ == "__main__":
    main()
