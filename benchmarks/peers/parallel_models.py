"""minGRU beside minGRU-pytorch and beside its own loop; restricted attention beside full attention.

python benchmarks/peers/parallel_models.py [--alternations 11]

Training passes (forward and backward, gradients of the input and of all weights), alternately in one process, on all
usable cores. minGRU at seq_len 1,024 and d_model 256, batch 1 and 8: ours / minGRU-pytorch's (its log-space scan, from
PyPI: pip install '.[peers]'; left out, and said, where it is not installed), upper end at most 1; its own loop /
its scan, lower end at least 1.5 at batch 1. attention / attention-local at seq_len 8,192, d_model 256, 4 heads, window
256, batch 1: lower end at least 4.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from alternating import alternated
from reporting import Figure, parser, report

from rnn_vs_attn.environment import usable_cores
from rnn_vs_attn.models.attention import Attention
from rnn_vs_attn.models.attention_local import LocalAttention
from rnn_vs_attn.models.mingru import MinGRU


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
    given = options.parse_args()
    torch.set_num_threads(usable_cores())
    torch.manual_seed(0)
    figures, details = [], list[dict[str, object]]()

    def compare(
        name: str, a: Callable[[], None], b: Callable[[], None], least: float | None, most: float | None
    ) -> None:
        ratio = alternated(a, b, given.alternations)
        low, high = ratio.low or ratio.median, ratio.high or ratio.median
        value, target, met = ratio.median, "none", True
        if least is not None:
            value, target, met = low, f">= {least}, lower end", low >= least
        if most is not None:
            value, target, met = high, f"<= {most}, upper end", high <= most
        figures.append(Figure(name, value, target, met))
        details.append({"what": name} | vars(ratio))
        print(f"{name}: {ratio.median:.3f} [{low:.3f}, {high:.3f}]", file=sys.stderr)

    for batch_size in (1, 8):
        ours = MinGRU(256)
        x = torch.randn(batch_size, 1024, 256, requires_grad=True)
        where = f"mingru, batch {batch_size}"
        theirs = their_mingru()
        if theirs is not None:
            compare(f"{where}: scan / minGRU-pytorch", training(ours, x), training(theirs, x), None, 1.0)
        least = 1.5 if batch_size == 1 else None
        compare(f"{where}: loop / scan", training(ours, x, ours.sequential), training(ours, x), least, None)
    x = torch.randn(1, 8192, 256, requires_grad=True)
    full, local = Attention(256, 4), LocalAttention(256, 4, 256)
    local.load_state_dict(full.state_dict())
    compare("attention / attention-local", training(full, x), training(local, x), 4.0, None)
    report(figures, details, given.json)


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
