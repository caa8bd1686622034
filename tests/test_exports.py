"""Runs in other tools' formats, read by those tools where PyPI has them, else against their schema."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command import run
from fakes import bench_record, unfinished_run
from pydantic import BaseModel, ConfigDict, TypeAdapter

from rnn_vs_attn import exports
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records import Run, read_run
from rnn_vs_attn.suites.bench import BENCH

ROOT = Path(__file__).resolve().parent.parent
CPU, GRADFLOW = ROOT / "results/reference/cpu", ROOT / "results/reference/gradflow"
VALUES = [0.010, 0.012, 0.011, 0.013, 0.0115, 0.0105]


def small(started: str = "2026-01-02T03:04:05+00:00", factor: float = 1.0, commit: str = "abc") -> Run:
    records = [
        bench_record("forward_time", "lstm", 64, [v * factor for v in VALUES]),
        bench_record("train_time", "lstm", 64, [3 * v for v in VALUES]),
        bench_record("saved_bytes", "lstm", 64, [4096.0]),
        bench_record("num_params", "lstm", 64, [77.0]),
        bench_record("peak_flops", "", 0, [1e11]),
    ]
    records[-1] = dataclasses.replace(records[-1], axes={"device": "cpu"})
    return unfinished_run(suite=BENCH, records=records, started=started, environment={"git_commit": commit})


def document(name: str, *runs: Run) -> Any:
    return json.loads(exports.exported(runs or [small()], name))


# Names


def test_the_name_of_a_case_does_not_depend_on_what_else_is_in_the_run() -> None:
    record = bench_record("forward_time", "lstm", 64, VALUES, batch_size=8)
    assert exports.label(record) == "bench/lstm/seq_len=64/batch_size=8/dtype=float32/device=cpu/threads=2"
    default = bench_record("forward_time", "lstm", 64, VALUES)
    assert "batch_size" not in exports.label(default)


# Formats


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Entry(Strict):
    """An element of github-action-benchmark's customSmallerIsBetter."""

    name: str
    unit: str
    value: float | int
    range: str | None = None
    extra: str | None = None


def test_github_action_benchmark_gets_a_list_of_what_is_better_smaller() -> None:
    found = TypeAdapter(list[Entry]).validate_json(str(exports.exported([small()], "github-action-benchmark")))
    names = [entry.name.rpartition("/")[2] for entry in found]
    assert names == ["forward_time", "train_time", "saved_bytes"]
    assert found[0].unit == "ms"
    assert found[0].value == pytest.approx(statistics.median(VALUES) * 1e3)
    assert found[0].range == "± 1.5"
    assert found[2].value == 4096
    assert found[2].extra == "exact"


class Measure(Strict):
    value: float
    lower_value: float | None = None
    upper_value: float | None = None


def test_bencher_gets_latencies_in_nanoseconds_with_both_ends() -> None:
    text = exports.exported([small()], "bencher")
    found = TypeAdapter(dict[str, dict[str, Measure]]).validate_json(text)
    latency = found[f"{exports.label(small().records[0])}/forward_time"]["latency"]
    assert latency.value == pytest.approx(statistics.median(VALUES) * 1e9)
    assert latency.lower_value == pytest.approx(0.010 * 1e9)
    assert latency.upper_value == pytest.approx(0.013 * 1e9)
    assert {measure for case in found.values() for measure in case} == {"latency", "size"}


def test_pytest_benchmark_compares_what_it_is_given(tmp_path: Path) -> None:
    """By its own command."""
    pytest.importorskip("pytest_benchmark")
    files = [tmp_path / f"{number:04}_run.json" for number in (1, 2)]
    for file, factor in zip(files, (1.0, 2.0), strict=True):
        file.write_text(str(exports.exported([small(factor=factor)], "pytest-benchmark")))
    words = [sys.executable, "-m", "pytest_benchmark", "compare", *map(str, files), "--csv", str(tmp_path / "out.csv")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    medians = sorted(float(row["median"]) for row in rows if row["name"].endswith("forward_time"))
    assert medians == pytest.approx([statistics.median(VALUES), 2 * statistics.median(VALUES)])
    assert "forward_time" in done.stdout


def test_statistics_are_those_of_numpy() -> None:
    import numpy

    found = exports.statistics_of(VALUES)
    assert [found["q1"], found["median"], found["q3"]] == pytest.approx(numpy.percentile(VALUES, [25, 50, 75]))
    assert found["mean"] == pytest.approx(numpy.mean(VALUES))
    assert found["stddev"] == pytest.approx(numpy.std(VALUES, ddof=1))
    assert (found["min"], found["max"], found["rounds"]) == (0.010, 0.013, 6)
    assert exports.statistics_of([0.5])["stddev"] == 0.0


def test_otava_gets_a_row_a_run_in_the_order_of_time() -> None:
    later, earlier = small("2026-02-01T00:00:00+00:00", commit="b"), small("2026-01-01T00:00:00+00:00", commit="a")
    rows = list(csv.reader(io.StringIO(str(exports.exported([later, earlier], "otava")))))
    assert rows[0][:2] == ["time", "commit"]
    assert [row[:2] for row in rows[1:]] == [["2026-01-01T00:00:00+00:00", "a"], ["2026-02-01T00:00:00+00:00", "b"]]
    assert len(rows[0]) == len(rows[1]) == len(set(rows[0])) == 2 + 4
    text = exports.otava_configuration([later, earlier], "series.csv")
    assert text.count("direction: -1") == 3  # of the number of parameters neither more nor less is better
    assert 'file: "series.csv"' in text


def test_csv_has_a_line_a_record_at_full_precision() -> None:
    run_read = read_run(CPU)
    rows = list(csv.DictReader(io.StringIO(str(exports.exported([run_read], "csv")))))
    assert len(rows) == len(run_read.records)
    for row, record in zip(rows, run_read.records, strict=True):
        assert (row["metric"], row["status"]) == (record.metric, record.status)
        assert (float(row["median"]) if row["median"] else None) == record.median
        assert json.loads(row["samples"]) == record.samples


def test_parquet_is_read_back_by_pandas(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pandas

    done = run("export", str(CPU), str(GRADFLOW), "--format", "parquet", "--output", str(tmp_path / "all.parquet"))
    assert done.returncode == 0, done.stderr
    frame = pandas.read_parquet(tmp_path / "all.parquet")
    assert len(frame) == len(read_run(CPU).records) + len(read_run(GRADFLOW).records)
    assert set(frame["suite"]) == {"bench", "gradflow"}


@pytest.mark.parametrize("name", [f.name for f in exports.FORMATS if not f.binary])
def test_the_reference_run_goes_into_every_format(name: str, tmp_path: Path) -> None:
    file = tmp_path / "out"
    done = run("export", str(CPU), "--format", name, "--output", str(file))
    assert done.returncode == 0, done.stderr
    assert file.read_text() == exports.exported([read_run(CPU)], name)
    assert done.stdout == ""


# Bad input


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([str(CPU), "--format", "jason"], "unknown format 'jason'"),
        ([str(CPU), "--format", "parquet"], "give a file with --output"),
        ([str(CPU), str(CPU), "--format", "bencher"], "--format bencher takes one run, not 2"),
        ([str(GRADFLOW), "--format", "bencher"], "has no value that this format can hold"),
        (["nowhere", "--format", "csv"], "cannot read nowhere"),
        ([str(CPU), "--format", "csv", "--output", "/proc/nothing/x"], "cannot write /proc/nothing/x"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(words: list[str], said: str) -> None:
    done = run("export", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_one_format_too_many_runs_is_a_user_error() -> None:
    with pytest.raises(UserError, match="otava takes several"):
        exports.exported([small(), small()], "github-action-benchmark")


OTAVA = Path(sys.prefix).with_name(Path(sys.prefix).name + "-otava") / "bin/otava"  # its numpy is not ours


@pytest.mark.skipif(not OTAVA.exists(), reason=f"{OTAVA} is not there; `make test` makes it where there is a network")
def test_otava_finds_a_step_in_a_series_of_runs(tmp_path: Path) -> None:
    """A slowdown of 12 % from the 20th run on, in one metric of two."""
    runs = []
    for day in range(40):
        noise = 1 + 0.004 * ((day * 7) % 11 - 5) / 5
        found = small(f"2026-03-{1 + day // 2:02}T{12 * (day % 2):02}:00:00+00:00", commit=f"c{day:03}")
        times = [dataclasses.replace(r, median=(r.median or 0.0) * noise) for r in found.records]
        times[0] = dataclasses.replace(times[0], median=(times[0].median or 0.0) * (1.12 if day >= 20 else 1.0))
        runs.append(dataclasses.replace(found, records=times))
    series, configuration = tmp_path / "series.csv", tmp_path / "otava.yaml"
    series.write_text(str(exports.exported(runs, "otava")))
    configuration.write_text(exports.otava_configuration(runs, str(series)))
    words = ["analyze", "rnn-vs-attn", "--since", "2026-01-01", "--output", "json"]
    done = subprocess.run(
        [str(OTAVA), *words],
        env=os.environ | {"OTAVA_CONFIG": str(configuration)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (points,) = json.loads(done.stdout).values()
    changes = [change for point in points for change in point["changes"]]
    assert [change["metric"].rpartition("/")[2] for change in changes] == ["forward_time"]
    assert float(changes[0]["forward_change_percent"]) == pytest.approx(12, abs=1)
    assert points[0]["attributes"]["commit"] == "c020"
