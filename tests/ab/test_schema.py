"""The schema of [tool.rnn-vs-attn.ab]: what it takes, and what it says of what it does not."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from rnn_vs_attn.ab import schema
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import Acceptance, OwnMargin

DUE = 'until = "2026-12-31"\nwhy = "it is worth it"'


def checked(text: str) -> schema.Checked:
    return schema.checked(tomllib.loads(text), "pyproject.toml")


def entry(kind: str, *lines: str) -> str:
    return "\n".join([f"[[{kind}]]", *lines])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('model = ["a:B", "c:D(x=1, y=2)"]', {"model": ["a:B", "c:D(x=1, y=2)"]}),
        ("seq-len = [128, 512]\nd_model = 64", {"seq_len": ["128", "512"], "d_model": ["64"]}),
        ('seq_len = "64:512"', {"seq_len": ["64:512"]}),
        ("causal = false", {"causal": False}),
    ],
)
def test_an_axis_has_one_value_or_a_list_with_dashes_or_underscores(text: str, words: dict[str, Any]) -> None:
    assert checked(text).words == words


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ('margin = "5%"', {"margin": 0.05}),
        ("margin = 0.05", {"margin": 0.05}),
        ('pass = "forward"', {"passes": ("forward",)}),
        ('pass = ["train", "forward"]', {"passes": ("train", "forward")}),
        ("setup = 'pip install -e .'", {"setup": "pip install -e ."}),
        ("require-equal = true\nstrict = false", {"require_equal": True, "strict": False}),
        ("screen = 12\nmax-seconds = 60\ntimeout = 1.5", {"screen": 12, "max_seconds": 60.0, "timeout": 1.5}),
        ('max-memory = "2GiB"', {"max_memory": 2 << 30}),
        ('model-arg = ["expand=2", "b:C:names=[1,2]"]', {"model_arg": ("expand=2", "b:C:names=[1,2]")}),
    ],
)
def test_an_option_has_the_value_that_it_has_on_the_command_line(text: str, options: dict[str, Any]) -> None:
    assert checked(text).options == options


def test_entries_name_cases_by_the_values_of_their_fields() -> None:
    text = entry("margins", "seq-len = 2048", 'metric = "train_time"', 'margin = "5%"')
    text += "\n" + entry("margins", 'model = ["a:B", "c:D"]', "causal = true", "margin = 0.1")
    assert checked(text).margins == (
        OwnMargin({"seq_len": [2048], "metric": ["train_time"]}, 0.05),
        OwnMargin({"model": ["a:B", "c:D"], "causal": [True]}, 0.1),
    )


@pytest.mark.parametrize("day", ["2026-12-31", '"2026-12-31"'])
def test_a_day_is_a_date_or_its_text(day: str) -> None:
    text = entry("accept", 'model = "a:B"', f"until = {day}", 'why = "so"', 'at-most = "150%"')
    assert checked(text).accepted == (Acceptance({"model": ["a:B"]}, "2026-12-31", "so", 1.5),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modle = 3", "unknown key 'modle'; did you mean 'model'?"),
        ("accepted = []", "unknown key 'accepted'; did you mean 'accept'?"),
        ("max_second = 3", "unknown key 'max_second'; did you mean 'max-seconds'?"),
        ('output = "x"', "unknown key 'output'; allowed: model, seq_len"),
        ("seq-len = 0", "seq_len: must be at least 1, not 0"),
        ("seq-len = [true]", "seq_len: [True] is no text, no number and no list of them"),
        ("seq-len = []", "seq_len: [] is no text"),
        ("seq-len = {}", "seq_len: {} is no text"),
        ('dtype = "float3"', "dtype: unknown dtype 'float3'; did you mean 'float32'?"),
        ('causal = "yes"', "causal: 'yes' is neither true nor false"),
        ('strict = "yes"', "strict: 'yes' is neither true nor false"),
        ('margin = "100%"', "margin: '100%' is not a percentage from 0% to 99%, such as 3%"),
        ('margin = "soon"', "margin: 'soon' is not a percentage"),
        ("margin = nan", "margin: 'nan' is not a percentage"),
        ('pass = "sideways"', "pass: 'sideways' is none of forward, train"),
        ("screen = 0", "screen: 0 is too small or no number; at least 1 is needed"),
        ("screen = 1.5", "screen: 1.5 is no whole number"),
        ("screen = true", "screen: True is no whole number"),
        ("max-seconds = inf", "max_seconds: inf is too small or no number"),
        ("setup = 3", "setup: 3 is no text"),
        ('setup = " "', "setup: ' ' is no text"),
        ("margins = 3", "margins is no list; write [[tool.rnn-vs-attn.ab.margins]]"),
        ("accept = {}", "accept is no list; write [[tool.rnn-vs-attn.ab.accept]]"),
        ("accept = [3]", "accept 1 is no table; write [[tool.rnn-vs-attn.ab.accept]]"),
        (entry("margins", "seq_len = 3"), "margins 1, 'margin' is missing"),
        (entry("margins", 'margin = "-1%"'), "margins 1, margin: '-1%' is no percentage such as '5%'"),
        (entry("accept", 'model = "a:B"', 'why = "x"'), "accept 1, 'until' is missing"),
        (entry("accept", 'model = "a:B"', "until = 2026-12-31"), "accept 1, 'why' is missing"),
        (entry("accept", "until = 2026-12-31", 'why = " "'), "accept 1, why: ' ' is no text"),
        (entry("accept", 'until = "soon"', 'why = "x"'), "accept 1, until: 'soon' is no day such as 2026-12-31"),
        (entry("accept", "until = 2026-12-31T10:00:00", 'why = "x"'), "is no day such as 2026-12-31"),
        (entry("accept", "until = 20261231", 'why = "x"'), "accept 1, until: 20261231 is no day"),
        (entry("accept", "metric = 'train_tme'", DUE), "accept 1, metric: unknown metric 'train_tme'; did you mean"),
        (entry("accept", "metric = 'num_params'", DUE), "accept 1, metric: unknown metric 'num_params'"),
        (entry("accept", "modle = 'a:B'", DUE), "accept 1, unknown key 'modle'; did you mean 'model'?"),
        (entry("accept", "atmost = '5%'", DUE), "accept 1, unknown key 'atmost'; did you mean 'at-most'?"),
        ("seq-len = 1\nseq_len = 2", "'seq-len' stands there twice"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_nearest_name(text: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        checked(text)
    assert said in str(error.value)
    assert "[tool.rnn-vs-attn.ab]" in str(error.value)


def test_all_faults_are_said_at_once() -> None:
    with pytest.raises(UserError) as error:
        checked("\n".join(["strict = 1", "screen = 0", "colour = 3", entry("accept", 'why = "x"', "seq_len = 0")]))
    assert str(error.value) == (
        "pyproject.toml, [tool.rnn-vs-attn.ab]: strict: 1 is neither true nor false; screen: 0 is too small or no "
        "number; at least 1 is needed; accept 1, seq_len: must be at least 1, not 0; accept 1, 'until' is missing; "
        "unknown key 'colour'; allowed: " + str(error.value).rpartition("allowed: ")[2]
    )


def test_of_many_faults_the_first_ones_are_said() -> None:
    with pytest.raises(UserError, match=r"; and 4 more$"):
        checked("\n".join(f"unknown{letter} = 1" for letter in "abcdefghi"))


def test_an_entry_that_names_no_case_is_refused() -> None:
    for kind, rest in (("margins", ['margin = "5%"']), ("accept", [DUE])):
        with pytest.raises(UserError, match=f"{kind} 1 names no case; give it a model"):
            checked(entry(kind, *rest))
