"""What a measurement leaves behind: samples, records, a run. All values are in base units (s, B, 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from rnn_vs_attn.machine import environment
from rnn_vs_attn.machine.anonymity import without_names
from rnn_vs_attn.stats.intervals import Estimate

if TYPE_CHECKING:
    import pandas

STATUSES = ("ok", "out_of_memory", "timeout", "crashed", "unsupported", "failed")
ROUND_TIME = "round_time"  # the sample that closes a round; a round without it is unfinished
ROUND_DROPPED = (
    "round_dropped"  # what stands before it of its round is forgotten: a resumed run measures that round again
)

LAUNCH_BOUND = "launch_bound"  # the sample that says in which part of a pass's blocks the device waited for the host

CASE_RETRIED = "case_retried"  # what stands before it of its case is forgotten: --retry measures that case again

AxisValue = str | int | float | bool | None
Axes = Mapping[str, AxisValue]
Key = tuple[str, str, tuple[tuple[str, AxisValue], ...]]

_STRICT = {"extra": "forbid", "allow_inf_nan": False, "strict": True}


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

    @classmethod
    def of(
        cls,
        suite: str,
        axes: Axes,
        number: int,
        sample: Sample,
        status: str = "ok",
        error: str = "",
        warnings: Sequence[str] = (),
    ) -> Self:
        """The line of a sample in round `number`. axes, warnings: beside those of the sample itself."""
        return cls(
            suite=suite,
            axes={**axes, **sample.axes},
            metric=sample.metric,
            round=number,
            value=sample.value,
            zero=sample.zero,
            blocks=sample.blocks,
            status=status,
            error=error,
            warnings=[*sample.warnings, *warnings],
            details=sample.details,
        )

    @property
    def key(self) -> Key:
        return key_of(self.suite, self.metric, self.axes)

    @property
    def anonymous(self) -> Self:
        """The same, whose words, which may be those of somebody's exception, name nothing of this machine."""
        told: dict[str, Any] = {"error": self.error, "warnings": self.warnings, "details": self.details}
        return replace(self, **without_names(told))


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
    def meaning(self) -> Metric:
        """The metric as it was when this was measured; its title is not stored."""
        return Metric(self.metric, self.unit, self.better, self.exact, self.scale)

    @property
    def estimate(self) -> Estimate | None:
        """The median with its interval; None where there is no median."""
        if self.median is None:
            return None
        return Estimate(self.median, self.low, self.high, len(self.values), self.details.get("reason", ""))

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
    def holds(self) -> bool:
        """Of a part of blocks or of steps: whether it is so in most of them."""
        return self.ok and (self.median or 0.0) > 0.5

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

    def place(self, folder: Path) -> Path:
        """What its folder is called where others may read it: of an anonymous run the last name."""
        return Path(folder.name) if environment.is_anonymous(self.environment) else folder

    def frame(self) -> pandas.DataFrame:
        """One row a record; the axes are columns of their own, missing where a record lacks one.

        Axes of whole numbers are Int64, which stays whole where some are missing.
        """
        import pandas

        axes = pandas.DataFrame([record.axes for record in self.records], dtype=object)
        whole = [name for name in axes if pandas.api.types.infer_dtype(axes[name]) == "integer"]
        rows = [record.axes | {k: v for k, v in vars(record).items() if k != "axes"} for record in self.records]
        return pandas.DataFrame(rows).astype(dict.fromkeys(whole, "Int64"))


def key_of(suite: str, metric: str, axes: Axes) -> Key:
    """What joins the same thing in two runs: suite, metric and the sorted axes."""
    return suite, metric, tuple(sorted(axes.items()))
