"""Words that suites of trainings share, by hand."""

from __future__ import annotations

from dataclasses import replace

from planted_recall import record

from rnn_vs_attn.records.query import without
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.training_words import endless, of_seeds, without_end


def failed(model: str, rate: float, reason: str, status: str = "failed") -> Record:
    return replace(record(model, "loss", [None], rate=rate), status=status, error=reason)


def test_below_six_seeds_each_of_them_is_told() -> None:
    assert of_seeds([2.0, 1.0], "{:.1f}".format) == "2.0 1.0"
    assert of_seeds([5.0, 4.0, 3.0, 2.0, 1.0], "{:g}".format) == "5 4 3 2 1"


def test_of_six_the_median_stands_between_the_least_and_the_largest() -> None:
    """The exact interval of the median of six values is their range: it misses once in 32."""
    assert of_seeds([6.0, 1.0, 2.0, 5.0, 4.0, 3.0], "{:.1f}".format) == "3.5 [1.0, 6.0]"


def test_trainings_that_failed_alike_are_one_line_with_their_number() -> None:
    records = [failed("lstm", rate, "no number") for rate in (1e-3, 2e-3, 3e-3, 4e-3, 5e-3)]
    records += [failed("gru", 1e-3, "killed", "out_of_memory"), record("attention", "loss", [0.1])]
    assert list(endless(records, "loss", lambda axes: f"{axes['model']} {axes['learning_rate']:g}")) == [
        "5 trainings came to no end (lstm 0.001, lstm 0.002, lstm 0.003, lstm 0.004 and 1 more): failed: no number",
        "1 training came to no end (gru 0.001): out of memory: killed",
    ]
    assert list(endless(records, "accuracy", str)) == []


def test_models_of_which_no_training_came_to_its_end_have_the_first_reason() -> None:
    records = [failed("gru", rate, f"killed at {rate}", "out_of_memory") for rate in (1e-3, 2e-3)]
    ended = record("lstm", "loss", [0.1])
    known = dict(without(ended.axes, "learning_rate"))
    found = without_end([*records, ended, failed("lstm", 1e-3, "no number")], "loss", [known])
    ((axes, reason),) = found.items()
    assert dict(axes) == dict(without(records[0].axes, "learning_rate"))
    assert reason == "out of memory: killed at 0.001; --resume RUN --retry trains again"
    assert without_end(records, "accuracy", []) == {}
