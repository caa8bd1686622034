"""Every layer's outputs and gradients on the device against the CPU's in float64, in float64 and in float32.

python benchmarks/cuda/values.py [--device cuda] [--quick]

The worst tensor of the output, the input's gradient and every weight's, as |found - right| / |right|. Targets: 1e-12 in
float64 and 1e-4 in float32 without TF32.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from on_device import existing
from reporting import Figure, parsed, parser, report

from rnn_vs_attn.errors import first_line
from rnn_vs_attn.measure.device import set_precision
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import MODELS

BOUNDS = {torch.float64: 1e-12, torch.float32: 1e-4}


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--device", type=existing, default="cuda")
    options.add_argument("--seq-len", type=int, default=96)
    given = parsed(options, seq_len=16)
    report(figures(given), [], given)


def figures(given: argparse.Namespace) -> Iterator[Figure]:
    set_precision(tf32=False)
    shape = Shape(2, given.seq_len, 64, 4)
    for spec in MODELS:
        torch.manual_seed(0)
        module = build.build(spec, shape)
        x, gradient = torch.randn(2, 2, given.seq_len, 64)
        right = results(module.double(), x.double(), gradient)
        for dtype, bound in BOUNDS.items():
            name, target = f"{spec.name}, {str(dtype).removeprefix('torch.')}: worst tensor off by", f"<= {bound:g}"
            try:
                found = results(module.to(given.device, dtype), x.to(given.device, dtype), gradient)
            except RuntimeError as error:
                yield Figure(name, float("inf"), target, met=False, beside=first_line(error))
                continue
            off = max(distance(a, b) for a, b in zip(found, right, strict=True))
            yield Figure(name, off, target, off <= bound)
            module.to("cpu", torch.float64)


def results(module: nn.Module, x: Tensor, gradient: Tensor) -> list[Tensor]:
    """The output, the gradient of x and that of every parameter, on the CPU in float64."""
    x = x.clone().requires_grad_()
    y = build.call(module.train(), x)
    y.backward(gradient.to(y))
    found = [y.detach(), x.grad, *(parameter.grad for parameter in module.parameters())]
    kept = [t.detach().to("cpu", torch.float64) for t in found if t is not None]
    module.zero_grad(set_to_none=True)
    return kept


def distance(found: Tensor, right: Tensor) -> float:
    """|found - right| / |right|, computed in float64."""
    right = right.double()
    return float((found.double() - right).norm() / right.norm().clamp_min(1e-30))


if __name__ == "__main__":
    main()
