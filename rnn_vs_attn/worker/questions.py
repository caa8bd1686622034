"""What is asked of a worker about its machine and about models, for no row."""

from __future__ import annotations

import dataclasses
import sys
import traceback
from pathlib import Path

import torch

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.isolation import keeping
from rnn_vs_attn.isolation.threads import THREADS
from rnn_vs_attn.machine import environment, processors
from rnn_vs_attn.measure import device, machine_peak, memory
from rnn_vs_attn.models import build, load
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.language import transformers_models
from rnn_vs_attn.models.mixer import has_state
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import CONFIGURED, LANGUAGE, TRAINED
from rnn_vs_attn.suites import configured_passes, trained_passes
from rnn_vs_attn.suites.layer_passes import train_flops
from rnn_vs_attn.worker import protocol
from rnn_vs_attn.worker.batches import Batches
from rnn_vs_attn.worker.cases import case_of
from rnn_vs_attn.worker.measurements import MEASUREMENTS
from rnn_vs_attn.worker.protocol import Description, Device, Facts, Origin, Samples, Warnings
from rnn_vs_attn.worker.sandbox import Sandbox


class Questions:
    """Each method answers the request that it is given."""

    def __init__(self, sandbox: Sandbox, batches: Batches) -> None:
        self._sandbox, self._batches = sandbox, batches

    def environment(self, request: protocol.ReadEnvironment) -> Facts:
        return Facts(device.facts() | environment.interpreter())

    def device(self, request: protocol.ResolveDevice) -> Device:
        resolved = device.resolve(request.name)
        device.check_dtype(resolved, request.dtype)
        return Device(resolved)

    def machine_peaks(self, request: protocol.ReadMachinePeaks) -> Samples:
        if request.device != "cpu":
            device.use(request.device)
        THREADS.set(request.threads)
        processors.hold(request.threads)
        samples = tuple(machine_peak.samples(torch.device(request.device), device.DTYPES[request.dtype]))
        processors.let_go()
        return Samples(samples)

    def origin(self, request: protocol.FindOrigin) -> Origin:
        spec = find(request.model)
        here = str(Path(sys.executable).resolve()), str(Path(torch.__file__).resolve())
        with self._sandbox.visit(request.model):
            reason = load.absent(spec)
            if reason:
                return Origin(*here, None, reason)
            strays = tuple(load.loaded_from(request.forbidden).values())
            return Origin(*here, load.file_of(spec), "", strays, load.loaded_from(request.checkout))

    def describe(self, request: protocol.Describe) -> Description:
        spec = find(request.model)
        with self._sandbox.visit(request.model):
            if spec.family == CONFIGURED:
                return self._described(request)
            module = build.build(spec, request.shape)
            flops = train_flops(spec, request.shape)
            note = "; ".join(keeping.NOTES.built())
            return Description(build.count_parameters(module), flops, has_state(module), note)

    def _described(self, request: protocol.Describe) -> Description:
        """A model of transformers; its FLOPs where it takes so many positions."""
        module, flops = configured_passes.describe(request.model, request.shape.batch_size, request.shape.seq_len)
        train = None if flops is None else flops.train
        note = "; ".join(keeping.NOTES.built())
        return Description(build.count_parameters(module), train, module.decodes, note)

    def check(self, request: protocol.Check) -> Warnings:
        case, limit = case_of(request.about), request.about.max_memory
        memory.limit(limit if limit is not None else environment.available_memory())
        with self._sandbox.visit(case.model):
            family = find(case.model).family
            if family == CONFIGURED:
                transformers_models.on_paper(case.model)
            elif family == TRAINED:
                trained_passes.look(case)
            elif family != LANGUAGE:
                self._try(case.model, dataclasses.replace(case.shape, batch_size=2))
            probe = MEASUREMENTS[request.about.suite].probe
            if probe is not None:
                probe(case)
            return Warnings(tuple(keeping.NOTES.built(case.seq_len)))

    def _try(self, name: str, shape: Shape) -> None:
        """What the module raises itself when it is called is left to its case's record.

        CaseFault where it runs over the batch.
        """
        module = build.build(find(name), shape)
        x = torch.randn(shape.batch_size, shape.seq_len, shape.d_model)  # kept, or another input is at its address
        try:
            build.call(module, x)
            self._batches.of(name, shape, module).refuse()
        except UserError as error:
            raise UserError(f"model {name!r} does not fit: {error}") from None
        except CaseFault:
            raise
        except Exception:
            traceback.print_exc()
