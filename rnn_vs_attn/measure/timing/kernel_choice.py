"""The attention kernel of each pass of a module, chosen once a case by the time that its row will report."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

from rnn_vs_attn.isolation.seeds import same_draws
from rnn_vs_attn.limits import LONG_CALL
from rnn_vs_attn.measure.attention_kernels import Kernel, candidates, fastest, only
from rnn_vs_attn.measure.conduct.holdings import Holdings
from rnn_vs_attn.measure.decoder import Decoder
from rnn_vs_attn.measure.timing import calls
from rnn_vs_attn.measure.timing.clock import PASSES, Clock, clock_for
from rnn_vs_attn.measure.timing.cuda_graphs import capture
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models import build
from rnn_vs_attn.records.timing import Care

_CALLS = 5  # of a graph
_TURNS = 4  # of two calls, the first of which warms caches and makes plans
_UNKNOWN = Care(in_place=True, gradient_in_place=True)  # nothing is known yet of what a module does to its input


def of_passes(workload: Workload, graphs: bool = False) -> dict[str, Kernel]:
    """The fastest kernel for the whole module, by pass; {} where it has nothing to choose.

    graphs: its passes are to be captured, so that the host's part of them does not count. The module is timed as it is,
    before it is compiled.
    """
    tried, device = candidates(workload.module, workload.x), workload.x.device
    if not tried:
        return {}
    plain = dataclasses.replace(workload, run=partial(build.call, workload.module))
    clock, holdings = clock_for(device), Holdings(workload.module)
    seconds, turns = (_of_graph, 1) if graphs else (_of_calls, _TURNS)
    with same_draws():
        found = {name: fastest(tried, partial(seconds, plain, clock, name), device, turns) for name in PASSES}
    workload.clear_gradients()
    holdings.put_back()
    return found


def _of_calls(workload: Workload, clock: Clock, name: str, kernel: Kernel) -> float:
    trial = dataclasses.replace(workload, kernels={name: kernel}, cares={name: _UNKNOWN})
    return _least(lambda: clock.block(trial, name, 1).seconds, 2)


def _of_graph(workload: Workload, clock: Clock, name: str, kernel: Kernel) -> float:
    """Of its replays; the graph goes with them, as several may not fit beside each other."""
    trial = capture(dataclasses.replace(workload, kernels=dict.fromkeys(PASSES, kernel)))
    return _least(lambda: clock.block(trial, name, 1).seconds, _CALLS)


def of_prefill(decoder: Decoder) -> Kernel:
    """The kernel by which a context is taken in the soonest; None where torch is left to choose."""
    tried, device = candidates(decoder.module, decoder.context), decoder.context.device
    return fastest(tried, partial(_of_prefill, decoder), device, _TURNS)


def _of_prefill(decoder: Decoder, kernel: Kernel) -> float:
    wait = calls.waiter(decoder.context.device)

    def begin() -> None:
        decoder.renew()
        wait()

    with only(kernel):
        return _least(lambda: calls.timed(decoder.prefill, begin, wait)[0], 2)


def _least(seconds: Callable[[], float], num_calls: int) -> float:
    """Of so many calls; of long ones the first is enough."""
    least = seconds()
    for _ in range(num_calls - 1):
        if least < LONG_CALL:
            least = min(least, seconds())
    return least
