"""What timing one pass of a case leaves behind: what had to be taken care of, how it was made ready, its blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median, quantiles

from rnn_vs_attn.limits import Plan


@dataclass(frozen=True)
class Care:
    """What has to be renewed before a call: an input or a gradient of the output that the one before has written to, an
    input where the module remembers those that it has seen, and numbers that the module holds and a call changes.
    """

    in_place: bool = False
    gradient_in_place: bool = False
    remembers: bool = False
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ready:
    """A pass that is warm. warm_up_seconds: spent in calls that are thrown away; warm_seconds: of them in those of a
    warm-up; settled: None where none was due; compile_seconds: of the first call under torch.compile.
    """

    plan: Plan
    warm_up_seconds: float
    warm_seconds: float = 0.0
    settled: bool | None = None
    compile_seconds: float | None = None
    care: Care = Care()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """Seconds a call, means over the block's calls. backward: its part of a training call.

    host, lag: CUDA only; lag: seconds from the host's last launch to the end of the device's work. wall: seconds of the
    whole block. clock_mhz: of a GPU right after it, where that is known.
    """

    seconds: float
    backward: float | None = None
    host: float | None = None
    wall: float = 0.0
    clock_mhz: float | None = None
    lag: float | None = None


@dataclass(frozen=True)
class Steps:
    """Seconds of each timed step of decoding. launch_bound: CUDA only; of more steps, whether the device waited."""

    seconds: list[float]
    launch_bound: list[bool] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Seconds."""
        return median(self.seconds)

    @property
    def percentile_95(self) -> float:
        """Seconds that 95% of the steps take at most."""
        return quantiles(self.seconds, n=20, method="inclusive")[-1]
