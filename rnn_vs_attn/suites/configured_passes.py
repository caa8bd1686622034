"""In the worker: models of transformers ready to be measured, as they take ids, and what is counted of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from rnn_vs_attn.measure import memory
from rnn_vs_attn.measure.operations import flops, recurrent_kernels
from rnn_vs_attn.measure.workload import TokenWorkload
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Flops
from rnn_vs_attn.models.language import transformers_models
from rnn_vs_attn.models.language.transformers_models import TokenModel
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.token_passes import place


def model_of(case: Case, seed: int, length: int) -> TokenModel:
    """The model of a case with the weights of `seed`. CaseFault where it has not so many positions."""
    device, dtype = place(case, seed)
    model = transformers_models.build(case.model)
    model.refuse_beyond(length)
    build.placed(model, device, dtype)
    return model


def made(case: Case, seed: int) -> TokenWorkload:
    """A case with the weights and the token ids of `seed`, ready to be timed."""
    model = model_of(case, seed, case.seq_len).eval()
    ids = torch.randint(model.vocab_size, (case.batch_size, case.seq_len), device=case.device)
    return TokenWorkload.of_ids(model, ids)


def exact(workload: TokenWorkload, model: str, width: int) -> Iterator[Sample]:
    """What has no noise: parameters (tied ones once), width, FLOPs of both passes, what autograd keeps."""
    module = workload.module
    yield Sample("num_params", build.count_parameters(module))
    yield Sample("width", width)
    for name, counter in zip(("forward", "train"), count_operations(workload), strict=True):
        said = [] if counter.flops is not None else [f"the FLOPs of {model} are unknown: {counter.reason}"]
        said += recurrent_kernels.said(module, counter.kernels, workload.x.device)
        details = {"kernels": dict(counter.kernels)}
        yield Sample("flops", counter.flops, {"pass": name}, details=details, warnings=said)
    yield Sample("saved_bytes", memory.saved_bytes(workload))


def count_operations(workload: TokenWorkload) -> tuple[flops.OpCount, flops.OpCount]:
    """Operations of a forward and of a training pass."""

    def train(ids: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = workload.module(ids)
        y.backward(workload.grad_output.clone())
        return y

    workload.module.train()
    trained = flops.count(partial(train, workload.x), workload.module)
    workload.clear_gradients()
    workload.module.eval()
    with torch.no_grad():
        return flops.count(partial(workload.module, workload.x), workload.module), trained


def describe(name: str, batch_size: int, seq_len: int) -> tuple[TokenModel, Flops | None]:
    """A model as it is on paper, and its FLOPs, None where they cannot be counted. CaseFault as of `model_of`."""
    case = Case(model=name, batch_size=batch_size, seq_len=seq_len, device="cpu")
    workload = made(case, 0)
    forward, train = (counter.flops for counter in count_operations(workload))
    model: TokenModel = workload.module
    return model, None if forward is None or train is None else Flops(forward, train - forward)
