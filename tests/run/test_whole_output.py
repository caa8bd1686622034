"""The whole output of a run as a person sees it, at three widths and in a pipe."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from whole_output import RUNS, WIDTHS, file_of, shown


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", RUNS)
def test_a_stored_run_is_shown_as_before(name: str, width: int | None) -> None:
    assert shown(name, width) == file_of(name, width).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", RUNS)
def test_what_was_found_is_first_and_everything_fits(name: str) -> None:
    lines = shown(name, 100).splitlines()
    assert max(map(cell_len, lines)) <= 100
    assert any(verdict in " ".join(lines[:3]) for verdict in (": holds.", ": does not hold here.", ": undecided."))
