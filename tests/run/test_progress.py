"""The bar of progress shows names as they are."""

from __future__ import annotations

import io
import re

from planted_recall import case
from screens import MARKUP, Screen

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.run import progress
from rnn_vs_attn.suites.lm.case import LmCase
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


def shown(file: Screen, rounds: int = 1) -> progress.ShownTrainings:
    limits = Limits(rounds=rounds, max_seconds=1e9)
    return progress.ShownTrainings(Terminal(file=file, width=200), limits, lambda records: None, 4)


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


def test_at_80_columns_a_line_of_progress_stays_one() -> None:
    file, clock = Screen(), Hand()
    of = LmCase(model="transformer-xl", learning_rate=3e-3)
    console = Terminal(file=file, width=80)
    with progress.ShownTrainings(console, Limits(rounds=3, max_seconds=1e9), lambda records: None, 4, clock) as bar:
        bar.round_begins(0, 12)
        clock.now = 60
        bar.case_goes_on(of, Trained(1084, 2000, 3.0, 2.87, 30_688.0))
    lines = [line.rstrip() for line in plain(file).replace("\r", "\n").splitlines() if "transformer-xl" in line]
    assert all("transformer-xl memory 64 0.003: step" in line and " left" in line for line in lines)
    assert all("0/12" in line and len(line) <= 80 for line in lines)
    assert lines


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
    bar = progress.ShownTrainings(Terminal(file=file, width=20), Limits(rounds=1), lambda records: None, 2)
    bar.round_begins(0, 2)
    bar.case_goes_on(case("lstm"), Trained(120, 400, 3.0, 0.5, 1e4))
    bar.case_ends(case("lstm"))
    bar.case_ends(case("gru"))
    first, second = file.getvalue().splitlines()
    assert first.startswith("round 1 of 1: 1 of 2 trained, the last one mqar lstm 0.003, after")
    assert second.startswith("round 1 of 1: 2 of 2 trained, the last one mqar gru 0.003, after")


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def trained(file: io.StringIO, clock: Hand, rounds: int | None, max_seconds: float = 1e9) -> progress.ShownTrainings:
    """Of six trainings in the first round and two in each later one."""
    limits = Limits(rounds=rounds, max_seconds=max_seconds)
    bar = progress.ShownTrainings(Terminal(file=file, width=20), limits, lambda records: None, 2, clock)
    bar.round_begins(0, 6)
    return bar


def test_what_is_left_to_train_counts_the_fewer_trainings_of_later_rounds() -> None:
    """At ten seconds each: four of the first round and two in each of the two others."""
    file, clock = io.StringIO(), Hand()
    bar = trained(file, clock, rounds=3)
    for model in ("lstm", "gru"):
        clock.now += 10
        bar.case_ends(case(model))
    assert file.getvalue().splitlines()[-1].endswith("after 20 s; about 80 s left")


def test_what_is_left_after_a_round_is_that_of_the_others() -> None:
    file, clock = io.StringIO(), Hand()
    bar = trained(file, clock, rounds=3)
    for rate in (1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3):
        clock.now += 10
        bar.case_ends(case("lstm", rate))
    bar.round_ends(0, [])
    assert file.getvalue().splitlines()[-1] == "round 1 of 3 took 60 s; about 40 s left"
    bar.round_begins(1, 2)
    clock.now += 10
    bar.case_ends(case("lstm"))
    assert file.getvalue().splitlines()[-1].endswith("after 70 s; about 30 s left")


def test_what_is_left_to_train_counts_those_under_way_by_their_steps() -> None:
    """One and a half are done after fifteen seconds, four and a half and four are left."""
    file, clock = io.StringIO(), Hand()
    bar = trained(file, clock, rounds=3)
    clock.now = 15
    bar.case_goes_on(case("gru"), Trained(200, 400, 3.0, 0.5, 1e4))
    bar.case_ends(case("lstm"))
    assert file.getvalue().splitlines()[-1].endswith("after 15 s; about 85 s left")


def test_no_more_is_left_than_the_time_of_the_run_and_none_after_the_last() -> None:
    file, clock = io.StringIO(), Hand()
    bar = trained(file, clock, rounds=1, max_seconds=35)
    clock.now = 10
    bar.case_ends(case("lstm", 1e-4))
    assert file.getvalue().splitlines()[-1].endswith("; about 25 s left")
    for rate in (2e-3, 3e-3, 4e-3, 5e-3, 6e-3):
        bar.case_ends(case("lstm", rate))
    assert file.getvalue().splitlines()[-1].endswith("after 10 s")
    bar.round_ends(0, [])
    assert file.getvalue().splitlines()[-1] == "round 1 of 1 took 10 s; done"
