"""What a task is to this program: what it asks, how large an example is, what can be had without memory; no torch."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

from rnn_vs_attn.errors import UserError

LEAST_SPACE = 1024  # examples, so that each split has some hundred different ones
_LENGTHS_TRIED = 64
_COUNTED = {"num_pairs": "pair", "num_symbols": "symbol"}


@dataclass(frozen=True)
class Sizes:
    """How large an example is; 0 for what its task does not have.

    seq_len: positions of an example, those of the answers included. vocab_size: rows of the embedding, for every
    token that an input can be. num_pairs: of key and value. num_symbols: how many are to be copied, or are permuted.
    """

    seq_len: int
    vocab_size: int = 0
    num_pairs: int = 0
    num_symbols: int = 0
    modulus: int = 0


@dataclass(frozen=True)
class Chance:
    """What the best answer scores that does not look at the inputs.

    accuracy: share of answers that are right, None where the answer is a real number. loss: mean over the answers, nats
    of the cross-entropy, or the squared error.
    """

    accuracy: float | None
    loss: float


class Forms(ABC):
    """Closed forms of one task. All but `filled` take sizes that `filled` has made."""

    def filled(self, sizes: Sizes) -> Sizes:
        """The same with the default for each size that is 0 and that the task has."""
        return sizes

    def refusal(self, sizes: Sizes) -> str:
        """What is wrong with sizes whatever the least length is, "" where nothing is."""
        return ""

    def least_len(self, sizes: Sizes) -> int:
        """The seq_len below which an example does not fit."""
        return 1

    def num_classes(self, sizes: Sizes) -> int:
        """How many outputs a model has: classes, every token being one, or 1 for a real number."""
        return sizes.vocab_size

    def num_answers(self, sizes: Sizes) -> int:
        """How many positions carry an answer."""
        return 1

    @abstractmethod
    def chance(self, sizes: Sizes) -> Chance:
        """Of the best answer that does not look at the inputs."""

    @abstractmethod
    def bits(self, sizes: Sizes) -> float | None:
        """What must be remembered at some position, whatever the model; None for real numbers."""

    @abstractmethod
    def space(self, sizes: Sizes) -> float:
        """log2 of the number of different examples."""


@dataclass(frozen=True)
class TaskSpec:
    """A task by name.

    family: what it asks for, MEMORY, RECALL or STATE_TRACKING. answered: which positions carry answers, in words.
    takes: sizes that it has beside seq_len. real: inputs and answers are real numbers, inputs two a position; others
    take token ids.
    """

    name: str
    family: str
    description: str
    source: str
    answered: str
    forms: Forms
    takes: tuple[str, ...] = ()
    real: bool = False

    def sizes(self, seq_len: int, **given: int | None) -> Sizes:
        """Sizes for that length, those that are not given (or None) by default. UserError where no example fits."""
        chosen = {name: size for name, size in given.items() if size is not None}
        for name, size in [("seq_len", seq_len), *chosen.items()]:
            if name != "seq_len" and name not in self.takes:
                taken = f"it takes {', '.join(('seq_len', *self.takes))}"
                raise UserError(f"{self.name} has no {name}; {taken}")
            if size < 1:
                raise UserError(f"{name} of {self.name} must be at least 1, not {size}")
        return self._checked(self.forms.filled(Sizes(seq_len, **chosen)))

    def at(self, sizes: Sizes, seq_len: int) -> Sizes:
        """The same task at another length, as it is tested on what it was not trained on. UserError as in `sizes`."""
        return self._checked(replace(sizes, seq_len=seq_len))

    def _checked(self, sizes: Sizes) -> Sizes:
        wrong = self.forms.refusal(sizes)
        if wrong:
            raise UserError(f"{self._with(sizes)} {wrong}")
        least = self.forms.least_len(sizes)
        if sizes.seq_len < least:
            raise UserError(f"{self._with(sizes)} needs at least {least} tokens, and {sizes.seq_len} were asked for")
        if self.forms.space(sizes) < math.log2(LEAST_SPACE):
            raise UserError(self._too_few(sizes))
        return sizes

    def _too_few(self, sizes: Sizes) -> str:
        number = round(2 ** self.forms.space(sizes))
        few = f"has {number} different examples at {sizes.seq_len} tokens, too few to keep some for testing"
        lengths = range(sizes.seq_len, sizes.seq_len + _LENGTHS_TRIED)
        longer = [replace(sizes, seq_len=seq_len) for seq_len in lengths]
        enough = [
            at.seq_len for at in longer if self.forms.space(at) >= math.log2(LEAST_SPACE) and not self.forms.refusal(at)
        ]
        way = f"it needs at least {enough[0]} tokens" if enough else f"raise {' or '.join(self.takes)}"
        return f"{self._with(sizes)} {few}; {way}"

    def _with(self, sizes: Sizes) -> str:
        """`mqar with 4 pairs`."""
        counted = [(getattr(sizes, name), word) for name, word in _COUNTED.items() if name in self.takes]
        words = [f"{number} {word}{'s' * (number != 1)}" for number, word in counted]
        return " with ".join([self.name, *words])


MEMORY, RECALL, STATE_TRACKING = "memory", "recall", "state tracking"  # families


def uniform(num_values: int) -> Chance:
    """Of answers that are each of so many values equally often."""
    return Chance(1 / num_values, math.log(num_values))


def ordered(number: int, of: int) -> float:
    """log2 of how many ways there are to choose `number` of so many, one after another: of (of - 1) ...

    >>> ordered(2, 4) == math.log2(12)
    True
    """
    return sum(math.log2(of - i) for i in range(number))
