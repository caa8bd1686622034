"""Axes of stored records, which may have been edited: what kind of value each has, and which line lacks one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.claims import VERDICT
from rnn_vs_attn.records.types import Axes, AxisValue, Record, SampleLine

TEXT, TRUTH, WHOLE, NUMBER = "text", "truth value", "whole number", "number"
_TYPES: Mapping[str, tuple[type, ...]] = {TEXT: (str,), TRUTH: (bool,), WHOLE: (int,), NUMBER: (int, float)}
KINDS: Mapping[str, tuple[str, ...]] = {  # of the axes that are read and not only shown; `part` is either of two
    TEXT: (
        *("model", "dtype", "device", "backend", "positions", "match", "init", "method", "size", "size_from"),
        *("size_to", "task", "test_seq_len", "text", "tokenizer", "token_positions", "init_from", "sharing"),
        *("pass", "side", "of", "in", "by", "beside", "equal", "claim", "segments"),
    ),
    TRUTH: ("causal", "compile", "cuda_graphs", "tf32", "block", "exact"),
    WHOLE: (
        *("seq_len", "batch_size", "d_model", "num_heads", "num_kv_heads", "num_layers", "threads", "kernel_size"),
        *("window", "vocab_size", "embedding_dim", "memory_len", "segment_len", "train_len", "probes", "steps"),
        *("seconds_per_model", "mlp", "held_out_tokens", "num_pairs", "num_symbols", "modulus", "table"),
        *("distance", "position", "length", "context", "step"),
    ),
    NUMBER: ("learning_rate", "reach_threshold", "seq_len_from", "seq_len_to", "from", "to"),
}
ADDED = {  # by a measurement or an analysis, to some records of a metric and not to others
    *("pass", "side", "of", "in", "by", "beside", "equal", "claim", "segments", "table", "from", "to"),
    *("size_from", "size_to", "seq_len_from", "seq_len_to", "distance", "position", "length", "context", "step"),
}
_NULL = {  # axes that a model decides by itself, or a task has no use for
    *("d_model", "num_heads", "num_layers", "causal", "vocab_size", "memory_len"),
    *("num_pairs", "num_symbols", "modulus"),
}
_OF_MEMORIES = ("ratio", "memory_len")  # of one method of several, and added to the ratios of that
_KIND_OF = {name: kind for kind, names in KINDS.items() for name in names}


class StoredAxes(dict[str, AxisValue]):
    """The axes of a stored record. Who asks for one that it lacks gets a UserError that names its line."""

    __slots__ = ("line",)

    def __init__(self, axes: Axes | Iterable[tuple[str, AxisValue]], line: str = "a record") -> None:
        super().__init__(axes)
        self.line = line

    def __missing__(self, name: str) -> AxisValue:
        raise UserError(f"{self.line} is damaged: it lacks the axis {name!r}")


def placed(record: Record, line: str) -> Record:
    """The record itself, which then knows the line that it was read from."""
    object.__setattr__(record, "axes", StoredAxes(record.axes, line))  # a copy takes a tenth of the time of reading
    return record


def problem_of_kind(axes: Axes) -> str:
    """Which axis has a value of another kind than it can have, "" where none; null, of some, is none."""
    for name, value in axes.items():
        kind = _KIND_OF.get(name)
        if kind is None or type(value) in _TYPES[kind] or (value is None and name in _NULL):
            continue
        return f"the axis {name!r} is {'null' if value is None else repr(value)}, which is no {kind}"
    return ""


def lacking(records: Sequence[Record], asked: Any) -> Iterator[tuple[int, str]]:
    """The line of the first case, where an axis that was asked for is in none. asked: as a run's settings have it."""
    if not isinstance(asked, Mapping):
        return
    known = {name for record in records for name in record.axes}
    absent = [name for name in asked if name not in known]
    of_cases = (n for n, each in enumerate(records, start=1) if 2 * len(each.axes.keys() & asked.keys()) > len(asked))
    first = next(of_cases, None)  # a machine's peaks have few axes, and are all that a run of failures may have
    if absent and first is not None:
        yield first, f"is damaged: it lacks the axis {absent[0]!r}, which run.json has"


class Names:
    """Which axes the lines of each metric have, by the first line with each such set of them. free: axes that some
    lines of a metric may have, and others not.
    """

    def __init__(self, lines: Iterable[Record | SampleLine], free: Collection[str] = ()) -> None:
        self._free = free
        self._found: dict[str, dict[frozenset[str], int]] = {}
        for number, line in enumerate(lines, start=1):
            self._found.setdefault(line.metric, {}).setdefault(frozenset(line.axes), number)

    def problem_of(self, line: Record | SampleLine) -> str:
        """Which axis a line lacks that another of its metric has beside the same ones, "" where none."""
        own = line.axes.keys()
        for names, number in self._found[line.metric].items() if line.metric != VERDICT.name else ():
            absent = sorted((names - own).difference(self._free)) if own < names else []
            if absent and (line.metric, *absent) != _OF_MEMORIES:
                return f"it lacks the axis {absent[0]!r}, which {line.metric} in line {number} has"
        return ""
