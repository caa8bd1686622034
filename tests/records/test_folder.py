"""What is written can be read again, whole; what is damaged is said, with its file and line."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import resource
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from fakes import LINE, TIME, record, unfinished_run, unhurried
from hypothesis import given
from hypothesis import strategies as st

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.build import build_record, group_lines
from rnn_vs_attn.records.folder import SCHEMA, RunFolder, StorageError, read_head, read_run, read_samples
from rnn_vs_attn.records.strict_json import dump
from rnn_vs_attn.records.types import STATUSES, Record, SampleLine

names = st.text(max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
axes = st.dictionaries(names, st.none() | st.booleans() | st.integers(-(10**12), 10**12) | numbers | names, max_size=4)
texts = st.lists(names, max_size=3)
details = st.dictionaries(names, st.recursive(numbers | names | st.booleans(), st.lists, max_leaves=4), max_size=3)
sample_lines = st.builds(
    SampleLine,
    suite=names,
    axes=axes,
    metric=names,
    round=st.integers(0, 100),
    value=st.none() | numbers,
    zero=st.booleans(),
    blocks=st.lists(numbers, max_size=4),
    status=st.sampled_from(STATUSES),
    error=names,
    warnings=texts,
    details=details,
)
whole_records = st.builds(
    Record,
    suite=names,
    axes=axes,
    metric=names,
    unit=names,
    better=st.sampled_from(["lower", "higher", "none"]),
    exact=st.booleans(),
    status=st.sampled_from(STATUSES),
    samples=st.lists(st.none() | numbers, max_size=4),
    median=st.none() | numbers,
    low=st.none() | numbers,
    high=st.none() | numbers,
    scale=st.sampled_from(["ratio", "difference"]),
    zero=st.booleans(),
    error=names,
    warnings=texts,
    details=details,
)


def complete(path: Path, *lines: str) -> Path:
    """A run's folder whose records.jsonl has these lines."""
    made = RunFolder.create(path)
    made.write_run(unfinished_run())
    made.write("records.jsonl", "".join(line + "\n" for line in lines))
    made.close()
    return path


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def as_line(item: SampleLine | Record, **changes: Any) -> str:
    return json.dumps(asdict(item) | changes)


# What is written can be read


@pytest.mark.long
@unhurried
@given(st.lists(whole_records, max_size=3))
def test_records_are_read_as_they_were_written(tmp_path_factory: pytest.TempPathFactory, made: list[Record]) -> None:
    path = complete(tmp_path_factory.mktemp("runs") / "run", *(dump(asdict(r)) for r in made))
    found = read_run(path).records
    assert found == made
    assert [types_of(r.axes) for r in found] == [types_of(r.axes) for r in made]


def types_of(found: dict[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in found.items()}


@pytest.mark.long
@unhurried
@given(st.lists(sample_lines, max_size=3))
def test_samples_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, lines: list[SampleLine]
) -> None:
    made = RunFolder.create(tmp_path_factory.mktemp("runs") / "run")
    for line in lines:
        made.append(line)
    assert read_samples(made.path) == lines
    made.close()


def test_a_run_is_read_as_it_was_written(folder: RunFolder) -> None:
    run = unfinished_run(settings={"axes": {"model": ["lstm", "Å|\n"]}}, finished="2026-01-02T04:00:00+00:00")
    made = [record("train_time", 2.0, 1.0, 3.0, model="lstm"), record("loss", None, status="failed", error="no")]
    folder.write_run(run)
    folder.write_records(made)
    assert read_run(folder.path) == replace(run, records=made)


def test_the_head_alone_is_read_without_records(folder: RunFolder) -> None:
    folder.write_run(unfinished_run())
    assert read_head(folder.path) == unfinished_run()


def test_a_run_killed_in_its_first_round_is_readable(folder: RunFolder) -> None:
    folder.write_run(unfinished_run())
    folder.append(LINE)
    assert read_run(folder.path).status == "interrupted"


# NaN and infinity


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_never_written(folder: RunFolder, value: float) -> None:
    before = contents(folder.path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        folder.append(replace(LINE, value=value))
    with pytest.raises(ValueError, match="not JSON compliant"):
        folder.write_records([record("train_time", value)])
    with pytest.raises(ValueError, match="not JSON compliant"):
        folder.write_run(unfinished_run(settings={"precision": value}))
    assert contents(folder.path) == before


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_nan_and_infinity_are_refused_in_reading(tmp_path: Path, value: str) -> None:
    good = as_line(record("train_time", 1.0))
    path = complete(tmp_path / "run", good, good.replace('"median": 1.0', f'"median": {value}'))
    with pytest.raises(UserError, match=r"records\.jsonl, line 2 is damaged"):
        read_run(path)


# Damage


def test_a_torn_last_line_of_the_samples_is_dropped(folder: RunFolder) -> None:
    folder.append(LINE)
    folder.close()
    with (folder.path / "samples.jsonl").open("a") as file:
        file.write(as_line(LINE, round=1)[:-9])
    assert read_samples(folder.path) == [LINE]
    again = RunFolder.reopen(folder.path)
    again.append(replace(LINE, round=2))
    again.close()
    assert [line.round for line in read_samples(folder.path)] == [0, 2]


def test_a_records_file_that_ends_within_a_line_is_damaged(tmp_path: Path) -> None:
    path = complete(tmp_path / "run", as_line(record("train_time", 1.0)), as_line(record("forward_time", 1.0)))
    file = path / "records.jsonl"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"records\.jsonl, line 2 is damaged"):
        read_run(path)


GOOD = as_line(record("train_time", 1.0, model="lstm"))
DAMAGE = {
    "cut short": GOOD[:-9],
    "empty": "",
    "not json": "hello",
    "another kind": "[1, 2]",
    "unknown field": as_line(record("train_time", 1.0), colour="red"),
    "field missing": GOOD.replace('"metric": "train_time", ', ""),
    "unknown status": as_line(record("train_time", 1.0), status="tired"),
    "wrong type": as_line(record("train_time", 1.0), samples="many"),
    "invalid utf-8": '{"suite": "\udcff"}',
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_line_is_named_by_file_and_line(tmp_path: Path, damage: str) -> None:
    path = complete(tmp_path / "run")
    content = f"{GOOD}\n{damage}\n{GOOD}\n".encode(errors="surrogateescape")
    (path / "records.jsonl").write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_run(path)
    assert str(caught.value).startswith(f"{path}/records.jsonl, line 2 is damaged: ")
    assert "\n" not in str(caught.value)


def test_a_damaged_sample_is_named_by_file_and_line(folder: RunFolder) -> None:
    folder.append(LINE)
    with (folder.path / "samples.jsonl").open("a") as file:
        file.write(as_line(LINE, mood="good") + "\n" + as_line(LINE) + "\n")
    with pytest.raises(UserError, match=r"samples\.jsonl, line 2 is damaged: mood: Unexpected keyword argument"):
        read_samples(folder.path)


def test_an_unknown_status_is_named(tmp_path: Path) -> None:
    path = complete(tmp_path / "run", DAMAGE["unknown status"])
    with pytest.raises(UserError, match="unknown status 'tired'"):
        read_run(path)


@pytest.mark.parametrize("schema", [0, SCHEMA + 1, "1", 1.0, True, None])
def test_another_schema_is_named(tmp_path: Path, schema: object) -> None:
    path = complete(tmp_path / "run")
    head = json.loads((path / "run.json").read_text()) | {"schema": schema}
    (path / "run.json").write_text(json.dumps(head))
    with pytest.raises(UserError, match=rf"run\.json has schema {schema}; this version reads schemas 1 to {SCHEMA}"):
        read_run(path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 1}', '{"schema": 1, "suite": 5}'])
def test_a_damaged_head_is_named(tmp_path: Path, content: str) -> None:
    path = complete(tmp_path / "run")
    (path / "run.json").write_text(content)
    with pytest.raises(UserError, match=rf"^{path}/run\.json is "):
        read_run(path)


def test_an_unknown_field_of_the_head_is_refused(tmp_path: Path) -> None:
    path = complete(tmp_path / "run")
    head = json.loads((path / "run.json").read_text()) | {"colour": "red"}
    (path / "run.json").write_text(json.dumps(head))
    with pytest.raises(UserError, match=r"run\.json is damaged: colour"):
        read_run(path)


def test_a_folder_that_holds_no_run_is_said_to_hold_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"cannot read {tmp_path}/run\.json: No such file .*the folder of a run"):
        read_run(tmp_path)


# Whole files


def test_a_reader_sees_the_old_records_or_the_new_ones_never_a_part(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = [record("train_time", 1.0)], [record("train_time", float(i)) for i in range(50)]
    folder.write_run(unfinished_run())
    folder.write_records(old)
    seen = []
    monkeypatch.setattr(os, "fsync", lambda number: seen.append(read_run(folder.path).records))
    folder.write_records(new)
    assert seen == [old]
    assert read_run(folder.path).records == new


def test_a_disk_that_is_full_keeps_the_old_records_and_leaves_nothing_beside_them(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write_run(unfinished_run())
    folder.write_records([record("train_time", 1.0)])
    before = contents(folder.path)

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"records\.jsonl: No space left on device"):
        folder.write_records([record("train_time", 2.0)])
    assert contents(folder.path) == before


class FullDisk:
    """A file on a disk that takes a part of the next line, refuses the rest and has room again after that."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.full = True

    def write(self, content: bytes) -> int:
        if self.full:
            self.full = False
            self._file.write(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written: int = self._file.write(content)
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_a_sample_that_a_full_disk_refused_leaves_whole_lines(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.append(LINE)
    monkeypatch.setattr(folder, "_samples", FullDisk(folder._samples))
    with pytest.raises(StorageError) as caught:
        folder.append(replace(LINE, round=1))
    sentence = str(caught.value)
    assert isinstance(caught.value, UserError), "the command line exits with 2 for it"
    assert sentence.startswith(f"cannot write {folder.path}/samples.jsonl: No space left on device; ")
    assert f"--resume {folder.path}" in sentence
    assert (folder.path / "samples.jsonl").read_bytes().endswith(b"\n")
    folder.append(replace(LINE, round=2))
    assert [line.round for line in read_samples(folder.path)] == [0, 2]


@contextlib.contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """The system takes what fits of a write and reports how much that was, as a disk does that becomes full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_takes_half_of_a_line_is_noticed_at_that_line(folder: RunFolder) -> None:
    folder.append(LINE)
    size = (folder.path / "samples.jsonl").stat().st_size
    with largest_file(size + size // 2), pytest.raises(StorageError):
        folder.append(replace(LINE, round=1))
    folder.append(replace(LINE, round=2))
    assert [line.round for line in read_samples(folder.path)] == [0, 2]


def test_closing_after_a_full_disk_is_quiet(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    class Refuses:
        def close(self) -> None:
            closed.append(True)
            raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(folder, "_samples", Refuses())
    folder.close()
    assert closed == [True]


# Folders


def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "a" / "b").close()
    assert (tmp_path / "a" / "b" / "samples.jsonl").read_bytes() == b""


def test_a_second_run_cannot_write_to_a_folder_that_is_in_use(folder: RunFolder) -> None:
    with pytest.raises(UserError, match="is being written by another run"):
        RunFolder.reopen(folder.path)
    with pytest.raises(UserError, match="is not empty"):
        RunFolder.create(folder.path)
    folder.append(LINE)
    folder.close()
    RunFolder.reopen(folder.path).close()
    assert read_samples(folder.path) == [LINE]


def test_a_folder_with_anything_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=f"{tmp_path} is not empty; name another, or continue it with --resume"):
        RunFolder.create(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to output folder .*: Not a directory; name another"):
        RunFolder.create(tmp_path / "file" / "run")
    with pytest.raises(UserError, match=r"cannot write to output folder .*: File exists; name another"):
        RunFolder.create(tmp_path / "file")


def test_only_a_folder_of_a_run_can_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"cannot resume {tmp_path}: No such file"):
        RunFolder.reopen(tmp_path)
    assert list(tmp_path.iterdir()) == []


# From samples to records


def test_of_two_lines_of_one_key_and_round_the_later_one_counts() -> None:
    other = replace(LINE, axes={"model": "gru", "seq_len": 64})
    lines = [LINE, other, replace(LINE, round=1, value=9.0), replace(LINE, value=7.0)]
    groups = group_lines(lines)
    assert list(groups) == [LINE.key, other.key]
    assert build_record(TIME, groups[LINE.key]).samples == [7.0, 9.0]


def test_keys_do_not_depend_on_the_order_of_axes() -> None:
    assert LINE.key == replace(LINE, axes={"seq_len": 64, "model": "lstm"}).key
    assert LINE.key != replace(LINE, axes={"seq_len": 65, "model": "lstm"}).key
    assert LINE.key != replace(LINE, metric="forward_time").key


def test_the_words_of_an_anonymous_run_name_no_folder_but_its_axes_stay(tmp_path: Path) -> None:
    told = {"error": "no '/srv/a/w.bin'", "warnings": ["slow in /srv/a/net.py"], "details": {"again": ["/srv/a/b"]}}
    line = replace(LINE, axes={"model": "net.py:Net"}, status="failed", value=None, **told)  # type: ignore[arg-type]
    folder = RunFolder.create(tmp_path / "run", anonymous=True)
    kept = folder.append(line)
    folder.close()
    assert (kept.error, kept.warnings, kept.details) == ("no 'w.bin'", ["slow in net.py"], {"again": ["b"]})
    assert (kept.axes, kept.metric) == (line.axes, line.metric)
    again = RunFolder.reopen(tmp_path / "run", anonymous=True)
    assert again.append(line) == kept
    again.close()
    assert read_samples(tmp_path / "run") == [kept, kept]
    plain = RunFolder.create(tmp_path / "plain")
    assert plain.append(line) == line
    plain.close()
