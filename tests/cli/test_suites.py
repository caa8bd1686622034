"""Commands of suites, made of their names."""

from __future__ import annotations

import inspect

import pytest

from rnn_vs_attn.cli.suites import named_command
from rnn_vs_attn.suites import SUITES


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_a_suite_has_a_command_with_the_fields_of_its_case(suite: object) -> None:
    options = inspect.signature(named_command(suite.command.split()[-1])).parameters  # type: ignore[attr-defined]
    assert {"output", "as_json", "max_seconds"} <= options.keys()
    assert ("size" in options) == (suite.name in ("variants-gpt", "variants-albert"))  # type: ignore[attr-defined]


def test_a_group_has_one_for_all_of_its_suites() -> None:
    options = inspect.signature(named_command("variants")).parameters
    assert {"device", "threads", "max_seconds"} <= options.keys()
    assert "model" not in options
