"""Runs of an earlier schema: what is named otherwise by now is read under its new name, and all values stay."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from edited_runs import called
from paths import TESTS

from rnn_vs_attn import export
from rnn_vs_attn.compare import runs
from rnn_vs_attn.compare.verdicts import MISSING, NEW
from rnn_vs_attn.records.checks import checked_run
from rnn_vs_attn.records.claims import HOLDS, VERDICT, Claim
from rnn_vs_attn.records.folder import RunFolder, has_other_names, read_run, read_samples
from rnn_vs_attn.records.migrations import SCHEMA, migrated
from rnn_vs_attn.records.types import SampleLine
from rnn_vs_attn.suites import SUITES, metrics, suite_named
from rnn_vs_attn.suites.case import LayerCase, axes_of
from rnn_vs_attn.suites.suite import Suite

OLD = TESTS / "data/schema_1"
BY_SIZE = {"flops": "flops_per_token", "forward_time": "forward_call_time", "train_time": "train_call_time"}
RENAMED: dict[str, dict[str, str]] = {
    "bench": {},
    "gradflow": {"verdict": "gradient_law"},
    "variants-albert": BY_SIZE,
    "variants-gpt": BY_SIZE,
    "variants-transformer-xl": {"reach": "receptive_field"},
}
SAMPLED_OTHERWISE = [name for name in RENAMED if name.startswith("variants")]
BOTH_FILES = pytest.mark.parametrize("file", ["records.jsonl", "samples.jsonl"])
EACH = pytest.mark.parametrize("name", RENAMED)


def lines(path: Path, file: str) -> list[dict[str, Any]]:
    """What is stored."""
    return [json.loads(line) for line in (path / file).read_text().splitlines()]


def copied(name: str, path: Path, **head: Any) -> Path:
    """A copy of an old run, with other values in its head."""
    made = Path(shutil.copytree(OLD / name, path / name))
    stored = json.loads((made / "run.json").read_text())
    (made / "run.json").write_text(json.dumps(stored | head))
    return made


def rewritten(name: str, path: Path) -> Path:
    """An old run stored anew by this version, under the names of now."""
    folder, run = RunFolder.create(path), read_run(OLD / name)
    folder.write_run(run)
    folder.write_records(run.records)
    for line in read_samples(OLD / name):
        folder.append(line)
    folder.close()
    return path


# Names


@EACH
@BOTH_FILES
def test_an_old_run_is_read_with_new_names_and_the_same_values(name: str, file: str) -> None:
    names, stored = RENAMED[name], lines(OLD / name, file)
    found = checked_run(OLD / name).records if file == "records.jsonl" else read_samples(OLD / name)
    assert len(found) == len(stored) > 5
    for old, new in zip(stored, found, strict=True):
        assert new.metric == names.get(old["metric"], old["metric"])
        of = old["axes"].get("of")
        assert new.axes.get("of") == names.get(of, of)
        assert {n: v for n, v in new.axes.items() if n in old["axes"] and n != "of"} == {
            n: v for n, v in old["axes"].items() if n != "of"
        }
        for field in {*old} - {"axes", "metric"}:
            assert getattr(new, field) == old[field], field


@EACH
def test_every_new_name_stands_for_something_stored(name: str) -> None:
    """Or the test above would see no name change."""
    assert {line["metric"] for line in lines(OLD / name, "records.jsonl")} >= {*RENAMED[name]}
    derived = {line["axes"].get("of") for line in lines(OLD / name, "records.jsonl")}
    if name in ("variants-albert", "variants-gpt"):
        assert derived >= {"forward_time", "train_time"}


def test_nothing_of_a_run_of_bench_is_named_otherwise() -> None:
    for file in ("records.jsonl", "samples.jsonl"):
        assert {line["metric"] for line in lines(OLD / "bench", file)} >= {"forward_time", "train_time", "flops"}
    found = {record.metric for record in read_run(OLD / "bench").records}
    assert found == {line["metric"] for line in lines(OLD / "bench", "records.jsonl")}
    assert not has_other_names(OLD / "bench")


@pytest.mark.long
@EACH
def test_a_run_of_now_is_read_as_it_is(name: str, tmp_path: Path) -> None:
    """A forward_time of blocks stays one."""
    path = rewritten(name, tmp_path / "new")
    assert json.loads((path / "run.json").read_text())["schema"] == SCHEMA
    assert read_run(path) == read_run(OLD / name)
    assert read_samples(path) == read_samples(OLD / name)
    assert not has_other_names(path)
    times = [replace(r, metric="forward_time") for r in read_run(path).records if r.metric == "forward_call_time"]
    (path / "records.jsonl").write_text("")
    folder = RunFolder.reopen(path)
    folder.write_records(times)
    folder.close()
    assert read_run(path).records == times


@pytest.mark.parametrize("name", ["bench", "gradflow"])
@BOTH_FILES
def test_a_case_of_an_old_run_is_one_of_now_with_the_options_left_out(name: str, file: str) -> None:
    """As compare and --resume find it: by the axes that its case has now."""
    kind, found = suite_named(name).axes.case, set()
    read = checked_run(OLD / name).records if file == "records.jsonl" else read_samples(OLD / name)
    names = [field.name for field in fields(kind)]
    for stored, line in zip(lines(OLD / name, file), read, strict=True):
        if "num_layers" in stored["axes"]:
            assert not {"num_kv_heads", "positions"} & stored["axes"].keys()
            case = kind(**{n: v for n, v in stored["axes"].items() if n in names})
            assert {n: line.axes[n] for n in names if n in line.axes} == {
                n: v for n, v in axes_of(case).items() if n in line.axes
            }
            found.add((line.axes["num_kv_heads"], line.axes["positions"]))
    assert found == {(1, "none")}


@pytest.mark.parametrize("num_heads", [1, 2, 3, 4, 6, 8, 20])
def test_heads_of_keys_of_an_old_run_are_those_that_are_left_out_now(num_heads: int) -> None:
    line = SampleLine("scaling", {"model": "lstm", "num_layers": 1, "num_heads": num_heads}, "forward_time", 0, 1.0)
    assert migrated(line, 2).axes["num_kv_heads"] == LayerCase(num_heads=num_heads).num_kv_heads
    assert migrated(replace(line, suite="variants-gpt"), 2).axes == line.axes


@pytest.mark.parametrize("suite", ["bench", "decode", "gradflow"])
def test_an_old_run_of_bench_was_computed_by_own_kernels_and_no_other_suite_says_so(suite: str) -> None:
    line = SampleLine(suite, {"model": "rwkv7", "num_layers": 1, "num_heads": 4}, "forward_time", 0, 1.0)
    assert migrated(line, 3).axes.get("backend") == {"bench": "torch"}.get(suite)
    newer = replace(line, axes={**line.axes, "backend": "fla"})
    assert migrated(newer, 4).axes["backend"] == "fla"


@pytest.mark.parametrize("schema", [2, 3])
@pytest.mark.parametrize("suite", ["bench", "decode", "scaling"])
def test_a_claim_of_an_old_run_with_several_depths_is_called_as_one_of_now(schema: int, suite: str) -> None:
    """Its axes are those that told cases apart, not those of a case, so that compare finds it."""
    claim = Claim(
        "trains faster", "Attention trains faster than lstm", HOLDS, "", "", {"model": "lstm", "num_layers": 2}
    )
    assert migrated(claim.record(suite), schema) == claim.record(suite)


# What is done with an old run


def test_single_calls_are_never_held_against_blocks() -> None:
    """They are missing in the new run and new in it; the counts, which are the same thing, are compared."""
    old = checked_run(OLD / "variants-gpt")
    names = {"forward_call_time": "forward_time", "train_call_time": "train_time"}
    new = replace(old, records=[replace(r, metric=names.get(r.metric, r.metric)) for r in old.records])
    rules = runs.Rules(0.03, tuple(old.records[0].axes))
    found = runs.judge(old, new, rules)
    verdicts = {(row.metric, row.verdict) for row in found}
    assert verdicts >= {(name, MISSING) for name in names} | {(name, NEW) for name in names.values()}
    assert not {row.metric for row in found if row.verdict not in (MISSING, NEW)} & {*names, *names.values()}
    assert ("step_time", MISSING) not in verdicts


@pytest.mark.long
@pytest.mark.parametrize("name", SAMPLED_OTHERWISE)
def test_a_finished_old_run_is_shown_from_its_records(name: str, tmp_path: Path) -> None:
    path = copied(name, tmp_path)
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    code, out, err = called(*suite_named(name).command.split(), "--resume", str(path))
    assert (code, err) == (0, f"Written to {path}: table.md has every column and remark\n")
    titles = {"variants-transformer-xl": "Transformer-XL sees further than its segment: holds."}
    assert titles.get(name, "| train call ms |") in out
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


@pytest.mark.long
@pytest.mark.parametrize("name", SAMPLED_OTHERWISE)
def test_an_unfinished_old_run_is_not_gone_on_with(name: str, tmp_path: Path) -> None:
    path = copied(name, tmp_path, status="interrupted", finished=None)
    code, out, err = called(*suite_named(name).command.split(), "--resume", str(path))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "was begun by a version that measures by other definitions; start a run of its own" in err


@pytest.mark.long
@pytest.mark.parametrize("retry", [False, True])
def test_what_failed_in_an_old_run_is_not_measured_again(retry: bool, tmp_path: Path) -> None:
    path = copied("variants-gpt", tmp_path)
    first, *rest = lines(path, "records.jsonl")
    failed = first | {"status": "failed", "error": "it broke"}
    (path / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (failed, *rest)))
    code, out, err = called("variants", "gpt", "--resume", str(path), *(["--retry"] if retry else []))
    assert code == (2 if retry else 4)
    assert ("by other definitions" in err) == retry
    assert ("it broke" in out) == (not retry)


@pytest.mark.long
def test_a_finished_old_run_of_bench_is_shown_as_ever(tmp_path: Path) -> None:
    code, out, _ = called("bench", "--resume", str(copied("bench", tmp_path)))
    assert code == 0
    assert "| train ms |" in out


@pytest.mark.long
@EACH
def test_an_old_run_is_exported(name: str) -> None:
    text = str(export.exported([checked_run(OLD / name)], "csv"))
    for old, new in RENAMED[name].items():
        assert f",{new}," in text
        assert f",{old}," not in text


# One word, one meaning


def test_a_metric_has_one_definition() -> None:
    """In all suites that have one of its name, and where it is of two in suites/metrics.py, or beside claims."""
    owners: dict[str, list[Suite]] = {}
    shared = {metric.name: metric for metric in vars(metrics).values() if isinstance(metric, metrics.Metric)}
    shared |= {metric.name: metric for metric in (*metrics.MACHINE_PEAKS, VERDICT)}
    for suite in SUITES:
        names = [row.metric.name for row in suite.metrics]
        assert len(names) == len(set(names))
        for row in suite.metrics:
            owners.setdefault(row.metric.name, []).append(suite)
    for name, suites in owners.items():
        found = {row.metric for suite in suites for row in suite.metrics if row.metric.name == name}
        assert len(found) == 1, name
        if len(suites) > 1:
            assert found == {shared[name]}, name


def test_no_name_of_now_is_one_of_before_with_another_meaning() -> None:
    """What a suite measures now is read as such from a run of now; old names that it gave up are free for no one."""
    for name, names in RENAMED.items():
        now = {row.metric.name for row in suite_named(name).metrics}
        assert not now & {new for new in names.values() if new.endswith("_call_time")}
        assert now >= {new for new in names.values() if not new.endswith("_call_time")}
