"""What `bench` measures: a layer at a shape, and how it is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.registry import BASELINE, find
from rnn_vs_attn.models.spec import CONFIGURED, TRAINED
from rnn_vs_attn.suites.case import LayerCase, option


@dataclass(frozen=True)
class BenchCase(LayerCase):
    """What `bench` adds: how the module is run, and whether its width is chosen for equal work."""

    compile: bool = option(False, "Run through torch.compile; compile time is a column of its own.")
    match: str = option(
        "none",
        f"Choose each model's width so that parameters or FLOPs equal those of {BASELINE} at --d-model.",
        choices=("none", "params", "flops"),
    )
    tf32: bool = option(False, "CUDA: multiply float32 matrices in TF32, in attention and cuDNN alike.")
    cuda_graphs: bool = option(False, "CUDA: capture the passes once and replay them, which removes launch overhead.")


def check(values: Mapping[str, Sequence[Any]]) -> None:
    """UserError where options exclude each other."""
    on_cuda = any(str(device).startswith("cuda") for device in values["device"])
    for name in ("cuda_graphs", "tf32"):
        if any(values[name]) and not on_cuda:
            raise UserError(
                f"--{name.replace('_', '-')} needs --device cuda; this run is on {', '.join(values['device'])}"
            )
    if any(values["compile"]) and any(values["cuda_graphs"]):
        raise UserError("--compile and --cuda-graphs exclude each other; torch.compile would be captured half-way")
    _check_configured(values)


def _check_configured(values: Mapping[str, Sequence[Any]]) -> None:
    """UserError where models of token ids stand beside layers, or are to be run in a way that is for layers."""
    configured = [name for name in values["model"] if find(name).family in (CONFIGURED, TRAINED)]
    layers = [name for name in values["model"] if name not in configured]
    if configured and layers:
        raise UserError(
            f"{configured[0]} takes token ids and {layers[0]} takes vectors, so their times are of different work; "
            "measure them in runs of their own"
        )
    asked = [name for name in ("compile", "cuda_graphs") if any(values[name])]
    asked += ["match"] if set(values["match"]) != {"none"} else []
    if configured and asked:
        raise UserError(f"--{asked[0].replace('_', '-')} is for layers; leave it out for {configured[0]}")
