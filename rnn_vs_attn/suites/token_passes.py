"""In the worker: a model of token ids ready to run, the times and the peaks of its passes, its sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median

import torch

from rnn_vs_attn.isolation.seeds import seed_all
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure import memory
from rnn_vs_attn.measure.conduct import batch_independence
from rnn_vs_attn.measure.device import DTYPES, set_precision
from rnn_vs_attn.measure.timing import calls
from rnn_vs_attn.measure.token_passes import TokenPasses, drawn, filled
from rnn_vs_attn.models import build
from rnn_vs_attn.models.shapes import AlbertShape, GPTShape
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.metrics import NUM_PARAMS
from rnn_vs_attn.suites.sizes import counts

WARM = 2  # tokens of the pass that loads libraries before memory is read


def place(case: Case, seed: int) -> tuple[torch.device, torch.dtype]:
    """Device and dtype of a case, with the generator at its seed and full precision set."""
    set_precision(tf32=False)
    seed_all(seed)
    return torch.device(case.device), DTYPES[case.dtype]


def made(make: Callable[[], torch.nn.Module], case: Case, seed: int, vocab_size: int) -> TokenPasses:
    """The passes of a case with the weights and the token ids of `seed`."""
    device, dtype = place(case, seed)
    module = drawn(make, device, dtype)
    return TokenPasses.of(module, torch.randint(vocab_size, (case.batch_size, case.seq_len), device=device))


def sizes(shape: AlbertShape | GPTShape, case: Case, module: torch.nn.Module) -> Iterator[Sample]:
    """The same as samples; parameters are counted in the module itself."""
    found = counts(shape, case) | {NUM_PARAMS: build.count_parameters(module)}
    yield from (Sample(metric.name, value) for metric, value in found.items())


def times(passes: TokenPasses, turn: Turn) -> Iterator[Sample]:
    """Medians of the forward and of the training pass, seconds; CaseFault where the module runs over the batch."""
    said = _said_of(passes) if turn.first else []
    for name, call in (("forward", passes.forward), ("train", passes.train)):
        found = calls.seconds(call, passes.tokens.device, turn.enough)
        yield Sample(f"{name}_time", median(found), blocks=found, warnings=said)


def _said_of(passes: TokenPasses) -> list[str]:
    """What the rows warn of. CaseFault where the module runs over the batch."""
    passes.module.eval()
    found = batch_independence.of_ids(passes.module, int(passes.tokens.max()) + 1, passes.tokens.shape[1])
    found.refuse()
    return [*found.warnings, *passes.not_finite()]


def peak(call: Callable[[], object], device: torch.device) -> int | None:
    """Bytes above the start of one call; None where this system gives no peak."""
    if device.type == "cpu" and memory.cpu_peak_missing():
        return None
    return memory.peaks([call], device)[0]


def peaks(make: Callable[[], torch.nn.Module], case: Case, vocab_size: int) -> Iterator[Sample]:
    """Peaks of a forward and of a training pass of a module of token ids."""
    device, dtype = place(case, 0)
    module = filled(make, device, dtype)
    tokens = torch.randint(vocab_size, (case.batch_size, case.seq_len), device=device)
    TokenPasses.of(module, tokens[:, :WARM]).train()
    passes = TokenPasses.of(module, tokens)
    for name, call in (("forward", passes.forward), ("train", passes.train)):
        value = peak(call, device)
        if value is not None:
            yield Sample("peak_memory", value, {"pass": name})
