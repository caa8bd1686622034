"""What a call does with a signal while it writes what it has come to."""

from __future__ import annotations

import signal
from types import FrameType

from rnn_vs_attn.errors import Interrupted


def end_at_the_next(code: int) -> None:
    """From now on the next Ctrl-C or SIGTERM ends the command at once, with the exit code of the first."""

    def end(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(code)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, end)
