"""Rounds from many folders are the run that they would have been in one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from job_folders import BENCH_RUN, job_folder, rounds

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import Limits
from rnn_vs_attn.records.checks import checked_run
from rnn_vs_attn.records.folder import RunFolder, StorageError
from rnn_vs_attn.records.types import Record, SampleLine
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.sweep.collecting import Collected

pytestmark = pytest.mark.long
NUMBER = len(rounds())


def times(records: list[Record]) -> dict[str, list[float | None]]:
    return {
        f"{record.metric} {sorted(record.axes.items(), key=str)}": record.samples[:NUMBER]
        for record in records
        if record.metric.endswith("_time") and record.unit == "s"
    }


def collected(path: Path) -> Collected:
    return Collected(BENCH, path / "bench", Limits(rounds=NUMBER))


def test_the_stored_run_comes_out_again(tmp_path: Path) -> None:
    found = collected(tmp_path)
    for number in range(NUMBER):
        found.take(job_folder(tmp_path / f"jobs/{number}", number, host=f"node{number}"), number)
    found.end(is_over=True)
    run = checked_run(tmp_path / "bench")
    assert run.status == "complete"
    assert run.settings["limits"]["rounds"] == NUMBER
    assert times(run.records) == times(checked_run(BENCH_RUN).records)
    assert found.all_ok
    closing = [line for line in (tmp_path / "bench/samples.jsonl").read_text().splitlines() if "round_time" in line]
    assert [json.loads(line)["details"]["host"] for line in closing] == [f"node{n}" for n in range(NUMBER)]


def test_unlike_machines_stand_apart(tmp_path: Path) -> None:
    """No median is over times of two kinds of processors."""
    found = collected(tmp_path)
    for number in range(4):
        cpu = {"cpu": "abacus"} if number % 2 else {}
        found.take(job_folder(tmp_path / f"jobs/{number}", number, **cpu), number)
    found.end(is_over=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bench", "bench+2", "jobs"]
    reference = times(checked_run(BENCH_RUN).records)
    for name, numbers, cpu in (("bench", (0, 2), None), ("bench+2", (1, 3), "abacus")):
        run = checked_run(tmp_path / name)
        assert cpu is None or run.environment["cpu"] == cpu
        for key, samples in times(run.records).items():
            assert samples == [reference[key][n] for n in numbers if n < len(reference[key])], key


def test_what_is_there_is_gone_on_with(tmp_path: Path) -> None:
    first = collected(tmp_path)
    for number, cpu in ((0, {}), (5, {"cpu": "abacus"})):
        first.take(job_folder(tmp_path / f"jobs/{number}", number, **cpu), number)
    first.end(is_over=False)
    assert checked_run(tmp_path / "bench").status == "interrupted"
    again = Collected.reopened(BENCH, tmp_path / "bench", Limits(rounds=NUMBER))
    assert again.jobs == {0, 5}
    again.take(job_folder(tmp_path / "jobs/3", 3), 3)
    assert (again.jobs, again.rounds) == ({0, 3, 5}, 3)
    assert again.largest is not None
    assert again.largest.path.name == "bench"
    again.end(is_over=True)


def test_half_a_round_is_none(tmp_path: Path) -> None:
    path = job_folder(tmp_path / "jobs/0", 0)
    lines = (path / "samples.jsonl").read_text().splitlines()
    (path / "samples.jsonl").write_text("\n".join(line for line in lines if "round_time" not in line) + "\n")
    found = collected(tmp_path)
    with pytest.raises(UserError, match="holds no whole round"):
        found.take(path, 0)
    assert not (tmp_path / "bench").exists()


def cut(path: Path, lines: int) -> None:
    """As a full disk or a kill leaves it."""
    content = path.read_text().splitlines()
    path.write_text("\n".join(content[:lines]) + "\n")


def test_half_of_a_round_that_was_collected_is_forgotten(tmp_path: Path) -> None:
    """Else a time would count twice in one round, of two jobs."""
    first = collected(tmp_path)
    first.take(job_folder(tmp_path / "jobs/0", 0), 0)
    whole = len((tmp_path / "bench/samples.jsonl").read_text().splitlines())
    first.take(job_folder(tmp_path / "jobs/1", 1), 1)
    first.end(is_over=False)
    cut(tmp_path / "bench/samples.jsonl", whole + 20)
    again = Collected.reopened(BENCH, tmp_path / "bench", Limits(rounds=NUMBER))
    assert again.jobs == {0}
    again.take(job_folder(tmp_path / "jobs/2", 2), 2)
    again.end(is_over=False)
    last = Collected.reopened(BENCH, tmp_path / "bench", Limits(rounds=NUMBER))
    last.end(is_over=False)
    reference = times(checked_run(BENCH_RUN).records)
    found = times(checked_run(tmp_path / "bench").records)
    assert found == {key: [reference[key][0], reference[key][2]] for key in found}


def test_a_disk_that_was_full_for_a_while_leaves_no_half_of_a_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = collected(tmp_path)
    found.take(job_folder(tmp_path / "jobs/0", 0), 0)
    append, written = RunFolder.append, list[object]()

    def full(folder: RunFolder, line: SampleLine) -> None:
        if len(written) == 20:
            raise StorageError("no room")
        written.append(line)
        append(folder, line)

    path = job_folder(tmp_path / "jobs/1", 1)
    monkeypatch.setattr(RunFolder, "append", full)
    with pytest.raises(StorageError):
        found.take(path, 1)
    monkeypatch.undo()
    found.take(job_folder(tmp_path / "jobs/2", 2), 2)
    found.end(is_over=False)
    Collected.reopened(BENCH, tmp_path / "bench", Limits(rounds=NUMBER)).end(is_over=False)
    reference = times(checked_run(BENCH_RUN).records)
    shown = times(checked_run(tmp_path / "bench").records)
    assert shown == {key: [reference[key][0], reference[key][2]] for key in shown}
