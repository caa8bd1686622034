"""The parts of the lesson: each suite in a short form, and how the time is divided among them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnn_vs_attn.run import cases
from rnn_vs_attn.run.cases import AxisValues
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.decode.suite import DECODE
from rnn_vs_attn.suites.gradflow.suite import GRADFLOW
from rnn_vs_attn.suites.recall.suite import RECALL
from rnn_vs_attn.suites.scaling.suite import SCALING
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.suites.variants.albert.suite import VARIANTS_ALBERT
from rnn_vs_attn.suites.variants.gpt.suite import VARIANTS_GPT
from rnn_vs_attn.suites.variants.transformer_xl.suite import VARIANTS_TRANSFORMER_XL

COUNTED, SEEDS = 1, 3  # rounds of what has no noise, and of trainings; times have 6, 9 or 12, by PRECISION
PRECISION = 0.1
SPARE = 1.2  # times what a part is thought to take, that it may take more or less


@dataclass(frozen=True)
class LessonPart:
    """A suite in a short form.

    words: what is typed of its options. rounds: None for as many as the precision takes. seconds: what its fewest
    rounds take on two cores that are busy for others two thirds of the time; what is left is divided by that.
    """

    suite: Suite
    words: Mapping[str, str]
    rounds: int | None
    seconds: float

    @property
    def name(self) -> str:
        """The last word of its command, which its folder has too."""
        return self.suite.command.split()[-1]

    @property
    def ends_by_itself(self) -> bool:
        """Whether it is done after its rounds; others go on while there is time."""
        return self.rounds is not None and self.suite.rounds.trains is None

    def axes(self, device: str, threads: int) -> AxisValues:
        """The values of every axis of its run."""
        typed = {**self.words, "device": device, "threads": str(threads)}
        words: dict[str, Any] = {**cases.defaults(self.suite.axes.case), **{k: [word] for k, word in typed.items()}}
        return cases.parse(self.suite, words)


# Those that decide most in the least time come first
PARTS = (
    LessonPart(SCALING, {"model": "attention,lstm,mingru", "seq_len": "64,128", "d_model": "32,64"}, COUNTED, 25),
    LessonPart(GRADFLOW, {"model": "rnn,lstm,attention", "seq_len": "512", "d_model": "64", "probes": "4"}, 6, 14),
    LessonPart(VARIANTS_ALBERT, {"size": "albert-base", "seq_len": "32"}, COUNTED, 10),
    LessonPart(VARIANTS_GPT, {"size": "2x64,4x128", "seq_len": "32"}, COUNTED, 15),
    LessonPart(
        BENCH,
        {
            "model": "lstm,lstm-cell,attention,attention-naive,mingru",
            "seq_len": "128,512",
            "d_model": "64",
            "batch_size": "4",
        },
        None,
        85,
    ),
    LessonPart(
        RECALL,
        {"model": "attention,lstm", "task": "mqar,parity", "learning_rate": "5e-3", "test_seq_len": "32"},
        SEEDS,
        75,
    ),
    LessonPart(
        VARIANTS_TRANSFORMER_XL,
        {
            "method": "memory,window-1,cache-segment",
            "seq_len": "256",
            "segment_len": "64",
            "d_model": "64",
            "num_layers": "2",
            "train_len": "0",
        },
        None,
        43,
    ),
    LessonPart(DECODE, {"model": "lstm,attention", "seq_len": "64,2048", "d_model": "64", "num_layers": "1"}, None, 45),
)


def share(left: float, spent: float, parts: Sequence[LessonPart]) -> float:
    """Seconds of the first of the parts that are yet to come, of those that are left.

    spent: seconds of the parts before them. One that ends by itself may take all. Of others each has as much as it
    takes elsewhere, beside those after it; what it leaves of that, or takes beyond it, is so divided among them. Where
    those before were so slow that not all fit, the last ones wait for what the others leave.
    """
    first = parts[0]
    if first.ends_by_itself:
        return left
    pace = spent / _seconds(part for part in PARTS if part not in parts)
    kept = list(parts)
    while len(kept) > 1 and pace * _seconds(kept) > SPARE * left:
        kept.pop()
    most = math.inf if len(kept) == len(parts) else SPARE * pace * first.seconds
    return min(most, left * first.seconds / _seconds(kept))


def _seconds(parts: Iterable[LessonPart]) -> float:
    return sum(part.seconds for part in parts)
