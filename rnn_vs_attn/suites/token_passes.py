"""In the worker: a model of token ids ready to run, the times and the peaks of its passes, its sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from rnn_vs_attn.isolation.keeping import kept
from rnn_vs_attn.isolation.seeds import seed_all
from rnn_vs_attn.limits import ENOUGH, Budget, Turn
from rnn_vs_attn.measure import memory
from rnn_vs_attn.measure.conduct import batch_independence
from rnn_vs_attn.measure.conduct.differences import GRADIENTS_NOT_FINITE, OUTPUT_NOT_FINITE, finite
from rnn_vs_attn.measure.device import DTYPES, set_precision
from rnn_vs_attn.measure.timing.clock import PASSES, clock_for
from rnn_vs_attn.measure.timing.warm_up import make_ready
from rnn_vs_attn.measure.workload import TokenWorkload, drawn, filled, mode
from rnn_vs_attn.models import build
from rnn_vs_attn.records.timing import Block, Ready
from rnn_vs_attn.records.types import LAUNCH_BOUND, Sample
from rnn_vs_attn.suites.blocks import timed_samples
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.metrics import NUM_PARAMS
from rnn_vs_attn.suites.sizes import SizedCase, counts

WARM = 2  # tokens of the pass that loads libraries before memory is read
_BUDGET = Budget()  # that of `bench`


def place(case: Case, seed: int) -> tuple[torch.device, torch.dtype]:
    """Device and dtype of a case, with the generator at its seed and full precision set."""
    set_precision(tf32=False)
    seed_all(seed)
    return torch.device(case.device), DTYPES[case.dtype]


def made(make: Callable[[], torch.nn.Module], case: Case, seed: int, vocab_size: int) -> TokenWorkload:
    """A case with the weights and the token ids of `seed`, ready to be timed."""
    device, dtype = place(case, seed)
    module = drawn(make, device, dtype)
    return TokenWorkload.of_ids(module, torch.randint(vocab_size, (case.batch_size, case.seq_len), device=device))


def sizes(case: SizedCase, module: torch.nn.Module) -> Iterator[Sample]:
    """What is counted of a case; its parameters in the module itself."""
    found = counts(case) | {NUM_PARAMS: build.count_parameters(module)}
    yield from (Sample(metric.name, value) for metric, value in found.items())


def times(workload: TokenWorkload, turn: Turn) -> Iterator[Sample]:
    """forward_time and train_time as `bench` takes them; CaseFault where the module runs over the batch."""
    said = _said_of(workload) if turn.first else []
    for name in PASSES:
        samples, wanted = timed_samples(name, *_timed(workload, name, turn)), (f"{name}_time", LAUNCH_BOUND)
        yield from (replace(sample, warnings=said) for sample in samples if sample.metric in wanted)


def _timed(workload: TokenWorkload, name: str, turn: Turn) -> tuple[list[Block], Ready]:
    """The blocks of one pass, as many as the turn has time for, and how it was made ready for them."""
    clock, share = clock_for(workload.x.device), turn.enough / ENOUGH
    with kept(timed=True):
        ready = make_ready(clock, workload, name, _BUDGET.shortened(share), None, first_of_model=name == PASSES[0])
        num_blocks = 1 + math.floor(share * (ready.plan.num_blocks - 1))
        return [clock.block(workload, name, ready.plan.loops) for _ in range(num_blocks)], ready


def _said_of(workload: TokenWorkload) -> list[str]:
    """What the rows warn of. CaseFault where the module runs over the batch."""
    workload.module.eval()
    found = batch_independence.of_ids(workload.module, int(workload.x.max()) + 1, workload.x.shape[1])
    found.refuse()
    return [*found.warnings, *_not_finite(workload)]


def _not_finite(workload: TokenWorkload) -> list[str]:
    """What a row says where the output or a gradient of one call of each pass is not finite."""
    with mode(workload, "forward"):
        said = [] if finite([workload.forward()]) else [OUTPUT_NOT_FINITE]
    with mode(workload, "train"):
        workload.backward(workload.train_forward())
    gradients = [p.grad for p in workload.module.parameters() if p.grad is not None]
    workload.clear_gradients()
    return said if finite(gradients) else [*said, GRADIENTS_NOT_FINITE]


def peak(workload: TokenWorkload, name: str) -> int | None:
    """Bytes above the start of one call of a pass; None where this system gives no peak."""
    device = workload.x.device
    if device.type == "cpu" and memory.cpu_peak_missing():
        return None
    with mode(workload, name):
        return memory.peaks([workload.train if name == "train" else workload.forward], device)[0]


def peaks(make: Callable[[], torch.nn.Module], case: Case, vocab_size: int) -> Iterator[Sample]:
    """Peaks of a forward and of a training pass of a module of token ids."""
    device, dtype = place(case, 0)
    module = filled(make, device, dtype)
    ids = torch.randint(vocab_size, (case.batch_size, case.seq_len), device=device)
    TokenWorkload.of_ids(module, ids[:, :WARM]).train()
    workload = TokenWorkload.of_ids(module, ids)
    for name in PASSES:
        value = peak(workload, name)
        if value is not None:
            yield Sample("peak_memory", value, {"pass": name})
