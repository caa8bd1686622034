"""Layers of other people's packages, by import path: which of them are measured at the first try, and as what.

python benchmarks/peers/field_layers.py [--environment FOLDER] [--only WORD ...] [--page FILE] [--quick]

The packages are installed from PyPI into an environment of their own, in a folder that is named and kept; torch and
transformers are those of the interpreter that runs this. A package that does not install is a row with pip's reason.
Each layer is given to `bench`, `gradflow` and `scaling` as a user would type it, at d_model 64, without any argument;
one that is refused is tried once more with the one line that stands beside it here. Targets: at least 20 layers at the
first try, all of them with at most that line. With --quick layers of torch alone are tried, and nothing is installed.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from field_environment import Environment
from field_trial import SUITES, Records, Trial, followed, timed, trial
from reporting import Figure, parsed, parser, report

HEADING = "## The table"  # of the page; what stands below it is replaced
FOLDER = Path.home() / ".cache" / "rnn-vs-attn" / "field-layers"
LEAST = 20  # layers at the first try
GPT2, LLAMA, BERT = (f"transformers.models.{name}.modeling_{name}" for name in ("gpt2", "llama", "bert"))
MAMBA, MAMBA2 = (f"transformers.models.{name}.modeling_{name}" for name in ("mamba", "mamba2"))
RWKV, FNET = (f"transformers.models.{name}.modeling_{name}" for name in ("rwkv", "fnet"))


@dataclasses.dataclass(frozen=True)
class Layer:
    """package: as pip knows it, "" for torch and transformers. line: arguments with which it is tried once more."""

    package: str
    path: str
    line: str = ""


LAYERS = (
    Layer("", "torch.nn:GRU"),
    Layer("", "torch.nn:LSTM"),
    Layer("", "torch.nn:MultiheadAttention"),
    Layer("", "torch.nn:TransformerEncoderLayer"),
    Layer("", f"{GPT2}:GPT2Attention"),
    Layer("", f"{LLAMA}:LlamaAttention"),
    Layer("", f"{BERT}:BertAttention"),
    Layer("", f"{MAMBA}:MambaMixer"),
    Layer("", f"{MAMBA2}:Mamba2Mixer"),
    Layer("", f"{FNET}:FNetFourierTransform"),
    Layer("", f"{RWKV}:RwkvSelfAttention"),
    Layer("minGRU-pytorch", "minGRU_pytorch:minGRU"),
    Layer("x-transformers", "x_transformers.x_transformers:Attention"),
    Layer("x-transformers", "x_transformers:Decoder"),
    Layer("local-attention", "local_attention:LocalMHA"),
    Layer("performer-pytorch", "performer_pytorch:SelfAttention"),
    Layer("linear-attention-transformer", "linear_attention_transformer.linear_attention_transformer:SelfAttention"),
    Layer("ncps", "ncps.torch:CfC"),
    Layer("ncps", "ncps.torch:LTC"),
    Layer("pytorch-tcn", "pytorch_tcn:TCN", "num_channels=[64]"),
    Layer("linformer", "linformer:LinformerSelfAttention"),
    Layer("reformer-pytorch", "reformer_pytorch:LSHSelfAttention"),
    Layer("mambapy", "mambapy.mamba:MambaBlock"),
    Layer("xlstm", "xlstm.blocks.mlstm.layer:mLSTMLayer"),
    Layer("xlstm", "xlstm.blocks.slstm.layer:sLSTMLayer", "backend='vanilla'"),
    Layer("yet-another-retnet", "yet_another_retnet.retention:MultiScaleRetention"),
    Layer("gated-state-spaces-pytorch", "gated_state_spaces_pytorch:GSS"),
    Layer("nystrom-attention", "nystrom_attention:NystromAttention", "batch_first=True"),
    Layer("s5-pytorch", "s5:S5"),
    Layer("mega-pytorch", "mega_pytorch.mega_pytorch:MegaLayer"),
    Layer("g-mlp-pytorch", "g_mlp_pytorch.g_mlp_pytorch:gMLPBlock", "dim_ff=256"),
    Layer("h-transformer-1d", "h_transformer_1d.h_transformer_1d:HAttention1D"),
    Layer("memory-efficient-attention-pytorch", "memory_efficient_attention_pytorch:Attention"),
    Layer("conformer", "conformer:ConformerBlock"),
    Layer("sinkhorn-transformer", "sinkhorn_transformer.sinkhorn_transformer:SinkhornSelfAttention", "bucket_size=16"),
)


@dataclasses.dataclass(frozen=True)
class Row:
    """What became of one layer. line: the arguments that it took, "" where it was measured without."""

    layer: Layer
    trial: Trial
    line: str = ""

    @property
    def at_first(self) -> bool:
        return self.trial.works and not self.line

    def cells(self) -> list[str]:
        """Its line of the table."""
        trial, package = self.trial, self.layer.package or self.layer.path.partition(".")[0]
        first = "yes" if self.at_first else f"with `{self.line}`" if trial.works else "no"
        facts = [f"`{trial.built}`" if trial.built else "", *map(_number, (trial.num_params, trial.flops))]
        ends = [trial.chain, trial.path, trial.law, trial.said]
        return [package, f"`{self.layer.path.rpartition(':')[2]}`", first, *facts, *ends]


TITLES = ["package", "layer", "first try", "built as", "parameters", "FLOPs", "chain", "path", "gradient", "said"]


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--environment", type=Path, default=FOLDER, help=f"of the packages ({FOLDER})")
    options.add_argument("--only", nargs="+", default=[""], help="layers whose path holds one of these")
    options.add_argument("--page", type=Path, help=f"a file to whose end, below {HEADING!r}, the table is written")
    given = parsed(options, only=["torch.nn:GRU", "torch.nn:MultiheadAttention"])
    details: list[dict[str, Any]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    layers = [layer for layer in LAYERS if any(word in layer.path for word in given.only)]
    if not layers:
        sys.exit(f"no layer's path holds {' or '.join(given.only)}")
    environment = Environment.made(given.environment)
    print(f"packages stand in {given.environment}", file=sys.stderr)
    rows = measured(layers, environment)
    details += [dataclasses.asdict(row) for row in rows]
    print(table(rows), file=sys.stderr)
    if given.page is not None:
        write(given.page, table(rows))
    yield from _judged(rows)


def _judged(rows: Sequence[Row]) -> Iterator[Figure]:
    whole = len(rows) == len(LAYERS)
    first, works = sum(row.at_first for row in rows), sum(row.trial.works for row in rows)
    told = f"of {len(rows)}"
    yield Figure(
        "layers at the first try", first, f">= {LEAST}" if whole else "", first >= LEAST if whole else None, told
    )
    yield Figure("layers with at most one line", works, f"{len(rows)}", works == len(rows), told)
    for suite in SUITES:
        yield Figure(f"layers with {suite}'s numbers", sum(suite not in row.trial.missing for row in rows), beside=told)


def measured(layers: Sequence[Layer], environment: Environment) -> list[Row]:
    """A row a layer: `bench` of each by itself, as it may be refused; then the other two of all that are left."""
    found, lines = {}, {}
    for layer in layers:
        found[layer.path], lines[layer.path] = first_look(layer, environment)
        print(f"{layer.path}: {found[layer.path]['bench'][1] or 'bench'}", file=sys.stderr, flush=True)
    models = [_named(layer.path, lines[layer.path]) for layer in layers if found[layer.path]["bench"][0]]
    for suite in SUITES[1:]:
        print(f"{suite} of {len(models)} layers", file=sys.stderr, flush=True)
        for model, result in followed(environment, suite, models).items():
            found[model.partition("(")[0]][suite] = result
    return [Row(layer, trial(found[layer.path]), lines[layer.path]) for layer in layers]


def first_look(layer: Layer, environment: Environment) -> tuple[dict[str, tuple[Records, str]], str]:
    """What `bench` finds of a layer as it is, and where that is refused with its line, which stands beside it then."""
    reason = environment.install(layer.package) if layer.package else ""
    if reason:
        return {"bench": ([], f"{layer.package} does not install: {reason}")}, ""
    records, reason = timed(environment, layer.path)
    if records or not layer.line:
        return {"bench": (records, reason)}, ""
    return {"bench": timed(environment, _named(layer.path, layer.line))}, layer.line


def _named(path: str, line: str) -> str:
    return f"{path}({line})" if line else path


def table(rows: Sequence[Row]) -> str:
    """As Markdown."""
    lines = [TITLES, ["---"] * len(TITLES), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def write(page: Path, text: str) -> None:
    """Put the table at the end of a page, below the heading of its own."""
    before = page.read_text() if page.exists() else ""
    page.write_text(before.partition(HEADING)[0] + f"{HEADING}\n\n{text}\n")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


if __name__ == "__main__":
    main()
