"""minGRU beside minGRU-pytorch and beside its own loop; restricted attention beside full attention.

python benchmarks/peers/parallel_models.py [--alternations 11] [--quick]

Training passes (forward and backward, gradients of the input and of all weights), alternately in one process, on all
usable cores. minGRU at seq_len 1,024 and d_model 256, batch 1 and 8: ours / minGRU-pytorch's (its log-space scan, from
PyPI: pip install '.[peers]'; left out, and said, where it is not installed), upper end at most 1; its own loop /
its scan, lower end at least 1.5 at batch 1. attention / attention-local at seq_len 8,192, d_model 256, 4 heads, window
256, batch 1: lower end at least 4.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from alternating import ratio_of_calls
from reporting import Figure, at_least, at_most, interval, parsed, parser, report

from rnn_vs_attn.machine.environment import usable_cores
from rnn_vs_attn.models.layers.attention import Attention
from rnn_vs_attn.models.layers.local_attention import LocalAttention
from rnn_vs_attn.models.layers.mingru import MinGRU
from rnn_vs_attn.stats import intervals


def training(module: nn.Module, x: torch.Tensor, run: Callable[..., torch.Tensor] | None = None) -> Callable[[], None]:
    """A forward and a backward pass with fresh gradients."""
    gradient = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    forward = run or module

    def call() -> None:
        forward(x).backward(gradient)
        x.grad = None
        module.zero_grad(set_to_none=True)

    return call


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--alternations", type=int, default=11)
    options.add_argument("--seq-len", type=int, default=1024, help="of minGRU")
    options.add_argument("--attention-len", type=int, default=8192, help="seq_len of attention")
    given = parsed(options, alternations=intervals.MIN_ROUNDS, seq_len=256, attention_len=2048)
    torch.set_num_threads(usable_cores())
    torch.manual_seed(0)
    details: list[dict[str, object]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, object]]) -> Iterator[Figure]:
    def compared(name: str, a: Callable[[], None], b: Callable[[], None]) -> tuple[str, intervals.Estimate]:
        ratio = ratio_of_calls(a, b, given.alternations)
        details.append({"what": name} | vars(ratio))
        return name, ratio

    theirs = their_mingru()
    for batch_size in (1, 8):
        ours = MinGRU(256)
        x = torch.randn(batch_size, given.seq_len, 256, requires_grad=True)
        where = f"mingru, batch {batch_size}"
        if theirs is not None:
            yield at_most(*compared(f"{where}: scan / minGRU-pytorch", training(ours, x), training(theirs, x)), 1.0)
        name, ratio = compared(f"{where}: loop / scan", training(ours, x, ours.sequential), training(ours, x))
        free = Figure(name, ratio.median, beside=interval(ratio))
        yield at_least(name, ratio, 1.5) if batch_size == 1 else free
    x = torch.randn(1, given.attention_len, 256, requires_grad=True)
    full, local = Attention(256, 4), LocalAttention(256, 4, 256)
    local.load_state_dict(full.state_dict())
    yield at_least(*compared("attention / attention-local", training(full, x), training(local, x)), 4.0)


def their_mingru() -> nn.Module | None:
    """minGRU-pytorch's layer; None, and said, where it is not installed."""
    try:
        from minGRU_pytorch import minGRU
    except ImportError:
        print("minGRU-pytorch is not installed; that comparison is left out", file=sys.stderr)
        return None
    return minGRU(256)


if __name__ == "__main__":
    main()
