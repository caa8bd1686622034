"""Options as fields: what a command offers, and what becomes of what was typed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from rnn_vs_attn.ab.options import SUITE, AbOptions
from rnn_vs_attn.cli.compare import CompareOptions
from rnn_vs_attn.cli.options import Call, command
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.run.options import CallOptions, GroupOptions, OwnModelsOptions, RunOptions, UntimedOptions
from rnn_vs_attn.suites.bench.case import BenchCase

EVERY = (RunOptions, CallOptions, OwnModelsOptions, UntimedOptions, GroupOptions, AbOptions, CompareOptions)


def app_of(kind: type, calls: list[Any], *others: Any, **more: Any) -> typer.Typer:
    """An app whose one command keeps what it was called with."""
    app = typer.Typer()
    app.command()(command(calls.append, kind, *others, **more))
    return app


def called(kind: type, words: str, *others: Any, **more: Any) -> Call[Any]:
    """What a command of these options is called with."""
    calls: list[Any] = []
    result = CliRunner().invoke(app_of(kind, calls, *others, **more), words.split(), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (call,) = calls
    return call


@pytest.mark.parametrize("kind", EVERY)
def test_what_is_not_typed_is_as_the_field_says(kind: type) -> None:
    """A default in words, such as 5%, is read as the default of the field."""
    runs = [Path("a"), Path("b")] if kind is CompareOptions else []
    given = {"runs": runs} if runs else {}
    assert called(kind, " ".join(map(str, runs))).options == kind(**given)


def test_words_become_numbers_paths_and_switches() -> None:
    words = "--rounds 7 --precision 2% --max-memory 2GiB --warm-up 0.5 --output a/b --json --seed -3"
    expected = RunOptions(7, 0.02, max_memory=2 << 30, warm_up=0.5, output=Path("a/b"), as_json=True, seed=-3)
    call = called(RunOptions, words)
    assert call.options == expected
    assert call.names == ["rounds", "precision", "max_memory", "warm_up", "seed", "output", "as_json"]


def test_a_default_that_is_typed_is_typed() -> None:
    assert called(RunOptions, "--seed 0").names == ["seed"]


def test_passes_are_given_with_commas_or_again_and_each_once() -> None:
    assert called(AbOptions, "--pass train").options.passes == ("train",)
    assert called(AbOptions, "--pass train,forward --pass train").options.passes == ("train", "forward")
    assert called(AbOptions, "").options.passes == SUITE.rounds.passes


@pytest.mark.parametrize(
    ("kind", "words", "said"),
    [
        (RunOptions, "--precision 0%", "--precision '0%' is not a positive percentage such as 5%"),
        (RunOptions, "--max-memory much", "--max-memory 'much' is not a size such as 8GiB or 512MiB"),
        (AbOptions, "--margin 100%", "--margin '100%' is not a percentage from 0% to 99%, such as 3%"),
        (AbOptions, "--pass back", "--pass 'back' is none of forward, train"),
    ],
)
def test_a_word_that_cannot_be_read_is_one_sentence(kind: type, words: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        called(kind, words)
    assert str(caught.value) == said


def offered(kind: type) -> set[str]:
    return {f.name for f in dataclasses.fields(kind) if not f.metadata.get("fixed")}


def test_a_suite_offers_what_it_has_a_use_for() -> None:
    blocks = {"warm_up", "block_seconds", "min_blocks", "case_seconds"}
    assert offered(RunOptions) - offered(CallOptions) == blocks
    assert offered(RunOptions) - offered(UntimedOptions) == blocks | {"precision"}
    assert offered(CallOptions) - offered(OwnModelsOptions) == {"model_arg"}
    assert offered(RunOptions) - offered(GroupOptions) == {*blocks, *"precision resume retry dry_run model_arg".split()}


def test_an_option_that_leaves_no_choice_is_none() -> None:
    result = CliRunner().invoke(app_of(UntimedOptions, []), ["--precision", "5%"])
    assert result.exit_code == 2
    assert called(UntimedOptions, "").options.precision == 0.05


def test_a_suite_has_defaults_of_its_own() -> None:
    defaults = {"rounds": 6, "warm_up": 0.05, "seq_len": "8,16", "model": ""}
    call = called(RunOptions, "", BenchCase, defaults=defaults)
    assert (call.options.rounds, call.options.warm_up) == (6, 0.05)
    assert (call.words["seq_len"], call.words["model"], call.words["causal"]) == (["8,16"], [], True)
    assert call.names == []


def test_of_a_case_only_the_axes_that_are_wanted_are_options() -> None:
    call = called(GroupOptions, "--threads 1,2", BenchCase, axes=("device", "threads"))
    assert call.words == {"device": ["auto"], "threads": ["1,2"]}


def test_what_is_typed_of_model_arg_is_taken_whole() -> None:
    """A list in it has commas."""
    typed = called(RunOptions, "--model-arg sizes=[1,2] --model-arg a:B:mode=x,y").options.model_arg
    assert typed == ("sizes=[1,2]", "a:B:mode=x,y")
    assert not offered(OwnModelsOptions) & {"model_arg"}


@pytest.mark.parametrize("words", ["--max-seconds inf", "--max-seconds 1e400", "--timeout inf", "--timeout 1e300"])
def test_a_number_that_no_clock_holds_is_one_sentence(words: str) -> None:
    with pytest.raises(
        UserError, match=f"{words.split()[0]} .* is no number that clocks and files hold; give at most 1,000,"
    ):
        called(RunOptions, words)
