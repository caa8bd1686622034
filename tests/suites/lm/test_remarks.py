"""What `lm` says beside its claims, and its tables with a row for each model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from planted_lm import RATES, STEPS, TEXT, contexts, failed, grid, record, said, trained

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.suites.lm import remarks
from rnn_vs_attn.suites.lm.analysis import derive
from rnn_vs_attn.suites.lm.verdicts import RULE

LOW, HIGH = [2.0, 2.1, 2.2], [3.0, 3.1, 3.2]


def line(records: Sequence[Record], part: str) -> str:
    (found,) = [each for each in said(records) if part in each]
    return found


def table(records: Sequence[Record], part: str = "lm: ") -> Table:
    (found,) = [each for each in remarks.summary([*records, *derive(records)]) if part in each.caption]
    return found


def cell(of: Table, model: str, column: str) -> str:
    (row,) = [row for row in of.rows if row[0] == model]
    return row[of.header.index(column)]


# The text, rates, trainings without an end


def of_text(**changes: Any) -> list[Record]:
    about = {"size": 123456, "sha256": "0123456789abcdef", "left_out": 0, "name": "book.txt"} | changes
    costs = {"lzma": 2.5, "bigram": 3.25}
    return [record("gpt", "baseline_bits", [bits], {"method": name}, details=about) for name, bits in costs.items()]


def test_the_text_is_named_with_its_hash_and_what_it_costs_without_a_network() -> None:
    told = line([*trained("gpt", LOW), *of_text()], "Text: ")
    assert told.startswith("Text: book.txt, 123,456 bytes, sha256 0123456789ab; its last tenth is held out.")
    assert "in bits a byte: lzma 2.500, bigram 3.250" in told
    assert "0123456789ab, 1 file left out as no text;" in line([*trained("gpt", LOW), *of_text(left_out=1)], "Text: ")


def test_the_text_is_told_once_of_several_models() -> None:
    other = [replace(each, axes=each.axes | {"model": "lstm-lm"}) for each in of_text()]
    assert sum("Text: " in each for each in said([*trained("gpt", LOW), *of_text(), *other])) == 1


def test_rates_at_an_edge_are_named_and_one_beside_a_rate_that_diverged_is_not() -> None:
    low, diverged = grid("gpt", [2.0], (1.0, 9.0)), grid("lstm-lm", [2.0], (9.0, None))
    told = line([*low, *diverged], "Best at an end")
    assert told == "Best at an end of the learning rates, so that others may be better: gpt 0.003 (--learning-rate)."
    assert not any("Best at an end" in each for each in said(diverged))


def test_trainings_without_an_end_are_named_with_what_came_between() -> None:
    records = [failed("transformer-xl", rate, memory_len=n) for n in (0, 8) for rate in RATES[:2]]
    assert said(records) == [
        "4 trainings came to no end (transformer-xl (memory 0) 0.003, transformer-xl (memory 0) 0.01, "
        "transformer-xl (memory 8) 0.003, transformer-xl (memory 8) 0.01): failed: NaN"
    ]
    one = [*trained("gpt", LOW), failed("lstm-lm", RATES[0], "out_of_memory", "10 GiB")]
    assert line(one, "no end") == "1 training came to no end (lstm-lm 0.003): out of memory: 10 GiB"
    many = [failed(model, rate, "timeout", "not reached") for model in ("gpt", "mingru") for rate in RATES]
    assert said(many)[0].endswith("gpt 0.03, mingru 0.003 and 2 more): timeout: not reached")


def test_the_rule_follows_where_anything_was_trained() -> None:
    assert said(trained("gpt", LOW))[-1] == RULE
    assert said([]) == []


# The tables


def test_a_text_known_by_heart_is_told_in_numbers() -> None:
    """0 bits were nan."""
    records = [*trained("gpt", [0.0] * 3), *trained("lstm-lm", HIGH)]
    assert cell(table(records), "gpt", "bits/byte") == "0.000 0.000 0.000"


def test_the_table_has_a_row_for_each_model_at_its_best_rate() -> None:
    records = [*grid("gpt", [2.0, 2.1], (1.5, 9.0)), *trained("lstm-lm", LOW, seconds=50.0)]
    found = table(records)
    assert [row[0] for row in found.rows] == ["gpt", "lstm-lm"]
    assert (cell(found, "gpt", "rate"), cell(found, "gpt", "bits/byte")) == ("0.003", "1.500")
    assert cell(found, "lstm-lm", "bits/byte") == "2.000 2.100 2.200"
    assert (cell(found, "lstm-lm", "s"), cell(found, "lstm-lm", "tokens")) == ("50.0", "12,800")
    assert cell(found, "lstm-lm", "tokens/s") == "256"
    assert found.caption == (f"lm: {TEXT}, bytes, 3 seeds, {STEPS} steps each, num_layers 2, d_model 64, match params")
    assert remarks.summary([]) == []


def test_equal_time_is_in_the_caption_and_steps_in_the_rows() -> None:
    records = [*trained("gpt", LOW, steps=60, seconds_per_model=20), *trained("mingru", LOW, seconds_per_model=20)]
    found = table(records)
    assert ", 20 s each, " in found.caption
    assert (cell(found, "gpt", "steps"), cell(found, "mingru", "steps")) == ("60", "400")


def test_several_lengths_and_widths_are_told_apart() -> None:
    """Rows had the same name, and the caption the width of the first."""
    records = [each for d in (64, 32) for n in (16, 32) for each in trained("gpt", LOW, seq_len=n, d_model=d)]
    found = table([*records, *trained("lstm-lm", HIGH)])
    assert len({row[0] for row in found.rows}) == 5
    assert cell(found, "gpt seq_len 32 d_model 32", "tokens") == "25,600"
    assert "d_model 64 or 32" in found.caption


def test_contexts_are_columns_with_the_effective_length() -> None:
    nats = {16: [[2.0, 2.0]], 64: [[1.0, 2.0]]}
    records = [*trained("mingru", [2.0]), *contexts("mingru", {16: [2.0], 64: [1.5]}, nats=nats)]
    records += [
        *trained("gpt", [2.5]),
        *contexts("gpt", {16: [2.5], 64: [2.5]}, nats={n: [[3.0, 3.0]] for n in nats}),
    ]
    found = table(records, "before a target")
    assert found.header == ["model", "16 tokens", "64 tokens", "recl"]
    assert found.rows == [["mingru", "2.000", "1.500", "64"], ["gpt", "2.500", "2.500", "16"]]


def test_a_context_that_a_model_was_not_tested_with_is_a_dash_and_one_context_is_no_table() -> None:
    records = [*trained("gpt", [2.0]), *contexts("gpt", {16: [2.0], 64: [2.0]})]
    records += [*trained("lstm-lm", [2.5]), *contexts("lstm-lm", {16: [2.5]})]
    assert table(records, "before a target").rows[1] == ["lstm-lm", "2.500", "–", "–"]
    assert len(remarks.summary([*trained("gpt", [2.0]), *contexts("gpt", {16: [2.0]})])) == 1


@pytest.mark.parametrize(("lengths", "number"), [((16,), 1), ((16, 32), 2)])
def test_what_models_write_stands_under_what_they_go_on_from(lengths: Sequence[int], number: int) -> None:
    """With two lengths there was no such table, as they do not go on from the same beginning."""
    records = []
    for n in lengths:
        details = {"text": "of the\nking | " * 9, "prompt": f"{n} days\tand"}
        records += [*trained("gpt", [2.0], seq_len=n), record("gpt", "written", [0.0], details=details, seq_len=n)]
    found = [each for each in remarks.summary(records) if each.header == ["model", "text"]]
    assert [each.caption for each in found] == [
        f'what they write after "{n} days and", a piece of the held-out text' for n in lengths
    ]
    assert len(found) == number
    assert found[0].rows[0][1].startswith("of the king | of the king | of")
    assert len(found[0].rows[0][1]) <= 60
