"""A run's folder: `samples.jsonl`, `records.jsonl` and `run.json`, written and read.

`samples.jsonl` is the truth (append-only, a line a sample); `records.jsonl` is made from it after each round and is
what every reader reads; `run.json` says what was asked and on which machine.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, BinaryIO

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.axes import placed
from rnn_vs_attn.records.migrations import SCHEMA, Line, migrated
from rnn_vs_attn.records.strict_json import dump, parsed
from rnn_vs_attn.records.types import STATUSES, Record, Run, SampleLine
from rnn_vs_attn.text.safe import encodable

_LARGEST = 1 << 30  # bytes of a file that is read
_VALIDATORS: dict[type, Any] = {}  # made once: a cluster's jobs leave a thousand folders


class RunFolder:
    """A run's folder, open for writing by this process alone until `close`. anonymous: whether no sample may name this
    machine.
    """

    def __init__(self, path: Path, samples: IO[bytes], anonymous: bool = False) -> None:
        self.path = path
        self._samples = samples
        self._anonymous = anonymous

    @classmethod
    def create(cls, path: Path, anonymous: bool = False) -> RunFolder:
        """A new folder at `path`. UserError where it exists already or cannot be written."""
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise UserError(f"output folder {path} is not empty; name another, or continue it with --resume {path}")
            folder = cls(path, _open_locked(path, "xb"), anonymous)
            folder.write_records([])
            return folder
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(f"cannot write to output folder {path}: {reason}; name another with --output") from None

    @classmethod
    def reopen(cls, path: Path, anonymous: bool = False) -> RunFolder:
        """The folder of an earlier run, to go on with; a torn last line of its samples is dropped."""
        try:
            samples = _open_locked(path, "r+b")
        except OSError as error:
            raise UserError(f"cannot resume {path}: {error.strerror}; give the folder of an earlier run") from None
        samples.seek(0)
        samples.truncate(_whole_lines(samples.read()))
        samples.seek(0, os.SEEK_END)
        return cls(path, samples, anonymous)

    def append(self, line: SampleLine) -> SampleLine:
        """The sample as it now stands there, whole or not at all. UserError where the disk takes no more."""
        line = line.anonymous if self._anonymous else line
        start = self._samples.seek(0, os.SEEK_END)
        try:
            left = dump(vars(line)).encode() + b"\n"  # asdict copies all that is in it, which takes as long again
            while left:  # a disk that becomes full takes a part without an error
                left = left[self._samples.write(left) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                self._samples.truncate(start)
            raise self._cannot_write("samples.jsonl", error) from None
        return line

    def write_records(self, records: Iterable[Record]) -> None:
        self.write("records.jsonl", "".join(dump(vars(record)) + "\n" for record in records))

    def write_run(self, run: Run) -> None:
        content = {"schema": SCHEMA} | {k: v for k, v in asdict(replace(run, records=[])).items() if k != "records"}
        self.write("run.json", json.dumps(content, allow_nan=False, indent=2, ensure_ascii=False) + "\n")

    def write(self, name: str, text: str) -> None:
        """Put a whole file into the folder, in the place of the one there."""
        target = self.path / name
        try:
            target.parent.mkdir(exist_ok=True)
            put(target, encodable(text).encode())
        except OSError as error:
            raise self._cannot_write(name, error) from None

    def _cannot_write(self, name: str, error: OSError) -> StorageError:
        return StorageError(
            f"cannot write {self.path / name}: {error.strerror}; what was measured before is kept, make room and go on "
            f"with --resume {self.path}"
        )

    def close(self) -> None:
        """Release the folder; a buffer that a full disk refused is dropped, its line was reported then."""
        with contextlib.suppress(OSError):
            self._samples.close()


def put(target: Path, content: bytes) -> None:
    """Write a whole file in the place of the one there, as `replacing` does."""
    with replacing(target) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(target: Path, ending: str = ".part") -> Iterator[BinaryIO]:
    """A file beside `target`, named by an ending, that takes its place at the end: it is read whole, old or new.

    OSError where the disk takes no more; nothing stays beside it then, nor where the block is left by an error.
    """
    beside = target.with_name(target.name + ending)
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def check_folder(path: Path) -> None:
    """UserError where a run cannot be written to `path`; nothing stays behind."""
    created = not path.exists()
    folder = RunFolder.create(path)
    folder.close()
    for name in ("samples.jsonl", "records.jsonl"):
        (path / name).unlink()
    if created:
        path.rmdir()


def new_folder(name: str, anonymous: bool = False) -> RunFolder:
    """A folder of this moment's own under `results`."""
    return RunFolder.create(free_path(name), anonymous)


def free_path(name: str) -> Path:
    """A place of this moment's own under `results`, where nothing is."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    first = base = Path("results") / f"{stamp}-{name}"
    for number in range(2, 100):
        if not base.exists():
            break
        base = first.with_name(f"{first.name}-{number}")
    return base


def folder_of_runs(path: Path | None, name: str) -> Path:
    """A new folder at `path`, or of this moment's own under `results`, for several runs. UserError as for one run."""
    folder = RunFolder.create(path) if path is not None else new_folder(name)
    folder.close()
    for own in ("samples.jsonl", "records.jsonl"):
        (folder.path / own).unlink()
    return folder.path


def write_text(target: Path, text: str) -> None:
    """Write a whole file in the place of the one there. StorageError where the disk takes no more."""
    try:
        put(target, encodable(text).encode())
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror}; the runs beside it are kept") from None


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


def read_run(path: Path) -> Run:
    """The run in folder `path`. UserError that names the file and line where it cannot be read."""
    head, schema = _read_head(path / "run.json")
    file = path / "records.jsonl"
    records = (migrated(record, schema) for record in _read_lines(file, Record))
    return replace(head, records=[placed(record, f"{file}, line {n}") for n, record in enumerate(records, start=1)])


def read_head(path: Path) -> Run:
    """The run in folder `path` without its records."""
    return _read_head(path / "run.json")[0]


def read_samples(path: Path) -> list[SampleLine]:
    """All whole lines of the folder's `samples.jsonl`; a torn last line is not one."""
    return [new for _, new in _samples(path)]


def has_other_names(path: Path) -> bool:
    """Whether samples in the folder are of metrics that have another name by now, so that none can be added to them."""
    return any(stored.metric != new.metric for stored, new in _samples(path))


def _samples(path: Path) -> list[tuple[SampleLine, SampleLine]]:
    """Each sample as it is stored and as it is called by now. A folder without a head is one that this version made."""
    schema = _read_head(path / "run.json")[1] if (path / "run.json").exists() else SCHEMA
    lines = _read_lines(path / "samples.jsonl", SampleLine, torn_end=True)
    return [(line, migrated(line, schema)) for line in lines]


def _read_head(file: Path) -> tuple[Run, int]:
    """What it holds beside its schema, and that."""
    validate = _adapter(Run)
    try:
        content = parsed(_read(file))
        if not isinstance(content, dict):
            raise UserError(f"{file} is not a run's file: it holds no object")
        schema = content.pop("schema", None)
        if type(schema) is not int or not 1 <= schema <= SCHEMA:
            raise UserError(f"{file} has schema {schema}; this version reads schemas 1 to {SCHEMA}")
        head: Run = validate(json.dumps(content))
        return head, schema
    except ValueError as error:
        raise UserError(f"{file} is damaged: {_short(error)}") from None


def _read_lines(file: Path, kind: type[Line], torn_end: bool = False) -> Iterator[Line]:
    """The objects of a file, one at a time: of a long one no more than that is in memory."""
    validate = _adapter(kind)
    with _opened(file) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                if torn_end:
                    return
                raise UserError(f"{file}, line {number} is damaged: it ends within the line")
            try:
                item = validate(line)
                parsed(line)
            except ValueError as error:
                raise UserError(f"{file}, line {number} is damaged: {_short(error)}") from None
            if item.status not in STATUSES:
                raise UserError(f"{file}, line {number} is damaged: unknown status {item.status!r}")
            yield item


def _read(file: Path) -> bytes:
    with _opened(file) as opened:
        return opened.read()


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        facts = file.stat()
        if not stat.S_ISDIR(facts.st_mode) and not (stat.S_ISREG(facts.st_mode) and facts.st_size < _LARGEST):
            raise UserError(f"cannot read {file}: it is no file, or larger than a run's can be")
        with file.open("rb") as opened:
            yield opened
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}; is this the folder of a run?") from None


def _adapter(kind: type) -> Any:
    """A function from JSON to a validated `kind`; unknown fields, NaN and wrong types are a ValueError."""
    try:
        from pydantic import TypeAdapter
    except ImportError:
        raise UserError("reading a run needs the package pydantic: pip install pydantic") from None
    if kind not in _VALIDATORS:
        _VALIDATORS[kind] = TypeAdapter(kind).validate_json
    return _VALIDATORS[kind]


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
