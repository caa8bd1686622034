"""Tables and figures of `scaling` from planted records."""

from __future__ import annotations

import dataclasses
from typing import Any

from fakes import of_rounds
from planted_scaling import GRID, LSTM, timed

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.scaling import figures, tables
from rnn_vs_attn.suites.scaling.analysis import derive
from rnn_vs_attn.suites.scaling.case import LAYER, ScalingCase
from rnn_vs_attn.suites.scaling.suite import SCALING

# Times, planted


def test_what_is_to_be_known_of_a_model_stands_under_the_table() -> None:
    found = timed(lambda m, n, d, t: 1e-9 * n * d**2, LSTM, [512], [64])
    said = ["it works in place", "the hypervisor took 9% of processor time during this case"]
    known = [dataclasses.replace(r, warnings=said) if r.metric == "train_time" else r for r in found]
    (table, *_) = tables.tables([*known, *derive(known)])
    assert [note for note in table.notes if note.startswith("lstm:")] == ["lstm: it works in place"]


def test_tables_and_figures_of_planted_records() -> None:
    models = {"attention": LAYER, "lstm": LAYER}
    records = timed(lambda m, n, d, t: 1e-9 * n * d**2 / t, models, *GRID, threads=[1, 2, 4])
    found = [*records, *derive(records)]
    titles = [table.caption.split(",")[0] for table in tables.tables(found)]
    assert titles == [
        "Table 1 of Vaswani et al. 2017 and what was measured",
        "Where n meets d",
        "Speed-up over threads",
    ]
    names = [figure.name for figure in figures.figures(found)]
    assert names == ["forward_time_seq_len", "forward_time_d_model", "speed_up"]
    assert any("lstm, n^1.00" in s.label for s in figures.figures(found)[0].series)


def test_on_cuda_there_are_kernels_and_shares_of_the_peak_in_place_of_threads() -> None:
    case = ScalingCase("lstm", 128, 1, 64, device="cuda:0")
    axes = axes_of(case)

    def made(metric: str, value: float, **added: Any) -> Record:
        at = axes | added
        return of_rounds(SCALING.metric(metric, at), at, {0: value})

    records = [made("forward_time", 1e-3), made("train_time", 4e-3)]
    for name, flops, kernels in (("forward", 1e9, 5), ("train", 3e9, 17)):
        records += [made("flops", flops, **{"pass": name}), made("launches", kernels, **{"pass": name})]
    where = {name: axes[name] for name in ("device", "dtype", "threads")}
    records.append(of_rounds(SCALING.metric("peak_flops", where), where, {0: 2e12}))
    table = next(t for t in tables.tables(records) if t.caption.startswith("Share of the device's peak"))
    assert table.rows == [["lstm", "64", "128", "50%", "38%", "5", "17"]]
