"""GPT and ALBERT beside transformers' own (its SDPA attention), the same weights, alternately in one process.

python benchmarks/peers/language_models.py [--alternations 11] [--quick]

Forward (no gradient) and training pass (forward, backward from a fixed random gradient of the logits) at batch 4,
seq_len 128 and 512, at base size and at a small one: ours / theirs, target: the upper end of the interval at most
1.05. Decoding at context 512, batch 1: theirs / ours a token, target at least 1.3 for 4 layers of width 256, with
GPT-2's vocabulary, whose output layer is 13 of 16 million parameters, and with one of 1,000; and at base size, where
the time of the weight products alone bounds it. That time, in the library that we decode with, is shown beside each.
A ratio is formed within an alternation; its interval is the order-statistic one of their median.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from alternating import in_turn, ratio_of_calls, seconds
from reporting import Figure, at_least, at_most, parsed, parser, report

from rnn_vs_attn.machine.environment import usable_cores
from rnn_vs_attn.models.kernels.linear import linear
from rnn_vs_attn.models.language.albert import MaskedLanguageModel
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.shapes import ALBERT_SIZES, GPT_SIZES, AlbertShape, GPTShape
from rnn_vs_attn.stats import intervals

os.environ["HF_HUB_OFFLINE"] = "1"
SMALL = {"gpt": GPTShape(4, 256, 4), "albert": AlbertShape(4, 256, 4, 128)}
BASE = {"gpt": GPT_SIZES["gpt2"], "albert": ALBERT_SIZES["albert-base"]}
SIZES: dict[str, dict[str, Any]] = {"small": SMALL, "base": BASE}
CONTEXT, NEW_TOKENS = 512, 24
FEW_WORDS = 1000


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--alternations", type=int, default=11)
    options.add_argument("--size", nargs="+", choices=list(SIZES), default=list(SIZES))
    options.add_argument("--seq-len", type=int, nargs="+", default=[128, 512])
    options.add_argument("--decoding", action="store_true", help="decoding only")
    options.add_argument("--threads", type=int, default=usable_cores())
    given = parsed(options, alternations=intervals.MIN_ROUNDS, size=["small"], seq_len=[128])
    torch.set_num_threads(given.threads)
    details: list[dict[str, Any]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    for size in given.size:
        shapes = SIZES[size]
        if not given.decoding:
            yield from of_passes(size, shapes, given, details)
        yield from of_decoding(size, shapes["gpt"], given.alternations, details)


def of_passes(
    size: str, shapes: dict[str, Any], given: argparse.Namespace, details: list[dict[str, Any]]
) -> Iterator[Figure]:
    """ours / theirs of both passes of both families, at each length."""
    for family, shape in shapes.items():
        ours, theirs = pair(family, shape)
        for seq_len in given.seq_len:
            for name, found in passes(ours, theirs, shape, seq_len, given.alternations):
                text = f"{family} {size}, seq_len {seq_len}, {name}: ours / transformers'"
                details.append({"what": text} | vars(found))
                yield at_most(text, found, 1.05)


def of_decoding(size: str, shape: GPTShape, alternations: int, details: list[dict[str, Any]]) -> Iterator[Figure]:
    """theirs / ours of a token; for the small size with both vocabularies."""
    for vocab_size in (shape.vocab_size, FEW_WORDS) if size == "small" else (shape.vocab_size,):
        made = dataclasses.replace(shape, vocab_size=vocab_size)
        ratio, own, least = decoding(*pair("gpt", made), made, alternations)
        text = f"gpt {size}, {vocab_size} token ids, a token at context {CONTEXT}: transformers' / ours"
        times = {"ours, ms": 1e3 * own, "products alone, ms": 1e3 * least}
        details.append({"what": text} | vars(ratio) | times)
        figure = at_least(text, ratio, 1.3 if size == "small" else 1.0)
        yield dataclasses.replace(figure, beside=f"{figure.beside}, {1e3 * own:.3g} ms ({1e3 * least:.3g} products)")


def pair(family: str, shape: Any) -> tuple[Any, Any]:
    """Our model and theirs of one shape, without dropout."""
    import transformers

    torch.manual_seed(0)
    none = {"attn_implementation": "sdpa"}
    if family == "gpt":
        config = transformers.GPT2Config(
            vocab_size=shape.vocab_size,
            n_positions=shape.context_len,
            n_embd=shape.d_model,
            n_layer=shape.num_layers,
            n_head=shape.num_heads,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            **none,
        )
        return GPT(shape), transformers.GPT2LMHeadModel(config)
    config = transformers.AlbertConfig(
        vocab_size=shape.vocab_size,
        embedding_size=shape.embedding_dim,
        hidden_size=shape.d_model,
        num_hidden_layers=shape.num_layers,
        num_attention_heads=shape.num_heads,
        intermediate_size=4 * shape.d_model,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **none,
    )
    return MaskedLanguageModel(shape), transformers.AlbertForMaskedLM(config)


def passes(
    ours: Any, theirs: Any, shape: Any, seq_len: int, alternations: int
) -> Iterator[tuple[str, intervals.Estimate]]:
    """ours / theirs of both passes."""
    ids = torch.randint(shape.vocab_size, (4, seq_len))
    gradient = torch.randn(4, seq_len, shape.vocab_size)
    calls: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
        "forward": (lambda: forward(ours, ours, ids), lambda: forward(theirs, lambda x: theirs(x).logits, ids)),
        "train": (
            lambda: train(ours, ours, ids, gradient),
            lambda: train(theirs, lambda x: theirs(x).logits, ids, gradient),
        ),
    }
    for name, (a, b) in calls.items():
        yield name, ratio_of_calls(a, b, alternations)


def forward(model: Any, call: Callable[[Tensor], Tensor], ids: Tensor) -> None:
    model.eval()
    with torch.no_grad():
        call(ids)


def train(model: Any, call: Callable[[Tensor], Tensor], ids: Tensor, gradient: Tensor) -> None:
    model.train()
    call(ids).backward(gradient)
    for parameter in model.parameters():
        parameter.grad = None


def decoding(ours: Any, theirs: Any, shape: GPTShape, alternations: int) -> tuple[intervals.Estimate, float, float]:
    """theirs / ours of generating, the prompt aside; our seconds a token; those of the products."""
    prompt = torch.randint(shape.vocab_size, (1, CONTEXT - NEW_TOKENS // 2))
    ours.eval()
    theirs.eval()

    def own(number: int) -> None:
        ours.generate(prompt, number)

    def other(number: int) -> None:
        theirs.generate(prompt, max_new_tokens=number, do_sample=False, pad_token_id=0, eos_token_id=None)

    found = in_turn({"ours": lambda: a_token(own), "theirs": lambda: a_token(other)}, alternations)
    ratios = [b / a for a, b in zip(found["ours"], found["theirs"], strict=True)]
    return intervals.estimate(ratios), median(found["ours"]), products(ours, alternations)


def a_token(generate: Callable[[int], None]) -> float:
    """Seconds a generated token: of 1 + n tokens less those of 1."""
    one, all_of_them = (seconds(partial(generate, number)) for number in (1, 1 + NEW_TOKENS))
    return (all_of_them - one) / NEW_TOKENS


def products(model: Any, repeats: int) -> float:
    """Seconds of every weight matrix times one vector, the output layer included: what a token cannot do without."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "positions" not in name]
    vectors = [torch.randn(1, m.shape[1]) for m in matrices]
    pairs = list(zip(vectors, matrices, strict=True))
    with torch.no_grad():
        times = [seconds(lambda: [linear(*pair) for pair in pairs]) for _ in range(repeats + 1)]
    return median(times[1:])


if __name__ == "__main__":
    main()
