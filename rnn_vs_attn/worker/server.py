"""The child process that measures: it may crash, hang or run out of memory, and only one case is lost.

It reads one JSON request a line from its standard input and answers each with one line (worker/protocol.py). What a
model prints goes to standard error, so it cannot be taken for an answer.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
from pathlib import Path
from typing import IO, Any

from rnn_vs_attn.errors import first_line
from rnn_vs_attn.records.strict_json import dump
from rnn_vs_attn.text import streams
from rnn_vs_attn.worker import search_path

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    requests, replies = _take_pipes()
    streams.take_over()  # or a model that prints would fail where nobody reads it
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what it said last says why it crashed
    _die_with_parent(int(sys.argv[1]))
    _be_killed_first()
    from rnn_vs_attn.worker.answers import Answers  # torch and all that takes long: where what it prints does no harm
    from rnn_vs_attn.worker.sandbox import collect

    answers = Answers()
    search_path.users_own()
    gc.disable()
    collect()
    _write(replies, {"ok": {"pid": os.getpid()}})
    for line in requests:
        _write(replies, answers.to(json.loads(line)))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # without the second or so that torch's own farewell takes


def _write(replies: IO[str], reply: dict[str, Any]) -> None:
    replies.write(_line(reply) + "\n")
    replies.flush()


def _line(reply: dict[str, Any]) -> str:
    """The reply as JSON; NaN and infinity are a fault of the case that they come from."""
    try:
        return dump(reply)
    except ValueError as error:
        return dump({"fault": "failed", "reason": f"a value is no number ({first_line(error)})"})


def _take_pipes() -> tuple[IO[str], IO[str]]:
    """Private streams for requests and replies; whatever else reads or prints meets an empty input and stderr."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    with open(os.devnull) as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return requests, replies


def _die_with_parent(parent: int) -> None:
    """On Linux the kernel kills this process when the parent dies, also in the middle of a call."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _be_killed_first() -> None:
    """When memory ends, the system takes this process and not the one that keeps the results."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        return


if __name__ == "__main__":
    main()
