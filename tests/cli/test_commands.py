"""The list of commands: every suite has one, nothing is loaded for the list, and names that are near are named."""

from __future__ import annotations

import subprocess
import sys

import pytest
from command_tree import every_command
from edited_runs import called

from rnn_vs_attn.cli.commands import ENTRIES, Commands, Later
from rnn_vs_attn.suites import SUITES

HELP = """
import sys
from typer.testing import CliRunner
from rnn_vs_attn.cli.app import app
result = CliRunner().invoke(app, ["--help"])
assert result.exit_code == 0 and "bench" in result.output, result.output
print(*sorted(name for name in sys.modules if name.startswith("rnn_vs_attn.")))
"""


def test_every_suite_has_a_command_which_says_what_the_suite_says() -> None:
    told = {entry.name: entry.help for entry in ENTRIES}
    told |= {f"{entry.name} {below.name}": below.help for entry in ENTRIES for below in entry.below}
    assert {suite.command: suite.help for suite in SUITES}.items() <= told.items()


def test_a_command_is_the_same_before_and_after_it_is_loaded() -> None:
    for entry in ENTRIES:
        loaded = Later(entry).loaded()
        assert loaded.name == entry.name
        assert loaded.help == entry.help + entry.more
        assert list(getattr(loaded, "commands", {})) == [below.name for below in entry.below]


def test_the_list_of_commands_loads_none_of_them() -> None:
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {
        f"rnn_vs_attn.{name}" for name in "cli cli.app cli.commands errors text text.safe text.streams".split()
    }


def test_an_unknown_command_names_the_nearest() -> None:
    code, _, err = called("benhc", "--seq-len", "64")
    assert code == 2
    assert err == "error: unknown command 'benhc'; did you mean 'bench'?\n"
    code, _, err = called("train")
    assert code == 2
    assert "did you mean" in err or "allowed: bench" in err


@pytest.mark.parametrize("name", ["bench", "variants", "ab"])
def test_a_command_is_found_by_its_name_alone(name: str) -> None:
    commands = Commands(name="rnn-vs-attn")
    assert commands.get_command(None, name).help == every_command()[name].help.split(" Lists:")[0].split(" What is")[0]
    assert commands.get_command(None, name[:-1]) is None


def test_an_unknown_command_of_a_group_names_what_it_has() -> None:
    assert called("variants", "nonsense")[2] == (
        "error: unknown command 'nonsense'; allowed: transformer-xl, albert, gpt.\n"
    )
    assert called("lm", "sampel")[2] == "error: unknown command 'sampel'; did you mean 'sample'?\n"
