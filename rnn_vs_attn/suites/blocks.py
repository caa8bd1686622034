"""From the blocks of a timed pass to one round's samples."""

from __future__ import annotations

from statistics import median
from typing import Any

from rnn_vs_attn.records.types import AxisValue, Sample

TIMED = frozenset(["forward_time", "train_time", "backward_time", "host_time", "compile_time"])


def timed_samples(name: str, blocks: list[dict[str, Any]], warm_up: dict[str, Any]) -> list[Sample]:
    """One round's samples of one timed pass, all of metrics in TIMED: the median over its blocks, which are kept."""

    def sample(metric: str, field: str, axes: dict[str, AxisValue] | None = None, **details: Any) -> Sample:
        values = [block[field] for block in blocks]
        return Sample(metric, median(values), axes or {}, values, list(warnings), details)

    warnings = warm_up["warnings"]
    details = {key: warm_up[key] for key in ("loops", "num_blocks", "warm_up_seconds", "settled") if key in warm_up}
    samples = [sample(f"{name}_time", "seconds", **details)]
    if name == "train":
        samples.append(sample("backward_time", "backward", **details))
    if blocks[0]["host"] is not None:
        bound = median(block["host"] for block in blocks) > 0.9 * median(block["seconds"] for block in blocks)
        samples.append(sample("host_time", "host", {"pass": name}, launch_bound=bound))
    if "compile_seconds" in warm_up:
        samples.append(Sample("compile_time", warm_up["compile_seconds"], {"pass": name}))
    return samples
