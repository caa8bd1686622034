"""What `recall` tells a run of its trainings, and cells of its tables."""

from __future__ import annotations

import dataclasses

import pytest
from planted_recall import RATES, STEPS, case, grid, record

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.run.output import tables_of
from rnn_vs_attn.suites.recall.case import wanted_steps
from rnn_vs_attn.suites.recall.suite import RECALL, beside
from rnn_vs_attn.tasks.registry import TASKS


def test_the_hardest_task_says_how_many_steps_are_wanted() -> None:
    alone = {spec.name: wanted_steps([case("lstm", task=spec.name, seq_len=64)]) for spec in TASKS}
    assert all(steps > 0 and steps % 20 == 0 for steps in alone.values())
    every = [case("lstm", task=spec.name, seq_len=64) for spec in TASKS]
    assert wanted_steps(every) == max(alone.values())
    assert wanted_steps([case("lstm", task="parity"), case("lstm", task="copy", seq_len=64)]) == alone["copy"]


def test_what_evaluations_take_grows_with_the_lengths_and_falls_with_the_batch() -> None:
    one = case("lstm", test_seq_len="32", batch_size=64)
    assert beside(one) > 0
    assert beside(dataclasses.replace(one, batch_size=128)) == pytest.approx(beside(one) / 2)
    longer = [beside(dataclasses.replace(one, test_seq_len=f"32,{n}")) - beside(one) for n in (64, 128)]
    assert longer[1] == pytest.approx(2 * longer[0])


def test_a_case_owes_its_loss_alone_as_adding_has_no_accuracy() -> None:
    assert RECALL.owed(case("gru", task="adding")) == ("loss",)
    assert not RECALL.timed


def tables(*models: str) -> list[Table]:
    lengths = [
        record(model, "accuracy_at_length", [score], {"length": length})
        for model in models
        for length, score in {32: 0.995, 64: 0.5, 128: None if model == "attention" else 0.25}.items()
    ]
    records = [each for model in models for each in grid(model, [100, None, 300], others=(50, None))]
    return tables_of(RECALL, [*records, *lengths], Limits(rounds=3))


def test_the_table_of_all_cases_has_a_row_for_each_rate() -> None:
    table = tables("lstm")[0]
    assert table.header[:3] == ["task", "model", "learning_rate"]
    assert [row[:3] for row in table.rows] == [["mqar", "lstm", str(rate)] for rate in RATES]
    solved = [row[table.header.index("steps to solve")] for row in table.rows]
    assert solved[0] == "50"
    assert f"steps {STEPS}" in table.caption
    assert "test_seq_len" not in table.caption
