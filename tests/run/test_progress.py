"""The bar of progress shows names as they are."""

from __future__ import annotations

import re

from screens import MARKUP, Screen

from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.run import progress


def test_the_bar_of_progress_shows_a_name_as_it_is() -> None:
    file = Screen()
    console = Terminal(file=file, width=120)
    with progress.bar(console) as bar:
        bar.add_task(f"round 1 · {MARKUP}", total=2, left="[red]soon")
        bar.refresh()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())
    assert MARKUP in text
    assert "[red]soon" in text
