"""What a measurement leaves behind: samples, records, a run, and the folder that holds them.

`samples.jsonl` is the truth (append-only, a line a sample); `records.jsonl` is made from it after each round and is
what every reader reads; `run.json` says what was asked and on which machine. All values are in base units (s, B, 1).

History of SCHEMA: 1, the first.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, TypeVar

from rnn_vs_attn import stats
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.safe_text import encodable
from rnn_vs_attn.strict_json import parsed

if TYPE_CHECKING:
    import pandas

SCHEMA = 1
STATUSES = ("ok", "out_of_memory", "timeout", "crashed", "unsupported", "failed")
ROUND_TIME = "round_time"  # the sample that closes a round; a round without it is unfinished
ROUND_DROPPED = (
    "round_dropped"  # what stands before it of its round is forgotten: a resumed run measures that round again
)

CASE_RETRIED = "case_retried"  # what stands before it of its case is forgotten: --retry measures that case again

AxisValue = str | int | float | bool | None
Axes = Mapping[str, AxisValue]
Key = tuple[str, str, tuple[tuple[str, AxisValue], ...]]

_LATER_AXES: Axes = {"kernel_size": 4, "window": 64}  # no model had a use for them before
_HAVE_LATER_AXES = ("bench", "gradflow", "decode")

_STRICT = {"extra": "forbid", "allow_inf_nan": False, "strict": True}
_LARGEST = 1 << 30  # bytes of a file that is read


@dataclass(frozen=True)
class Metric:
    """What is measured. exact: no noise, any change counts; scale difference: logarithms, accuracies."""

    name: str
    unit: str
    better: str = "lower"  # or "higher", "none"
    exact: bool = False
    scale: str = "ratio"  # or "difference"
    title: str = ""


@dataclass(frozen=True)
class Sample:
    """What one round yields for one metric of a case; `axes` are those that the measurement adds.

    zero: the value is a logarithm, and what it is taken of is exactly 0; value is None then.
    """

    metric: str
    value: float | None
    axes: dict[str, AxisValue] = field(default_factory=dict)
    blocks: list[float] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    zero: bool = False


@dataclass(frozen=True)
class SampleLine:
    """One line of `samples.jsonl`. value is null where status is not ok. blocks: seconds a call of each timed block."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    suite: str
    axes: dict[str, AxisValue]
    metric: str
    round: int
    value: float | None
    zero: bool = False
    blocks: list[float] = field(default_factory=list)
    status: str = "ok"
    error: str = ""
    warnings: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return key_of(self.suite, self.metric, self.axes)


@dataclass(frozen=True)
class Record:
    """One line of `records.jsonl`: a case's metric over all rounds. samples: one a round, null where it has none.

    zero: the median is the logarithm of an exact 0, and null.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    suite: str
    axes: dict[str, AxisValue]
    metric: str
    unit: str
    better: str
    exact: bool
    status: str
    samples: list[float | None]
    median: float | None
    low: float | None
    high: float | None
    scale: str = "ratio"
    zero: bool = False
    error: str = ""
    warnings: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return key_of(self.suite, self.metric, self.axes)

    @property
    def ok(self) -> bool:
        return self.status == "ok" and self.median is not None

    @property
    def shows(self) -> bool:
        """Whether there is something to show: a value, an exact zero whose logarithm there is not, or a word."""
        return self.ok or (self.status == "ok" and bool(self.text))

    @property
    def text(self) -> str:
        """What stands for the value where it is no number: a metric of unit "text" has a word, a logarithm a zero."""
        return str(self.details.get("text", "")) if self.unit == "text" else "zero" if self.zero else ""

    @property
    def values(self) -> list[float]:
        return [value for value in self.samples if value is not None]


@dataclass(frozen=True)
class Run:
    """A whole run, as a folder holds it. status is `interrupted` until every case has been measured."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    suite: str
    command: list[str]
    settings: dict[str, Any]
    environment: dict[str, Any]
    started: str
    finished: str | None
    status: str
    records: list[Record] = field(default_factory=list)

    def frame(self) -> pandas.DataFrame:
        """One row a record; the axes are columns of their own, missing where a record lacks one."""
        import pandas

        rows = [record.axes | {k: v for k, v in asdict(record).items() if k != "axes"} for record in self.records]
        return pandas.DataFrame(rows)


def key_of(suite: str, metric: str, axes: Axes) -> Key:
    """What joins the same thing in two runs: suite, metric and the sorted axes."""
    return suite, metric, tuple(sorted(axes.items()))


def build_record(metric: Metric, lines: Sequence[SampleLine]) -> Record:
    """The record of one key from its sample lines, in round order."""
    ordered = sorted(lines, key=lambda line: line.round)
    faults = [line for line in ordered if line.status != "ok"]
    by_round = {line.round: line.value for line in ordered if line.status == "ok"}
    samples = [by_round.get(number) for number in range(max(by_round, default=-1) + 1)]
    zeros = [-math.inf for line in ordered if line.status == "ok" and line.zero]
    values = [*zeros, *(value for value in samples if value is not None)]
    lacking = any(line.status == "ok" and line.value is None and not line.zero for line in ordered)
    result = stats.estimate(values, metric.exact) if values and not lacking else None  # not over those that are left
    first = ordered[0]
    return Record(
        suite=first.suite,
        axes=first.axes,
        metric=metric.name,
        unit=metric.unit,
        better=metric.better,
        exact=metric.exact,
        scale=metric.scale,
        status=faults[-1].status if faults else "ok",
        error=faults[-1].error if faults else "",
        warnings=list(dict.fromkeys(w for line in ordered for w in line.warnings)),
        samples=samples,
        median=finite(result.median) if result else None,
        low=finite(result.low) if result else None,
        high=finite(result.high) if result else None,
        zero=result is not None and result.median == -math.inf,
        details=ordered[-1].details | first.details,
    )


def finite(value: float | None) -> float | None:
    """The value, None where a file could not hold it."""
    return value if value is not None and math.isfinite(value) else None


def group_lines(lines: Iterable[SampleLine]) -> dict[Key, list[SampleLine]]:
    """Lines by key, in order of first appearance; of two lines of one key and round the later one counts."""
    latest: dict[Key, dict[int, SampleLine]] = {}
    for line in lines:
        latest.setdefault(line.key, {})[line.round] = line
    return {key: list(rounds.values()) for key, rounds in latest.items()}


def dump(value: object) -> str:
    """One line of JSON that UTF-8 can hold; NaN and infinity are a ValueError."""
    return encodable(json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False))


class RunFolder:
    """A run's folder, open for writing by this process alone until `close`."""

    def __init__(self, path: Path, samples: IO[bytes], resumable: bool = True) -> None:
        self.path = path
        self._samples = samples
        self._resumable = resumable

    @classmethod
    def create(cls, path: Path, resumable: bool = True) -> RunFolder:
        """A new folder at `path`. UserError where it exists already or cannot be written."""
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                way = f", or continue it with --resume {path}" if resumable else ""
                raise UserError(f"output folder {path} is not empty; name another{way}")
            folder = cls(path, _open_locked(path, "xb"), resumable)
            folder.write_records([])
            return folder
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(f"cannot write to output folder {path}: {reason}; name another with --output") from None

    @classmethod
    def reopen(cls, path: Path) -> RunFolder:
        """The folder of an earlier run, to go on with; a torn last line of its samples is dropped."""
        try:
            samples = _open_locked(path, "r+b")
        except OSError as error:
            raise UserError(f"cannot resume {path}: {error.strerror}; give the folder of an earlier run") from None
        samples.seek(0)
        samples.truncate(_whole_lines(samples.read()))
        samples.seek(0, os.SEEK_END)
        return cls(path, samples)

    def append(self, line: SampleLine) -> None:
        """Write one sample, whole or not at all. UserError where the disk takes no more."""
        start = self._samples.seek(0, os.SEEK_END)
        try:
            left = dump(asdict(line)).encode() + b"\n"
            while left:  # a disk that becomes full takes a part without an error
                left = left[self._samples.write(left) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                self._samples.truncate(start)
            raise self._cannot_write("samples.jsonl", error) from None

    def write_records(self, records: Iterable[Record]) -> None:
        self.write("records.jsonl", "".join(dump(asdict(record)) + "\n" for record in records))

    def write_run(self, run: Run) -> None:
        content = {"schema": SCHEMA} | {k: v for k, v in asdict(replace(run, records=[])).items() if k != "records"}
        self.write("run.json", json.dumps(content, allow_nan=False, indent=2, ensure_ascii=False) + "\n")

    def write(self, name: str, text: str) -> None:
        """Write a whole file beside its name, then rename it, so that a reader sees the old one or the new one."""
        target = self.path / name
        beside = target.with_name(target.name + ".part")
        try:
            target.parent.mkdir(exist_ok=True)
            with beside.open("w", encoding="utf-8") as file:
                file.write(encodable(text))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise self._cannot_write(name, error) from None

    def _cannot_write(self, name: str, error: OSError) -> StorageError:
        way = f"make room and go on with --resume {self.path}" if self._resumable else "make room and start again"
        return StorageError(
            f"cannot write {self.path / name}: {error.strerror}; what was measured before is kept, {way}"
        )

    def close(self) -> None:
        """Release the folder; a buffer that a full disk refused is dropped, its line was reported then."""
        with contextlib.suppress(OSError):
            self._samples.close()


class StorageError(UserError):
    """The disk takes no more; what it has taken is whole."""


def _open_locked(path: Path, mode: str) -> IO[bytes]:
    """`samples.jsonl`, locked for as long as this process lives. UserError where another run holds it."""
    file: IO[bytes] = (path / "samples.jsonl").open(mode, buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise UserError(f"{path} is being written by another run; wait for it, or name another --output") from None
    return file


def _whole_lines(content: bytes) -> int:
    """How many bytes of `content` are whole lines."""
    return content.rfind(b"\n") + 1


Line = TypeVar("Line", SampleLine, Record)


def read_run(path: Path) -> Run:
    """The run in folder `path`. UserError that names the file and line where it cannot be read."""
    head = _read_head(path / "run.json")
    return replace(head, records=list(_read_lines(path / "records.jsonl", Record)))


def read_head(path: Path) -> Run:
    """The run in folder `path` without its records."""
    return _read_head(path / "run.json")


def read_samples(path: Path) -> list[SampleLine]:
    """All whole lines of the folder's `samples.jsonl`; a torn last line is not one."""
    return list(_read_lines(path / "samples.jsonl", SampleLine, torn_end=True))


def _read_head(file: Path) -> Run:
    validate = _adapter(Run)
    try:
        content = parsed(_read(file))
        if not isinstance(content, dict):
            raise UserError(f"{file} is not a run's file: it holds no object")
        schema = content.pop("schema", None)
        if schema != SCHEMA:
            raise UserError(f"{file} has schema {schema}; this version reads schema {SCHEMA}")
        head: Run = validate(json.dumps(content))
        return head
    except ValueError as error:
        raise UserError(f"{file} is damaged: {_short(error)}") from None


def _read_lines(file: Path, kind: type[Line], torn_end: bool = False) -> Iterator[Line]:
    validate = _adapter(kind)
    content = _read(file)
    if torn_end:
        content = content[: _whole_lines(content)]
    elif content and not content.endswith(b"\n"):
        number = len(content.splitlines())
        raise UserError(f"{file}, line {number} is damaged: it ends within the line")
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            item = validate(line)
            parsed(line)
        except ValueError as error:
            raise UserError(f"{file}, line {number} is damaged: {_short(error)}") from None
        if item.status not in STATUSES:
            raise UserError(f"{file}, line {number} is damaged: unknown status {item.status!r}")
        yield _with_later_axes(item)


def _with_later_axes(item: Line) -> Line:
    """With the axes that its suite's cases got later, at the values that measured nothing else before."""
    later = _LATER_AXES if item.suite in _HAVE_LATER_AXES and "num_layers" in item.axes else {}
    missing = {name: value for name, value in later.items() if name not in item.axes}
    return replace(item, axes={**item.axes, **missing}) if missing else item


def _read(file: Path) -> bytes:
    try:
        facts = file.stat()
        if not stat.S_ISDIR(facts.st_mode) and not (stat.S_ISREG(facts.st_mode) and facts.st_size < _LARGEST):
            raise UserError(f"cannot read {file}: it is no file, or larger than a run's can be")
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}; is this the folder of a run?") from None


def _adapter(kind: type) -> Any:
    """A function from JSON to a validated `kind`; unknown fields, NaN and wrong types are a ValueError."""
    try:
        from pydantic import TypeAdapter
    except ImportError:
        raise UserError("reading a run needs the package pydantic: pip install pydantic") from None
    return TypeAdapter(kind).validate_json


def _short(error: ValueError) -> str:
    """The first complaint of a validation error, without links."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    first = errors(include_url=False)[0]
    if first["loc"][:1] == ("axes",) and len(first["loc"]) > 1:
        return f"the axis {first['loc'][1]!r} is no text, number or truth value"
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])
