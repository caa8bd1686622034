"""Decoding: a token of GPT after 8,192 tokens takes what its weights, attention's arithmetic and its bytes predict.

python benchmarks/harness/decoding.py [--turns 15] [--context 8192] [--threads 1] [--quick]

Predicted: the product of every weight matrix with one vector, and for each layer attention's two products over all
keys and values that are stored, in the model's order and without anything else; timed in the same turn as the steps. A
decoder that copies its cache reads and writes it once more for every token, and shows here as 2 and more. Beside it
what a mere read (a sum) of keys and values takes: torch's matrix-vector products do not reach that rate. Target: at
most 1.5 times the prediction, for 4 layers of width 256 and for gpt2's shape.

Before that the clock: prefill and step as `decode` times them against torch's own Timer on the same calls, alternately.
Target: the median ratio within 5 % of 1.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median
from typing import Any

import torch
from alternating import in_turn, ratio, seconds
from reporting import Figure, at_most, interval, parsed, parser, report
from torch import Tensor
from torch.utils.benchmark import Timer

from rnn_vs_attn.limits import MOST_STEPS, UNTIMED_STEPS
from rnn_vs_attn.measure.decoder import Decoder
from rnn_vs_attn.measure.timing.decoding import prefills, steps
from rnn_vs_attn.models.kernels.kv_cache import KeyValueCache
from rnn_vs_attn.models.kernels.linear import linear
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.shapes import GPT_SIZES, GPTShape
from rnn_vs_attn.stats import intervals

STEPS = 16
SHAPES = {"4 layers of width 256": GPTShape(4, 256, 4, vocab_size=256), "gpt2": GPT_SIZES["gpt2"]}


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--turns", type=int, default=15)
    options.add_argument("--context", type=int, default=8192)
    options.add_argument("--threads", type=int, default=1)
    given = parsed(options, turns=intervals.MIN_ROUNDS, context=1024)
    torch.set_num_threads(given.threads)
    details: list[dict[str, object]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, object]]) -> Iterator[Figure]:
    for name, found in against_timer(given.turns):
        text = f"{name} as decode times it / torch's Timer"
        details.append({"what": text} | vars(found))
        yield Figure(text, found.median, "1 ± 0.05", abs(found.median - 1) <= 0.05, interval(found))
    for name, shape in SHAPES.items():
        taken = measured(shape, given.context, given.turns)
        found = intervals.estimate([a / b for a, b in zip(taken["step"], taken["predicted"], strict=True)])
        text = f"{name}, step at context {given.context} / predicted"
        ms = {f"{what}, ms": round(1e3 * median(values), 3) for what, values in taken.items()}
        details.append({"what": text} | vars(found) | ms)
        figure = at_most(text, found, 1.5)
        yield dataclasses.replace(figure, beside=", ".join([figure.beside, *(f"{k} {v}" for k, v in ms.items())]))


@torch.no_grad()
def against_timer(turns: int) -> Iterator[tuple[str, intervals.Estimate]]:
    """What `decode` says a prefill and then a step take, divided by what torch's Timer says."""
    context, shape = 512, SHAPES["4 layers of width 256"]
    model = GPT(dataclasses.replace(shape, context_len=context + 2 * MOST_STEPS)).eval()
    decoder = Decoder(model, torch.randint(shape.vocab_size, (1, context)))
    held: dict[str, Any] = {"decoder": decoder}

    def steps_by_timer() -> float:
        held["held"] = [decoder.prefill()]
        return by_timer("held[0] = decoder.step(*held[0])", held)

    yield "prefill", ratio(lambda: median(prefills(decoder)[0]), lambda: by_timer("decoder.prefill()", held), turns)
    yield "step", ratio(lambda: steps(decoder, decoder.prefill()).median, steps_by_timer, turns)


def by_timer(statement: str, names: dict[str, Any]) -> float:
    """The median of single calls, as `decode` takes it, by torch's Timer; two calls of warm-up stand before each."""
    timer = Timer(statement, globals=names)
    return median(timer.timeit(1).mean for _ in range(STEPS))


@torch.no_grad()
def measured(shape: GPTShape, context: int, turns: int) -> dict[str, list[float]]:
    """Seconds of a step, of what predicts it, and of a read of keys and values, in turn."""
    torch.manual_seed(0)
    room = context + (turns + 1) * STEPS + UNTIMED_STEPS
    model = GPT(dataclasses.replace(shape, context_len=room)).eval()
    state = [filled(cache, context) for cache in model.initial_state(1)]
    decoder = Decoder(model, torch.zeros(1, context, dtype=torch.long))
    held = (torch.zeros(1, dtype=torch.long), state)

    def step() -> None:
        nonlocal held
        held = decoder.step(*held)

    for _ in range(UNTIMED_STEPS):
        step()
    stored = [(cache.keys[:, :, :context], cache.values[:, :, :context]) for cache in state]
    calls: dict[str, Callable[[], object]] = {
        "step": step,
        "predicted": products(model, shape, stored),
        "read": lambda: [t.sum() for pair in stored for t in pair],
    }
    return in_turn({name: partial(median_seconds, call) for name, call in calls.items()}, turns)


def products(model: GPT, shape: GPTShape, stored: Sequence[tuple[Tensor, Tensor]]) -> Callable[[], list[Tensor]]:
    """What a token cannot do without: each weight matrix times a vector, and attention over what is stored."""
    keys, _ = stored[0]
    query, weights = torch.randn_like(keys[:, :, :1]), torch.rand(1, shape.num_heads, 1, keys.shape[2])
    layers = [[p for p in block.parameters() if p.ndim == 2] for block in model.blocks]
    vectors = {size: torch.randn(1, size) for size in (shape.d_model, 4 * shape.d_model)}

    def call() -> list[Tensor]:
        made = []
        for (k, v), matrices in zip(stored, layers, strict=True):
            made += [query @ k.transpose(-2, -1), weights @ v]
            made += [linear(vectors[m.shape[1]], m) for m in matrices]
        return [*made, linear(vectors[shape.d_model], model.tokens.weight)]

    return call


def filled(cache: KeyValueCache, length: int) -> KeyValueCache:
    """A cache with random keys and values of `length` positions."""
    batch_size, num_heads, _, head_dim = cache.keys.shape
    cache.append(*(torch.randn(batch_size, num_heads, length, head_dim) for _ in range(2)))
    return cache


def median_seconds(call: Callable[[], object]) -> float:
    """The median of so many calls as a turn has steps."""
    return median(seconds(call) for _ in range(STEPS))


if __name__ == "__main__":
    main()
