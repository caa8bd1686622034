"""What `lm` tells a run of its trainings, and cells of its tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
from planted_lm import RATES, STEPS, case, contexts, failed, grid, record, trained

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.records.checks import problem_of, problem_of_value
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.run.output import tables_of
from rnn_vs_attn.suites.lm.suite import LM, beside


def test_a_training_is_as_long_as_its_time_says() -> None:
    trains = LM.rounds.trains
    assert trains is not None
    assert (trains.equal_time, trains.paced) == (True, ("seconds_per_model",))
    kinds = trains.kinds([case(model, rate) for model in ("gpt", "mingru") for rate in RATES])
    assert [each.model for each in kinds.values()] == ["gpt", "mingru"]


def test_what_evaluations_take_by_hand() -> None:
    """12 evaluations of 32,768 tokens, and 256 windows of 4, 8, 16, 32 and 64 tokens, at 0.4 of a step of 32 tokens."""
    expected = 0.4 * (12 * 32768 + 256 * (4 + 8 + 16 + 32 + 64)) / 32
    assert beside(case("gpt")) == pytest.approx(expected)
    assert beside(case("gpt", batch_size=4)) == pytest.approx(expected / 2)
    assert beside(case("gpt", held_out_tokens=65536)) == pytest.approx(expected + 0.4 * 12 * 32768 / 32)


def test_a_case_owes_its_bits_a_byte_and_nothing_is_timed() -> None:
    assert LM.owed(case("gpt")) == ("bits_per_byte",)
    assert not LM.timed
    assert LM.axes.of_text


@pytest.mark.parametrize(("metric", "value"), [("curve_seconds", 0.25), ("curve_bits", 0.0), ("state_size", 0.0)])
def test_what_a_training_yields_can_be_read_again(metric: str, value: float) -> None:
    assert problem_of_value(metric, LM.metric(metric, {}).unit, value) == ""


def test_records_of_a_training_are_whole() -> None:
    records = [*grid("gpt", [2.0, 2.5, 3.0]), *contexts("gpt", {16: [2.0] * 3})]
    assert [problem_of(each) for each in records] == [""] * len(records)


def table() -> Table:
    memories = [each for n in (0, 8) for each in trained("transformer-xl", [2.0, 2.5], memory_len=n)]
    lost = failed("gpt", RATES[2])
    records = [*trained("gpt", [3.0]), lost, *memories, record("gpt", "width", [64.0])]
    return tables_of(LM, records, Limits(rounds=3))[0]


def test_the_table_of_all_cases_has_a_row_for_each_rate_and_memory() -> None:
    found = table()
    assert found.header[:3] == ["model", "learning_rate", "memory_len"]
    rows = {(row[0].split(" ")[0], *row[1:3]): row for row in found.rows}
    assert set(rows) == {
        ("gpt", "0.01", "0"),
        ("gpt", "0.03", "0"),
        ("transformer-xl", "0.01", "0"),
        ("transformer-xl", "0.01", "8"),
    }
    bits = found.header.index("bits/byte")
    assert rows["gpt", "0.01", "0"][bits] == "3.00"
    assert rows["gpt", "0.03", "0"][bits] == "failed"
    assert f"steps {STEPS}" in found.caption
    assert any("failed: NaN" in note for note in found.notes)


def test_cases_that_differ_in_steps_alone_are_compared() -> None:
    one = case("gpt")
    assert LM.axes.together(one) == LM.axes.together(replace(one, model="mingru", steps=60, learning_rate=0.1))
    assert LM.axes.together(one) != LM.axes.together(replace(one, seq_len=32))
