"""Records as a file for a spreadsheet."""

from __future__ import annotations

import csv
import io

from fakes import record

from rnn_vs_attn.report.spreadsheet import to_csv

AXES = ("model", "seq_len")


def test_a_line_has_the_whole_value_and_both_ends() -> None:
    made = [record("train_time", 0.1 + 0.2, 0.25, 0.5, model="lstm", seq_len=64)]
    (line,) = csv.DictReader(io.StringIO(to_csv(made, AXES)))
    assert float(line["train_time"]) == 0.1 + 0.2
    assert (line["train_time_low"], line["train_time_high"], line["status"]) == ("0.25", "0.5", "ok")


def test_what_a_spreadsheet_would_compute_is_text() -> None:
    (line,) = csv.DictReader(io.StringIO(to_csv([record("train_time", 1.0, model="=1+1", seq_len=8)], AXES)))
    assert line["model"] == "'=1+1"
