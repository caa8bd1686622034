"""What `bench` measures: a layer at a shape, and how it is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.backends import BACKENDS, PACKAGES, TORCH, KernelPackage
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import BASELINE, MODELS, find
from rnn_vs_attn.models.spec import CONFIGURED, TRAINED
from rnn_vs_attn.suites.case import LayerCase, option
from rnn_vs_attn.units import in_a_row


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
    backend: str = option(
        TORCH,
        "CUDA: whose kernels compute a recurrence: this program's own, or those of the package fla or mamba-ssm.",
        choices=BACKENDS,
    )
    cuda_graphs: bool = option(False, "CUDA: capture the passes once and replay them, which removes launch overhead.")

    @property
    def shape(self) -> Shape:
        return replace(super().shape, backend=self.backend)


def select(cases: Sequence[BenchCase], plain: bool) -> list[BenchCase]:
    """Each model once where backends compute the same of it, by its own name for that if it has one, but for the
    baseline, beside which others stand.
    """
    kept: dict[BenchCase, BenchCase] = {}
    for case in cases:
        computed = replace(case, backend=find(case.model).backend(case.backend))
        if computed not in kept or case == computed:
            kept[computed] = case
    once = set(kept.values())
    return [case for case in cases if case.model == BASELINE or case in once]


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
    for backend in values["backend"]:
        if backend != TORCH:
            _check_backend(PACKAGES[backend], values)
    _check_configured(values)


def _check_backend(package: KernelPackage, values: Mapping[str, Sequence[Any]]) -> None:
    """UserError where kernels of a package can compute nothing of the run."""
    asked = f"--backend {package.name}"
    taking = [spec.name for spec in MODELS if package.name in spec.traits.backends]
    if not any(package.name in find(name).traits.backends for name in values["model"]):
        raise UserError(f"{asked} changes none of these models; it computes {in_a_row(taking)}, alone or in a pattern")
    on_cpu = [device for device in values["device"] if not str(device).startswith("cuda")]
    if on_cpu:
        raise UserError(f"{asked} needs --device cuda; this run is on {', '.join(values['device'])}")
    if any(values["compile"]):
        raise UserError(f"--compile and {asked} exclude each other; a kernel of {package.name} is compiled already")
    if find_spec(package.module) is None:
        raise UserError(f"{asked} needs the package {package.distribution}, which is not here; {package.install}")


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
