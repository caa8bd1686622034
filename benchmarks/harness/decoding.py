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
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter

import torch
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
    for name, values in against_timer(given.turns):
        found = intervals.estimate(values)
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
def against_timer(turns: int) -> Iterator[tuple[str, list[float]]]:
    """What `decode` says a prefill and then a step take, divided by what torch's Timer says, a turn each."""
    context, shape = 512, SHAPES["4 layers of width 256"]
    model = GPT(dataclasses.replace(shape, context_len=context + 2 * MOST_STEPS)).eval()
    decoder = Decoder(model, torch.randint(shape.vocab_size, (1, context)))

    def prefill() -> float:
        return median(prefills(decoder)[0]) / by_timer("decoder.prefill()", {"decoder": decoder})

    def step() -> float:
        ours = steps(decoder, decoder.prefill()).median
        held = {"decoder": decoder, "held": [decoder.prefill()]}
        return ours / by_timer("held[0] = decoder.step(*held[0])", held)

    yield "prefill", [prefill() for _ in range(turns)]
    yield "step", [step() for _ in range(turns)]


def by_timer(statement: str, names: dict[str, object]) -> float:
    """The median of single calls, as `decode` takes it, by torch's Timer; two calls of warm-up stand before each."""
    timer = Timer(statement, globals=names)
    return median(timer.timeit(1).mean for _ in range(STEPS))


@torch.no_grad()
def measured(shape: GPTShape, context: int, turns: int) -> dict[str, list[float]]:
    """Seconds of a step, of what predicts it, and of a read of keys and values, a turn each."""
    torch.manual_seed(0)
    room = context + turns * STEPS + UNTIMED_STEPS
    model = GPT(dataclasses.replace(shape, context_len=room)).eval()
    state = [filled(cache, context) for cache in model.initial_state(1)]
    decoder = Decoder(model, torch.zeros(1, context, dtype=torch.long))
    held = (torch.zeros(1, dtype=torch.long), state)
    for _ in range(UNTIMED_STEPS):
        held = decoder.step(*held)
    query, weights = torch.randn_like(state[0].keys[:, :, :1]), torch.rand(1, shape.num_heads, 1, context)
    stored = [(cache.keys[:, :, :context], cache.values[:, :, :context]) for cache in state]
    layers = [[p for p in block.parameters() if p.ndim == 2] for block in model.blocks]
    vectors = {size: torch.randn(1, size) for size in (shape.d_model, 4 * shape.d_model)}

    def alone() -> list[Tensor]:
        made = []
        for (k, v), matrices in zip(stored, layers, strict=True):
            made += [query @ k.transpose(-2, -1), weights @ v]
            made += [linear(vectors[m.shape[1]], m) for m in matrices]
        return [*made, linear(vectors[shape.d_model], model.tokens.weight)]

    parts: dict[str, Callable[[], list[Tensor]]] = {
        "predicted": alone,
        "read": lambda: [t.sum() for pair in stored for t in pair],
    }
    found: dict[str, list[float]] = {"step": [], "predicted": [], "read": []}
    for _ in range(turns):
        of_turn = []
        for _ in range(STEPS):
            begun = perf_counter()
            held = decoder.step(*held)
            of_turn.append(perf_counter() - begun)
        found["step"].append(median(of_turn))
        for name, call in parts.items():
            found[name].append(seconds(call))
    return found


def filled(cache: KeyValueCache, length: int) -> KeyValueCache:
    """A cache with random keys and values of `length` positions."""
    batch_size, num_heads, _, head_dim = cache.keys.shape
    cache.append(*(torch.randn(batch_size, num_heads, length, head_dim) for _ in range(2)))
    return cache


def seconds(call: Callable[[], list[Tensor]]) -> float:
    """The median of as many calls as there are steps."""
    found = []
    for _ in range(STEPS):
        begun = perf_counter()
        call()
        found.append(perf_counter() - begun)
    return median(found)


if __name__ == "__main__":
    main()
