"""What is asked of a worker and what it answers: a frozen dataclass a request and one a reply; no torch.

At the pipe a message is JSON (`messages`), here it is types.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar, get_args

from rnn_vs_attn.compare.outcome import Outcome
from rnn_vs_attn.limits import Budget, Plan, Turn
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.records.timing import Block, Care, Ready
from rnn_vs_attn.records.types import AxisValue, Sample
from rnn_vs_attn.suites.case import Case, axes_of
from rnn_vs_attn.suites.suite import MEASURE, Suite
from rnn_vs_attn.training.choice import Choice

Reply = TypeVar("Reply")


@dataclass(frozen=True)
class Request(Generic[Reply]):
    """What a worker can be asked; `Request[Block]` is answered with a Block."""

    @classmethod
    def reply(cls) -> type[Reply]:
        (kind,) = get_args(vars(cls)["__orig_bases__"][0])
        found: type[Reply] = kind
        return found


@dataclass(frozen=True)
class About:
    """A case by the name of its suite and its axes. max_memory: bytes that it may take, None for what is available."""

    suite: str
    axes: dict[str, AxisValue]
    max_memory: int | None

    @classmethod
    def of(cls, suite: Suite, case: Case, max_memory: int | None) -> Self:
        return cls(suite.name, axes_of(case), max_memory)


# Replies, beside those that are plain data elsewhere


@dataclass(frozen=True)
class Facts:
    """What torch says of itself and its devices, and which Python this is, by name."""

    facts: dict[str, Any]


@dataclass(frozen=True)
class Device:
    """What a device's name stands for."""

    name: str


@dataclass(frozen=True)
class Origin:
    """Where a model's code comes from: its file, torch's and Python's. file is None where there is no such module or
    class, for the reason given. strays: files of modules loaded so far that lie in the forbidden folder; taken: those
    of the checkout, by the modules' names.
    """

    python: str
    torch: str
    file: str | None
    reason: str = ""
    strays: tuple[str, ...] = ()
    taken: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Description:
    """Of a model at a shape. train_flops: of a training pass, None where they cannot be counted; note: how it was
    built, where that has to be said.
    """

    num_params: int
    train_flops: int | None
    decodes: bool
    note: str = ""


@dataclass(frozen=True)
class Samples:
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Warnings:
    """What a reader of the case's numbers must know."""

    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Trained:
    """How far a training has come. steps: of the whole; loss: of the last ones; tokens_per_second: of all so far.

    seconds: of its steps alone. samples: none before it has ended.
    """

    step: int
    steps: int
    seconds: float
    loss: float
    tokens_per_second: float
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class LanguageModel:
    """One that is loaded. most_seen: how many tokens before one it sees at most, None for all."""

    vocab_size: int
    most_seen: int | None


@dataclass(frozen=True)
class Tokens:
    ids: tuple[int, ...]


# Requests about the machine


@dataclass(frozen=True)
class ReadEnvironment(Request[Facts]):
    """What torch says of itself and its devices, and which Python this is."""


@dataclass(frozen=True)
class ResolveDevice(Request[Device]):
    """What `name` stands for here. UserError where this machine lacks the device or the dtype."""

    name: str
    dtype: str


@dataclass(frozen=True)
class ReadMachinePeaks(Request[Samples]):
    """The machine's own peak in this round."""

    device: str
    dtype: str
    threads: int


# Requests about a model


@dataclass(frozen=True)
class FindOrigin(Request[Origin]):
    """Where a model's code comes from in this process. UserError where it is there and does not import."""

    model: str
    forbidden: str | None
    checkout: str | None = None


@dataclass(frozen=True)
class Check(Request[Warnings]):
    """Import, build and call a user's module at this case's shape: how it was built, where that has to be said.

    UserError where it does not fit.
    """

    about: About


@dataclass(frozen=True)
class Describe(Request[Description]):
    """Any model at a shape."""

    model: str
    shape: Shape


# Requests about a language model


@dataclass(frozen=True)
class LoadLanguageModel(Request[LanguageModel]):
    """The language model of a checkpoint's folder, or of one in Hugging Face's layout. UserError where it is none."""

    folder: str
    of_checkpoint: bool


@dataclass(frozen=True)
class BeginText(Request[Tokens]):
    """The first token of the loaded model after a prompt."""

    prompt: tuple[int, ...]
    choice: Choice
    seed: int


@dataclass(frozen=True)
class ContinueText(Request[Tokens]):
    """The tokens after those, at most so many: as many as there are within a blink."""

    number: int


# Requests about a case


@dataclass(frozen=True)
class Prepare(Request[Warnings]):
    """Build a case's module and input with the weights and data of `seed`."""

    about: About
    seed: int


@dataclass(frozen=True)
class MakeReady(Request[Ready]):
    """Warm one pass up and fix how many calls a block takes. CaseFault beforehand where it cannot fit.

    plan, care: as an earlier round has fixed and seen them.
    """

    name: str
    budget: Budget
    plan: Plan | None = None
    care: Care | None = None


@dataclass(frozen=True)
class TimeBlock(Request[Block]):
    """Time one block of `loops` calls."""

    name: str
    loops: int


@dataclass(frozen=True)
class Release(Request[Warnings]):
    """Forget the prepared case; what changed on the machine meanwhile, and what the module changed."""


@dataclass(frozen=True)
class Measure(Request[Samples]):
    """All samples of a case that are not timed in blocks, or (part PEAKS) those that come after all others."""

    about: About
    turn: Turn
    part: str = MEASURE


@dataclass(frozen=True)
class Train(Request[Trained]):
    """Train a case for a second or so, on from where it stands in this process, or else in `folder`.

    seed: of its weights and data. folder: where it is kept, "" for nowhere.
    """

    about: About
    seed: int
    folder: str = ""


@dataclass(frozen=True)
class CompareOutcome(Request[Outcome]):
    """Keep a case's output and gradients at `path`, or (compare) say how far they are from those kept there."""

    about: About
    seed: int
    path: str
    compare: bool
