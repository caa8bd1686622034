"""Whether the sequences of a batch are apart: each is changed in turn, on few positions, and the others are looked at.

A layer that takes its first axis for the sequence, as an nn.GRU without batch_first=True does, runs without an error
and computes something else: an output then depends on other sequences, and on no other position of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault, UserError, first_line
from rnn_vs_attn.isolation.seeds import same_draws
from rnn_vs_attn.measure.conduct.differences import OUTPUT_NOT_FINITE, ROUNDING, differ, distance, finite
from rnn_vs_attn.measure.conduct.holdings import Holdings
from rnn_vs_attn.models import build
from rnn_vs_attn.models.foreign.axes import looks_ahead, reaches
from rnn_vs_attn.models.mixer import output_of

SEQUENCES = 3  # as many as it takes to see what goes forward, backward or both ways
LENGTHS = (8, 64, 256)  # positions that are tried, before those of the case: a module may refuse few
_NOISE = 0.03  # of what another order of sums makes, as the order is the same here
MIXES = "it mixes the sequences of a batch: what one of them gives depends on the others"
RANDOM = "it draws random numbers outside of training, so no two calls give the same"
KEEPS_STATE = "what it gives depends on its own earlier calls"
SEES_THE_FUTURE = "not causal: what it gives depends on later positions"


@dataclass(frozen=True)
class Batch:
    """How a module treats a batch, outside of training. unknown: why that could not be asked, else "". sees_the_future:
    whether it does though it must not, where that was asked.
    """

    mixes: bool = False
    runs_over_it: bool = False
    random: bool = False
    keeps_state: bool = False
    sees_the_future: bool = False
    unknown: str = ""

    def refuse(self) -> None:
        """CaseFault where it runs over the batch."""
        if self.runs_over_it:
            raise CaseFault(
                "failed",
                "it runs over the batch: what it gives at a position depends on the same position of other sequences, "
                "and on no other position of its own; build it with batch_first=True, or transpose input and output",
            )

    @property
    def warnings(self) -> list[str]:
        """Sentences for the row of a module that treats a batch so."""
        said = [(self.mixes, MIXES), (self.random, RANDOM), (self.keeps_state, KEEPS_STATE)]
        said.append((self.sees_the_future, SEES_THE_FUTURE))
        unknown = f"whether it keeps the sequences of a batch apart could not be asked ({self.unknown})"
        return [text for met, text in (*said, (bool(self.unknown), unknown)) if met]


def of(module: nn.Module, batch_size: int, seq_len: int, d_model: int, every_number: bool = False) -> Batch:
    """Asked of a layer in eval mode; of the shape given where it takes no small one.

    every_number: all that it holds is put back before each call, so that none depends on those before.
    UserError where its output has another shape than its input.
    """
    weight = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))
    unknown = "it takes no batch of several sequences"
    for size, length in _shapes(batch_size, seq_len):
        x, other = torch.randn(2, size, length, d_model, dtype=weight.dtype, device=weight.device)
        try:
            return _of_shape(module, x, other, every_number)
        except UserError:
            if length == seq_len:
                raise
        except Exception as error:
            unknown = first_line(error)
    return Batch(unknown=unknown)


def _of_shape(module: nn.Module, x: Tensor, other: Tensor, every_number: bool) -> Batch:
    with _called_anew(module, x, every_number) as run:
        return ask(run, x, other)


@contextmanager
def _called_anew(module: nn.Module, x: Tensor, every_number: bool = False) -> Iterator[Callable[[Tensor], Tensor]]:
    """Within, what it gives for inputs of x's shape, where it holds before each call what its first one has made."""
    kept = []  # or what is freed makes room for another input of the same address, which a cache may know

    def given(x: Tensor) -> Tensor:
        kept.append(x.clone())
        return kept[-1]

    with same_draws():  # a table of positions may be made at first, and its length kept as a number, which counts on
        build.value(module, lambda: given(x))
    holdings = Holdings(module, every_number)

    def run(x: Tensor) -> Tensor:
        def held() -> Tensor:
            holdings.put_back()
            return given(x)

        return build.value(module, held)

    try:
        yield run
    finally:
        holdings.put_back()  # or what is asked next is drifted by the last call


def sees_the_future(module: nn.Module, seq_len: int, d_model: int) -> bool:
    """Whether an output of a layer in eval mode depends on later positions, of few or of up to LENGTHS[-1]."""
    weight = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))
    for length in sorted({min(seq_len, LENGTHS[0]), min(seq_len, LENGTHS[-1])}):
        x = torch.randn(1, length, d_model, dtype=weight.dtype, device=weight.device)
        try:
            with _called_anew(module, x) as run:
                if _looks_ahead(run, x):
                    return True
        except Exception:  # it refuses that length, and its row says so where it is the case's
            continue
    return False


def _looks_ahead(run: Callable[[Tensor], Tensor], x: Tensor) -> bool:
    def at(inputs: Tensor) -> Tensor:
        with same_draws():
            return run(inputs).clone()

    return finite([at(x)]) and not differ(at(x), at(x)) and looks_ahead(at, x)


def of_ids(module: nn.Module, vocab_size: int, context_len: int) -> Batch:
    """The same of a language model, which maps token ids (B, L) to (B, L, ...)."""
    ids = torch.randint(vocab_size, (SEQUENCES, min(LENGTHS[0], context_len)), device=next(module.parameters()).device)

    kept = []

    def run(tokens: Tensor) -> Tensor:
        kept.append(tokens.clone())
        with torch.no_grad():
            return output_of(module(kept[-1]))

    return ask(run, ids, (ids + 1) % vocab_size)


def _shapes(batch_size: int, seq_len: int) -> Iterator[tuple[int, int]]:
    """Batches and lengths, never alike, so that a module which swaps them is found out; the case's own last."""
    yield SEQUENCES, LENGTHS[0]
    yield from ((SEQUENCES, length) for length in LENGTHS[1:] if length < seq_len)
    yield (SEQUENCES if seq_len != SEQUENCES else 2), seq_len
    if batch_size > 1:
        yield batch_size, seq_len


def ask(run: Callable[[Tensor], Tensor], x: Tensor, other: Tensor) -> Batch:
    """The same of any function from (B, L, ...) to (B, L, ...). other: of x's shape, and different everywhere."""

    def at(inputs: Tensor, seed: int = 0) -> Tensor:
        with same_draws(seed):
            return run(inputs).clone()

    base = at(x)
    if not finite([base]):
        return Batch(unknown=OUTPUT_NOT_FINITE)
    random = differ(base, at(x, seed=1))
    if random and any(differ(base, at(x)) for _ in range(2)):  # not one: it may do something at every other call
        return Batch(keeps_state=True, unknown="its outputs change from call to call")
    if not reaches(at, base, x, other, 0, _apart):
        return Batch(random=random)
    along = x.shape[1] > 1 and not reaches(at, base, x, other, 1, _apart)
    return Batch(mixes=True, runs_over_it=along, random=random)


def _apart(y: Tensor, base: Tensor) -> bool:
    return distance(y, base) > _NOISE * ROUNDING.get(y.dtype, 0.0)
