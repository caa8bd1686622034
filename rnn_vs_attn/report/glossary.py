"""Words that a student can look up, each in a sentence or two, with the page that has more."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """A word of the field or of this program.

    meaning: in words that a student knows. page: of docs/, the one that has more. forms: how else it is written.
    """

    name: str
    meaning: str
    page: str
    forms: tuple[str, ...] = ()

    def is_in(self, text: str) -> bool:
        """Whether a text has it as a word of its own, in the plural or not."""
        written = "|".join(re.escape(form) for form in (self.name, *self.forms))
        return re.search(rf"(?<![\w-])(?:{written})s?(?![\w-])", text, re.IGNORECASE) is not None


WORDS = (
    Word(
        "bits a byte",
        "What a byte of text costs a model that predicts it: minus the logarithm to base 2 of the chance that it gave. "
        "A model that knows nothing has 8; less is better.",
        "lm.md",
        ("bits/byte",),
    ),
    Word(
        "chance",
        "What an answer scores that does not look at the question: 0.5 where it is yes or no.",
        "recall.md",
    ),
    Word(
        "claim",
        "What people say of models, such as 'attention trains faster than an LSTM', put beside what was measured.",
        "scaling.md",
    ),
    Word(
        "crossing",
        "The sequence length at which two models cost the same; beyond it the other one is cheaper.",
        "method.md",
    ),
    Word(
        "exponent",
        "How steeply a cost grows: with an exponent of 2, twice the length costs four times as much; with 1, twice.",
        "scaling.md",
    ),
    Word(
        "FLOPs",
        "Multiplications and additions that a model takes; FLOP/s is how many a machine does in a second.",
        "bench.md",
        ("FLOP", "FLOP/s"),
    ),
    Word(
        "fused kernel",
        "One program of a processor or GPU in place of many small ones: what lies in between never goes to memory.",
        "scaling.md",
    ),
    Word(
        "half-life",
        "The number of tokens over which a vanishing gradient falls to half of what it was.",
        "gradflow.md",
        ("half-live",),
    ),
    Word(
        "held out",
        "Text or examples that a model is tested on and never trained on.",
        "lm.md",
        ("held-out",),
    ),
    Word(
        "interval",
        "Where the true median lies, with 95 % confidence, by the measured values alone. Fewer than six have none.",
        "method.md",
    ),
    Word(
        "key-value cache",
        "The keys and values of all tokens so far. Attention keeps them while it writes, so that no token is computed "
        "twice; it grows with every token.",
        "decode.md",
        ("KV cache", "cache of keys and values", "keys and values"),
    ),
    Word(
        "launch-bound",
        "Of a pass on a GPU that waits for the processor to start its kernels: its time is that of the processor.",
        "bench.md",
    ),
    Word(
        "learning rate",
        "How far a training step moves the weights. Every model is trained at a grid of them and keeps its best.",
        "recall.md",
    ),
    Word(
        "longest chain",
        "How many operations must wait for each other, one after another. They cannot be computed at the same time, "
        "whatever the machine.",
        "scaling.md",
        ("sequential operation",),
    ),
    Word(
        "margin",
        "How large a difference must be to count.",
        "ab.md",
    ),
    Word(
        "memory of Transformer-XL",
        "What the model computed for the tokens before a segment: it looks back at it, and no gradient goes there.",
        "lm.md",
        ("transformer-xl (memory", "Transformer-XL's memory"),
    ),
    Word(
        "pair",
        "Two versions measured one right after the other, so that what disturbs the machine disturbs both. In recall, "
        "a key and its value.",
        "ab.md",
    ),
    Word(
        "path length",
        "The steps through a model from one token to another: 1 in attention, which looks straight at it, and in an "
        "RNN their distance.",
        "scaling.md",
    ),
    Word(
        "peak",
        "Of a machine, the most that it does in a second, as in a large matrix product; of memory, the most in use at "
        "a time.",
        "bench.md",
    ),
    Word(
        "reach",
        "How many tokens back the gradient still arrives with a thousandth of its largest strength.",
        "gradflow.md",
    ),
    Word(
        "recl",
        "Relative effective context length: the number of tokens beyond which more hardly help a model, beside the "
        "best of all models.",
        "lm.md",
    ),
    Word(
        "round",
        "One measurement of everything, with weights and data of its own; where times are taken, in a fresh process.",
        "method.md",
    ),
    Word(
        "scan",
        "A way to compute a recurrence whose gates do not look at its state: for all tokens together, in about log n "
        "steps.",
        "scaling.md",
    ),
    Word(
        "seed",
        "The number that weights and data are drawn from. Another seed is another training of the same model.",
        "recall.md",
    ),
    Word(
        "segment",
        "A piece of text of fixed length, which a model reads at once.",
        "lm.md",
    ),
    Word(
        "state",
        "What a recurrent model carries from token to token: as large after a million tokens as after one.",
        "decode.md",
    ),
    Word(
        "token",
        "What a model reads at a time: a byte, a piece of a word, or a symbol of a task.",
        "lm.md",
    ),
    Word(
        "vanishing gradient",
        "A gradient that shrinks by a factor with every token that it goes back: what was long ago teaches nothing.",
        "gradflow.md",
        ("vanish", "vanishing"),
    ),
    Word(
        "verdict",
        "What became of a claim: it holds, it does not hold here (these sizes, this machine), or it is undecided.",
        "scaling.md",
    ),
)


def words_in(text: str) -> list[Word]:
    """The words that a text uses, in the order of the glossary."""
    return [word for word in WORDS if word.is_in(text)]
