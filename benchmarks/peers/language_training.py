"""GPT trained by our loop beside transformers' GPT-2 trained by a bare one: held-out loss, and time a token.

python benchmarks/peers/language_training.py [--text FILE] [--of loss time] [--seeds 3] [--alternations 31]

The setting is the one that nanoGPT publishes for a CPU: 4 layers, 4 heads, width 128, context 64, batch 12, no dropout,
2,000 steps, each on 12 segments from random places of the text. Tokens are bytes; without --text the text is that of
`pydoc_data.topics`, and the last tenth is held out. AdamW as there: rate 1e-3 after a warm-up of a twentieth, betas 0.9
and 0.99, decay 0.1 of matrices, gradients clipped to 1. Not as there: the cosine ends at 0 in place of a tenth of the
rate.

Loss: of all held-out bytes but the first, each predicted once in windows of 64, after both were trained on the same
segments. Each side draws its weights by its own code, from the distribution of GPT-2: N(0, 0.02^2), in what writes into
the residual path over sqrt(2 layers), biases 0. Target, of each seed: ours ÷ theirs within 2 % of 1. On one thread.

Time: seconds of the same number of steps, ours ÷ theirs, alternately, on one thread and on all cores, against both
attentions of transformers, so that the faster one counts. The bare loop is the model without its cache,
cross-entropy, backward, clipping, AdamW in one kernel, and nothing else: no evaluation, no schedule, no progress, no
check of the loss. Ours has all that, its seconds being those of its curve: its steps with all that goes on between
them, evaluations aside. Target: the interval of the ratio ends at 1 or below.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from alternating import in_turn
from reporting import Figure, at_most, parsed, parser, report

from rnn_vs_attn.isolation.seeds import same_draws
from rnn_vs_attn.machine.environment import usable_cores
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.shapes import GPTShape
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.tasks.drawing.random_numbers import Stream
from rnn_vs_attn.texts.segments import Segment
from rnn_vs_attn.training.carried import NextTokens
from rnn_vs_attn.training.loop import Data, Training
from rnn_vs_attn.training.plan import TrainingPlan

os.environ["HF_HUB_OFFLINE"] = "1"
SHAPE = GPTShape(num_layers=4, d_model=128, num_heads=4, vocab_size=256, context_len=64)
BATCH_SIZE, LENGTH = 12, SHAPE.context_len
RATE, BETAS, DECAY, CLIP = 1e-3, (0.9, 0.99), 0.1, 1.0
ATTENTIONS = ("sdpa", "eager")  # of transformers
ALIKE = 0.02
Pair = tuple[Tensor, Tensor]  # ids and, at each, the one after it (B, L)


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--text", type=Path, help="a file (default: the text of pydoc_data.topics)")
    options.add_argument("--of", nargs="+", choices=["loss", "time"], default=["loss", "time"])
    options.add_argument("--steps", type=int, default=2000, help="of a training")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--alternations", type=int, default=31)
    options.add_argument("--steps-a-turn", type=int, default=10, help="of each side")
    options.add_argument("--threads", type=int, nargs="+", default=sorted({1, usable_cores()}), help="for the times")
    given = parsed(options, steps=4, seeds=1, alternations=intervals.MIN_ROUNDS, steps_a_turn=1, threads=[1])
    details: list[dict[str, Any]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    text = text_of(given.text)
    train, held_out = parted(text)
    details.append({"text": str(given.text or "pydoc_data.topics"), "bytes": len(text), "sha256": hashed(text)})
    if "loss" in given.of:
        yield from of_losses(train, held_out[: LENGTH * 100] if given.quick else held_out, given, details)
    if "time" in given.of:
        for threads in given.threads:
            yield from of_times(train, threads, given, details)


# The text


def text_of(file: Path | None) -> bytes:
    if file is not None:
        return file.read_bytes()
    from pydoc_data.topics import topics

    return "".join(topics[name] for name in sorted(topics)).encode()


def hashed(text: bytes) -> str:
    return sha256(text).hexdigest()


def parted(text: bytes) -> tuple[Tensor, Tensor]:
    """Ids of the part to train on and of the last tenth."""
    ids = torch.frombuffer(bytearray(text), dtype=torch.uint8).long()
    return ids[: -(len(text) // 10)], ids[-(len(text) // 10) :]


def segments(train: Tensor, seed: int, step: int) -> Pair:
    """Those of a step: from random places, which follow from the seed and the step."""
    begins = torch.from_numpy(Stream(seed, index=step).below(len(train) - LENGTH, BATCH_SIZE))
    found = train[begins.unsqueeze(1) + torch.arange(LENGTH + 1)]
    return found[:, :-1], found[:, 1:]


def windows(ids: Tensor) -> Iterator[Pair]:
    """Every id but the first predicted once, 64 windows at a time; what is left at the end by itself."""
    whole = (len(ids) - 1) // LENGTH * LENGTH
    inputs, targets = (ids[i : i + whole].view(-1, LENGTH) for i in (0, 1))
    yield from zip(inputs.split(64), targets.split(64), strict=True)
    if whole < len(ids) - 1:
        yield ids[None, whole:-1], ids[None, whole + 1 :]


# Loss


def of_losses(
    train: Tensor, held_out: Tensor, given: argparse.Namespace, details: list[dict[str, Any]]
) -> Iterator[Figure]:
    """ours ÷ theirs, of each seed; on one thread, where they repeat bit for bit."""
    torch.set_num_threads(1)
    for seed in range(given.seeds):
        ours = our_loss(our_model(seed), train, held_out, given.steps, seed)
        theirs = their_loss(their_model("sdpa", seed), train, held_out, given.steps, seed)
        name = f"held-out loss after {given.steps} steps, seed {seed}: ours ÷ transformers'"
        details.append({"what": name, "ours": ours, "theirs": theirs, "seed": seed})
        beside = f"({ours / math.log(2):.4f} and {theirs / math.log(2):.4f} bits a byte)"
        yield Figure(name, ours / theirs, f"within {ALIKE:g} of 1", abs(ours / theirs - 1) <= ALIKE, beside)


def our_loss(model: nn.Module, train: Tensor, held_out: Tensor, steps: int, seed: int) -> float:
    """Nats a byte of our model after our loop."""
    plan = TrainingPlan(steps, RATE, steps // 20, DECAY, BETAS, CLIP, BATCH_SIZE, evaluate_every=steps, seed=seed)
    training = Training(model, NextTokens(None), plan)
    data = Data(lambda step: segment(segments(train, seed, step)), [segment(pair) for pair in windows(held_out)])
    return training.run(data).curve[-1].loss


def their_loss(model: Any, train: Tensor, held_out: Tensor, steps: int, seed: int) -> float:
    """Nats a byte of transformers' model after a bare loop with the same schedule."""
    optimiser, warm_up = their_optimiser(model), steps // 20
    for step in range(steps):
        done = (step - warm_up) / (steps - warm_up)
        share = (step + 1) / warm_up if step < warm_up else (1 + math.cos(math.pi * done)) / 2
        for group in optimiser.param_groups:
            group["lr"] = RATE * share
        bare_step(model, optimiser, segments(train, seed, step))
    model.eval()
    total = 0.0
    with torch.no_grad():
        for inputs, targets in windows(held_out):
            total += F.cross_entropy(model(inputs).logits.flatten(0, 1), targets.flatten(), reduction="sum").item()
    return total / (len(held_out) - 1)


def our_model(seed: int) -> GPT:
    with same_draws(seed):
        return GPT(SHAPE)


def their_model(attention: str, seed: int) -> Any:
    """transformers' GPT-2 of the same shape, which keeps no cache."""
    import transformers

    config = transformers.GPT2Config(
        vocab_size=SHAPE.vocab_size,
        n_positions=SHAPE.context_len,
        n_embd=SHAPE.d_model,
        n_layer=SHAPE.num_layers,
        n_head=SHAPE.num_heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        use_cache=False,
        bos_token_id=0,
        eos_token_id=0,
        attn_implementation=attention,
    )
    with same_draws(seed):
        return transformers.GPT2LMHeadModel(config).train()


def their_optimiser(model: nn.Module) -> torch.optim.AdamW:
    """Decay for matrices alone."""
    matrices, others = ([p for p in model.parameters() if (p.ndim > 1) == so] for so in (True, False))
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=RATE, betas=BETAS, fused=True)


def bare_step(model: Any, optimiser: torch.optim.Optimizer, pair: Pair) -> None:
    inputs, targets = pair
    loss = F.cross_entropy(model(inputs).logits.flatten(0, 1), targets.flatten())
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), CLIP, foreach=True)
    optimiser.step()
    optimiser.zero_grad()


def segment(pair: Pair) -> Segment:
    """For our loop."""
    inputs, targets = (ids.numpy() for ids in pair)
    return Segment(inputs, targets, first=True)


# Time


def of_times(train: Tensor, threads: int, given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    """ours ÷ theirs with each of their attentions, all three in turn."""
    torch.set_num_threads(threads)
    steps, turns = given.steps_a_turn, given.alternations
    sides = {"ours": Ours(train, steps, turns)} | {name: Theirs(train, name, steps) for name in ATTENTIONS}
    found = in_turn(sides, turns)
    tokens = steps * BATCH_SIZE * LENGTH
    for name in ATTENTIONS:
        ratio = intervals.estimate([a / b for a, b in zip(found["ours"], found[name], strict=True)])
        text = f"seconds of training, {threads} threads: ours ÷ transformers', {name}"
        speeds = {side: tokens / intervals.estimate(found[side]).median for side in ("ours", name)}
        details.append({"what": text, "threads": threads, "tokens_per_second": speeds} | vars(ratio))
        yield at_most(text, ratio, 1.0)


class Ours:
    """Seconds of our loop up to the next evaluation."""

    def __init__(self, train: Tensor, steps: int, turns: int) -> None:
        plan = TrainingPlan(steps * (turns + 1), 1e-4, 0, DECAY, BETAS, CLIP, BATCH_SIZE, evaluate_every=steps)
        self.training, self.steps = Training(our_model(0), NextTokens(None), plan), steps
        self.data = Data(lambda step: segment(segments(train, 0, step)), [segment(segments(train, 0, 0))])

    def __call__(self) -> float:
        course = self.training.course
        seconds, end = course.seconds, course.step + self.steps
        self.training.run(self.data, stop=lambda: course.step == end)
        return course.seconds - seconds


class Theirs:
    """Seconds of as many steps of the bare loop."""

    def __init__(self, train: Tensor, attention: str, steps: int) -> None:
        self.train, self.steps, self.step = train, steps, 0
        self.model = their_model(attention, 0)
        self.optimiser = their_optimiser(self.model)

    def __call__(self) -> float:
        begun = perf_counter()
        for step in range(self.step, self.step + self.steps):
            bare_step(self.model, self.optimiser, segments(self.train, 0, step))
        self.step += self.steps
        return perf_counter() - begun


if __name__ == "__main__":
    main()
