"""What `lm` trains: a language model on the user's text, at a learning rate."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.costs import KINDS_OF_POSITIONS, ROTARY
from rnn_vs_attn.suites.case import LayerCase, fixed, option
from rnn_vs_attn.suites.learning_rates import rate
from rnn_vs_attn.texts.tokenizers import BYTES, parse_tokenizer
from rnn_vs_attn.training.token_shape import AUTO, KINDS

BASELINE = "gpt"
WITH_MEMORY = "transformer-xl"
EVALUATIONS = 10  # of a training, evenly
_LEAST_BETWEEN = 10  # steps between two evaluations of a large model, which takes so few that each would cost as much
WINDOWS, _WINDOWS_OF_PRETRAINED = 256, 16  # of each length
_LEAST_STEPS_OF_PRETRAINED = 10  # that are worth the name: it has learnt already
_WARM_UP_STEPS = 100
_PART_OF_STEPS = 10  # that are warm-up at most


@dataclass(frozen=True)
class LmCase(LayerCase):
    """One training, in float32. Equal time: seconds_per_model, and the steps that they come to; equal tokens: steps.

    text: its name and the beginning of its hash. init_from: the same of the folder and the weights that it begins from,
    "" for weights of the round's seed.
    """

    model: str = option(
        BASELINE,
        "Models: gpt, lstm-lm, transformer-xl, or any layer, built in, package.module:Class or file.py:Class.",
        typed="gpt,lstm-lm,transformer-xl,mingru",
    )
    seq_len: int = option(64, f"Tokens of a segment, which {BASELINE} sees no further than.", minimum=2)
    batch_size: int = option(16, "Segments a step, each from another part of the text.", minimum=1)
    d_model: int = option(64, f"Width of {BASELINE}; of the others as --match says.", minimum=1)
    num_heads: int = option(2, "Attention heads; d_model must be divisible by it.", minimum=1)
    num_layers: int = option(2, "Blocks, each with one layer.", minimum=1)
    dtype: str = fixed("float32")
    threads: int = option(1, "CPU threads of a training; as many trainings as the cores have room for.", minimum=0)
    causal: bool = fixed(True)
    positions: str = option(
        ROTARY, "What layers of softmax attention know of where tokens stand.", choices=KINDS_OF_POSITIONS
    )
    learning_rate: float = option(
        1e-2, "Highest learning rates; each model goes on with its best one.", typed="3e-3,1e-2,3e-2", parse=rate
    )
    seconds_per_model: int = option(
        0, "Equal time: seconds of each training; 0 takes what fits into --max-seconds.", minimum=0
    )
    steps: int = option(0, "Equal tokens: steps of each training, in place of --seconds-per-model.", minimum=0)
    match: str = option(
        "params", f"Choose widths so that parameters equal those of {BASELINE}.", choices=("none", "params")
    )
    mlp: int = option(4, "Width of each block's feed-forward, in widths of the model.", minimum=0)
    memory_len: int = option(
        64, f"Positions that {WITH_MEMORY} remembers from before a segment; 0 for none.", minimum=0
    )
    token_positions: str = option(
        AUTO,
        "Vectors of positions, beside what layers know: auto learns them for layers that are blind to order.",
        choices=KINDS,
    )
    tokenizer: str = option(BYTES.name, "Of the text: bytes, bpe:2000 trained on it, or gpt2.", parse=parse_tokenizer)
    held_out_tokens: int = option(32768, "Of the last tenth of the text, which is never trained on.", minimum=64)
    text: str = fixed("")
    init_from: str = fixed("")

    @property
    def label(self) -> str:
        memory = f" memory {self.memory_len}" if self.model == WITH_MEMORY else ""
        return f"{self.model}{memory} {self.learning_rate:g}"

    @property
    def warm_up(self) -> int:
        """Steps."""
        return min(_WARM_UP_STEPS, self.steps // _PART_OF_STEPS)

    @property
    def evaluate_every(self) -> int:
        """Steps."""
        return max(_LEAST_BETWEEN if self.init_from else 1, self.steps // EVALUATIONS)

    @property
    def evaluations(self) -> int:
        """How many there are, the one before training among them."""
        return 1 + (math.ceil(self.steps / self.evaluate_every) if self.init_from else EVALUATIONS)

    @property
    def windows(self) -> int:
        """Places of the held-out text where contexts of different lengths end."""
        return _WINDOWS_OF_PRETRAINED if self.init_from else WINDOWS

    @property
    def least_steps(self) -> int | None:
        """Of a training that is worth its name, None for as many as usual."""
        return _LEAST_STEPS_OF_PRETRAINED if self.init_from else None

    @property
    def contexts(self) -> list[int]:
        """Tokens of windows whose last targets are tested, half as many as the shortest has, also beyond a segment."""
        return sorted({max(1, self.seq_len // 4), max(1, self.seq_len // 2), *(n * self.seq_len for n in (1, 2, 4))})


def complete(case: LmCase) -> LmCase:
    """The case without a memory, where its model has none."""
    return case if case.model == WITH_MEMORY else dataclasses.replace(case, memory_len=0)


def check(values: Mapping[str, Sequence[Any]]) -> None:
    """UserError where values exclude each other."""
    for name in ("steps", "seconds_per_model", "tokenizer", "held_out_tokens"):
        if len(values[name]) > 1:
            option_name = f"--{name.replace('_', '-')}"
            raise UserError(f"{option_name} takes one value, not {len(values[name])}: all trainings of a run share it")
    if values["steps"][0] and values["seconds_per_model"][0]:
        raise UserError("--steps is equal tokens and --seconds-per-model equal time; leave one of them out")
