"""Tables and figures of `scaling` from planted records."""

from __future__ import annotations

import dataclasses

from planted_scaling import GRID, LSTM, timed

from rnn_vs_attn.suites.scaling import figures, tables
from rnn_vs_attn.suites.scaling.analysis import derive
from rnn_vs_attn.suites.scaling.case import LAYER

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
        "Table 1 of Vaswani et al. 2017 and what was measured: complexity",
        "Table 1 of Vaswani et al. 2017 and what was measured: longest chain of operations",
        "Where n meets d",
        "Speed-up over threads",
    ]
    names = [figure.name for figure in figures.figures(found)]
    assert names == ["forward_time_seq_len", "forward_time_d_model", "speed_up"]
    assert any("lstm, n^1.00" in s.label for s in figures.figures(found)[0].series)


def test_a_crossing_from_which_attention_is_the_faster_one_is_not_shown_as_the_other_way_round() -> None:
    """It takes 1e-3 s at every length, and lstm 1e-3 s at 300 tokens: below that attention costs more."""
    models = {"attention": LAYER, "lstm": LAYER}
    lengths, widths = GRID[0], [256]

    def where_n_meets_d(attention: float, power: float) -> tuple[list[str], list[str]]:
        planted = timed(
            lambda m, n, d, t: attention if m == "attention" else 1e-3 * (n / 300) ** power, models, lengths, widths
        )
        (table,) = (t for t in tables.tables([*planted, *derive(planted)]) if t.caption == "Where n meets d")
        return table.rows[0][4:6], table.notes[1:]

    cells, notes = where_n_meets_d(1e-3, 1.0)
    assert cells == ["up to 300 [300, 300]"] * 2
    assert notes == ["up to an n: attention costs more than the model at shorter sequences, and less from there on"]
    assert where_n_meets_d(1e-3, -1.0) == (["300 [300, 300]"] * 2, [])
