"""Runs of several suites and machines for reports, with numbers and claims that are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from fakes import record

from rnn_vs_attn.pages.entries import Entry
from rnn_vs_attn.pages.report import Report
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED, Claim
from rnn_vs_attn.records.types import Record, Run
from rnn_vs_attn.suites import suite_named
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.case import axes_of

EPYC = {"cpu": "AuthenticAMD family 26 model 2 AMD EPYC", "usable_cores": 2, "load": 0.1, "system": "Linux"}
H100 = {"cpu": "GenuineIntel family 6 model 207 Xeon", "usable_cores": 16, "gpus": [{"name": "NVIDIA H100"}]}
HOSTILE = "layers:Mix(name='<img src=x onerror=alert(1)> {{ 7 * 7 }} </script> & \x1b[2J\u202e\"')"
CLAIMS = (
    Claim("training", "Attention trains faster than lstm", FAILS, "it takes 1.40 [1.30, 1.50] times as long"),
    Claim("vanishing", "Gradients through lstm vanish", HOLDS, "half is lost after 1.41 tokens", "0 from 256"),
    Claim("memory", "Attention needs more memory", UNDECIDED, "1.02 [0.97, 1.08] times", "more rounds"),
)


def entry(suite: str, *records: Record, environment: dict[str, Any] = EPYC, **rest: Any) -> Entry:
    """A run of a suite that finds nothing by itself. claims: stored in it; path, command: its own."""
    found = suite_named(suite)
    found = replace(found, analysis=replace(found.analysis, claims=lambda records: []))
    path = Path(rest.pop("path", f"results/{suite}"))
    stored = [claim.record(suite) for claim in rest.pop("claims", ())]
    head: dict[str, Any] = {"command": ["rnn-vs-attn", suite], "settings": {}, "finished": None, "status": "complete"}
    head["started"] = "2026-11-23T04:59:18+00:00"
    run = Run(suite=suite, environment=environment, **(head | rest))
    run.records.extend([*records, *stored])
    return Entry(path, run, found)


def _axes(model: str, length: int) -> dict[str, Any]:
    return axes_of(BenchCase(model=model, seq_len=length, device="cpu", threads=2))


def time(
    model: str, median: float | None, low: float | None, high: float | None, length: int = 64, **rest: Any
) -> Record:
    """A training pass."""
    return record("train_time", median, low, high, **(_axes(model, length) | rest))


def memory(model: str, median: float, low: float, high: float, length: int = 64) -> Record:
    return record("peak_memory", median, low, high, unit="B", **_axes(model, length), **{"pass": "train"})


def state(model: str, size: float, length: int = 64) -> Record:
    return record("state_size", size, size, size, unit="B", exact=True, model=model, seq_len=length, device="cpu")


def accuracy(model: str, task: str, rate: float, median: float, half: float | None = None) -> Record:
    axes: dict[str, Any] = {"model": model, "task": task, "learning_rate": rate, "seq_len": 32, "device": "cpu"}
    ends = (None, None) if half is None else (median - half, median + half)
    return record("accuracy", median, *ends, unit="1", better="higher", scale="difference", **axes)


def planted_report(name: str = "lstm") -> Report:
    """Three runs of three machines, of a model of that name."""
    records = [time(name, 0.010, 0.009, 0.011), time("attention", 0.020, 0.019, 0.021)]
    failed = time("gru", None, None, None, status="failed", error=name)
    bench = entry("bench", *records, failed, memory(name, 1e6, 9e5, 1.1e6), path=f"results/{name}", claims=CLAIMS)
    there = [time(name, 0.1, 0.09, 0.11, device="cuda"), time("attention", 0.05, 0.04, 0.06, device="cuda")]
    claim = Claim("training", f"{name} is fast", HOLDS, name, name)
    other = entry("bench", *there, environment=H100 | {"host": name}, claims=[claim], command=["rnn-vs-attn", name])
    return Report([bench, other, entry("decode", state(name, 8192), environment=EPYC | {"cpu": name})])
