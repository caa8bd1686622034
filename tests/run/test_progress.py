"""The bar of progress shows names as they are."""

from __future__ import annotations

import io
import re

from planted_recall import case
from screens import MARKUP, Screen

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.run import progress
from rnn_vs_attn.worker.protocol import Trained


def test_the_bar_of_progress_shows_a_name_as_it_is() -> None:
    file = Screen()
    console = Terminal(file=file, width=120)
    with progress.bar(console) as bar:
        bar.add_task(f"round 1 · {MARKUP}", total=2, left="[red]soon")
        bar.refresh()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())
    assert MARKUP in text
    assert "[red]soon" in text


def shown(file: Screen, rounds: int = 1) -> progress.Shown:
    limits = Limits(rounds=rounds, max_seconds=1e9)
    return progress.Shown(Terminal(file=file, width=200), limits, 1, lambda records: None)


def plain(file: Screen) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())


def test_a_training_under_way_is_told_by_its_step_its_loss_and_its_speed() -> None:
    file = Screen()
    with shown(file, rounds=3) as bar:
        bar.round_begins(1, 4)
        bar.case_goes_on(case("lstm"), Trained(120, 400, 3.0, 0.6931, 12_345.6))
    told = plain(file)
    assert "round 2 of 3" in told
    assert "mqar lstm 0.003: step 120 of 400, loss 0.693, 12,346 tokens/s" in told
    assert "0/4" in told


def test_trainings_that_have_ended_are_counted_once_a_round() -> None:
    file = Screen()
    with shown(file) as bar:
        bar.round_begins(0, 2)
        for model in ("lstm", "gru"):
            bar.case_goes_on(case(model), Trained(400, 400, 3.0, 0.6931, 1e4))
            bar.case_ends(case(model))
        bar.case_goes_on(case("lstm"), Trained(120, 400, 3.0, 0.5, 1e4))
    assert "2/2" in plain(file)


def test_where_nothing_moves_each_training_that_ends_is_one_line() -> None:
    file = io.StringIO()
    bar = progress.Shown(Terminal(file=file, width=20), Limits(rounds=1), 1, lambda records: None)
    bar.round_begins(0, 2)
    bar.case_goes_on(case("lstm"), Trained(120, 400, 3.0, 0.5, 1e4))
    bar.case_ends(case("lstm"))
    bar.case_ends(case("gru"))
    first, second = file.getvalue().splitlines()
    assert first.startswith("round 1 of 1: 1 of 2 trained after")
    assert first.endswith("the last one mqar lstm 0.003")
    assert second.startswith("round 1 of 1: 2 of 2 trained after")
