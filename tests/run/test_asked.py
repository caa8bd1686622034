"""From words and options to what a suite is asked for."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.run import cases
from rnn_vs_attn.run.asked import asked, options_of
from rnn_vs_attn.run.options import CheckpointOptions, OwnModelsOptions, TextOptions, TrainingOptions, UntimedOptions
from rnn_vs_attn.suites import SUITES

BY_NAME = {suite.name: suite for suite in SUITES}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bench", CheckpointOptions),
        ("gradflow", UntimedOptions),
        ("recall", TrainingOptions),
        ("lm", TextOptions),
        ("variants-gpt", OwnModelsOptions),
    ],
)
def test_each_suite_has_its_own_options(name: str, options: type) -> None:
    assert options_of(BY_NAME[name]) is options


def test_models_that_are_not_named_are_told_from_those_that_are() -> None:
    suite = BY_NAME["bench"]
    words = cases.defaults(suite.axes.case)
    assert asked(suite, words, CheckpointOptions(), []).plain
    named = asked(suite, {**words, "model": ["lstm"]}, CheckpointOptions(), ["model"])
    assert (named.plain, named.axes["model"]) == (False, ["lstm"])


def test_models_of_an_anonymous_run_are_named_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    suite = BY_NAME["bench"]
    words = {**cases.defaults(suite.axes.case), "model": ["lstm", f"{tmp_path}/net.py:Net"]}
    plain = asked(suite, words, CheckpointOptions(), ["model"])
    assert plain.axes["model"] == ["lstm", f"{tmp_path}/net.py:Net"]
    for made in (plain.anonymous(), asked(suite, words, CheckpointOptions(anonymous=True), ["model"])):
        assert (made.axes["model"], made.options.anonymous) == (["lstm", "net.py:Net"], True)
    with pytest.raises(UserError, match="would name one"):
        asked(suite, words | {"model": ["/srv/net.py:Net"]}, CheckpointOptions(anonymous=True), ["model"])


def test_trainings_of_a_given_length_have_no_other_end() -> None:
    suite = BY_NAME["lm"]
    words = {**cases.defaults(suite.axes.case), "steps": ["5"]}
    made = asked(suite, words, TextOptions(), ["steps"])
    assert made.options.max_seconds == math.inf
    assert made.given.text is not None


def test_what_cannot_be_used_is_refused() -> None:
    suite = BY_NAME["bench"]
    words = {**cases.defaults(suite.axes.case), "model": ["nobody"]}
    with pytest.raises(UserError, match="unknown model 'nobody'"):
        asked(suite, words, CheckpointOptions(), ["model"])
