"""The whole output of `show` for stored runs, on terminals of several widths and in a pipe.

python tests/whole_output.py writes what tests/run/test_whole_output.py compares with; read it before it is committed.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from unittest import mock

from paths import ROOT

from rnn_vs_attn.records.checks import checked_run
from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.run import output, stored

RUNS = ("full/bench", "full/gradflow", "full/scaling", "full/recall", "full/decode", "full/lm")
RUNS += ("full/transformer-xl", "full/albert", "full/gpt")
WIDTHS = (80, 100, 160, None)  # None is a pipe
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
FOLDER = Path(__file__).parent / "data" / "whole_output"


class Screen(io.StringIO):
    """What a terminal or a pipe was sent."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def shown(name: str, width: int | None) -> str:
    """What `show` prints of a reference run, without colours."""
    run = checked_run(ROOT / "results/reference" / name)
    screen = Screen(width is not None)

    def terminal() -> Terminal:
        return Terminal(file=screen, width=width)

    with mock.patch.object(output, "Terminal", terminal), mock.patch.dict("os.environ", TERM="xterm"):
        output.show(stored.suite_of(run, Path(name)), run, stored.limits_of(run))
    plain = _COLOURS.sub("", screen.getvalue())
    return "\n".join(line.rstrip() for line in plain.splitlines()) + "\n"


def file_of(name: str, width: int | None) -> Path:
    return FOLDER / f"{Path(name).name}-{width or 'pipe'}.txt"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in sys.argv[1:] or RUNS:
        for columns in WIDTHS:
            file_of(each, columns).write_text(shown(each, columns), encoding="utf-8")
