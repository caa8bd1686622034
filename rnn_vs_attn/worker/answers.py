"""From a request to its reply; a fault on the way costs one case."""

from __future__ import annotations

import dataclasses
import os
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from rnn_vs_attn.errors import CaseFault, UserError, first_line
from rnn_vs_attn.isolation.threads import THREADS
from rnn_vs_attn.machine import environment, processors
from rnn_vs_attn.models import load
from rnn_vs_attn.models.configured import IMPORTS
from rnn_vs_attn.models.language import transformers_configs
from rnn_vs_attn.worker import protocol
from rnn_vs_attn.worker.batches import Batches
from rnn_vs_attn.worker.cases import Cases
from rnn_vs_attn.worker.protocol import Misunderstood, Request
from rnn_vs_attn.worker.questions import Questions
from rnn_vs_attn.worker.sandbox import Sandbox

Handlers = Mapping[type[Request[Any]], Callable[[Any], object]]


class Answers:
    """Replies to requests, one after the other; holds at most one prepared case."""

    def __init__(self) -> None:
        _set_torch_up()
        self._sandbox = Sandbox()
        self._handlers = _handlers(self._sandbox)

    def to(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """{"ok": ...}, {"user": sentence} or {"fault": status, "reason": sentence, "warnings": sentences}.

        {"misunderstood": what} where there is no such request, or it lacks a field or has one too many.

        With "spoilt" where a module has changed what cannot be put back, so that this process must do nothing else.
        """
        try:
            request = protocol.request_in(message)
            reply = self._reply(request)
        except Misunderstood as error:  # no case's fault: what asks is wrong
            return {"misunderstood": str(error)}
        return reply | ({"spoilt": True} if self._sandbox.spoilt else {})

    def _reply(self, request: Request[Any]) -> dict[str, Any]:
        try:
            answer: Any = self._handlers[type(request)](request)
            return {"ok": dataclasses.asdict(answer)}
        except Misunderstood:
            raise
        except UserError as error:
            if error.__cause__ is not None:
                traceback.print_exc()
            self._sandbox.leave()
            return {"user": str(error)}
        except Exception as error:
            traceback.print_exc()
            status, reason = _fault(error)
            return {"fault": status, "reason": reason, "warnings": self._sandbox.leave()}


def _set_torch_up() -> None:
    """No more threads than there are processors to use, and its number of threads is watched."""
    processors.let_go()  # torch's library of threads binds the one that loads it
    usable = environment.usable_cores()
    torch.set_num_threads(min(torch.get_num_threads(), usable))
    if usable < environment.affinity_cores():  # torch.compile starts a process for each of those, quota or not
        os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", str(usable))
    THREADS.watch()
    load.start_in(Path.cwd())
    if os.environ.pop(IMPORTS, ""):
        with suppress(UserError):  # where it is not installed, as is said of the model
            transformers_configs.import_models()


def _handlers(sandbox: Sandbox) -> Handlers:
    batches = Batches()
    questions, cases = Questions(sandbox, batches), Cases(sandbox, batches)
    return {
        protocol.ReadEnvironment: questions.environment,
        protocol.ResolveDevice: questions.device,
        protocol.ReadMachinePeaks: questions.machine_peaks,
        protocol.FindOrigin: questions.origin,
        protocol.Check: questions.check,
        protocol.Describe: questions.describe,
        protocol.Prepare: cases.prepare,
        protocol.MakeReady: cases.make_ready,
        protocol.TimeBlock: cases.time_block,
        protocol.Release: cases.release,
        protocol.Measure: cases.measure,
        protocol.CompareOutcome: cases.outcome,
    }


_NO_MEMORY = (
    "allocate memory",
    "not enough memory",
    "out of memory",
    "bad_alloc",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
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
    if isinstance(error, CaseFault):
        return error.status, error.reason
    text = str(error)
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in text for words in _NO_MEMORY):
        return "out_of_memory", first_line(error)
    if isinstance(error, NotImplementedError) or any(words in text for words in _UNSUPPORTED):
        return "unsupported", first_line(error)
    return "failed", first_line(error)
