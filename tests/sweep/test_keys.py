"""What the keys of a part may be given, and what that is on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.run import cases
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.sweep.keys import Keys

BY_NAME = {suite.name: Keys.of(suite) for suite in SUITES}
BENCH, LM, SCALING, GPT = (BY_NAME[name] for name in ("bench", "lm", "scaling", "variants-gpt"))


@pytest.mark.parametrize(
    ("keys", "name", "value", "axis"),
    [
        (BENCH, "seq_len", "64:512", [64, 128, 256, 512]),
        (BENCH, "seq_len", ["64:128", 512, 64], [64, 128, 512]),
        (BENCH, "seq_len", 7, [7]),
        (BENCH, "model", "lstm,attention", ["lstm", "attention"]),
        (BENCH, "model", ["lstm", "lstm+attention"], ["lstm", "lstm+attention"]),
        (BENCH, "causal", False, [False]),
        (LM, "learning_rate", [1e-3, "3e-3"], [1e-3, 3e-3]),
        (LM, "learning_rate", 1, [1.0]),
        (GPT, "size", ["1x64", "2x64"], None),
    ],
)
def test_values_of_axes_mean_what_they_mean_when_typed(keys: Keys, name: str, value: Any, axis: list[Any]) -> None:
    keys.check(name, value)
    found = cases.parse(keys.suite, keys.words({name: value}))[name]
    typed = value if isinstance(value, bool) else [str(v) for v in (value if isinstance(value, list) else [value])]
    assert found == cases.parse(keys.suite, {**keys.words({}), name: typed})[name]
    assert axis is None or found == axis


@pytest.mark.parametrize(
    ("keys", "name", "value", "option"),
    [
        (BENCH, "precision", "5%", 0.05),
        (BENCH, "precision", 0.02, 0.02),
        (BENCH, "max_memory", "1GiB", 1 << 30),
        (BENCH, "rounds", 6, 6),
        (BENCH, "max_seconds", 30, 30.0),
        (BENCH, "force", True, True),
        (BENCH, "columns", ["all"], ("all",)),
        (BENCH, "columns", "seq_len, train ms", ("seq_len", "train ms")),
        (BENCH, "columns", ["seq_len,train ms", "seq_len"], ("seq_len", "train ms")),
        (BENCH, "model_arg", "n=3", ("n=3",)),
        (LM, "text", ["a.txt", "b"], ("a.txt", "b")),
        (LM, "init_from", "gpt2", Path("gpt2")),
    ],
)
def test_values_of_options(keys: Keys, name: str, value: Any, option: Any) -> None:
    keys.check(name, value)
    assert getattr(keys.made({name: value}), name) == option


@pytest.mark.parametrize(
    ("keys", "name", "value", "said"),
    [
        (BENCH, "seq_len", [], r"^\[\] has no value"),
        (BENCH, "seq_len", True, "^True is no number or text$"),
        (BENCH, "seq_len", {"a": 1}, "is no number or text$"),
        (BENCH, "seq_len", [[1]], r"^\[1\] is no number or text$"),
        (BENCH, "seq_len", 1.5, "seq-len '1.5' is not a whole number"),
        (BENCH, "seq_len", 0, "must be at least 1"),
        (BENCH, "seq_len", "512:64", "runs backwards"),
        (BENCH, "model", 3, "^3 is no text$"),
        (BENCH, "dtype", "float31", "did you mean 'float32'"),
        (BENCH, "causal", "yes", "^'yes' is neither true nor false$"),
        (BENCH, "force", 1, "^1 is neither true nor false$"),
        (BENCH, "rounds", 0, "^0 is less than 1$"),
        (BENCH, "rounds", 1.0, "^1.0 is no whole number$"),
        (BENCH, "rounds", True, "^True is no whole number$"),
        (BENCH, "max_seconds", float("inf"), "^inf is no number"),
        (BENCH, "max_seconds", float("nan"), "^nan is no number"),
        (
            BENCH,
            "max_seconds",
            1e10,
            "^10000000000.0 is no number .* hold; give at most 1,000,000,000$",
        ),
        (BENCH, "timeout", 10**400, "^10{56}... is no number that clocks"),
        (BENCH, "rounds", 10**400, "^10{56}... is no number"),
        (BENCH, "seed", 1 << 63, "is no number that clocks and files hold"),
        (BENCH, "precision", "none", "not a positive percentage"),
        (BENCH, "precision", [1], r"^\[1\] is no text or number$"),
        (BENCH, "max_memory", "lots", "not a size"),
        (BENCH, "model_arg", [1], "^1 is no text, or list of texts$"),
        (LM, "init_from", 3, "^3 is no text$"),
    ],
)
def test_what_a_key_does_not_take(keys: Keys, name: str, value: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        keys.check(name, value)


def test_a_suite_s_own_defaults_are_those_of_its_command() -> None:
    assert SCALING.made({}).rounds == 6
    assert SCALING.made({"rounds": 9}).rounds == 9
    assert BENCH.made({}).rounds is None


def test_keys_are_the_options_of_the_command_and_none_of_the_call() -> None:
    assert {"seq_len", "model", "precision", "rounds", "max_seconds"} <= set(BENCH)
    assert not {"output", "resume", "retry", "dry_run", "as_json", "quiet", "debug"} & set(BENCH)
    assert "precision" not in BY_NAME["gradflow"]
    assert "model" not in GPT
