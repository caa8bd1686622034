"""Commands and workers as processes forked from a server that has all packages loaded (`fork_server.py`).

A start takes seconds, a fork milliseconds. What a forked process cannot have anew is not asked of it: where a variable
that some package may read when it is loaded differs from the servers', or the program would be another one, a real
process is started in its place.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from rnn_vs_attn.worker import client

PACKAGE = Path(client.__file__).resolve().parents[1]
INTEGER = struct.Struct("!i")
_READ_LATE = {
    *("PYTHONPATH", "PYTHONSAFEPATH", "RNN_VS_ATTN_PATH", "RNN_VS_ATTN_PAD"),
    *("TMPDIR", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "PYTEST_CURRENT_TEST"),
    *("HANGS_IN", "HUNG_PID"),  # of user_modules
    "TORCHINDUCTOR_CACHE_DIR",  # which torch sets in the process of a test that trains
    "TRITON_F32_DEFAULT",  # which set_precision does
}
_RUN_AT_START = ("sitecustomize.py", "usercustomize.py")
_real_launch = client.launch


@dataclass(frozen=True)
class Servers:
    """folder: of their sockets, named as what they fork; variables: those with which they were started."""

    folder: Path
    variables: Mapping[str, str]

    def fork(self, variables: Mapping[str, str]) -> bool:
        """Whether a process with these variables is, forked, what a real one would be."""
        folders = variables.get("PYTHONPATH", "").split(os.pathsep)
        if any((Path(folder) / name).exists() for folder in folders for name in _RUN_AT_START):
            return False
        compared = [{n: v for n, v in each.items() if n not in _READ_LATE} for each in (variables, self.variables)]
        return compared[0] == compared[1]


class Forked:
    """A process that a server forked, as `subprocess.Popen` shows one; it is killed when this object is gone."""

    stdin: IO[bytes]
    stdout: IO[Any]
    stderr: IO[str]

    def __init__(self, server: Path, streams: Sequence[int], **request: Any) -> None:
        """streams: the descriptors that become its 0, 1 and 2; request: the arguments of `fork_server.become`."""
        self.returncode: int | None = None
        self._server = socket.socket(socket.AF_UNIX)
        self._server.connect(str(server))
        content = json.dumps(request).encode() + b"\n"
        self._server.sendall(content[socket.send_fds(self._server, [content], streams) :])
        (self.pid,) = INTEGER.unpack(self._server.recv(INTEGER.size, socket.MSG_WAITALL))

    def poll(self) -> int | None:
        return self._code(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._code(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("a forked process", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Through the server, which knows whether the process still is this one."""
        if self.poll() is None:
            self._server.send(bytes([number]))

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self) -> tuple[str, str]:
        """All that it prints until it has ended."""
        with self.stdout, self.stderr, ThreadPoolExecutor() as pool:
            output, errors = pool.map(lambda stream: stream.read(), (self.stdout, self.stderr))
        self.wait()
        return output, errors

    def _code(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._server], [], [], timeout)[0]:
            content = self._server.recv(INTEGER.size, socket.MSG_WAITALL)
            self.returncode = INTEGER.unpack(content)[0] if content else -signal.SIGKILL  # as when its server dies
            self._server.close()
        return self.returncode


def command(
    servers: Servers, words: Sequence[str], folder: Path, variables: Mapping[str, str], encoding: str | None = None
) -> Forked:
    """`python -m rnn_vs_attn WORDS`."""
    output, to_output = os.pipe()
    errors, to_errors = os.pipe()
    request = {"words": list(words), "folder": str(folder), "variables": dict(variables)}
    made = Forked(
        servers.folder / "commands", [0, to_output, to_errors], module="rnn_vs_attn", session=False, **request
    )
    os.close(to_output)
    os.close(to_errors)
    made.stdout, made.stderr = (os.fdopen(end, encoding=encoding) for end in (output, errors))
    return made


def launch(
    servers: Servers, words: Sequence[str], folder: Path | None, variables: Mapping[str, str], errors: IO[bytes] | None
) -> Forked | subprocess.Popen[bytes]:
    """A worker, which `client.launch` would start: forked where this Python would find this very package."""
    found = {(Path(place) / PACKAGE.name).resolve() for place in variables["PYTHONPATH"].split(os.pathsep)}
    if words[0] != sys.executable or PACKAGE not in found or not servers.fork(variables):
        return _real_launch(words, folder, variables, errors)
    requests, to_requests = os.pipe()
    replies, to_replies = os.pipe()
    streams = [requests, to_replies, 2 if errors is None else errors.fileno()]
    request = {"words": ["PARENT"], "folder": str(folder or Path.cwd()), "variables": dict(variables)}
    made = Forked(servers.folder / "workers", streams, module=words[2], session=True, **request)
    os.close(requests)
    os.close(to_replies)
    made.stdin, made.stdout = os.fdopen(to_requests, "wb"), os.fdopen(replies, "rb")
    return made


@cache
def servers() -> Servers:
    """Those of this process, started when first asked for. They end with it: their standard input does then."""
    folder = Path(tempfile.mkdtemp(prefix="forked-"))
    variables = {name: value for name, value in os.environ.items() if name not in _READ_LATE}
    for kind in ("commands", "workers"):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / kind))
            listener.listen()
            words = [sys.executable, str(Path(__file__).with_name("fork_server.py")), kind, str(listener.fileno())]
            server = subprocess.Popen(
                [*words, str(folder)],
                stdin=subprocess.PIPE,
                env=variables,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
        atexit.register(_end, server)
    return Servers(folder, variables)


def _end(server: subprocess.Popen[bytes]) -> None:
    assert server.stdin is not None
    server.stdin.close()
    server.wait()
