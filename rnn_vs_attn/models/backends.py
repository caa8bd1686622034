"""Where a recurrence is computed: in this program's own code, or by a package of kernels for CUDA; no torch."""

from __future__ import annotations

from dataclasses import dataclass

TORCH = "torch"  # this program's own code of torch's operations


@dataclass(frozen=True)
class KernelPackage:
    """A package of kernels. name: as --backend has it, and as this program's extra; module: what is imported of it, and
    the module of models/kernels that calls it; distribution: what it is on PyPI; chunk: positions that its kernels take
    at once; tf32: functions of models/kernels whose kernels multiply some float32 in TF32 whatever is asked of Triton.
    """

    name: str
    module: str
    distribution: str
    chunk: int
    tf32: frozenset[str] = frozenset()

    @property
    def install(self) -> str:
        """What installs it."""
        return f"pip install 'rnn-vs-attn[{self.name}]'"


# Of fla the inverse of a triangle in ops/gated_delta_rule/chunk_fwd.py. Of mamba-ssm the chunk of its own layer.
FLA = KernelPackage("fla", "fla", "fla-core", 64, frozenset({"gated_delta_rule"}))
MAMBA_SSM = KernelPackage("mamba-ssm", "mamba_ssm", "mamba-ssm", 256)

PACKAGES = {package.name: package for package in (FLA, MAMBA_SSM)}
BACKENDS = (TORCH, *PACKAGES)
