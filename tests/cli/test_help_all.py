"""`--help` has the options that people use first, `--help-all` every one."""

from __future__ import annotations

import re

import pytest
from command_tree import every_command
from edited_runs import called

from rnn_vs_attn.cli.help_all import FIRST

COMMANDS = [name for name in every_command() if name.split(" ")[-1] in FIRST]


def options_in(text: str) -> set[str]:
    return set(re.findall(r"^│ (--[a-z0-9-]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_short_help_has_those_that_are_named_and_the_long_one_all(name: str) -> None:
    command, first = every_command()[name], FIRST[name.split(" ")[-1]]
    flags = {parameter.name: parameter.opts[-1] for parameter in command.params if parameter.opts[0].startswith("--")}
    assert set(first) <= flags.keys()  # none that the command does not have
    assert len(first) <= 11
    few, many = (called(*name.split(), word)[1] for word in ("--help", "--help-all"))
    assert options_in(few) == {flags[field] for field in first} | {"--help", "--help-all"}
    assert options_in(many) == set(flags.values()) | {"--help", "--help-all"}
    assert len(few.splitlines()) <= 60


def test_options_that_help_does_not_show_are_taken() -> None:
    code, out, _ = called("bench", "--batch-size", "2", "--model", "lstm", "--seq-len", "8", "--dry-run")
    assert code == 0
    assert "lstm" in out
