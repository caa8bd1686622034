"""What the worker runs of a suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.training.course import Progress


@dataclass(frozen=True)
class Measurement:
    """How the numbers of a suite's cases are taken, in the process of the worker.

    measure: all samples of a round that are not timed in blocks; of a suite without blocks all of them.
    workload: what is timed in blocks, with the weights and the input of a seed.
    peaks: what is measured after that of all cases, as it makes a process slower.
    probe: CaseFault where a user's own module cannot be measured at all; asked before the run.
    trains: whether a round's memory must do for a training pass.
    least_memory: bytes that a case cannot do without, where its model's costs do not say.
    says_batch: whether the first sample says how a layer treats a batch; elsewhere its blocks do, or `measure` itself.
    train: a training with the weights and data of a seed, kept in a folder if there is one: how it goes, then samples.
    """

    measure: Callable[[Any, Turn], Iterator[Sample]] | None = None
    workload: Callable[[Any, int], Workload] | None = None
    peaks: Callable[[Any, Turn], Iterator[Sample]] | None = None
    probe: Callable[[Any], None] | None = None
    trains: bool = True
    least_memory: Callable[[Any], int] | None = None
    says_batch: bool = False
    train: Callable[[Any, int, Path | None], Iterator[Progress | Sample]] | None = None
