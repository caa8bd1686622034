"""Where a model's code runs: what a case's label promises is set before it, and nothing of it stays after it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.isolation import keeping
from rnn_vs_attn.isolation.threads import THREADS
from rnn_vs_attn.machine import environment, processors
from rnn_vs_attn.measure import device, memory
from rnn_vs_attn.measure.conduct.batch_independence import Batch
from rnn_vs_attn.measure.timing.clock import Clock
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models import load
from rnn_vs_attn.models.language.transformers_configs import import_models
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import CONFIGURED, TRAINED, USER
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites.case import ITEMSIZE, Case
from rnn_vs_attn.training.course import Progress
from rnn_vs_attn.units import size
from rnn_vs_attn.worker.readings import Readings


@dataclass(frozen=True)
class Prepared:
    """A case that is ready to be timed. before: what the machine was like when it was prepared."""

    workload: Workload
    clock: Clock
    batch: Batch
    before: Readings


@dataclass(frozen=True)
class UnderWay:
    """A training. asked: the request that it answers, time after time; course: how it goes, then samples."""

    asked: object
    course: Iterator[Progress | Sample]


class Sandbox:
    """Holds at most one case, and what was prepared of it."""

    def __init__(self) -> None:
        self.case: Case | None = None
        self.prepared: Prepared | None = None
        self.training: UnderWay | None = None
        self._own = keeping.Own()
        self._max_memory: int | None = None
        self._whose = ""

    @property
    def spoilt(self) -> bool:
        """Whether a case that has ended has changed what cannot be put back."""
        return keeping.NOTES.spoilt and self.case is None

    def enter(self, case: Case, max_memory: int | None) -> None:
        """Begin with a case: what its labels say is set, and what its model may change for itself is noted."""
        if self.case is not None:
            self.leave()
        _load_built_in(case.model)
        on_cpu = case.device == "cpu"
        if not on_cpu:
            device.use(case.device)
        device.set_precision(getattr(case, "tf32", False))  # an environment variable too, which is no model's own
        self._own.enter(load.source_of(find(case.model)), case.model)
        THREADS.set(case.threads)
        available = environment.available_memory() if on_cpu else torch.cuda.mem_get_info(case.device)[0]
        self.case, self._max_memory = case, max_memory if max_memory is not None else available
        self._whose = "--max-memory" if max_memory is not None else "what is available; --max-memory sets another"
        if on_cpu:
            memory.limit(self._max_memory)

    def leave(self) -> list[str]:
        """End with a case, if there is one: nothing of it stays. How its module was built, and what it changed, for
        its row.
        """
        processors.let_go()
        seq_len = self.case.seq_len if self.case is not None else None
        with keeping.kept():  # a module may have something to do when it goes
            self.case = self.prepared = self.training = None
            memory.limit(None)
            collect()
        self._own.leave()
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        return keeping.NOTES.tell(seq_len)

    @contextmanager
    def visit(self, model: str) -> Iterator[None]:
        """Code of a model runs within, for no row; nothing of it stays."""
        if find(model).family == CONFIGURED:
            import_models()
        self._own.enter(load.source_of(find(model)), model)
        try:
            with keeping.kept():
                yield
        finally:
            self.leave()

    def refuse_what_cannot_fit(self, case: Case, train: bool) -> None:
        """CaseFault where a pass needs more bytes than there may be, by its model's closed form."""
        costs = find(case.model).costs
        if costs is not None:
            self.refuse(costs.least_memory(case.shape, ITEMSIZE[case.dtype], train), train)

    def refuse(self, needed: int, train: bool) -> None:
        """CaseFault where a pass needs more bytes than there may be."""
        limit = self._max_memory
        if limit is not None and needed > limit:
            what = "a training pass" if train else "a forward pass"
            reason = (
                f"refused beforehand: {what} needs at least {size(needed)}, the limit is {size(limit)} ({self._whose})"
            )
            raise CaseFault("out_of_memory", reason)


def _load_built_in(model: str) -> None:
    """Import a model's code while there is memory for it; what may be a user's own is imported within the limit."""
    spec = find(model)
    if spec.family == CONFIGURED:
        import_models()
    elif spec.family not in (USER, TRAINED):
        for layer in spec.traits.layers or (spec,):
            load.load(layer)


def collect() -> None:
    """Free what cycles hold, and never look at the rest again: collecting stays cheap and is never due in a block."""
    gc.collect()
    gc.freeze()
