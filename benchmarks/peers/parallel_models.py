"""Layers that are computed in parallel beside the best public ones on PyPI, and beside their own loops.

python benchmarks/peers/parallel_models.py [--alternations 11] [--model mingru lru] [--quick]

Training passes (forward and backward, gradients of the input and of all weights), alternately in one process, on all
usable cores. Of each layer at seq_len 1,024 and d_model 256, batch 1: ours / theirs, upper end at most 1, and the loop
over positions / ours, of those that have one; minGRU at batch 8 too, and its loop / its scan at batch 1, lower end at
least 1.5. attention / attention-local at seq_len 8,192, d_model 256, 4 heads, window 256, batch 1: lower end at least
4. What of theirs is not here is installed from PyPI into an environment of the program's own, in the folder for
temporary files.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from alternating import ratio_of_calls
from delta_rules import their_gated_deltanet, their_rwkv7
from matrix_states import their_linear_attention, their_mlstm, their_retention
from reporting import Figure, at_least, at_most, interval, parsed, parser, report

from rnn_vs_attn.machine.environment import usable_cores
from rnn_vs_attn.models.layers.attention import Attention
from rnn_vs_attn.models.layers.gated_deltanet import GatedDeltaNet
from rnn_vs_attn.models.layers.linear_attention import LinearAttention
from rnn_vs_attn.models.layers.local_attention import LocalAttention
from rnn_vs_attn.models.layers.lru import LRU
from rnn_vs_attn.models.layers.mamba2 import Mamba2
from rnn_vs_attn.models.layers.mingru import MinGRU
from rnn_vs_attn.models.layers.minlstm import MinLSTM
from rnn_vs_attn.models.layers.mlstm import MLSTM
from rnn_vs_attn.models.layers.retention import Retention
from rnn_vs_attn.models.layers.rwkv7 import RWKV7
from rnn_vs_attn.stats import intervals

WIDTH = 256

Module = Callable[[], nn.Module]
Compared = tuple[str, intervals.Estimate]


@dataclass(frozen=True)
class Rival:
    """A layer of ours and one of somebody else's that computes the same.

    packages: of PyPI, without what they depend on; torch and transformers are those of this interpreter.
    """

    model: str
    ours: Module
    peer: str
    packages: tuple[str, ...]
    theirs: Module
    batch_sizes: tuple[int, ...] = (1,)


def their_mingru() -> nn.Module:
    from minGRU_pytorch.minGRU import minGRU

    return minGRU(WIDTH)


def their_minlstm() -> nn.Module:
    from minGRU_pytorch.minLSTM import minLSTM

    return minLSTM(WIDTH)


def their_lru() -> nn.Module:
    from LRU_pytorch import LRU as TheirLRU

    return TheirLRU(WIDTH, WIDTH, WIDTH)


def their_mamba2() -> nn.Module:
    """Its path without kernels, at the chunk with which it is fastest: of 32, 64 and 256."""
    from transformers import Mamba2Config
    from transformers.models.mamba2.modeling_mamba2 import Mamba2Mixer

    sizes = {"hidden_size": WIDTH, "num_heads": 8, "head_dim": 64, "state_size": 64, "n_groups": 1, "expand": 2}
    return Mamba2Mixer(Mamba2Config(**sizes, num_hidden_layers=1, chunk_size=64), 0)


def their_attention() -> nn.Module:
    """Over torch's fused kernel, as ours; its projections have no biases."""
    from x_transformers.x_transformers import Attention as TheirAttention

    return TheirAttention(dim=WIDTH, heads=4, dim_head=WIDTH // 4, causal=True, flash=True)


def linear_attention() -> LinearAttention:
    return LinearAttention(WIDTH, 4)


def retention() -> Retention:
    return Retention(WIDTH, 4)


def mlstm() -> MLSTM:
    return MLSTM(WIDTH, 4)


FLA = ("flash-linear-attention", "fla-core", "triton", "einops")


def gated_deltanet() -> GatedDeltaNet:
    return GatedDeltaNet(WIDTH, 4)


def rwkv7() -> RWKV7:
    return RWKV7(WIDTH, 4)


X_TRANSFORMERS = ("x-transformers", "einops", "einx", "loguru", "torch-einops-utils", "frozendict")
MINGRU = ("minGRU-pytorch>=0.2", "einops")
RIVALS = (
    Rival("mingru", lambda: MinGRU(WIDTH), "minGRU-pytorch", MINGRU, their_mingru, (1, 8)),
    Rival("minlstm", lambda: MinLSTM(WIDTH), "minGRU-pytorch", MINGRU, their_minlstm),
    Rival("lru", lambda: LRU(WIDTH), "LRU-pytorch (a loop)", ("LRU-pytorch",), their_lru),
    Rival("mamba2", lambda: Mamba2(WIDTH, 8), "transformers", (), their_mamba2),
    # before what brings fla, which transformers would then call, and which needs a GPU
    Rival("gated-deltanet", gated_deltanet, "transformers", (), lambda: their_gated_deltanet(gated_deltanet())),
    Rival(
        "linear-attention",
        linear_attention,
        "fla-core's naive chunks",
        FLA,
        lambda: their_linear_attention(linear_attention()),
    ),
    Rival(
        "retention",
        retention,
        "yet-another-retnet",
        ("yet-another-retnet", "einops"),
        lambda: their_retention(retention()),
    ),
    Rival("mlstm", mlstm, "mlstm_kernels, native", ("mlstm_kernels", "einops"), lambda: their_mlstm(mlstm())),
    Rival("attention", lambda: Attention(WIDTH, 4), "x-transformers", X_TRANSFORMERS, their_attention),
    Rival("rwkv7", rwkv7, "fla-core's naive chunks", FLA, lambda: their_rwkv7(rwkv7())),
)


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--alternations", type=int, default=11)
    names = [*(rival.model for rival in RIVALS), "attention-local"]
    options.add_argument("--model", nargs="+", choices=names, default=names)
    options.add_argument("--seq-len", type=int, default=1024, help="of all but attention-local")
    options.add_argument("--attention-len", type=int, default=8192, help="seq_len of attention / attention-local")
    given = parsed(options, alternations=intervals.MIN_ROUNDS, seq_len=256, attention_len=2048)
    torch.set_num_threads(usable_cores())
    torch.manual_seed(0)
    details: list[dict[str, object]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, object]]) -> Iterator[Figure]:
    def compared(name: str, a: Callable[[], None], b: Callable[[], None]) -> Compared:
        ratio = ratio_of_calls(a, b, given.alternations)
        details.append({"what": name} | vars(ratio))
        return name, ratio

    for rival in (rival for rival in RIVALS if rival.model in given.model):
        install(*rival.packages)
        for batch_size in rival.batch_sizes:
            ours, x = rival.ours(), torch.randn(batch_size, given.seq_len, WIDTH, requires_grad=True)
            where = f"{rival.model}, batch {batch_size}"
            theirs = training(rival.theirs(), x)
            yield at_most(*compared(f"{where}: ours / {rival.peer}", training(ours, x), theirs), 1.0)
            if not hasattr(ours, "sequential"):
                continue
            loop = training(ours, x, ours.sequential)  # type: ignore[arg-type]
            name, ratio = compared(f"{where}: loop / ours", loop, training(ours, x))
            judged = rival.model == "mingru" and batch_size == 1
            yield at_least(name, ratio, 1.5) if judged else Figure(name, ratio.median, beside=interval(ratio))
    if "attention-local" in given.model:
        x = torch.randn(1, given.attention_len, WIDTH, requires_grad=True)
        full, local = Attention(WIDTH, 4), LocalAttention(WIDTH, 4, 256)
        local.load_state_dict(full.state_dict())
        yield at_least(*compared("attention / attention-local", training(full, x), training(local, x)), 4.0)


def training(module: nn.Module, x: torch.Tensor, run: Callable[..., torch.Tensor] | None = None) -> Callable[[], None]:
    """A forward and a backward pass with fresh gradients."""
    gradient = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    forward = run or module

    def call() -> None:
        forward(x).backward(gradient)
        x.grad = None
        module.zero_grad(set_to_none=True)

    return call


def install(*packages: str) -> None:
    """Make packages of PyPI importable, behind those of this interpreter. Ends the program where pip cannot."""
    if not packages:
        return
    name = re.split(r"[<>=]", packages[0])[0]
    folder = Path(tempfile.gettempdir()) / f"rnn-vs-attn-peers-{name}"  # one each: some change what others run
    python = folder / "bin" / "python"
    if not python.exists():
        venv.EnvBuilder(with_pip=True).create(folder)
    command = [python, "-m", "pip", "install", "--quiet", "--no-deps", *packages]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{', '.join(packages)} cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    library = sysconfig.get_path("purelib", vars={"base": str(folder)})
    if library not in sys.path:
        sys.path.append(library)


if __name__ == "__main__":
    main()
