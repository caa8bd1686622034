"""What `recall` says beside its claims, and its table with a row for each model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from planted_recall import RATES, STEPS, case, grid, record, said, trained

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.suites.recall import remarks
from rnn_vs_attn.suites.recall.case import wanted_steps
from rnn_vs_attn.suites.recall.claims import RULE

FAST, NEVER = [100.0, 120.0, 80.0], [None] * 3


def line(records: Sequence[Record], begins: str) -> str:
    (found,) = [each for each in said(records) if each.startswith(begins)]
    return found


def table(records: Sequence[Record]) -> Table:
    (found,) = remarks.summary(records)
    return found


def cell(of: Table, model: str, column: str) -> str:
    (row,) = [row for row in of.rows if row[1] == model]
    return row[of.header.index(column)]


# The line of a task


def test_a_task_is_told_with_its_length_its_size_and_its_chance() -> None:
    assert "32 tokens, 4 pairs; chance is accuracy 0.0625" in line(grid("lstm", FAST), "mqar (")
    assert "chance is accuracy 0.5)" in line(grid("lstm", FAST, task="parity"), "parity (")
    adding = trained("gru", [None], scores=[None], task="adding")
    assert "chance is loss 0.167)" in line(adding, "adding (")
    assert "7 symbols" in line(grid("lstm", FAST, task="copy", num_symbols=7), "copy ")


def test_a_task_is_told_with_what_it_asks() -> None:
    assert line(grid("lstm", FAST, task="parity"), "parity (").endswith('): "Bits; is the number of ones so far odd?"')


def test_fewer_steps_than_a_task_takes_are_told_where_something_is_not_solved() -> None:
    def told(records: Sequence[Record]) -> list[str]:
        return [each for each in said(records) if each.startswith("Each training had 40 steps, where")]

    (found,) = told(grid("lstm", NEVER, steps=40))
    wanted = wanted_steps([case("lstm")])
    assert f"--steps {wanted}" in found
    assert told(grid("lstm", FAST, steps=40)) == []
    assert [each for each in said(grid("lstm", NEVER, steps=wanted)) if each.startswith("Each training")] == []


# Trainings without an end


def failed(model: str, error: str, rate: float = RATES[2], status: str = "failed") -> Record:
    """A training that came to no end."""
    return replace(record(model, "loss", [None], rate=rate), status=status, error=error, samples=[])


def test_trainings_without_an_end_are_named_with_what_came_between() -> None:
    records = [failed("lstm", "boom", rate) for rate in RATES]
    told = "3 trainings came to no end (mqar lstm 0.001, mqar lstm 0.003, mqar lstm 0.01): out of memory: boom"
    assert said([replace(each, status="out_of_memory") for each in records]) == [told]
    many = [failed(model, "not reached", rate, "timeout") for model in ("lstm", "gru") for rate in RATES]
    told = line([*grid("attention", FAST), *many], "6 trainings")
    assert told.endswith("mqar gru 0.001 and 2 more): timeout: not reached")
    lengths = [failed("lstm", "boom"), replace(failed("lstm", "boom"), axes=dict(failed("lstm", "").axes, seq_len=64))]
    assert said(lengths) == ["2 trainings came to no end (mqar lstm 0.01 and 1 more): failed: boom"]


def test_the_rule_follows_where_anything_was_said() -> None:
    assert RULE in said(grid("lstm", FAST))
    assert said([]) == []


# Memory and positions


@pytest.mark.parametrize(("best", "told"), [(0.25, True), (1.0, False)])
def test_a_state_that_is_too_small_is_named_with_its_bits(best: float, told: bool) -> None:
    memory = [record("lstm", "state_bits", [64.0]), record("lstm", "best_accuracy", [best])]
    found = [each for each in said([*grid("lstm", NEVER), *memory]) if each.startswith("lstm has 64 bits")]
    assert bool(found) == told
    assert all("0.25" in each for each in found)


@pytest.mark.parametrize(
    ("positions", "token_positions", "told"),
    [
        ("none", "auto", "a learned vector"),
        ("none", "learned", "a learned vector"),
        ("rotary", "learned", "a learned vector"),
        ("none", "none", "nothing of positions"),
        ("rotary", "auto", "rotary positions as they are"),
        ("alibi", "none", "alibi positions as they are"),
    ],
)
def test_what_attention_knows_of_longer_inputs_is_said(positions: str, token_positions: str, told: str) -> None:
    records = grid("attention", FAST, positions=positions, token_positions=token_positions)
    assert told in said(records)[-1]
    assert sum("osition" in each for each in said(records)) == 1


def test_of_recurrences_nothing_is_said_about_positions() -> None:
    assert not any("osition" in each for each in said(grid("lstm", FAST)))


def test_why_a_length_was_not_tested_is_said_once_of_each_model() -> None:
    records = grid("mine:Mixer", FAST) + grid("lstm", FAST)
    for length in (128, 64):
        absent = record("mine:Mixer", "accuracy_at_length", [None], {"length": length})
        records.append(replace(absent, warnings=[f"not tested at {length} tokens: it ends at 32"]))
    assert [each for each in said(records) if "not tested" in each] == [
        "mine:Mixer is not tested at 64 tokens: it ends at 32."
    ]


# The table


def test_the_table_has_a_row_for_each_model_at_its_best_rate() -> None:
    records = [*grid("attention", FAST, others=(200, None)), *grid("lstm", [100, None, None])]
    found = table(records)
    assert [row[:2] for row in found.rows] == [["mqar", "attention"], ["mqar", "lstm"]]
    assert cell(found, "attention", "rate") == f"{RATES[1]:g}"
    assert cell(found, "attention", "accuracy") == "1 1 1"
    assert cell(found, "lstm", "accuracy") == "1 0.5 0.5"
    assert (cell(found, "attention", "seeds"), cell(found, "lstm", "seeds")) == ("3 of 3", "1 of 3")
    assert (cell(found, "attention", "steps"), cell(found, "lstm", "steps")) == ("100", f"> {STEPS}")
    assert (cell(found, "attention", "rates"), cell(found, "lstm", "rates")) == ("2 of 3", "1 of 3")
    assert "3 seeds" in found.caption
    assert remarks.summary([]) == []


def test_lengths_are_columns_and_what_was_not_tested_is_absent_and_not_0() -> None:
    scores = {"attention": {32: 0.995, 64: None}, "lstm": {32: 0.5, 64: 0.25, 128: 0.0}}
    records = [each for model in scores for each in grid(model, FAST)]
    records += [
        record(model, "accuracy_at_length", [score], {"length": length})
        for model, found in scores.items()
        for length, score in found.items()
    ]
    (lengths,) = remarks.summary(records)[1:]
    assert lengths.header == ["task", "model", "32 tokens", "64 tokens", "128 tokens"]
    assert lengths.rows == [["mqar", "attention", "0.995", "absent", "–"], ["mqar", "lstm", "0.5", "0.25", "0"]]
    assert len(remarks.summary(grid("lstm", FAST))) == 1


def test_six_seeds_have_an_interval_and_five_are_shown_one_by_one() -> None:
    scores = [0.95, 0.96, 0.97, 0.98, 0.985, 0.9999]
    six = table(trained("lstm", [None] * 6, scores=scores))
    assert cell(six, "lstm", "accuracy") == "0.975 [0.95, 0.999]"
    five = table(trained("lstm", [None] * 5, scores=scores[:5]))
    assert cell(five, "lstm", "accuracy") == "0.95 0.96 0.97 0.98 0.985"


def test_an_accuracy_below_1_is_never_rounded_up_to_it() -> None:
    assert cell(table(trained("lstm", [None], scores=[0.99999])), "lstm", "accuracy") == "0.999"


def test_of_adding_the_loss_is_shown() -> None:
    found = table(trained("gru", [None, None], scores=[None, None], losses=[0.166, 0.0042], task="adding"))
    assert cell(found, "gru", "accuracy") == "0.166 0.00420"


def test_two_widths_are_in_the_caption() -> None:
    caption = table([*grid("lstm", FAST), *grid("lstm", FAST, d_model=32)]).caption
    assert "d_model 64 or 32 of attention" in caption


def test_two_tasks_and_two_lengths_are_told_apart() -> None:
    tasks = table([*grid("lstm", FAST, task="parity"), *grid("lstm", NEVER)])
    assert [row[0] for row in tasks.rows] == ["mqar", "parity"]
    lengths = [*grid("lstm", FAST, task="copy", seq_len=64), *grid("lstm", NEVER, task="copy", seq_len=128)]
    assert [row[0] for row in table(lengths).rows] == ["copy seq_len 128", "copy seq_len 64"]
