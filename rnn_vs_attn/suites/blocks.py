"""From the blocks of a timed pass to one round's samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from statistics import fmean, median
from typing import Any

from rnn_vs_attn.records.timing import Block, Ready
from rnn_vs_attn.records.types import LAUNCH_BOUND, AxisValue, Sample
from rnn_vs_attn.stats.launches import launch_bound

TIMED = frozenset(["forward_time", "train_time", "backward_time", "host_time", LAUNCH_BOUND, "compile_time"])


def timed_samples(name: str, blocks: Sequence[Block], ready: Ready) -> list[Sample]:
    """One round's samples of one timed pass, all of metrics in TIMED: the median over its blocks, which are kept."""

    def sample(metric: str, field: str, axes: dict[str, AxisValue] | None = None, **details: Any) -> Sample:
        values = [getattr(block, field) for block in blocks]
        return Sample(metric, median(values), axes or {}, values, list(ready.warnings), details)

    details = asdict(ready.plan) | {"warm_up_seconds": ready.warm_up_seconds}
    details |= {} if ready.settled is None else {"settled": ready.settled}
    samples = [sample(f"{name}_time", "seconds", **details)]
    if name == "train":
        samples.append(sample("backward_time", "backward", **details))
    host = [block.host for block in blocks if block.host is not None]
    if host:
        samples.append(sample("host_time", "host", {"pass": name}))
        samples.append(_launch_bound(name, blocks, ready.plan.loops))
    if ready.compile_seconds is not None:
        samples.append(Sample("compile_time", ready.compile_seconds, {"pass": name}))
    return samples


def calls_bound(name: str, bound: Sequence[bool]) -> Iterator[Sample]:
    """The part of the calls that were asked in which the device waited for the host's launches; nothing of none."""
    if bound:
        yield Sample(LAUNCH_BOUND, fmean(bound), {"pass": name})


def _launch_bound(name: str, blocks: Sequence[Block], loops: int) -> Sample:
    """The part of the blocks in which the device waited for the host to launch its kernels."""
    bound = [float(launch_bound(block.lag, block.seconds, loops)) for block in blocks if block.lag is not None]
    return Sample(LAUNCH_BOUND, fmean(bound), {"pass": name}, bound)
