"""The section of a run: its parts, what is cut, what is warned of, how it is repeated."""

from __future__ import annotations

from dataclasses import replace

from planted_bench import STEADY, planted, times
from planted_reports import EPYC, entry, time

from rnn_vs_attn.pages.methods import METHODS
from rnn_vs_attn.pages.sections import cut, environment, illustrated, repeated, section, warnings
from rnn_vs_attn.report.plots import Figure, Series
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.recall.case import SOLVED_ACCURACY, SOLVED_LOSS


def test_every_suite_says_in_three_sentences_how_it_measures() -> None:
    assert set(METHODS) == {suite.name for suite in SUITES}
    assert {len(sentences) for sentences in METHODS.values()} == {3}


def test_a_figure_comes_first_and_the_table_under_it() -> None:
    found = section(entry("bench", *times(planted(256), STEADY)), "run-1", "bench")
    assert [figure.chart.title for figure in found.figures] == ["Training pass: time over seq_len"]
    assert found.figures[0].caption == "Lower is faster; a band is the 95% interval of the median"
    main = found.parts[0].tables[0]
    assert main.header[:3] == ["model", "seq_len", "train ms"]
    assert len(main.rows) == 10
    names = [part.heading or part.folded for part in found.parts[1:]]
    assert names[0] == "The whole table"
    assert names[-3:] == ["How it was measured", "How to repeat it", "The machine and its software"]


def test_a_long_table_is_cut_with_a_word_where_the_rest_is() -> None:
    table = Table("", ["n"], [[str(n)] for n in range(5000)], ["a note"])
    found = cut(table, "results/x/table.csv")
    assert len(found.rows) == 200
    assert found.notes == ["4800 more rows of 5000 are left out here; results/x/table.csv has all", "a note"]
    assert cut(found, "x").rows == found.rows


def test_many_lines_are_cut_in_the_figure_and_kept_in_its_table() -> None:
    series = [Series(f"m{n}", [1.0, 2.0], [1.0, 2.0], [None, None], [None, None]) for n in range(20)]
    found = illustrated(Figure("f", "many", "tokens", "ms", series, scale=1e3), "bench")
    assert isinstance(found.chart, Figure)
    assert len(found.chart.series) == 16
    assert found.caption == "Lower is faster; the first 16 of 20 lines; the table has all"
    assert found.numbers.rows[-1] == ["m19", "2", "2000"]


def test_warnings_name_what_is_missing_and_why() -> None:
    failed = [time("attention", None, None, None, n, status="out_of_memory", error="too large") for n in (64, 128)]
    found = warnings(entry("bench", *failed, status="interrupted", environment=EPYC | {"load": 3.0}))
    assert found[0] == "The run was interrupted: what was not measured is missing."
    assert found[1] == "attention: 2 values missing, out of memory."
    assert found[2:] == ["The load is 3.0 on 2 usable cores: something else is computing."]


def test_a_run_that_tells_little_of_its_machine_is_not_warned_of() -> None:
    assert warnings(entry("bench", environment={"load": 3.0, "gpus": [{"utilization": "much"}]})) == []


def test_the_command_line_is_one_that_a_shell_takes() -> None:
    typed = ["rnn-vs-attn", "bench", "--model", "a b"]
    assert repeated(entry("bench", command=typed)) == "rnn-vs-attn bench --model 'a b'"
    assert repeated(entry("bench", command=[])) == "not stored"


def test_the_environment_has_a_row_a_known_fact() -> None:
    facts = {"cpu": "abacus", "gpus": [], "ci": None, "load": 0.5, "variables": {"OMP_NUM_THREADS": "1"}}
    assert environment(facts).rows == [["cpu", "abacus"], ["load", "0.5"], ["variables", '{"OMP_NUM_THREADS": "1"}']]


def test_figures_that_a_page_has_no_room_for_are_where_it_says() -> None:
    figures = [Figure(f"f{n}", f"f{n}", "tokens", "ms", [Series("m", [1.0], [1.0], [None], [None])]) for n in range(15)]
    made = entry("bench")
    view = replace(made.suite.view, figures=lambda records: figures)
    found = section(replace(made, suite=replace(made.suite, view=view)), "run-1", "bench")
    (more,) = (part for part in found.parts if part.folded == "11 more figures")
    assert len(found.figures) + len(more.figures) == 12
    assert more.sentences == ["Left out here, and in results/bench/plots: 3 more figures."]


def test_what_is_said_of_how_it_was_measured_is_how_it_is_measured() -> None:
    """Fields are found by changing tokens, and no gradient is in it; a loss has a threshold of its own."""
    of_memory = " ".join(METHODS["variants-transformer-xl"])
    assert "changing each token" in of_memory
    assert "gradient" not in of_memory
    assert f"an accuracy of {SOLVED_ACCURACY:g}, of adding a loss of {SOLVED_LOSS:g}." in METHODS["recall"][2]


def test_a_band_is_called_what_it_is() -> None:
    """Of `lm` curves over steps have the range of the seeds, and those over contexts an interval where there is one."""
    series = [Series("gpt", [1.0, 2.0], [2.0, 2.0], [1.9, 1.9], [2.1, 2.1])]
    for title, band in (
        ("book, by time: median and range of the seeds", "the range of the seeds"),
        ("book: by the tokens before; median of the seeds", "the 95% interval of the median"),
    ):
        figure = Figure("f", title, "tokens", "bits a byte, held out", series)
        assert illustrated(figure, "lm").caption == f"Lower is better; a band is {band}"
