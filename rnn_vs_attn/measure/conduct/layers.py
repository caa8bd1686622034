"""What a module does to what it is given, and what it keeps from call to call: seen before it is timed.

Calls are timed by the thousand on one input and one set of weights. That is right for a layer that leaves both as they
are and computes everything anew. Any other is found out here, once a case and pass, by comparing tensors and counting
operations; then what it would spoil or remember is renewed before each call, outside of what is timed, and its row says
so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

from torch import Tensor

from rnn_vs_attn.errors import CaseFault, first_line
from rnn_vs_attn.isolation.seeds import same_draws
from rnn_vs_attn.measure.conduct.batch_independence import KEEPS_STATE, MIXES, RANDOM
from rnn_vs_attn.measure.conduct.differences import GRADIENTS_NOT_FINITE, OUTPUT_NOT_FINITE, differ, finite, same
from rnn_vs_attn.measure.conduct.fresh_inputs import FreshInputs
from rnn_vs_attn.measure.conduct.holdings import Holdings, said_of_changes
from rnn_vs_attn.measure.conduct.remembering import operations, remembers
from rnn_vs_attn.measure.workload import TokenWorkload, Workload, mode
from rnn_vs_attn.models import build
from rnn_vs_attn.records.timing import Care

BRIEF_CALL = 0.005  # seconds of a call; of one that takes longer fewer positions are asked about

IN_PLACE = "it works in place on its input; each call has a copy of its own, made outside of what is timed"
GRADIENT_IN_PLACE = (
    "its backward pass works in place on the gradient that it is given; each call has a copy of its own, made outside "
    "of what is timed"
)
REMEMBERS = "it does less for an input that it has seen; each timed call has one that it has not seen"
SAME_OUTPUT = "its outputs for two different inputs are the same"
NOTHING_HELPS = (
    "it does less where it has seen an input before, and takes inputs that it has not seen for such; so what a call "
    "takes cannot be measured"
)


@dataclass(frozen=True)
class Conduct:
    """What has to be renewed before each call of one pass, and what its row says.

    seconds: of the first call, of the whole input, where one was made.
    """

    care: Care
    warnings: tuple[str, ...] = ()
    seconds: float | None = field(default=None, compare=False)


def renew_between_calls(workload: Workload, name: str, known: Care | None = None, mixes: bool = False) -> Conduct:
    """Have the workload renew what calls of one pass need renewed, by what an earlier round has seen, or is seen now.

    known: what an earlier round has seen.
    """
    if isinstance(workload, TokenWorkload):
        return Conduct(Care(), () if known else tuple(of_tokens(workload, name)))
    seen = observe(workload, name, mixes) if known is None else Conduct(known)
    with mode(workload, name):
        workload.take_care(name, seen.care)
    return seen


def of_tokens(workload: TokenWorkload, name: str) -> list[str]:
    """What a row says where the output, or in training a gradient, of one call on token ids is not finite."""
    with mode(workload, name):
        y = workload.train_forward() if name == "train" else workload.forward()
        if name == "train":
            workload.backward(y)
    found = [parameter.grad for parameter in workload.module.parameters() if parameter.grad is not None]
    said = [(finite([y]), OUTPUT_NOT_FINITE), (finite(found), GRADIENTS_NOT_FINITE)]
    workload.clear_gradients()
    return [text for met, text in said if not met]


def observe(workload: Workload, name: str, mixes: bool = False) -> Conduct:
    """The conduct of the pass `name`, seen in a few calls; no more than its error where the first one fails.

    mixes: it is known to mix the sequences of a batch. CaseFault where it remembers inputs that it has not seen.
    """
    train = name == "train"
    workload.begin(name)
    with mode(workload, name), same_draws():
        try:
            return _of_more_calls(workload, train, _first_call(workload, train), mixes)
        except CaseFault:
            raise
        except Exception as error:  # its timing may fail alike, or not, as where only a first call does
            return Conduct(Care(), (_not_asked(error),))
        finally:
            workload.clear_gradients()


def _of_more_calls(workload: Workload, train: bool, first: _First, mixes: bool) -> Conduct:
    try:
        return replace(_Asked(workload, train, first).conduct(mixes), seconds=first.seconds)
    except CaseFault:
        raise
    except Exception as error:
        care = Care(first.in_place, first.gradient_in_place)
        return Conduct(care, (*said_of(care), *first.said, _not_asked(error)), first.seconds)


def _not_asked(error: Exception) -> str:
    return f"what it keeps from call to call could not be asked ({first_line(error)})"


@dataclass(frozen=True)
class _First:
    """What the first call showed, of the whole input. given: that, kept so that nothing takes its place in memory."""

    given: Tensor
    in_place: bool
    gradient_in_place: bool
    said: tuple[str, ...]
    seconds: float


def _first_call(workload: Workload, train: bool) -> _First:
    x, gradient = workload.x.clone(), workload.grad_output.clone()
    begun = perf_counter()
    y = build.call(workload.module, x)
    said = [] if finite([y]) else [OUTPUT_NOT_FINITE]
    if train:
        y.backward(gradient)
    found = [t.grad for t in (workload.x, *workload.module.parameters()) if t.grad is not None]
    if not finite(found):
        said.append(GRADIENTS_NOT_FINITE)
    seconds = perf_counter() - begun  # now, as to have read them is to have waited for a GPU
    workload.clear_gradients()
    return _First(x, touched(x, workload.x), touched(gradient, workload.grad_output), tuple(said), seconds)


def touched(now: Tensor, before: Tensor) -> bool:
    """Whether a copy was written to; a write of the same values counts, as autograd refuses it on what is no copy."""
    return now._version > 0 or not same(now.detach(), before.detach())


class _Asked:
    """A module that is asked on as many positions of its input as a brief call takes."""

    def __init__(self, workload: Workload, train: bool, first: _First) -> None:
        self.workload, self.train, self.first = workload, train, first
        whole = workload.x.shape[1]
        brief = whole if first.seconds <= BRIEF_CALL else max(1, int(whole * BRIEF_CALL / first.seconds))
        if not self._begins(brief, refuses=brief < whole):
            self._begin(whole)
        self.holdings = Holdings(workload.module)

    def _begins(self, length: int, refuses: bool) -> bool:
        """Whether it takes so few positions, where it may refuse them."""
        try:
            self._begin(length)
        except Exception:
            if not refuses:
                raise
            return False
        return True

    def _begin(self, length: int) -> None:
        """An input, and what it gives; tables and the like that depend on the shape are made by that."""
        like = self.workload.x.detach()[:, :length].requires_grad_()
        self.length, self.fresh = length, FreshInputs(like)
        self.x = self.fresh.next().detach().clone().requires_grad_()
        self.base = self.call(self.x)

    def call(self, x: Tensor) -> Tensor:
        """One call on x (B, length, D), and back where it is trained; its output."""
        y = build.call(self.workload.module, x.clone() if self.first.in_place else x)
        found = y.detach().clone()
        if self.train:
            y.backward(self.workload.grad_output[:, : self.length].clone())
            self.workload.clear_gradients()
            x.grad = None
        return found

    def anew(self, x: Tensor, seed: int = 0) -> Tensor:
        """The same with the numbers that the module held at first, and the same draws."""
        self.holdings.put_back()
        with same_draws(seed):
            return self.call(x)

    def conduct(self, mixes: bool) -> Conduct:
        """What two calls on another input show, and more of them only where they differ."""
        other = self._other()
        before = other.detach().clone()
        (once, y), (again, repeated) = (operations(lambda: self.call(other), seed) for seed in (0, 1))
        changed = self.holdings.changed()
        kept = once != again and remembers_fresh(self.call, self.fresh)
        said = []
        if y is not None and finite([y]):
            said += [SAME_OUTPUT] if same(y[::2], self.base[::2]) else []
            said += [] if kept else self._of_outputs(other, y, repeated, mixes)
        self.holdings.put_back()
        in_place = self.first.in_place or not same(other.detach(), before)  # or to what an earlier call was given
        care = Care(in_place, self.first.gradient_in_place, kept, tuple(changed))
        return Conduct(care, tuple(dict.fromkeys([*said_of(care), *self.first.said, *said])))

    def _other(self) -> Tensor:
        """Another input, whose every second sequence is that of the first one."""
        other = self.fresh.next().detach().clone()
        other[1::2] = self.x.detach()[1::2]
        return other.requires_grad_()

    def _of_outputs(self, other: Tensor, y: Tensor, repeated: Tensor | None, mixes: bool) -> list[str]:
        """What the outputs of the first input, of another one and of that one again show."""
        said: list[str] = []
        if repeated is None or differ(y, repeated):
            first = self.anew(other)
            if any(differ(first, self.anew(other)) for _ in range(2)):  # not one: it may alternate
                return [KEEPS_STATE]
            if not self.train and differ(first, self.anew(other, seed=1)):
                said.append(RANDOM)
        if not mixes and len(y) > 1 and differ(y[1::2], self.base[1::2]):
            base, changed = self.anew(self.x), self.anew(other)
            if differ(base[1::2], changed[1::2]):
                said.append(f"in training {MIXES}" if self.train else MIXES)
        return said


def remembers_fresh(call: Callable[[Tensor], Any], fresh: FreshInputs) -> bool:
    """Whether a call does less for what it has seen. CaseFault where it takes what is fresh for seen."""
    apart = [fresh.next().detach().clone().requires_grad_(fresh.requires_grad) for _ in range(3)]
    if not remembers(call, apart):
        return False
    if not remembers(call, [fresh.next() for _ in range(3)]):
        raise CaseFault("failed", NOTHING_HELPS)
    return True


def said_of(care: Care) -> list[str]:
    """Sentences for the row of a module that must be treated so."""
    said = [(care.in_place, IN_PLACE), (care.gradient_in_place, GRADIENT_IN_PLACE), (care.remembers, REMEMBERS)]
    changes = [f"{said_of_changes(care.changes)}, outside of what is timed"] if care.changes else []
    return [text for met, text in said if met] + changes
