"""Layers by the kernels of packages (bench --backend) beside their definitions: outputs and all gradients.

python benchmarks/peers/kernel_packages.py [--device cuda] [--num-heads 2] [--quick]

Of each layer and package the largest error, as kernel_agreement has it, in float32 and float16, on a GPU in bfloat16
too; and a sequence in two pieces, with the state handed over, beside the whole. On the CPU kernels run in Triton's
interpreter, which has no bfloat16 and whose times say nothing. Packages that are not here are installed from PyPI into
an environment of the program's own, in the folder for temporary files; mamba-ssm without what it would compile.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
import triton_on_cpu
from field_environment import Environment
from reporting import Figure, parsed, parser, report

from rnn_vs_attn.measure.conduct.kernel_agreement import BOUNDS, error_of, positions
from rnn_vs_attn.models.backends import PACKAGES
from rnn_vs_attn.models.build import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.layers.chunked_recurrence import ChunkedRecurrence
from rnn_vs_attn.models.registry import MODELS

BUILD = ("setuptools", "wheel", "packaging", "ninja")  # what mamba-ssm is built with
WITHOUT_COMPILING = {"MAMBA_SKIP_CUDA_BUILD": "TRUE", "MAMBA_FORCE_BUILD": "TRUE"}


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--device", default="cpu")
    options.add_argument("--seq-len", type=int, default=0, help="0: two chunks and a half of the kernels'")
    options.add_argument("--d-model", type=int, default=64)
    options.add_argument("--num-heads", type=int, default=2)
    given = parsed(options, seq_len=70, d_model=32)
    _install(given.device)
    details: list[dict[str, object]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, object]]) -> Iterator[Figure]:
    if given.device == "cpu":
        triton_on_cpu.begin()
    for package in PACKAGES.values():
        __import__(f"rnn_vs_attn.models.kernels.{package.module}")
    if given.device == "cpu":
        triton_on_cpu.mend(*(package.module for package in PACKAGES.values()))
    dtypes = [dtype for dtype in BOUNDS if given.device != "cpu" or dtype != torch.bfloat16]
    for spec in MODELS:
        for backend in spec.traits.backends:
            seq_len = given.seq_len or positions(PACKAGES[backend])
            shape = Shape(2, seq_len, given.d_model, given.num_heads)
            for dtype in dtypes:
                yield from _held(spec.name, backend, shape, dtype, given.device, details)


def _held(
    model: str, backend: str, shape: Shape, dtype: torch.dtype, device: str, details: list[dict[str, object]]
) -> Iterator[Figure]:
    """The largest error beside the definition, and in two pieces beside the whole."""
    torch.manual_seed(0)
    spec = next(spec for spec in MODELS if spec.name == model)
    layer = build(spec, Shape(**{**vars(shape), "backend": backend})).to(device, dtype)
    assert isinstance(layer, ChunkedRecurrence)
    x = torch.randn(shape.batch_size, shape.seq_len, shape.d_model, device=device).to(dtype)
    errors = error_of(layer, x)
    where, bound = max(errors, key=lambda name: errors[name]), BOUNDS[dtype]
    name = f"{model} by {backend}, {str(dtype).removeprefix('torch.')}"
    details.append({"what": name, "errors": errors})
    yield Figure(name, errors[where], f"<= {bound:g}", errors[where] <= bound, f"({where})")
    with torch.no_grad():
        cut = shape.seq_len // 3
        first, state = layer.advance(x[:, :cut], layer.initial_state(shape.batch_size))
        pieces, whole = torch.cat([first, layer.advance(x[:, cut:], state)[0]], dim=1), layer(x)
    apart = float((pieces.double() - whole.double()).norm() / whole.double().norm())
    yield Figure(f"{name}, in two pieces", apart, f"<= {bound:g}", apart <= bound)


def _install(device: str) -> None:
    """Make the packages importable, behind those of this interpreter. Ends the program where pip cannot."""
    missing = [package for package in PACKAGES.values() if find_spec(package.module) is None]
    if not missing:
        return
    made = Environment.made(Path(tempfile.gettempdir()) / "rnn-vs-attn-kernel-packages")
    os.environ.update(WITHOUT_COMPILING if device == "cpu" else {})
    for name in (*BUILD, "einops", "triton", *(package.distribution for package in missing)):
        own = ["--no-deps", "--no-build-isolation"] if name == "mamba-ssm" else []
        problem = made.install(name, *own)
        if problem:
            sys.exit(f"{name} cannot be installed: {problem}")
    sys.path.append(str(made.packages))


if __name__ == "__main__":
    main()
