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

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from alternating import alternated
from reporting import Figure, parser, report

from rnn_vs_attn import stats
from rnn_vs_attn.environment import usable_cores
from rnn_vs_attn.models.albert import MaskedLanguageModel
from rnn_vs_attn.models.configurations import ALBERT_SIZES, GPT_SIZES, AlbertShape, GPTShape
from rnn_vs_attn.models.gpt import GPT
from rnn_vs_attn.models.products import linear

os.environ["HF_HUB_OFFLINE"] = "1"
SMALL = {"gpt": GPTShape(4, 256, 4), "albert": AlbertShape(4, 256, 4, 128)}
BASE = {"gpt": GPT_SIZES["gpt2"], "albert": ALBERT_SIZES["albert-base"]}
CONTEXT, NEW_TOKENS = 512, 24
FEW_WORDS = 1000


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--alternations", type=int, default=11)
    options.add_argument("--quick", action="store_true", help="the small sizes only")
    options.add_argument("--decoding", action="store_true", help="decoding only")
    options.add_argument("--threads", type=int, default=usable_cores())
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    figures: list[Figure] = []
    details: list[dict[str, object]] = []
    for size, shapes in (("small", SMALL), *([] if given.quick else [("base", BASE)])):
        found = [] if given.decoding else list(of_passes(size, shapes, given.alternations))
        for figure, detail in (*found, *of_decoding(size, shapes["gpt"], given.alternations)):
            figures.append(figure)
            details.append(detail)
    report(figures, details, given.json)


Result = tuple[Figure, dict[str, object]]


def of_passes(size: str, shapes: dict[str, Any], alternations: int) -> Iterator[Result]:
    """ours / theirs of both passes of both families, at both lengths."""
    for family, shape in shapes.items():
        ours, theirs = pair(family, shape)
        for seq_len in (128, 512):
            for name, found in passes(ours, theirs, shape, seq_len, alternations).items():
                text = f"{family} {size}, seq_len {seq_len}, {name}: ours / transformers'"
                print(f"{text}: {found.median:.3f} [{found.low}, {found.high}]", file=sys.stderr, flush=True)
                yield _figure(text, found, 1.05, below=True), {"what": text} | vars(found)


def of_decoding(size: str, shape: GPTShape, alternations: int) -> Iterator[Result]:
    """theirs / ours of a token; for the small size with both vocabularies."""
    for vocab_size in (shape.vocab_size, FEW_WORDS) if size == "small" else (shape.vocab_size,):
        made = dataclasses.replace(shape, vocab_size=vocab_size)
        ratio, seconds, least = decoding(*pair("gpt", made), made, alternations)
        text = f"gpt {size}, {vocab_size} token ids, a token at context {CONTEXT}: transformers' / ours"
        times = {"ours, ms": 1e3 * seconds, "products alone, ms": 1e3 * least}
        print(f"{text}: {ratio.median:.3f} [{ratio.low}, {ratio.high}], {times}", file=sys.stderr, flush=True)
        figure = _figure(text, ratio, 1.3 if size == "small" else 1.0, below=False)
        yield figure, {"what": text} | vars(ratio) | times


def _figure(text: str, found: stats.Estimate, target: float, below: bool) -> Figure:
    """By the end of the interval that is the harder one; the median where there is none."""
    if below:
        value = found.high if found.high is not None else found.median
        return Figure(f"{text}, upper end", value, f"<= {target}", value <= target)
    value = found.low if found.low is not None else found.median
    return Figure(f"{text}, lower end", value, f">= {target}", value >= target)


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


def passes(ours: Any, theirs: Any, shape: Any, seq_len: int, alternations: int) -> dict[str, stats.Estimate]:
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
    return {name: alternated(a, b, alternations) for name, (a, b) in calls.items()}


def forward(model: Any, call: Callable[[Tensor], Tensor], ids: Tensor) -> None:
    model.eval()
    with torch.no_grad():
        call(ids)


def train(model: Any, call: Callable[[Tensor], Tensor], ids: Tensor, gradient: Tensor) -> None:
    model.train()
    call(ids).backward(gradient)
    for parameter in model.parameters():
        parameter.grad = None


def decoding(ours: Any, theirs: Any, shape: GPTShape, alternations: int) -> tuple[stats.Estimate, float, float]:
    """theirs / ours of generating, the prompt aside; our seconds a token; those of the products."""
    prompt = torch.randint(shape.vocab_size, (1, CONTEXT - NEW_TOKENS // 2))
    ours.eval()
    theirs.eval()

    def own(number: int) -> None:
        ours.generate(prompt, number)

    def other(number: int) -> None:
        theirs.generate(prompt, max_new_tokens=number, do_sample=False, pad_token_id=0, eos_token_id=None)

    ratios, seconds = [], []
    for number in range(alternations + 1):
        first, second = (own, other) if number % 2 else (other, own)
        spent = {call: a_token(call) for call in (first, second)}
        if number:  # the first is thrown away
            ratios.append(spent[other] / spent[own])
            seconds.append(spent[own])
    return stats.estimate(ratios), stats.estimate(seconds).median, products(ours, alternations)


def a_token(generate: Callable[[int], None]) -> float:
    """Seconds a generated token: of 1 + n tokens less those of 1."""
    times = []
    for number in (1, 1 + NEW_TOKENS):
        start = perf_counter()
        generate(number)
        times.append(perf_counter() - start)
    return (times[1] - times[0]) / NEW_TOKENS


def products(model: Any, repeats: int) -> float:
    """Seconds of every weight matrix times one vector, the output layer included: what a token cannot do without."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "positions" not in name]
    vectors = [torch.randn(1, m.shape[1]) for m in matrices]
    times = []
    with torch.no_grad():
        for _ in range(repeats + 1):
            start = perf_counter()
            for vector, matrix in zip(vectors, matrices, strict=True):
                linear(vector, matrix)
            times.append(perf_counter() - start)
    return stats.estimate(times[1:]).median


if __name__ == "__main__":
    main()
