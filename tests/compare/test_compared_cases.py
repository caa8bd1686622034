"""Which cases of two stored runs are compared: a fault, and what one run lacks, cost one case and no other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from command import run
from paths import REFERENCE
from planted_runs import record, run_of, stored, values

from rnn_vs_attn.compare import runs
from rnn_vs_attn.compare.runs import Rules
from rnn_vs_attn.compare.verdicts import FAILED, MISSING, NEW, Comparison
from rnn_vs_attn.records.folder import RunFolder, read_run
from rnn_vs_attn.records.types import Record, Run
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.metrics import CALIBRATION
from rnn_vs_attn.suites.scaling.suite import SCALING
from rnn_vs_attn.suites.suite import Suite

CPU = read_run(REFERENCE / "full/bench")
MODELS = ("rnn", "gru", "lstm", "lstm-cell", "attention", "attention-naive")
LENGTHS = (64, 128, 256, 512, 1024)
CASES = {(model, length) for model in MODELS for length in LENGTHS}
DERIVED = ("exponent", "crossing")


def rules_of(suite: Suite) -> Rules:
    axes = tuple(field.name for field in dataclasses.fields(suite.axes.case))
    return Rules(0.03, axes, calibration=CALIBRATION, echoes=frozenset(suite.echoes))


def changed(run: Run, records: Iterable[Record]) -> Run:
    return dataclasses.replace(run, records=list(records))


def at(model: str | None, length: int) -> Callable[[Record], bool]:
    return lambda r: r.axes.get("seq_len") == length and model in (None, r.axes.get("model"))


def with_fault(run: Run, which: Callable[[Record], bool], status: str = "out_of_memory", error: str = "no room") -> Run:
    """The run with some cases failed."""
    fault = {"status": status, "error": error, "samples": [], "median": None, "low": None, "high": None}
    return changed(run, (dataclasses.replace(r, **fault) if which(r) else r for r in run.records))


def left_out(which: Callable[[Record], bool], needed: int = 200) -> Run:
    """The reference run as one that had no time for some cases: what is read out of all lengths is of the others."""
    reason = f"left out: 6 rounds with it do not fit into --max-seconds 165; {needed} has it"
    run = with_fault(CPU, which, "timeout", reason)
    names = [row.metric.name for row in BENCH.metrics if row.owed]
    owed = [r for r in run.records if r.metric not in DERIVED and (r.status == "ok" or r.metric in names)]
    told = [dataclasses.replace(r, details={"needed_seconds": needed}) if r.status != "ok" else r for r in owed]
    return changed(run, [*told, *BENCH.analysis.derive(told)])


def judged(candidate: Run, baseline: Run = CPU) -> list[Comparison]:
    return runs.judge(baseline, candidate, rules_of(BENCH))


def timed(found: Iterable[Comparison]) -> set[tuple[object, object]]:
    """The cases whose forward pass is compared."""
    return {(c.axes["model"], c.axes["seq_len"]) for c in found if c.metric == "forward_time" and c.centre}


def rows(found: Iterable[Comparison], verdict: str) -> set[tuple[object, object, str]]:
    return {(c.axes["model"], c.axes.get("seq_len"), c.metric) for c in found if c.verdict == verdict}


# A fault


def test_a_model_that_fails_at_its_longest_length_is_compared_at_all_others() -> None:
    found = judged(with_fault(CPU, at("lstm", 1024)))
    assert rows(found, FAILED) == {("lstm", 1024, "all metrics")}
    assert timed(found) == CASES - {("lstm", 1024)}
    assert rows(found, MISSING) == rows(found, NEW) == set()


def test_where_every_model_fails_at_one_length_the_others_are_compared() -> None:
    found = judged(with_fault(CPU, at(None, 1024)))
    assert rows(found, FAILED) == {(model, 1024, "all metrics") for model in MODELS}
    assert timed(found) == {case for case in CASES if case[1] != 1024}


def test_a_fault_of_scaling_costs_the_case_with_its_threads_and_its_part_only() -> None:
    run = read_run(REFERENCE / "full/scaling")
    cases = {tuple(r.axes.items()) for r in run.records if r.metric == "forward_time"}
    failed = next(iter(cases))
    found = runs.judge(run, with_fault(run, lambda r: tuple(r.axes.items()) == failed), rules_of(SCALING))
    (row,) = (c for c in found if c.verdict == FAILED)
    assert tuple(row.axes.items()) == failed
    assert {tuple(c.axes.items()) for c in found if c.metric == "forward_time"} == cases - {failed}


# What one run lacks


def test_a_run_without_exponents_and_crossings_is_compared_in_every_case() -> None:
    plain = changed(CPU, (r for r in CPU.records if r.metric not in DERIVED))
    found = judged(plain)
    assert timed(found) == CASES
    curves = {(model, None, "exponent" if model == "attention" else "exponent, crossing") for model in MODELS}
    assert rows(found, MISSING) == curves
    assert {c.reason for c in found if c.verdict == MISSING} == {"the candidate has no such record"}
    assert rows(judged(CPU, plain), NEW) == curves
    assert rows(judged(CPU, plain), MISSING) == set()


def test_a_run_of_one_length_is_compared_at_that_length() -> None:
    one = changed(CPU, (r for r in CPU.records if r.axes.get("seq_len", 512) == 512 and r.metric not in DERIVED))
    found = judged(one)
    assert timed(found) == {case for case in CASES if case[1] == 512}
    missing = {case[:2] for case in rows(found, MISSING)}
    assert missing == {case for case in CASES if case[1] != 512} | {(model, None) for model in MODELS}
    assert rows(found, NEW) == set()


# What a run had no time for


@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_a_case_that_one_run_left_out_is_failed_and_all_others_are_compared(side: str) -> None:
    short = left_out(at("attention-naive", 1024))
    sides = (short, CPU) if side == "baseline" else (CPU, short)
    report = runs.report_of(*sides, ("a", "b"), rules_of(BENCH), False, [])
    assert rows(report.found, FAILED) == {("attention-naive", 1024, "all metrics")}
    (row,) = (c for c in report.found if c.verdict == FAILED)
    assert row.reason.startswith(f"{side}: timeout: left out: 6 rounds with it do not fit into --max-seconds 165; 200")
    assert timed(report.found) == CASES - {("attention-naive", 1024)}
    assert report.code == 3


def test_what_is_read_out_of_all_lengths_is_missing_over_those_that_one_run_left_out() -> None:
    """`attention` has an exponent over the lengths that it shares with each other model."""
    found = judged(left_out(at("attention-naive", 1024)))
    assert {c.axes["model"] for c in found if c.verdict in (MISSING, NEW)} == {"attention-naive", "attention"}
    assert {c.axes["seq_len_to"] for c in found if c.verdict == MISSING} == {1024}
    assert {c.axes["seq_len_to"] for c in found if c.verdict == NEW} == {512}


def test_a_case_that_both_runs_left_out_has_no_verdict_and_all_others_are_compared() -> None:
    alike = left_out(at("attention-naive", 1024))
    report = runs.report_of(alike, alike, ("a", "b"), rules_of(BENCH), False, [])
    (row,) = (c for c in report.found if c.verdict == FAILED)
    assert (row.axes["model"], row.axes["seq_len"]) == ("attention-naive", 1024)
    assert row.reason.startswith("on both sides: timeout: left out: ")
    assert timed(report.found) == CASES - {("attention-naive", 1024)}
    assert rows(report.found, MISSING) == rows(report.found, NEW) == set()
    assert report.code == 3


def test_what_each_run_needs_for_a_case_that_both_left_out_is_said() -> None:
    sides = [left_out(at("attention-naive", 1024), needed) for needed in (200, 350)]
    (row,) = (c for c in judged(*sides) if c.verdict == FAILED)
    said = "timeout: left out: 6 rounds with it do not fit into --max-seconds 165;"
    assert row.reason == f"baseline: {said} 350 has it; candidate: {said} 200 has it"


# Where it is asked for


def test_the_command_knows_the_fields_of_a_case(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    failed = with_fault(CPU, at("lstm", 1024))
    folder.write_run(failed)
    folder.write_records(failed.records)
    folder.close()
    done = run("compare", str(REFERENCE / "full/bench"), str(tmp_path / "run"))
    assert done.returncode == 3
    assert "1 failed" in done.stdout
    assert "| lstm | 1024 | – | all metrics | failed |" in done.stdout
    assert done.stdout.count("all metrics") == 1


def test_runs_of_a_suite_that_is_not_of_this_version_are_compared_by_the_axes_that_all_records_have() -> None:
    one, other = record("accuracy", values(8), axes={"distance": 4}), record("loss", values(8))
    of_machine = dataclasses.replace(one, axes={"device": "cpu"})
    assert runs.shared_axes([run_of(one, of_machine), run_of(other)]) == ("model", "seq_len")
    assert runs.shared_axes([run_of()]) == ()
    done = run("compare", *[str(REFERENCE / "ab")] * 2)
    assert "missing" not in done.stdout
    assert "train_time" in done.stdout


def test_a_stored_pair_is_whole(tmp_path: Path) -> None:
    """Records by hand that lack most fields of a case are groups of their own, each with the metrics that it has."""
    lstm, gru = (
        [record(f"{name}_time", values(8), model) for name in ("forward", "train")] for model in ("lstm", "gru")
    )
    old, new = stored(tmp_path / "old", *lstm, *gru), stored(tmp_path / "new", *lstm)
    done = run("compare", str(old), str(new))
    assert done.returncode == 3
    assert "| gru | 64 | forward_time, train_time | missing |" in done.stdout
