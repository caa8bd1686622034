"""Words that name a launcher and its settings."""

from __future__ import annotations

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.sweep.options import launcher_argument, launcher_name


def test_launchers_have_names() -> None:
    assert launcher_name("slurm") == "slurm"
    with pytest.raises(UserError, match="unknown launcher 'slrum'; did you mean 'slurm'"):
        launcher_name("slrum")


@pytest.mark.parametrize(
    ("text", "pair"), [("mem_gb=4", ("mem_gb", "4")), ("slurm_constraint=a=b", ("slurm_constraint", "a=b"))]
)
def test_a_setting_is_a_name_and_a_value(text: str, pair: tuple[str, str]) -> None:
    assert launcher_argument(text) == pair


@pytest.mark.parametrize("text", ["mem_gb", "=4", "mem gb=4", ""])
def test_what_is_no_setting(text: str) -> None:
    with pytest.raises(UserError, match="is not NAME=VALUE"):
        launcher_argument(text)
