"""The child process that measures: it may crash, hang or run out of memory, and only one case is lost.

It reads one JSON request a line from its standard input and answers each with one line. What a model prints goes to
standard error, so it cannot be taken for an answer. Requests: environment, device, origin, check, describe, anchor,
prepare, ready, block, release, measure, outcome.
"""

from __future__ import annotations

import ctypes
import dataclasses
import gc
import inspect
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from rnn_vs_attn.errors import CaseFault, UserError, first_line
from rnn_vs_attn.limits import Budget, Plan, Turn
from rnn_vs_attn.machine import environment, processors
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import ENCODER, LANGUAGE, find
from rnn_vs_attn.records.strict_json import dump
from rnn_vs_attn.suites import suite_named
from rnn_vs_attn.suites.suite import Case, Suite, warnings_for
from rnn_vs_attn.text import streams
from rnn_vs_attn.worker import search_path

_PR_SET_PDEATHSIG = 1


class Worker:
    """Answers requests; holds at most one prepared case."""

    def __init__(self) -> None:
        import torch

        from rnn_vs_attn.isolation import keeping
        from rnn_vs_attn.isolation.threads import THREADS
        from rnn_vs_attn.models import load as imports

        processors.let_go()  # torch's library of threads binds the one that loads it
        usable = environment.usable_cores()
        torch.set_num_threads(min(torch.get_num_threads(), usable))
        if usable < environment.affinity_cores():  # torch.compile starts a process for each of those, quota or not
            os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", str(usable))
        THREADS.watch()
        imports.start_in(Path.cwd())
        self._torch, self._keeping, self._threads = torch, keeping, THREADS
        self._own = keeping.Own()
        self._warm: set[tuple[object, ...]] = set()
        self._case: Case | None = None
        self._max_memory: int | None = None
        self._whose = ""
        self._workload: Any = None
        self._clock: Any = None
        self._before: Any = None
        self._batches: dict[tuple[object, ...], Any] = {}
        self._batch_of_case: Any = None

    @property
    def spoilt(self) -> bool:
        """Whether a case that has ended has changed what cannot be put back."""
        return self._keeping.NOTES.spoilt and self._case is None

    def environment(self) -> dict[str, Any]:
        """What torch says of itself and its devices, and which Python this is."""
        from rnn_vs_attn.measure import device

        return device.facts() | environment.interpreter()

    def device(self, name: str, dtype: str) -> dict[str, Any]:
        """What `name` stands for here. UserError where this machine lacks the device or the dtype."""
        from rnn_vs_attn.measure import device

        resolved = device.resolve(name)
        device.check_dtype(resolved, dtype)
        return {"device": resolved}

    def check(self, suite: str, case: dict[str, Any], max_memory: int | None) -> dict[str, Any]:
        """Import, build and call a user's module at this case's shape. UserError where it does not fit."""
        from rnn_vs_attn.measure import memory

        made = suite_named(suite).case(**case)
        memory.limit(max_memory if max_memory is not None else environment.available_memory())
        with self._visit(made.model):
            self._try(made.model, dataclasses.replace(made.shape, batch_size=2))
            probe = suite_named(suite).probe
            if probe is not None:
                probe(made)
        return {}

    def _try(self, name: str, shape: Shape) -> None:
        """What the module raises itself when it is called is left to its case's record.

        CaseFault where it runs over the batch.
        """
        from rnn_vs_attn.models import build

        module = build.build(find(name), shape)
        try:
            build.call(module, self._torch.randn(shape.batch_size, shape.seq_len, shape.d_model))
            self._batch(name, shape, module).refuse()
        except UserError as error:
            raise UserError(f"model {name!r} does not fit: {error}") from None
        except CaseFault:
            raise
        except Exception:
            traceback.print_exc()

    def _batch(self, name: str, shape: Shape, module: Any = None) -> Any:
        """How a layer treats a batch, asked once of each model and width."""
        from rnn_vs_attn.measure.conduct import batch_independence
        from rnn_vs_attn.models import build

        key = (name, dataclasses.replace(shape, batch_size=0, seq_len=0))
        if key not in self._batches:
            made = build.build(find(name), shape) if module is None else module
            self._batches[key] = batch_independence.of(made.eval(), shape.batch_size, shape.seq_len, shape.d_model)
        return self._batches[key]

    def _ask_about_batch(self, case: Case, first: bool) -> Any:
        """How the layer of a case treats a batch, in its first round. CaseFault where it runs over it."""
        from rnn_vs_attn.measure.conduct.batch_independence import Batch

        if not first or find(case.model).family in (LANGUAGE, ENCODER):  # of token ids: their suites ask
            return Batch()
        found = self._batch(case.model, case.shape)
        found.refuse()
        return found

    def origin(self, model: str, forbidden: str | None) -> dict[str, Any]:
        """Where a model's code comes from in this process: its file, torch's and Python's; strays: files of modules
        loaded so far that lie in the folder `forbidden`. file is None where there is no such module or class.
        UserError where there is one that does not import.
        """
        from rnn_vs_attn.models import load as imports

        spec = find(model)
        here = {"python": str(Path(sys.executable).resolve()), "torch": str(Path(self._torch.__file__).resolve())}
        with self._visit(model):
            reason = imports.absent(spec)
            if reason:
                return here | {"file": None, "reason": reason, "strays": []}
            return here | {"file": imports.file_of(spec), "reason": "", "strays": imports.loaded_from(forbidden)}

    def describe(self, model: str, shape: dict[str, Any]) -> dict[str, Any]:
        """Parameters, FLOPs of a training pass and whether it can decode, of any model at a shape."""
        from rnn_vs_attn.models import build
        from rnn_vs_attn.models.mixer import has_state
        from rnn_vs_attn.suites.bench.suite import _train_flops

        spec, made = find(model), Shape(**shape)
        with self._visit(model):
            module = build.build(spec, made)
            return {
                "num_params": build.count_parameters(module),
                "flops": _train_flops(spec, made),
                "decodes": has_state(module),
            }

    def anchor(self, device: str, dtype: str, threads: int) -> dict[str, Any]:
        """The machine's own peak in this round."""
        from rnn_vs_attn.measure import machine_peak
        from rnn_vs_attn.measure.device import DTYPES

        self._threads.set(threads)
        processors.hold(threads)
        samples = [asdict(s) for s in machine_peak.samples(self._torch.device(device), DTYPES[dtype])]
        processors.let_go()
        return {"samples": samples}

    def prepare(self, suite: str, case: dict[str, Any], seed: int, max_memory: int | None) -> dict[str, Any]:
        """Build a case's module and input with the weights and data of `seed`."""
        from rnn_vs_attn.measure.timing.clock import clock_for

        owner = suite_named(suite)
        made = self._enter(owner, case, max_memory)
        assert owner.workload is not None
        with self._keeping.kept():
            self._batch_of_case = self._ask_about_batch(made, seed == 0)
            self._workload = owner.workload(made, seed)
        self._clock = clock_for(self._torch.device(made.device))
        self._before = self._readings()
        processors.hold(made.threads)
        return {"warnings": [*warnings_for(made), *self._batch_of_case.warnings]}

    def ready(
        self, name: str, budget: dict[str, Any], plan: dict[str, Any] | None, care: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Warm one pass up and fix how many calls a block takes. CaseFault beforehand where it cannot fit.

        care: what calls of it need renewed, where an earlier round has seen that.
        """
        from rnn_vs_attn.measure.conduct.layers import renew_between_calls
        from rnn_vs_attn.measure.timing.warm_up import make_ready

        assert self._case is not None
        self._refuse_what_cannot_fit(self._case, name == "train")
        with self._keeping.kept():
            seen = renew_between_calls(self._workload, name, care, self._batch_of_case.mixes)
        reply: dict[str, Any] = {"care": asdict(seen.care), "warnings": list(seen.warnings)}
        compiled = getattr(self._case, "compile", False)
        if compiled:
            with self._keeping.kept():
                reply["compile_seconds"] = self._clock.block(self._workload, name, 1).wall
        kind = self._kind(self._case)
        known = Plan(**plan) if plan else None
        with self._keeping.kept(timed=True):
            first = None if compiled else seen.seconds
            ready = make_ready(
                self._clock, self._workload, name, Budget(**budget), known, kind not in self._warm, first
            )
        self._warm.add(kind)
        settled = {} if ready.settled is None else {"settled": ready.settled}
        seconds = {"warm_up_seconds": ready.seconds, "warm_seconds": ready.warm_seconds}
        return reply | asdict(ready.plan) | seconds | settled

    def block(self, name: str, loops: int) -> dict[str, Any]:
        """Time one block of `loops` calls; on CUDA with the clock of the device right after it, where that is known."""
        with self._keeping.kept(timed=True):
            taken = asdict(self._clock.block(self._workload, name, loops))
        if self._case is not None and self._case.device.startswith("cuda"):
            taken["clock_mhz"] = self._readings()[1].get("sm_clock_mhz")
        return taken

    def release(self) -> dict[str, Any]:
        """Forget the prepared case; what changed on the machine meanwhile, and what the module changed."""
        found = self._changes()
        return {"warnings": found + self._leave()}

    def measure(
        self, suite: str, case: dict[str, Any], turn: dict[str, Any], max_memory: int | None, part: str = "measure"
    ) -> dict[str, Any]:
        """All samples of a case that are not timed in blocks, or (part "peaks") those that come after all others."""
        owner, asked = suite_named(suite), Turn(**turn)
        made = self._enter(owner, case, max_memory)
        with self._keeping.kept():
            self._ask_about_batch(made, asked.first)
        self._refuse_what_cannot_fit(made, owner.trains)
        if owner.least_memory is not None:
            self._refuse(owner.least_memory(made), owner.trains)
        if owner.workload is not None and self._kind(made) not in self._warm:
            with self._keeping.kept():
                owner.workload(made, asked.seed).both()  # or what libraries keep is taken for the call's memory
        take = owner.peaks if part == "peaks" and owner.peaks is not None else owner.measure
        processors.hold(made.threads)
        with self._keeping.kept():
            samples = [asdict(sample) for sample in take(made, asked)]
        told = self._leave()
        return {"samples": [sample | {"warnings": [*sample["warnings"], *told]} for sample in samples]}

    def outcome(
        self, suite: str, case: dict[str, Any], seed: int, max_memory: int | None, path: str, compare: bool
    ) -> dict[str, Any]:
        """Keep a case's output and gradients at `path`, or say how far they are from those kept there."""
        from rnn_vs_attn.measure import equivalence

        owner = suite_named(suite)
        assert owner.workload is not None
        entered = self._enter(owner, case, max_memory)
        with self._keeping.kept():
            made = owner.workload(entered, seed)
            if compare:
                found = equivalence.difference(made, Path(path), seed)
            else:
                equivalence.keep(made, Path(path), seed)
                found = {}
        self._leave()
        return found

    def _kind(self, case: Case) -> tuple[object, ...]:
        """What has its libraries loaded and its kernels built once one such case has run in this process."""
        return case.model, case.device, case.dtype, case.threads

    def _enter(self, suite: Suite, case: dict[str, Any], max_memory: int | None) -> Case:
        """Begin with a case: what its labels say is set, and what its model may change for itself is noted."""
        from rnn_vs_attn.measure import memory
        from rnn_vs_attn.measure.device import set_precision
        from rnn_vs_attn.models import load as imports

        if self._case is not None:
            self._leave()
        made = suite.case(**case)
        self._load_built_in(made.model)
        self._own.enter(imports.source_of(find(made.model)), made.model)
        self._threads.set(made.threads)
        set_precision(getattr(made, "tf32", False))
        on_cpu = made.device == "cpu"
        available = environment.available_memory() if on_cpu else self._torch.cuda.mem_get_info(made.device)[0]
        self._case, self._max_memory = made, max_memory if max_memory is not None else available
        self._whose = "--max-memory" if max_memory is not None else "what is available; --max-memory sets another"
        if on_cpu:
            memory.limit(self._max_memory)
        return made

    def _load_built_in(self, model: str) -> None:
        """Import a model's code while there is memory for it; a user's own module is imported within the limit."""
        from rnn_vs_attn.models import load as imports

        spec = find(model)
        if spec.family != "user":
            imports.load(spec)

    def _leave(self) -> list[str]:
        """End with a case, if there is one: nothing of it stays. What its module changed, for its row."""
        from rnn_vs_attn.measure import memory

        processors.let_go()
        with self._keeping.kept():  # a module may have something to do when it goes
            self._case = self._workload = self._clock = self._before = None
            memory.limit(None)
            _collect()
        self._own.leave()
        if self._torch.cuda.is_initialized():
            self._torch.cuda.empty_cache()
        return self._keeping.NOTES.tell()

    @contextmanager
    def _visit(self, model: str) -> Iterator[None]:
        """Code of a model runs within, for no row; nothing of it stays."""
        from rnn_vs_attn.models import load as imports

        self._own.enter(imports.source_of(find(model)), model)
        try:
            with self._keeping.kept():
                yield
        finally:
            self._leave()

    def _refuse_what_cannot_fit(self, case: Case, train: bool) -> None:
        from rnn_vs_attn.suites.suite import ITEMSIZE

        costs = find(case.model).costs
        if costs is not None:
            self._refuse(costs.least_memory(case.shape, ITEMSIZE[case.dtype], train), train)

    def _refuse(self, needed: int, train: bool) -> None:
        """CaseFault where a pass needs more bytes than there may be."""
        from rnn_vs_attn.units import size

        limit = self._max_memory
        if limit is not None and needed > limit:
            what = "a training pass" if train else "a forward pass"
            reason = (
                f"refused beforehand: {what} needs at least {size(needed)}, the limit is {size(limit)} ({self._whose})"
            )
            raise CaseFault("out_of_memory", reason)

    def _readings(self) -> tuple[Any, dict[str, Any]]:
        from rnn_vs_attn.measure.device import gpu_state

        assert self._case is not None
        gpu = {}
        if self._case.device.startswith("cuda"):
            gpu = gpu_state(self._torch.device(self._case.device).index or 0)
        return environment.cpu_state(), gpu

    def _changes(self) -> list[str]:
        """What moved since the case was prepared, for its records."""
        if self._case is None or self._before is None:
            return []
        (cpu, gpu), (cpu_now, gpu_now) = self._before, self._readings()
        if not gpu:
            return environment.changes(cpu, cpu_now)
        found = []
        clock, clock_now = gpu.get("sm_clock_mhz"), gpu_now.get("sm_clock_mhz")
        if clock and clock_now and abs(clock_now / clock - 1) > 0.1:
            found.append(f"the GPU clock went from {clock} to {clock_now} MHz during this case")
        if gpu_now.get("throttle_reasons"):
            found.append(f"the GPU throttled during this case (reasons {gpu_now['throttle_reasons']:#x})")
        return found


REQUESTS = (
    "environment",
    "device",
    "origin",
    "check",
    "describe",
    "anchor",
    "prepare",
    "ready",
    "block",
    "release",
    "measure",
    "outcome",
)


def answer(worker: Worker, request: dict[str, Any]) -> dict[str, Any]:
    """One reply: {"ok": ...}, {"user": sentence} or {"fault": status, "reason": sentence, "warnings": sentences}.

    {"misunderstood": what} where there is no such request, or it lacks a field or has one too many.

    With "spoilt" where a module has changed what cannot be put back, so that this process must do nothing else.
    """
    do = request.pop("do")
    if do not in REQUESTS:
        return {"misunderstood": f"there is no request {do!r}"}
    try:
        inspect.signature(getattr(worker, do)).bind(**request)
    except TypeError as error:  # no case's fault: what asks is wrong
        return {"misunderstood": f"{do}: {error}"}
    reply: dict[str, Any]
    try:
        reply = {"ok": getattr(worker, do)(**request)}
    except UserError as error:
        if error.__cause__ is not None:
            traceback.print_exc()
        worker._leave()
        reply = {"user": str(error)}
    except Exception as error:
        traceback.print_exc()
        status, reason = _fault(error)
        reply = {"fault": status, "reason": reason, "warnings": worker._leave()}
    return reply | ({"spoilt": True} if worker.spoilt else {})


_UNSUPPORTED = (
    "not implemented for",
    "could not create a primitive",
    "No viable backend",
    "No available kernel",
    "does not support",
    "InvalidCxxCompiler",
    "No working C++ compiler",
)


def _fault(error: Exception) -> tuple[str, str]:
    """The status and reason that an exception gives a case."""
    import torch

    if isinstance(error, CaseFault):
        return error.status, error.reason
    text = str(error)
    no_memory = (
        "allocate memory",
        "not enough memory",
        "out of memory",
        "bad_alloc",
        "CUBLAS_STATUS_ALLOC_FAILED",
    )
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in text for words in no_memory):
        return "out_of_memory", first_line(error)
    if isinstance(error, NotImplementedError) or any(words in text for words in _UNSUPPORTED):
        return "unsupported", first_line(error)
    return "failed", first_line(error)


def _line(reply: dict[str, Any]) -> str:
    """The reply as JSON; NaN and infinity are a fault of the case that they come from."""
    try:
        return dump(reply)
    except ValueError as error:
        return dump({"fault": "failed", "reason": f"a value is no number ({first_line(error)})"})


def _take_pipes() -> tuple[IO[str], IO[str]]:
    """Private streams for requests and replies; whatever else reads or prints meets an empty input and stderr."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    with open(os.devnull) as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return requests, replies


def _collect() -> None:
    """Free what cycles hold, and never look at the rest again: collecting stays cheap and is never due in a block."""
    gc.collect()
    gc.freeze()


def _die_with_parent(parent: int) -> None:
    """On Linux the kernel kills this process when the parent dies, also in the middle of a call."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _be_killed_first() -> None:
    """When memory ends, the system takes this process and not the one that keeps the results."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        return


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    requests, replies = _take_pipes()
    streams.take_over()  # or a model that prints would fail where nobody reads it
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what it said last says why it crashed
    _die_with_parent(int(sys.argv[1]))
    _be_killed_first()
    worker = Worker()
    search_path.users_own()
    gc.disable()
    _collect()
    replies.write(dump({"ok": {"pid": os.getpid()}}) + "\n")
    replies.flush()
    for line in requests:
        reply = answer(worker, json.loads(line))
        replies.write(_line(reply) + "\n")
        replies.flush()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # without the second or so that torch's own farewell takes


if __name__ == "__main__":
    main()
