"""The server that forks: `python fork_server.py commands|workers DESCRIPTOR FOLDER`, started by `forked.servers`.

A child takes on what its request says as a fresh interpreter would, runs its module as `python -m` does, and ends as an
interpreter ends. It is killed when whoever asked for it is gone, and all are when this server is.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import gc
import importlib
import json
import os
import random
import runpy
import select
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

LOADED = {
    "commands": "rnn_vs_attn.cli.app rnn_vs_attn.ab.command scipy.stats scipy.optimize matplotlib.figure "
    "matplotlib.backends.backend_agg matplotlib.backends.backend_svg",
    "workers": "torch torch._dynamo rnn_vs_attn.worker.server rnn_vs_attn.isolation.keeping rnn_vs_attn.models.load",
}  # torch loads _dynamo, which takes as long as all the rest, in the first call of many a layer
_RUN_ONLY = "rnn_vs_attn.worker.server"  # it is `__main__` in a worker, and known by no other name
_PR_SET_PDEATHSIG = 1


class Children:
    """Processes that have not ended, and who asked for each."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._asked: dict[int, socket.socket] = {}  # by the number of the process
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._waker)

    def serve(self) -> dict[str, Any]:
        """A request, in the child that is to become what it asks for; the server itself never comes back."""
        while True:
            ready, _, _ = select.select([0, self._woken, self._listener, *self._asked.values()], [], [])
            if 0 in ready:  # whoever started this server has ended
                self._end()
            if self._woken in ready:
                os.read(self._woken, 512)
                self._reap()
            for pid, asked in self._asked.items():
                if asked in ready:  # with the number of a signal, or gone
                    os.kill(pid, _said(asked) or signal.SIGKILL)
            if self._listener in ready:
                request = self._fork()
                if request is not None:
                    return request

    def _fork(self) -> dict[str, Any] | None:
        """The next request in a new child, None in the server."""
        asked = self._listener.accept()[0]
        content, streams, _, _ = socket.recv_fds(asked, 1 << 16, 3)
        while not content.endswith(b"\n"):
            content += asked.recv(1 << 16)
        pid = os.fork()
        if pid:
            self._asked[pid] = asked
            for descriptor in streams:
                os.close(descriptor)
            asked.sendall(pid.to_bytes(4, "big"))
            return None
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (self._woken, self._waker):
            os.close(descriptor)
        for connection in (self._listener, asked, *self._asked.values()):
            connection.close()
        return json.loads(content) | {"streams": streams}

    def _reap(self) -> None:
        """Tell of each child that has ended with which code."""
        while self._asked:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with self._asked.pop(pid) as asked, contextlib.suppress(OSError):  # of one that is gone
                asked.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))

    def _end(self) -> NoReturn:
        for pid in self._asked:
            os.kill(pid, signal.SIGKILL)
        for pid in self._asked:
            os.waitpid(pid, 0)
        shutil.rmtree(Path(self._listener.getsockname()).parent, ignore_errors=True)  # a killed test could not
        os._exit(0)


def _said(asked: socket.socket) -> int:
    """The number of the signal that is asked for, 0 where whoever asked is gone, perhaps with something unread."""
    try:
        return int.from_bytes(asked.recv(1))
    except ConnectionResetError:
        return 0


def become(
    words: list[str], folder: str, variables: dict[str, str], session: bool, streams: list[int], base: list[str]
) -> None:
    """Take on in this child what a fresh interpreter would have. base: where it looks for modules in any case."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if session:
        os.setsid()
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    tempfile.tempdir = None
    given = [str(Path(place).absolute()) for place in variables.get("PYTHONPATH", "").split(os.pathsep) if place]
    here = [] if variables.get("PYTHONSAFEPATH") else [folder]
    sys.path[:] = dict.fromkeys([*here, *given, *base])
    sys.path_importer_cache.clear()
    sys.argv[1:] = [str(os.getppid()) if word == "PARENT" else word for word in words]
    random.seed()
    sys.modules["numpy"].random.seed()


def load(kind: str, folder: str) -> list[str]:
    """Import what `kind` of process needs; where such a process looks for modules in any case."""
    base = sys.path[1:]
    sys.path.insert(0, str(Path(__file__).parents[1]))
    for name in LOADED[kind].split():
        importlib.import_module(name)
    sys.modules.pop(_RUN_ONLY, None)
    if kind == "commands":
        import forked

        from rnn_vs_attn.worker import client

        assert not {"torch", "typer.rich_utils"} & {*sys.modules}  # which reads GITHUB_ACTIONS when it is loaded
        servers = forked.Servers(Path(folder), dict(os.environ))
        client.launch = functools.partial(forked.launch, servers)
    return base


def main(kind: str, descriptor: str, folder: str) -> None:
    """Serve; in a child, run what is asked for."""
    base = load(kind, folder)
    gc.collect()
    gc.freeze()  # so that a child need not look through what is loaded
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a child would lack the other threads"
    request = Children(socket.socket(fileno=int(descriptor))).serve()
    module = request.pop("module")
    become(**request, base=base)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code)  # an interpreter takes all modules apart at its end, which is longer than most commands run


if __name__ == "__main__":
    main(*sys.argv[1:])
