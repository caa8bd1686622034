"""Whole tables as people see them: Markdown and CSV."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fakes import bench_record, record

from rnn_vs_attn import units
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.types import LAUNCH_BOUND, Record
from rnn_vs_attn.report import layout, tables
from rnn_vs_attn.report.spreadsheet import to_csv
from rnn_vs_attn.report.tables import Column, Table
from rnn_vs_attn.suites.bench.suite import BENCH

AXES = ("model", "seq_len", "d_model")
COLUMNS = (
    Column("train ms", "train_time", units.milliseconds, interval="percent", precise=True),
    Column("÷ attention", "ratio", units.significant, {"of": "train_time"}, interval="ends"),
    Column("train MiB", "peak_memory", units.mebibytes, {"pass": "train"}),
    Column("width", "width", units.significant),
)


def small_run() -> list[Record]:
    """Four cases: one steady, one with a wide interval and a warning, one that failed, one of the user's own."""
    lstm = {"model": "lstm", "d_model": 64}
    attention = {"model": "attention", "d_model": 64}
    own = {"model": "a|b.py:Net", "d_model": 64}
    hot = ["the CPU clock moved"]
    reason = "RuntimeError: can't allocate memory"
    return [
        record("train_time", 0.010, 0.0099, 0.0102, seq_len=64, **lstm),
        record("ratio", 2.5, 2.25, 2.75, seq_len=64, of="train_time", **lstm),
        record("peak_memory", 3 << 20, unit="B", seq_len=64, warnings=hot, **lstm, **{"pass": "train"}),
        record("train_time", 0.004, 0.0030, 0.0050, seq_len=64, warnings=hot, **attention),
        record("peak_memory", 1 << 20, unit="B", seq_len=64, **attention, **{"pass": "train"}),
        record("train_time", None, seq_len=8, status="out_of_memory", error=reason, **attention),
        record("train_time", 0.1234, seq_len=8, **own),
        record("round_time", 30.0),
    ]


def test_times_that_are_the_hosts_are_marked_and_the_mark_is_explained_once() -> None:
    columns = [column for column in BENCH.view.columns if column.metric.endswith("_time")]
    axes = {"model": "lstm", "d_model": 64}
    records = []
    for n, train in ((64, 1.0), (128, 0.25)):
        records += [record(f"{name}_time", 0.002, 0.0019, 0.0021, seq_len=n, **axes) for name in ("backward", "train")]
        records += [record(LAUNCH_BOUND, train, unit="1", seq_len=n, **axes, **{"pass": "train"})]
    table = tables.build(records, AXES, columns, precision=0.01)
    assert [row[2:] for row in table.rows] == [["2.00^ ±5.0%!", "2.00^ ±5.0%!"], ["2.00 ±5.0%!", "2.00 ±5.0%!"]]
    assert table.notes.count(tables.LAUNCHES) == 1
    assert "launch_bound_train" in to_csv(records, AXES)


GOLDEN = r"""d_model 64

| model | seq_len | train ms | ÷ attention | train MiB |
| --- | --- | --- | --- | --- |
| attention [1] | 8 | out of memory | out of memory | out of memory |
| a\|b.py:Net | 8 | 123 | – | – |
| lstm [2] | 64 | 10.0 ±1.5% | 2.50 [2.25, 2.75] | 3.00 |
| attention [2] | 64 | 4.00 ±25%! | – | 1.00 |

- ! this interval is wider than the precision asked for, 5.0%
- ± is half of the 95% interval of the median of rounds, as a part of that median
- no interval where a case has fewer than 6 rounds, nor what depends on one
- [1] out_of_memory: RuntimeError: can't allocate memory
- [2] the CPU clock moved
"""

GOLDEN_CSV = """\
model,seq_len,d_model,train_time,train_time_low,train_time_high,ratio_train_time,ratio_train_time_low,\
ratio_train_time_high,peak_memory_train,peak_memory_train_low,peak_memory_train_high,rounds,status,error,warnings
attention,8,64,,,,,,,,,,0,out_of_memory,RuntimeError: can't allocate memory,
a|b.py:Net,8,64,0.1234,,,,,,,,,1,ok,,
lstm,64,64,0.01,0.0099,0.0102,2.5,2.25,2.75,3145728,,,1,ok,,the CPU clock moved
attention,64,64,0.004,0.003,0.005,,,,1048576,,,1,ok,,the CPU clock moved
"""


def build(records: list[Record], precision: float | None = 0.05) -> Table:
    return tables.build(records, AXES, COLUMNS, precision)


def test_markdown_table() -> None:
    assert build(small_run()).markdown() == GOLDEN


def test_csv_table() -> None:
    assert to_csv(small_run(), AXES) == GOLDEN_CSV


def test_median_low_and_high_stand_where_their_titles_say() -> None:
    made = [record("train_time", 2.0, 1.0, 3.0, model="lstm", seq_len=64, d_model=64)]
    titles, values = (line.split(",") for line in to_csv(made, AXES).splitlines())
    row = dict(zip(titles, values, strict=True))
    assert (row["train_time_low"], row["train_time"], row["train_time_high"]) == ("1.0", "2.0", "3.0")
    ends = (Column("time", "train_time", units.significant, interval="ends"),)
    assert tables.build(made, AXES, ends, None).rows[0][2] == "2.00 [1.00, 3.00]"


def test_the_number_after_plus_minus_is_half_of_the_interval() -> None:
    made = [record("train_time", 2.0, 1.8, 2.6, model="lstm", seq_len=64, d_model=64)]
    assert build(made, precision=None).rows[0][2] == "2000 ±20%"


def test_a_table_with_plus_minus_says_what_that_is() -> None:
    made = [record("train_time", 2.0, 1.8, 2.6, model="lstm", seq_len=64, d_model=64)]
    assert any("±" in note and "95" in note for note in build(made).notes)


def test_few_rounds_have_no_plus_minus_and_the_table_says_why() -> None:
    table = build([record("train_time", 2.0, model="lstm", seq_len=64, d_model=64)])
    assert table.rows[0][2] == "2000"
    assert table.notes == ["no interval where a case has fewer than 6 rounds, nor what depends on one"]


def test_an_interval_is_marked_only_where_it_is_wider_than_asked() -> None:
    made = [record("train_time", 1.0, 0.95, 1.05, model="lstm", seq_len=64, d_model=64)]
    assert build(made, precision=0.0501).rows[0][2] == "1000 ±5.0%"
    assert build(made, precision=0.0499).rows[0][2] == "1000 ±5.0%!"
    assert not any(note.startswith("!") for note in build(made, precision=0.0501).notes)
    assert "! this interval is wider than the precision asked for, 4.0%" in build(made, precision=0.04).notes


def test_rows_are_ordered_by_seq_len_and_then_by_model_in_the_order_given() -> None:
    made = [
        record("train_time", 1.0, model=model, seq_len=seq_len, d_model=64)
        for model in ("rnn", "attention", "gru")
        for seq_len in (1024, 8, 64)
    ]
    rows = tables.rows_of(made, AXES)
    found = [(row.axes["seq_len"], row.axes["model"]) for row in rows]
    assert found == [(length, model) for length in (8, 64, 1024) for model in ("rnn", "attention", "gru")]


def test_an_axis_that_varies_is_a_column_and_one_that_does_not_is_in_the_caption() -> None:
    made = [record("train_time", 1.0, model="lstm", seq_len=64, d_model=width) for width in (32, 4, 128)]
    table = build(made)
    assert table.header == ["model", "seq_len", "d_model", "train ms"]
    assert [row[2] for row in table.rows] == ["4", "32", "128"]
    assert table.caption == ""


def test_one_case_alone_names_its_model_and_length() -> None:
    table = build([record("train_time", 1.0, model="lstm", seq_len=64, d_model=8)])
    assert (table.header[:2], table.rows[0][:2], table.caption) == (["model", "seq_len"], ["lstm", "64"], "d_model 8")


def test_a_fault_in_one_pass_keeps_what_the_others_measured() -> None:
    case = {"model": "lstm", "seq_len": 64, "d_model": 64}
    memory = record("peak_memory", None, status="crashed", error="it fell over", **case)
    table = build([record("train_time", 0.002, 0.002, 0.002, **case), memory, replace(memory, metric="width")])
    assert table.rows == [["lstm [1]", "64", "2.00 ±0.0%", "crashed", "crashed"]]
    assert table.notes[-1] == "[1] crashed: it fell over"


def test_a_failed_case_is_a_row_even_where_nothing_else_was_measured() -> None:
    made = [record("train_time", None, status="timeout", error="slow", model="lstm", seq_len=64, d_model=64)]
    assert build(made).rows == [["lstm [1]", "64", "timeout"]]
    assert "timeout,slow" in to_csv(made, AXES)


def test_an_empty_run_is_an_empty_table() -> None:
    assert build([]).markdown() == "\n"
    assert to_csv([], AXES).count("\n") == 1


def test_line_breaks_in_a_reason_do_not_break_the_csv() -> None:
    import csv
    import io

    reason = 'it said "no",\nthen nothing'
    made = [record("train_time", None, status="failed", error=reason, model="lstm", seq_len=64, d_model=64)]
    rows = list(csv.DictReader(io.StringIO(to_csv(made, AXES))))
    assert [row["error"] for row in rows] == [reason]


# With the columns of `bench`


def bench_cells(records: list[Record]) -> dict[str, dict[str, str]]:
    """Cells of the table that `bench` shows, by model and title."""
    axes = list(BENCH.axes.case.__dataclass_fields__)
    table = tables.build([*records, *BENCH.analysis.expand(records)], axes, BENCH.view.columns, 0.05)
    return {row[0]: dict(zip(table.header, row, strict=True)) for row in table.rows}


def test_unknown_flops_are_absent_and_never_zero() -> None:
    known = [
        bench_record("train_time", "attention", 64, [0.001] * 6),
        bench_record("flops", "attention", 64, [4e9], {"pass": "train"}),
    ]
    unknown = [
        bench_record("train_time", "layers:Own", 64, [0.001] * 6),
        bench_record("flops", "layers:Own", 64, [None], {"pass": "train"}),
    ]
    cells = bench_cells([*known, *unknown])
    assert cells["attention"]["FLOP/s"] == "4.00 T"
    assert cells["layers:Own"]["FLOP/s"] == "–"
    assert "FLOP/s" not in bench_cells(unknown)["layers:Own"]


def test_bench_shows_seconds_as_milliseconds_and_bytes_as_mebibytes() -> None:
    records = [
        bench_record("train_time", "lstm", 64, [0.0021, 0.002, 0.0019, 0.002, 0.002, 0.002], batch_size=4),
        bench_record("peak_memory", "lstm", 64, [5 << 20] * 6, {"pass": "train"}, batch_size=4),
    ]
    cells = bench_cells(records)["lstm"]
    assert cells["train ms"] == "2.00 ±5.0%"
    assert cells["train MiB"] == "5.00"
    assert cells["tokens/s"] == "128 k"


# A column a case


def depth(model: str, distance: int, median: float | None, **rest: Any) -> Record:
    return record("norm", median, model=model, distance=distance, **({"seq_len": 8, "init": "plain"} | rest))


PIVOT = tables.Pivot(
    "norms", "norm", "distance", lambda r, narrow: "0" if r.zero else f"{r.median:.1f}{'' if narrow else '!'}", "a note"
)
PIVOT_AXES = ["model", "seq_len", "init"]


def test_a_pivot_has_a_row_a_distance_and_a_column_a_case() -> None:
    records = [depth("b", k, float(k)) for k in (4, 0, -2, 1, -1)] + [depth("a", 1, None, zero=True)]
    made = tables.build_pivot(records, PIVOT_AXES, PIVOT)
    assert made.header == ["distance", "b", "a"]
    assert made.rows == [
        ["0", "0.0!", "–"],
        ["1", "1.0!", "0"],
        ["4", "4.0!", "–"],
        ["-1", "-1.0!", "–"],
        ["-2", "-2.0!", "–"],
    ]
    assert made.notes == ["a note"]
    assert tables.build_pivot(records, PIVOT_AXES, PIVOT, narrow=True).rows[0] == ["0", "0.0", "–"]


def test_a_pivot_names_what_varies_in_the_order_given() -> None:
    records = [depth("a", 1, 1.0, init=init) for init in ("zebra", "apple")]
    assert tables.build_pivot(records, PIVOT_AXES, PIVOT).header == ["distance", "a init zebra", "a init apple"]


def test_a_pivot_shows_a_fault_in_every_row() -> None:
    records = [
        depth("a", 1, 1.0),
        record("norm", None, model="b", seq_len=8, init="plain", status="failed", error="no"),
    ]
    assert tables.build_pivot(records, PIVOT_AXES, PIVOT).rows == [["1", "1.0!", "failed"]]


def test_a_pivot_shows_what_a_case_has_measured_before_its_fault() -> None:
    records = [depth("a", 1, 1.0), depth("a", 2, None, status="out_of_memory", error="large"), depth("b", 1, 2.0)]
    assert tables.build_pivot(records, PIVOT_AXES, PIVOT).rows == [["1", "1.0!", "2.0!"], ["2", "out of memory", "–"]]


def test_what_was_asked_and_is_not_known_is_absent_and_what_was_not_asked_a_dash() -> None:
    lost = replace(depth("a", 2, 1.0), median=None, samples=[None])
    rows = tables.build_pivot([depth("a", 1, 1.0), lost, depth("b", 1, 2.0)], PIVOT_AXES, PIVOT).rows
    assert rows == [["1", "1.0!", "2.0!"], ["2", "absent", "–"]]


def test_columns_of_a_pivot_are_ordered_like_the_rows_of_a_table() -> None:
    records = [depth(model, 1, 1.0, seq_len=n) for n in (16, 8) for model in ("rnn", "attention")]
    header = ["distance", "rnn seq_len 8", "attention seq_len 8", "rnn seq_len 16", "attention seq_len 16"]
    assert tables.build_pivot(records, PIVOT_AXES, PIVOT).header == header


def test_a_pivot_leaves_out_cases_that_owe_nothing_of_it() -> None:
    other = record("loss", 1.0, model="b", seq_len=8, init="zebra")
    assert tables.build_pivot([depth("a", 1, 1.0), other], PIVOT_AXES, PIVOT).header == ["distance", "a"]


def test_a_pivot_of_nothing_has_no_rows_and_no_notes() -> None:
    made = tables.build_pivot([record("loss", 1.0, model="a", seq_len=8, init="plain")], PIVOT_AXES, PIVOT)
    assert (made.caption, made.header, made.rows, made.notes) == ("norms", ["distance"], [], [])


def test_distances_are_not_groups_and_cases_are() -> None:
    assert not tables.build_pivot([depth("a", 1, 1.0)], PIVOT_AXES, PIVOT).grouped
    assert tables.build([depth("a", 1, 1.0)], PIVOT_AXES, [], None).grouped


def test_words_are_ordered_by_their_first_appearance_and_numbers_by_their_size() -> None:
    made = [depth("a", 1, 1.0, init=init, seq_len=n) for init in ("zebra", "apple", "mango") for n in (100, 9)]
    found = [(row.axes["init"], row.axes["seq_len"]) for row in tables.rows_of(made, PIVOT_AXES)]
    assert found == [(init, n) for init in ("zebra", "apple", "mango") for n in (9, 100)]


def test_a_column_may_write_its_whole_cell() -> None:
    word = record("verdict", None, model="a", seq_len=8, init="plain", unit="text", details={"text": "flat"})
    column = tables.Column("verdict", "verdict", str, cell=lambda r: r.text)
    assert tables.build([word], PIVOT_AXES, [column], None).rows == [["a", "8", "flat"]]


def test_a_column_that_writes_its_cells_writes_no_faults_and_no_gaps() -> None:
    case = {"seq_len": 8, "init": "plain"}
    records = [
        record("decay", 0.5, 0.4, 0.6, model="a", **case),
        record("decay", None, model="b", status="timeout", error="slow", **case),
        record("other", 1.0, model="c", **case),
    ]
    column = tables.Column("decay", "decay", str, interval="ends", cell=lambda r: f"times {r.median}")
    rows = tables.build(records, PIVOT_AXES, [column], None).rows
    assert [row[-1] for row in rows] == ["times 0.5", "timeout", "–"]


def test_words_and_zeros_are_in_the_csv() -> None:
    word = record("verdict", None, model="a", seq_len=8, init="plain", unit="text", details={"text": "flat"})
    lines = to_csv([word, depth("a", 4, None, zero=True)], PIVOT_AXES).splitlines()
    assert lines[0].startswith("model,seq_len,init,verdict,verdict_low,verdict_high,norm_4,")
    assert lines[1].startswith("a,8,plain,flat,,,zero,,")


def test_a_median_of_0_in_the_csv_is_a_number() -> None:
    assert to_csv([depth("a", 4, 0.0)], PIVOT_AXES).splitlines()[1].startswith("a,8,plain,0.0,,,")


def test_an_interval_around_0_is_no_part_of_its_median() -> None:
    records = [record("gap", value, value - 1, value + 1, model="a", seq_len=8, init="plain") for value in (0.0, -4.0)]
    column = tables.Column("gap", "gap", str, interval="percent")
    cells = [tables.build([made], PIVOT_AXES, [column], None).rows[0][-1] for made in records]
    assert cells == ["0.0", "-4.0 ±25%"]


def test_a_table_knows_its_width() -> None:
    made = tables.build_pivot([depth("a", 1, 1.0)], PIVOT_AXES, PIVOT)
    assert layout.width_of(made) == len("| distance |") + len(" 1.0! |")


def test_a_table_that_is_too_wide_is_several() -> None:
    records = [depth(name, 1, 1.0) for name in ("first", "second", "third")]
    whole = tables.build_pivot(records, PIVOT_AXES, PIVOT)
    parts = [part.table for part in layout.parts(whole, 30)]
    assert [part.header for part in parts] == [["distance", "first", "second"], ["distance", "third"]]
    assert [part.rows for part in parts] == [[["1", "1.0!", "1.0!"]], [["1", "1.0!"]]]
    assert all(layout.width_of(part) <= 30 for part in parts)
    narrow = [part.table.header for part in layout.parts(whole, len("| distance | second |"))]
    assert narrow == [["distance", n] for n in ("first", "second", "third")]
    assert layout.parts(whole, len("| distance | second")) == []
    assert [part.table for part in layout.parts(whole, 1000)] == [whole]


def test_a_tables_spare_columns_are_left_out_and_named() -> None:
    whole = tables.Table(
        "c", ["kind", "model", "time", "peak"], [["k", "m", "1", "2"]], ["n"], heads=2, spare=("kind", "peak")
    )
    main = whole.main
    assert (main.header, main.rows, main.heads) == (["model", "time"], [["m", "1"]], 1)
    assert main.notes == ["n", "more columns (--columns all): kind, peak"]
    assert main.main == main
    assert "| kind | model | time | peak |" in whole.markdown()


# Which columns are shown

CHOICE = [
    Column("train ms", "train_time", units.milliseconds),
    Column("of peak", "flops_fraction", units.percent, spare=True),
    Column("train MiB", "peak_memory", units.mebibytes, {"pass": "train"}),
    Column("forward MiB", "peak_memory", units.mebibytes, {"pass": "forward"}, spare=True),
]


@pytest.mark.parametrize(
    ("wanted", "titles"),
    [
        ((), ["train ms", "train MiB"]),
        (("all",), ["train ms", "of peak", "train MiB", "forward MiB"]),
        (("of peak", "train ms"), ["of peak", "train ms"]),
        (("Of Peak",), ["of peak"]),
        (("peak_memory",), ["train MiB", "forward MiB"]),
        (("of peak", "all"), ["train ms", "of peak", "train MiB", "forward MiB"]),
    ],
)
def test_columns_are_those_that_are_not_spare_or_those_that_are_named(wanted: list[str], titles: list[str]) -> None:
    assert [column.title for column in tables.chosen(CHOICE, wanted)] == titles


@pytest.mark.parametrize(
    ("words", "titles"),
    [
        (["reach", "tokens"], ["reach, tokens"]),
        (["reach, tokens"], ["reach, tokens"]),
        (["reach", "tokens", "law", "half-life", "tokens"], ["reach, tokens", "law", "half-life, tokens"]),
        (["reach", "tokens", "half-life"], ["reach, tokens", "half-life, tokens"]),  # typed twice, each word once
        (["law", "law"], ["law"]),
    ],
)
def test_a_title_with_a_comma_can_be_named(words: list[str], titles: list[str]) -> None:
    columns = [Column(title, title, units.significant) for title in ("half-life, tokens", "reach, tokens", "law")]
    assert [column.title for column in tables.chosen(columns, words)] == titles


def test_an_unknown_column_is_an_error_and_one_that_a_run_lacks_is_not() -> None:
    with pytest.raises(UserError, match="unknown column 'of peek'; did you mean 'of peak'"):
        tables.chosen(CHOICE, ["train ms", "of peek"])
    assert tables.chosen(CHOICE[:1], ["of peak"], CHOICE) == []
    with pytest.raises(UserError, match="unknown column 'of peak'"):
        tables.chosen(CHOICE[:1], ["of peak"])
