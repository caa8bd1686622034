"""Runs in other tools' formats, read by those tools where PyPI has them, else against their schema."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command import run
from fakes import bench_record, unfinished_run, unhurried
from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT
from pydantic import BaseModel, ConfigDict, TypeAdapter

from rnn_vs_attn import export
from rnn_vs_attn.cli import compare
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.folder import RunFolder, read_run
from rnn_vs_attn.records.types import Record, Run
from rnn_vs_attn.suites.bench.suite import BENCH

CPU, GRADFLOW = ROOT / "results/reference/full/bench", ROOT / "results/reference/full/gradflow"
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
    return json.loads(export.exported(runs or [small()], name))


def without(run: Run, metric: str) -> Run:
    return dataclasses.replace(run, records=[r for r in run.records if r.metric != metric])


def failed(record: Record) -> Record:
    return dataclasses.replace(record, status="failed", error="no", samples=[], median=None, low=None, high=None)


def stored(path: Path, run: Run) -> Path:
    folder = RunFolder.create(path)
    folder.write_run(run)
    folder.write_records(run.records)
    folder.close()
    return path


# Names


def test_the_name_of_a_case_does_not_depend_on_what_else_is_in_the_run() -> None:
    record = bench_record("forward_time", "lstm", 64, VALUES, batch_size=8)
    assert export.label(record) == "bench/lstm/seq_len=64/batch_size=8/dtype=float32/device=cpu/threads=2"
    default = bench_record("forward_time", "lstm", 64, VALUES)
    assert "batch_size" not in export.label(default)


def test_a_case_alone_has_the_name_that_it_has_among_all() -> None:
    run_read = read_run(CPU)
    whole = document("bencher", run_read)
    records = [r for r in run_read.records[::25] if f"{export.label(r)}/{r.metric}" in whole]
    assert len(records) > 1
    for record in records:
        alone = document("bencher", dataclasses.replace(run_read, records=[record]))
        assert alone.items() <= whole.items()


@pytest.mark.parametrize("path", [CPU, GRADFLOW], ids=lambda path: path.name)
def test_no_two_records_share_a_name(path: Path) -> None:
    names = [f"{export.label(r)}/{r.metric}" for r in read_run(path).records]
    assert len(set(names)) == len(names)


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
    found = TypeAdapter(list[Entry]).validate_json(str(export.exported([small()], "github-action-benchmark")))
    names = [entry.name.rpartition("/")[2] for entry in found]
    assert names == ["forward_time", "train_time", "saved_bytes"]
    assert found[0].unit == "ms"
    assert found[0].value == pytest.approx(statistics.median(VALUES) * 1e3)
    assert found[0].range == "± 1.5"
    assert found[2].value == 4096
    assert found[2].extra == "exact"


def test_github_action_benchmark_has_every_time_and_size_of_the_reference_run() -> None:
    run_read = read_run(CPU)
    found = TypeAdapter(list[Entry]).validate_json(str(export.exported([run_read], "github-action-benchmark")))
    values = {entry.name: entry.value for entry in found}
    assert len(values) == len(found)
    for record in run_read.records:
        if record.unit in ("s", "B") and record.better == "lower" and record.ok and "model" in record.axes:
            scale = 1e3 if record.unit == "s" else 1
            assert values[f"{export.label(record)}/{record.metric}"] == pytest.approx(record.median * scale)


def test_a_median_without_an_interval_has_no_range() -> None:
    made = dataclasses.replace(small(), records=[bench_record("forward_time", "lstm", 64, VALUES[:3])])
    assert "range" not in document("github-action-benchmark", made)[0]
    (case,) = document("bencher", made).values()
    assert case == {"latency": {"value": pytest.approx(0.011 * 1e9)}}


class Measure(Strict):
    value: float
    lower_value: float | None = None
    upper_value: float | None = None


def test_bencher_gets_latencies_in_nanoseconds_with_both_ends() -> None:
    text = export.exported([small()], "bencher")
    found = TypeAdapter(dict[str, dict[str, Measure]]).validate_json(text)
    latency = found[f"{export.label(small().records[0])}/forward_time"]["latency"]
    assert latency.value == pytest.approx(statistics.median(VALUES) * 1e9)
    assert latency.lower_value == pytest.approx(0.010 * 1e9)
    assert latency.upper_value == pytest.approx(0.013 * 1e9)
    assert {measure for case in found.values() for measure in case} == {"latency", "size"}


def test_bencher_has_every_value_of_the_reference_run_between_its_ends() -> None:
    text = export.exported([read_run(CPU)], "bencher")
    found = TypeAdapter(dict[str, dict[str, Measure]]).validate_json(text)
    bounded = [
        (measure.lower_value, measure.value, measure.upper_value)
        for case in found.values()
        for measure in case.values()
        if measure.lower_value is not None and measure.upper_value is not None
    ]
    assert bounded
    assert all(lower <= value <= upper for lower, value, upper in bounded)


def test_pytest_benchmark_compares_what_it_is_given(tmp_path: Path) -> None:
    """By its own command."""
    pytest.importorskip("pytest_benchmark")
    files = [tmp_path / f"{number:04}_run.json" for number in (1, 2)]
    for file, factor in zip(files, (1.0, 2.0), strict=True):
        file.write_text(str(export.exported([small(factor=factor)], "pytest-benchmark")))
    words = [sys.executable, "-m", "pytest_benchmark", "compare", *map(str, files), "--csv", str(tmp_path / "out.csv")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    medians = sorted(float(row["median"]) for row in rows if row["name"].endswith("forward_time"))
    assert medians == pytest.approx([statistics.median(VALUES), 2 * statistics.median(VALUES)])
    assert "forward_time" in done.stdout


def test_pytest_benchmark_reads_the_reference_run(tmp_path: Path) -> None:
    """By its own command: every name with its median."""
    pytest.importorskip("pytest_benchmark")
    run_read, file = read_run(CPU), tmp_path / "0001_run.json"
    file.write_text(str(export.exported([run_read], "pytest-benchmark")))
    words = [sys.executable, "-m", "pytest_benchmark", "compare", str(file), "--csv", str(tmp_path / "out.csv")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    timed = [r for r in run_read.records if r.unit == "s" and r.ok and "model" in r.axes]
    assert {row["name"]: float(row["median"]) for row in rows} == {
        f"{export.label(r)}/{r.metric}": pytest.approx(r.median) for r in timed
    }


seconds = st.floats(min_value=1e-9, max_value=1e3)


@unhurried
@given(st.lists(seconds, min_size=1, max_size=30))
def test_statistics_of_any_times_are_those_of_numpy_and_of_pytest_benchmark(values: list[float]) -> None:
    """Without its quartiles, which it takes otherwise."""
    import numpy

    theirs = pytest.importorskip("pytest_benchmark.stats").Stats()
    for value in values:
        theirs.update(value)
    found = export.statistics_of(values)
    assert set(theirs.fields) <= found.keys()
    for name in ("min", "max", "mean", "stddev", "rounds", "median", "ops", "total"):
        assert found[name] == pytest.approx(getattr(theirs, name), rel=1e-9, abs=1e-12), name
    assert [found["q1"], found["q3"]] == pytest.approx(numpy.percentile(values, [25, 75]))
    assert found["iqr"] == pytest.approx(numpy.subtract(*numpy.percentile(values, [75, 25])), abs=1e-12)
    assert found["min"] <= found["ld15iqr"] <= found["hd15iqr"] <= found["max"]
    assert found["data"] == values


def test_what_lies_far_outside_is_an_outlier() -> None:
    found = export.statistics_of([1.0, 1.1, 1.2, 1.3, 9.0])
    assert (found["outliers"], found["iqr_outliers"], found["stddev_outliers"]) == ("1;1", 1, 1)
    assert (found["ld15iqr"], found["hd15iqr"]) == (1.0, 1.3)


def test_statistics_are_those_of_numpy() -> None:
    import numpy

    found = export.statistics_of(VALUES)
    assert [found["q1"], found["median"], found["q3"]] == pytest.approx(numpy.percentile(VALUES, [25, 50, 75]))
    assert found["mean"] == pytest.approx(numpy.mean(VALUES))
    assert found["stddev"] == pytest.approx(numpy.std(VALUES, ddof=1))
    assert (found["min"], found["max"], found["rounds"]) == (0.010, 0.013, 6)
    assert export.statistics_of([0.5])["stddev"] == 0.0


def test_otava_gets_a_row_a_run_in_the_order_of_time() -> None:
    later, earlier = small("2026-02-01T00:00:00+00:00", commit="b"), small("2026-01-01T00:00:00+00:00", commit="a")
    rows = list(csv.reader(io.StringIO(str(export.exported([later, earlier], "otava")))))
    assert rows[0][:2] == ["time", "commit"]
    assert [row[:2] for row in rows[1:]] == [["2026-01-01T00:00:00+00:00", "a"], ["2026-02-01T00:00:00+00:00", "b"]]
    assert len(rows[0]) == len(rows[1]) == len(set(rows[0])) == 2 + 4
    text, gaps = export.otava_configuration([later, earlier], "series.csv")
    assert text.count("direction: -1") == 3  # of the number of parameters neither more nor less is better
    assert 'file: "series.csv"' in text
    assert gaps == []


def test_otavas_configuration_names_columns_of_its_series() -> None:
    yaml = pytest.importorskip("yaml")
    file = 'a "b"/\U0001f642: #é.csv'
    runs = [read_run(CPU)]
    test = yaml.safe_load(export.otava_configuration(runs, file)[0])["tests"]["rnn-vs-attn"]
    header = next(csv.reader(io.StringIO(str(export.exported(runs, "otava")))))
    assert (test["type"], test["file"], test["time_column"]) == ("csv", file, "time")
    assert {test["time_column"], *test["attributes"]} <= set(header)
    assert all(metric["column"] in header for metric in test["metrics"].values())
    assert {name.rpartition("/")[2]: metric["direction"] for name, metric in test["metrics"].items()} == {
        "forward_time": -1,
        "train_time": -1,
        "backward_time": -1,
        "peak_memory": -1,
        "saved_bytes": -1,
        "state_size": -1,
    }


def test_a_metric_that_one_run_lacks_is_an_empty_cell_and_not_in_otavas_configuration() -> None:
    runs = [small("2026-01-01T00:00:00+00:00"), without(small("2026-01-02T00:00:00+00:00"), "train_time")]
    rows = list(csv.DictReader(io.StringIO(str(export.exported(runs, "otava")))))
    column = export.label(small().records[1]) + "/train_time"
    assert [row[column] for row in rows] == [repr(small().records[1].median), ""]
    text, gaps = export.otava_configuration(runs, "series.csv")
    assert gaps == [column]
    assert column not in text
    assert "forward_time" in text


def test_a_run_without_values_is_no_row_of_a_series() -> None:
    interrupted = dataclasses.replace(small(), records=[failed(r) for r in small().records])
    assert export.exported([small(), interrupted], "otava") == export.exported([small()], "otava")
    assert export.otava_configuration([small(), interrupted], "x.csv")[1] == []


def test_otava_is_not_sent_to_a_series_with_nothing_to_judge() -> None:
    runs = [without(small(), "forward_time"), dataclasses.replace(small(), records=small().records[:1])]
    with pytest.raises(UserError, match="otava has nothing to read"):
        export.otava_configuration(runs, "x.csv")


def test_otava_gets_its_configuration_beside_the_series_and_the_call_is_said(tmp_path: Path) -> None:
    paths = [
        stored(tmp_path / "1", small()),
        stored(tmp_path / "2", without(small("2026-01-03T00:00:00+00:00"), "train_time")),
    ]
    output = tmp_path / "two words" / "series.csv"
    done = run("export", *map(str, paths), "--format", "otava", "--output", str(output))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    note, said = done.stderr.splitlines()
    assert note.startswith(f"note: not in {output.with_suffix('.yaml')}, as some run lacks it: bench/lstm/")
    command = shlex.split(said.partition("now: ")[2])
    assert command == [f"OTAVA_CONFIG={output.with_suffix('.yaml')}", "otava", "analyze", "rnn-vs-attn"]
    runs = [read_run(path) for path in paths]
    assert output.with_suffix(".yaml").read_text() == export.otava_configuration(runs, str(output))[0]


def test_csv_has_a_line_a_record_at_full_precision() -> None:
    run_read = read_run(CPU)
    rows = list(csv.DictReader(io.StringIO(str(export.exported([run_read], "csv")))))
    assert len(rows) == len(run_read.records)
    for row, record in zip(rows, run_read.records, strict=True):
        assert (row["metric"], row["status"]) == (record.metric, record.status)
        assert (float(row["median"]) if row["median"] else None) == record.median
        assert json.loads(row["samples"]) == record.samples


def test_a_whole_number_stays_one_beside_records_that_have_none() -> None:
    """`seq_len` of a row was 64.0, for the machine's own records are of no length."""
    rows = list(csv.DictReader(io.StringIO(str(export.exported([read_run(CPU), read_run(GRADFLOW)], "csv")))))
    assert {row["seq_len"] for row in rows} == {"", "64", "128", "256", "512", "1024"}
    assert {row["threads"] for row in rows} == {"", "1", "2"}
    assert {row["causal"] for row in rows} <= {"", "True", "False"}


def test_csv_of_several_runs_tells_them_apart_by_their_beginnings() -> None:
    runs = [small("2026-02-01T00:00:00+00:00"), small("2026-01-01T00:00:00+00:00")]
    rows = list(csv.DictReader(io.StringIO(str(export.exported(runs, "csv")))))
    assert [row["started"] for row in rows] == [r.started for r in runs for _ in r.records]


def test_csv_has_failed_cases_with_their_reason() -> None:
    run_of_one = dataclasses.replace(small(), records=[failed(small().records[0])])
    (row,) = csv.DictReader(io.StringIO(str(export.exported([run_of_one], "csv"))))
    assert (row["status"], row["error"], row["median"], row["samples"]) == ("failed", "no", "", "[]")


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"pip install 'rnn-vs-attn\[parquet\]'"):
        export.exported([small()], "parquet")


def test_parquet_is_read_back_by_pandas(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pandas

    done = run("export", str(CPU), str(GRADFLOW), "--format", "parquet", "--output", str(tmp_path / "all.parquet"))
    assert done.returncode == 0, done.stderr
    frame = pandas.read_parquet(tmp_path / "all.parquet")
    assert len(frame) == len(read_run(CPU).records) + len(read_run(GRADFLOW).records)
    assert set(frame["suite"]) == {"bench", "gradflow"}
    assert str(frame["seq_len"].dtype) == "Int64"
    records = [*read_run(CPU).records, *read_run(GRADFLOW).records]
    assert [None if pandas.isna(v) else v for v in frame["median"]] == [r.median for r in records]


@pytest.mark.parametrize("name", [f.name for f in export.FORMATS if not f.binary])
def test_the_reference_run_goes_into_every_format(name: str, tmp_path: Path) -> None:
    file = tmp_path / "out"
    done = run("export", str(CPU), "--format", name, "--output", str(file))
    assert done.returncode == 0, done.stderr
    assert file.read_text() == export.exported([read_run(CPU)], name)
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
        ([str(CPU), "--format", "otava", "--output", "x.yaml"], "give a name that ends in .csv"),
        ([str(GRADFLOW), "--format", "otava", "--output", "/proc/nothing/x"], "cannot write /proc/nothing/x ("),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(words: list[str], said: str) -> None:
    done = run("export", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_one_format_too_many_runs_is_a_user_error() -> None:
    with pytest.raises(UserError, match=r"those that take several are otava, latex, csv, parquet$"):
        export.exported([small(), small()], "github-action-benchmark")


@pytest.mark.parametrize("name", [f.name for f in export.FORMATS if not f.many])
@pytest.mark.parametrize("kept", [0, 1], ids=["no records", "a failed one"])
def test_a_run_without_values_is_a_user_error(name: str, kept: int) -> None:
    nothing = dataclasses.replace(small(), records=[failed(r) for r in small().records[:kept]])
    with pytest.raises(UserError, match="'bench' has no value that this format can hold; try --format csv"):
        export.exported([nothing], name)
    with pytest.raises(UserError, match="try --format csv"):
        export.exported([nothing, nothing], "otava")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"median":0.01125', '"median":NaN', "line 1 is damaged: median: Input should be a finite number"),
        ('"median":0.01125', '"median":1e999', "line 1 is damaged: median: Input should be a finite number"),
        ('"median":0.01125', '"median":-0.01125', "line 1 is damaged: forward_time is -0.01125 s"),
        ('"status":"ok"', '"status":"fine"', "line 1 is damaged: unknown status 'fine'"),
        ('"low":', '"least":', "line 1 is damaged: "),
    ],
)
def test_a_damaged_run_is_not_exported(old: str, new: str, said: str, tmp_path: Path) -> None:
    file = stored(tmp_path / "run", small()) / "records.jsonl"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(UserError) as error:
        compare.export([tmp_path / "run"], "csv", tmp_path / "out.csv")
    assert f"{file}, {said}" in str(error.value)
    assert not (tmp_path / "out.csv").exists()


OTAVA = Path(sys.prefix).with_name(Path(sys.prefix).name + "-otava") / "bin/otava"  # its numpy is not ours


needs_otava = pytest.mark.skipif(
    not OTAVA.exists(), reason=f"{OTAVA} is not there; `make test` makes it where there is a network"
)


def series() -> list[Run]:
    """A slowdown of 12 % from the 20th run on, in one metric of three."""
    runs = []
    for day in range(40):
        noise = 1 + 0.004 * ((day * 7) % 11 - 5) / 5
        found = small(f"2026-03-{1 + day // 2:02}T{12 * (day % 2):02}:00:00+00:00", commit=f"c{day:03}")
        times = [dataclasses.replace(r, median=(r.median or 0.0) * noise) for r in found.records]
        times[0] = dataclasses.replace(times[0], median=(times[0].median or 0.0) * (1.12 if day >= 20 else 1.0))
        runs.append(dataclasses.replace(found, records=times))
    return runs


def assert_otava_finds_the_step(runs: list[Run], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    file, configuration = folder / "series.csv", folder / "otava.yaml"
    file.write_text(str(export.exported(runs, "otava")))
    configuration.write_text(export.otava_configuration(runs, str(file))[0])
    words = ["analyze", "rnn-vs-attn", "--since", "2026-01-01", "--output", "json"]
    done = subprocess.run(
        [str(OTAVA), *words],
        env=os.environ | {"OTAVA_CONFIG": str(configuration)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (points,) = json.loads(done.stdout).values()
    changes = [change for point in points for change in point["changes"]]
    assert [change["metric"].rpartition("/")[2] for change in changes] == ["forward_time"]
    assert float(changes[0]["forward_change_percent"]) == pytest.approx(12, abs=1)
    assert points[0]["attributes"]["commit"] == "c020"


@needs_otava
def test_otava_finds_a_step_in_a_series_of_runs(tmp_path: Path) -> None:
    assert_otava_finds_the_step(series(), tmp_path)


@needs_otava
def test_otava_finds_a_step_beside_a_case_that_failed_once_and_in_a_folder_of_any_name(tmp_path: Path) -> None:
    """One empty cell made Otava read nothing at all, and so did a character beyond U+FFFF in the configuration."""
    runs = series()
    runs[7] = without(runs[7], "train_time")
    assert_otava_finds_the_step(runs, tmp_path / "a 'b' \U0001f642")


def test_latex_has_the_main_columns_of_every_case_once() -> None:
    document = str(export.exported([read_run(CPU), read_run(GRADFLOW)], "latex"))
    assert document.count("\\begin{table}") == document.count("\\end{table}") >= 2
    assert document.count("attention-naive & ") == 5  # a line a length
    assert "--columns" not in document
    labels = re.findall(r"\\label\{(.*?)\}", document)
    assert len(labels) == len(set(labels))
    assert labels[0] == "tab:bench-1-1"
