"""What `scaling` says of a GPU, from planted records."""

from __future__ import annotations

from typing import Any

from fakes import of_rounds

from rnn_vs_attn.records.types import LAUNCH_BOUND, Record
from rnn_vs_attn.report.tables import LAUNCHES
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.scaling import launches, tables
from rnn_vs_attn.suites.scaling.case import MIXING, ScalingCase
from rnn_vs_attn.suites.scaling.suite import SCALING

CASE = ScalingCase("lstm", 128, 1, 64, device="cuda:0")


def made(metric: str, value: float | None, **added: Any) -> Record:
    at = axes_of(CASE) | added
    return of_rounds(SCALING.metric(metric, at), at, {0: value})


def of_a_gpu(forward_kernels: float | None) -> list[Record]:
    records = [made("forward_time", 1e-3), made("train_time", 4e-3)]
    for name, flops, kernels, bound in (("forward", 1e9, forward_kernels, 1.0), ("train", 3e9, 17, 0.25)):
        of_pass = {"pass": name}
        records += [made("flops", flops, **of_pass), made("launches", kernels, **of_pass)]
        records += [made(LAUNCH_BOUND, bound, **of_pass)]
    where = {name: axes_of(CASE)[name] for name in ("device", "dtype", "threads")}
    return [*records, of_rounds(SCALING.metric("peak_flops", where), where, {0: 2e12})]


def test_on_cuda_there_are_kernels_and_shares_of_the_peak_in_place_of_threads() -> None:
    """A pass of which most blocks waited for the host is marked, and a count that is not known is no 0."""
    table = next(t for t in tables.tables(of_a_gpu(5)) if t.caption.startswith("Share of the device's peak"))
    assert table.rows == [["lstm", "64", "128", "50%^", "38%", "5", "17"]]
    assert table.notes == [LAUNCHES]
    (unknown,) = launches.tables(of_a_gpu(None))
    assert unknown.rows == [["lstm", "64", "128", "50%^", "38%", "–", "17"]]


def test_which_times_were_the_hosts_is_said_once_a_case_and_pass() -> None:
    train = {"pass": "train"}
    records = [made(LAUNCH_BOUND, 1.0, seq_len=n, threads=t, **train) for n in (256, 128) for t in (1, 2)]
    records.append(made(LAUNCH_BOUND, 0.0, **train, seq_len=512))
    records.append(made(LAUNCH_BOUND, 0.75, **{"pass": "forward"}, part=MIXING))
    (line,) = launches.remarks(records)
    assert line.endswith(": lstm, train, at seq_len 128, 256; lstm between its projections, forward, at seq_len 128.")
    assert list(launches.remarks([made("forward_time", 1e-3)])) == []
