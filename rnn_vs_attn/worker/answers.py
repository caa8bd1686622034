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

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.isolation.threads import THREADS
from rnn_vs_attn.machine import environment, processors
from rnn_vs_attn.measure import device
from rnn_vs_attn.models import load
from rnn_vs_attn.models.configured import IMPORTS
from rnn_vs_attn.models.language import transformers_configs
from rnn_vs_attn.records.folder import StorageError
from rnn_vs_attn.texts import told
from rnn_vs_attn.training import chosen
from rnn_vs_attn.worker import faults, messages, protocol
from rnn_vs_attn.worker.batches import Batches
from rnn_vs_attn.worker.cases import Cases
from rnn_vs_attn.worker.protocol import Request
from rnn_vs_attn.worker.questions import Questions
from rnn_vs_attn.worker.sandbox import Sandbox
from rnn_vs_attn.worker.text import Text
from rnn_vs_attn.worker.typed_json import Misunderstood

Handlers = Mapping[type[Request[Any]], Callable[[Any], object]]


class Answers:
    """Replies to requests, one after the other; holds at most one prepared case."""

    def __init__(self) -> None:
        _set_torch_up()
        self._sandbox = Sandbox()
        self._handlers = _handlers(self._sandbox)

    def to(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """{"ok": ...}, {"user": sentence} or {"fault": status, "reason": sentence, "warnings": sentences}.

        {"storage": sentence} where the disk takes no more.

        {"misunderstood": what} where there is no such request, or it lacks a field or has one too many.

        With "spoilt" where a module has changed what cannot be put back, so that this process must do nothing else, and
        with "lost" where a kernel's fault has ended what it can do on a GPU, so that it must end.
        """
        try:
            request = messages.request_in(message)
            reply = self._reply(request)
        except Misunderstood as error:  # no case's fault: what asks is wrong
            return {"misunderstood": str(error)}
        return reply | ({"spoilt": True} if self._sandbox.spoilt else {})

    def _reply(self, request: Request[Any]) -> dict[str, Any]:
        """The case is left when the exception is gone: the frames of its traceback hold what the case has allocated."""
        try:
            answer: Any = self._handlers[type(request)](request)
            return {"ok": dataclasses.asdict(answer)}
        except Misunderstood:
            raise
        except StorageError as error:
            self._sandbox.leave()
            return {"storage": str(error)}
        except UserError as error:
            if error.__cause__ is not None:
                traceback.print_exc()
            status, reason, of_cuda = "user", str(error), faults.first_of_cuda(error)
        except Exception as error:
            traceback.print_exc()
            (status, reason), of_cuda = faults.fault(error), faults.first_of_cuda(error)
        if device.is_lost():  # and to leave the case would raise once more
            return {"fault": "failed", "reason": faults.LOST.format(of_cuda or reason), "lost": True}
        faults.forget_last()
        warnings = self._sandbox.leave()
        return {"user": reason} if status == "user" else {"fault": status, "reason": reason, "warnings": warnings}


def _set_torch_up() -> None:
    """No more threads than there are processors to use, and its number of threads is watched."""
    processors.let_go()  # torch's library of threads binds the one that loads it
    usable = environment.usable_cores()
    torch.set_num_threads(min(torch.get_num_threads(), usable))
    if usable < environment.affinity_cores():  # torch.compile starts a process for each of those, quota or not
        os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", str(usable))
    THREADS.watch()
    load.start_in(Path.cwd())
    chosen.take()
    told.take()
    if os.environ.pop(IMPORTS, ""):
        with suppress(UserError):  # where it is not installed, as is said of the model
            transformers_configs.import_models()


def _handlers(sandbox: Sandbox) -> Handlers:
    batches = Batches()
    questions, cases, text = Questions(sandbox, batches), Cases(sandbox, batches), Text()
    return {
        protocol.ReadEnvironment: questions.environment,
        protocol.ResolveDevice: questions.device,
        protocol.ReadMachinePeaks: questions.machine_peaks,
        protocol.FindOrigin: questions.origin,
        protocol.Check: questions.check,
        protocol.Describe: questions.describe,
        protocol.LoadLanguageModel: text.load,
        protocol.BeginText: text.begin,
        protocol.ContinueText: text.go_on,
        protocol.Prepare: cases.prepare,
        protocol.MakeReady: cases.make_ready,
        protocol.TimeBlock: cases.time_block,
        protocol.Release: cases.release,
        protocol.Measure: cases.measure,
        protocol.Train: cases.train,
        protocol.CompareOutcome: cases.outcome,
    }
