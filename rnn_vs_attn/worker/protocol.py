"""What is asked of a worker and what it answers: a frozen dataclass a request and one a reply; no torch.

At the pipe a message is JSON, here it is types. Both ends are this program, so a message that does not fit is a fault
of it and of no case: the worker answers `misunderstood`.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Generic, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from rnn_vs_attn.compare.outcome import Outcome
from rnn_vs_attn.limits import Budget, Plan, Turn
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.records.timing import Block, Care, Ready
from rnn_vs_attn.records.types import AxisValue, Sample
from rnn_vs_attn.suites.case import Case, axes_of
from rnn_vs_attn.suites.suite import MEASURE, Suite

Reply = TypeVar("Reply")


class Misunderstood(RuntimeError):
    """A message that is none of these, or lacks a field, or has one too many or of another type."""


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
    class, for the reason given. strays: files of modules loaded so far that lie in the forbidden folder.
    """

    python: str
    torch: str
    file: str | None
    reason: str = ""
    strays: tuple[str, ...] = ()


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


REQUESTS: Mapping[str, type[Request[Any]]] = {
    kind.__name__: kind
    for kind in (
        ReadEnvironment,
        ResolveDevice,
        ReadMachinePeaks,
        FindOrigin,
        Check,
        Describe,
        Prepare,
        MakeReady,
        TimeBlock,
        Release,
        Measure,
        Train,
        CompareOutcome,
    )
}


# To JSON and back


def written(request: Request[Any]) -> dict[str, Any]:
    """A request as JSON can hold it."""
    return {"request": type(request).__name__, "fields": asdict(request)}


def request_in(message: Mapping[str, Any]) -> Request[Any]:
    """The request that `written` has made a message of; Misunderstood where it is none."""
    name = str(message.get("request"))
    if name not in REQUESTS:
        raise Misunderstood(f"there is no request {name!r}")
    request: Request[Any] = read(REQUESTS[name], message.get("fields"))
    return request


def read(kind: Any, value: Any) -> Any:
    """What JSON holds as a value of that type: dataclasses, tuples, lists and dicts of such, optionals, plain values.

    Misunderstood where it does not fit. A whole number stands for a float as it is.
    """
    if is_dataclass(kind):
        return _dataclass(kind, value)
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _first(args, value)
    if origin in (tuple, list) and isinstance(value, list):
        return origin(read(args[0], item) for item in value)
    if origin is dict and isinstance(value, dict):
        return {name: read(args[1], item) for name, item in value.items()}
    if kind is Any or type(value) is kind or (kind is float and type(value) is int):
        return value
    raise Misunderstood(f"{value!r} is no {getattr(kind, '__name__', kind)}")


def _dataclass(kind: Any, value: Any) -> Any:
    name, hints = kind.__name__, _hints(kind)
    if not isinstance(value, dict):
        raise Misunderstood(f"{value!r} is no {name}")
    for field in value.keys() ^ hints.keys():
        raise Misunderstood(f"{name} lacks {field!r}" if field in hints else f"{name} has no field {field!r}")
    return kind(**{field: read(hint, value[field]) for field, hint in hints.items()})


def _first(kinds: tuple[Any, ...], value: Any) -> Any:
    """The value as the first of these types that it fits."""
    for kind in kinds:
        try:
            return read(kind, value)
        except Misunderstood:
            continue
    raise Misunderstood(f"{value!r} is none of {', '.join(kind.__name__ for kind in kinds)}")


@cache
def _hints(kind: Any) -> dict[str, Any]:
    found = get_type_hints(kind)
    return {field.name: found[field.name] for field in fields(kind)}
