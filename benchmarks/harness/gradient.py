"""Gradient flow: how much faster all distances at once are than a pass a distance, and what long sequences take.

python benchmarks/harness/gradient.py

The rival takes one forward pass and then one backward pass for each distance, with the same probes in one batch; it is
timed at some of the distances, spread evenly, in turn with ours, and its whole is their mean times the number of
distances. Ratios are formed within these turns. Targets: 100 times faster at seq_len 1,024; an LSTM with d_model 64 at
seq_len 4,096 in 1.5 s; seq_len 65,536 in 60 s with a process of at most 1 GiB.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import torch
from reporting import Figure, parser, report

from rnn_vs_attn import stats
from rnn_vs_attn.child import ChildWorker
from rnn_vs_attn.measure import adjoint
from rnn_vs_attn.suites.gradflow import GradflowCase, module_of
from rnn_vs_attn.suites.suite import axes_of


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--seq-len", type=int, default=1024, help="of the comparison with a pass a distance")
    options.add_argument("--turns", type=int, default=9, help="turns of each side")
    options.add_argument("--a-turn", type=int, default=4, help="distances that the rival is timed at in a turn")
    options.add_argument("--speed-up", type=float, default=100.0, help="target of the comparison")
    options.add_argument("--lengths", type=int, nargs="*", default=[4096, 65536], help="long sequences to measure")
    given = options.parse_args()
    threads = GradflowCase.threads  # the command's own default
    torch.set_num_threads(threads)
    found = speed_up(case_of(given.seq_len, threads), given.turns, given.a_turn)
    low = found.low if found.low is not None else found.median
    figures = [
        Figure(
            f"all distances at once, times faster than a pass a distance (lstm, seq_len {given.seq_len})",
            found.median,
            f">= {given.speed_up:g}",
            low >= given.speed_up,
        )
    ]
    details: list[dict[str, object]] = [{"speed_up": found.median, "low": found.low, "high": found.high}]
    if not given.json:
        print(f"speed-up {found.median:.0f}, 95 % interval {found.low} to {found.high}", file=sys.stderr)
    for length in given.lengths:
        seconds, peak = long_sequence(case_of(length, threads))
        limit = 1.5 if length <= 4096 else 60.0
        figures.append(
            Figure(f"seconds of lstm at seq_len {length}, 8 probes", seconds, f"<= {limit}", seconds <= limit)
        )
        figures.append(Figure(f"peak of the process at seq_len {length}, GiB", peak, "<= 1", peak <= 1))
        details.append({"seq_len": length, "seconds": seconds, "peak_gib": peak})
    report(figures, details, given.json)


def case_of(seq_len: int, threads: int) -> GradflowCase:
    return GradflowCase(model="lstm", seq_len=seq_len, device="cpu", threads=threads)


def speed_up(case: GradflowCase, turns: int, a_turn: int) -> stats.Estimate:
    """How many times as long a pass a distance takes, by turns."""
    with adjoint.float64():
        module = module_of(case)
        x = torch.randn(1, case.seq_len, case.d_model)
        probes = adjoint.cotangents(case.probes, case.d_model, False, x.device)
        ratios = []
        for turn in range(turns + 1):
            begun = time.perf_counter()
            adjoint.flow(module, x, probes)
            ours = time.perf_counter() - begun
            theirs = pass_a_distance(module, x, probes, a_turn)
            if turn:  # the first one loads libraries
                ratios.append(theirs / ours)
    return stats.estimate(ratios)


def pass_a_distance(module: torch.nn.Module, x: torch.Tensor, probes: torch.Tensor, a_turn: int) -> float:
    """Seconds of the rival at all distances, from one forward pass and `a_turn` of its backward passes."""
    length = x.shape[1]
    tokens = [token.expand(len(probes), -1).clone().requires_grad_() for token in x[0]]
    begun = time.perf_counter()
    y = module(torch.stack(tokens, dim=1))[:, -1]
    forward = time.perf_counter() - begun
    offset = random.randrange(length // a_turn)
    begun = time.perf_counter()
    for i in range(a_turn):
        torch.autograd.grad(y, tokens[offset + i * (length // a_turn)], probes, retain_graph=True)
    return forward + (time.perf_counter() - begun) / a_turn * length


def long_sequence(case: GradflowCase) -> tuple[float, float]:
    """Seconds of one round of a case in a worker that has measured a short one, and its process's peak in GiB."""
    worker = ChildWorker()
    short = GradflowCase(**(axes_of(case) | {"seq_len": 64}))
    for measured in (short, case):
        begun = time.perf_counter()
        worker.ask("measure", 600, suite="gradflow", case=axes_of(measured), seed=0, max_memory=None)
        seconds = time.perf_counter() - begun
    status = dict(line.split(":", 1) for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines())
    worker.close()
    return seconds, int(status["VmHWM"].split()[0]) / (1 << 20)


if __name__ == "__main__":
    main()
