"""What is said of a part, in the words of its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.sweep.checks import as_keys, checked
from rnn_vs_attn.sweep.keys import Keys
from rnn_vs_attn.sweep.problems import Problems

KEYS = Keys.of(BENCH)


def checked_part(shared: dict[str, Any], own: dict[str, Any]) -> tuple[Any, Problems]:
    where: dict[Any, int] = {(): 1, ("part", "b"): 10}
    where |= {("shared", name): 2 + i for i, name in enumerate(shared)}
    where |= {("part", "b", name): 11 + i for i, name in enumerate(own)}
    problems = Problems(Path("s.toml"), where)
    return checked(KEYS, "b", shared, own, problems, False), problems


def test_options_are_named_as_keys() -> None:
    assert as_keys("use --num-heads 2, --force or --no-such", KEYS) == "use num_heads 2, force or --no-such"


def test_own_values_come_before_shared_ones() -> None:
    asked, problems = checked_part({"d_model": 64, "probes": 3}, {"d_model": 32})
    assert len(problems) == 0
    assert asked.axes["d_model"] == [32]


def test_a_fault_stands_at_the_key_that_it_names_wherever_that_is() -> None:
    asked, problems = checked_part({"num_heads": 3}, {"model": "attention"})
    assert asked is None
    with pytest.raises(UserError, match="line 2: d_model 128 is not divisible by num_heads 3"):
        problems.check()


def test_what_is_left_of_a_list_is_still_checked() -> None:
    """Both faults at once: a model that is none, and heads that do not fit the width of the other one."""
    asked, problems = checked_part({}, {"model": ["attention", "nobody"], "d_model": [100, 96], "num_heads": 3})
    assert asked is None
    with pytest.raises(UserError) as error:
        problems.check()
    assert "line 11: unknown model 'nobody'" in str(error.value)
    assert "line 12: d_model 100 is not divisible" in str(error.value)
    assert "d_model 96" not in str(error.value)
