"""Where a recurrence is computed: in this program's own code, or by a package of kernels for CUDA; no torch."""

from __future__ import annotations

from dataclasses import dataclass

TORCH = "torch"  # this program's own code of torch's operations


@dataclass(frozen=True)
class KernelPackage:
    """A package of kernels. name: as --backend has it, and as this program's extra; module: what is imported of it, and
    the module of models/kernels that calls it; distribution: what it is on PyPI.
    """

    name: str
    module: str
    distribution: str

    @property
    def install(self) -> str:
        """What installs it."""
        return f"pip install 'rnn-vs-attn[{self.name}]'"


FLA = KernelPackage("fla", "fla", "fla-core")
MAMBA_SSM = KernelPackage("mamba-ssm", "mamba_ssm", "mamba-ssm")

PACKAGES = {package.name: package for package in (FLA, MAMBA_SSM)}
BACKENDS = (TORCH, *PACKAGES)
