"""The parent's end of a worker: start it, ask it, notice that it died or hangs, end it."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import random
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence, Set
from functools import cache
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from rnn_vs_attn.errors import CaseFault, DoesNotStart, UserError
from rnn_vs_attn.machine import environment, temporary
from rnn_vs_attn.records.folder import StorageError
from rnn_vs_attn.records.strict_json import dump
from rnn_vs_attn.units import duration
from rnn_vs_attn.worker import messages, search_path
from rnn_vs_attn.worker.protocol import Request
from rnn_vs_attn.worker.typed_json import Misunderstood, read

START_UP_TIMEOUT = 120.0
Reply = TypeVar("Reply")
_PACKAGE = Path(__file__).resolve().parents[1]


class Worker(Protocol):
    """What the runner needs of a worker; the seam at which tests put another one."""

    start_up: float  # seconds until it could be asked

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""

    def ask(self, request: Request[Reply], timeout: float) -> Reply:
        """The answer. CaseFault where the case has no number for it, UserError where the user can mend it."""

    def begin(self, request: Request[Any]) -> None:
        """Ask without waiting. CaseFault where it has ended."""

    def answer(self, request: Request[Reply], timeout: float) -> Reply:
        """The answer to what was begun, as `ask` gives it."""

    def fileno(self) -> int:
        """What can be read from once there is an answer."""

    def pin(self, cores: Set[int]) -> None:
        """Let it run on these processors only."""

    def close(self) -> None:
        """End it, whatever it does."""


def launch(
    words: Sequence[str], folder: Path | None, variables: Mapping[str, str], errors: IO[bytes] | None
) -> subprocess.Popen[bytes]:
    """The process of a worker, asked and answering through pipes; the terminal's Ctrl-C is its parent's to handle."""
    return subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        cwd=folder,
        env=variables,
        start_new_session=True,
    )


class Process:
    """One process of a worker, from its start to its end: what goes through its pipes, and why it has ended."""

    def __init__(self, words: Sequence[str], folder: Path | None, variables: Mapping[str, str], debug: bool) -> None:
        self._debug = debug
        self._errors = tempfile.TemporaryFile()
        self._kills = environment.out_of_memory_kills()
        self._buffer = b""
        self._printed = 0  # bytes of standard error before the request under way
        self.alive = True
        self._process = launch(words, folder, variables, None if debug else self._errors)

    @property
    def pid(self) -> int:
        return self._process.pid

    def fileno(self) -> int:
        """Of the pipe that it answers through."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def write(self, line: str) -> None:
        """Ask it. CaseFault where it has ended."""
        assert self._process.stdin is not None
        self._printed = self._errors.seek(0, os.SEEK_END)
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._death() from None

    def read(self, timeout: float) -> dict[str, Any]:
        """Its next line. CaseFault where it ends or hangs first."""
        output = self.fileno()
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([output], [], [], left)[0]:
                self.close()
                raise CaseFault("timeout", f"no answer within {duration(timeout)}")
            chunk = os.read(output, 1 << 16)
            if not chunk:
                raise self._death()
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def close(self) -> None:
        """End it, whatever it does."""
        self.alive = False
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue
        self._errors.close()

    def _death(self) -> CaseFault:
        """Why the process ended by itself."""
        code = self._process.wait()
        last_words = self._last_words()
        self.close()
        kills = environment.out_of_memory_kills()
        if code == -9 and kills is not None and self._kills is not None and kills > self._kills:
            return CaseFault("out_of_memory", "the system killed the measuring process because memory ended")
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return CaseFault("crashed", f"the measuring process {how}{last_words}")

    def _last_words(self) -> str:
        if self._debug:
            return ""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(self._printed, size - 4000))
        lines = [line.strip() for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        return f"; its last line was: {lines[-1][:200]}" if lines else ""


class ChildWorker:
    """A fresh Python process that runs `rnn_vs_attn.worker.server`. start_up: seconds waited until it was ready.

    alone: it finds this package and nothing that is installed beside it, so another Python keeps its own packages.
    Where a user's module has changed what cannot be put back, another process answers from the next request on. One
    that has lost its GPU is ended, as if it had ended itself.
    """

    def __init__(
        self,
        debug: bool = False,
        python: str = sys.executable,
        wait: bool = True,
        folder: Path | None = None,
        variables: Mapping[str, str] | None = None,
        alone: bool = False,
    ) -> None:
        self._debug = debug
        self._python = python
        self._folder = folder
        self._variables = dict(variables or {})
        self._alone = alone
        self._cores: Set[int] = frozenset()
        self.start_up = 0.0
        self._start()
        if wait:
            self.wait_until_ready()

    def _start(self) -> None:
        self._ready = self._spoilt = False
        words = [self._python, "-m", "rnn_vs_attn.worker.server", str(os.getpid())]
        variables = _surroundings(self._variables, self._alone, self._folder or Path.cwd())
        self._process = Process(words, self._folder, variables, self._debug)

    def wait_until_ready(self) -> None:
        """DoesNotStart where it ends or hangs first."""
        if self._ready:
            return
        self._ready = True
        started = time.monotonic()
        try:
            self._process.read(START_UP_TIMEOUT)
        except CaseFault as fault:
            self.close()
            which = "" if self._python == sys.executable else f" under {self._python}"
            raise DoesNotStart(
                f"the measuring process does not start{which}: {fault.reason}; --debug shows more"
            ) from None
        self.start_up = time.monotonic() - started

    @property
    def alive(self) -> bool:
        return self._process.alive

    @property
    def pid(self) -> int:
        return self._process.pid

    def pin(self, cores: Set[int]) -> None:
        """Let it run on these processors only; nothing where the system does not offer that."""
        self._cores = cores
        if not hasattr(os, "sched_setaffinity"):
            return
        for thread in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):  # a thread that has ended, or a core that was taken away
                os.sched_setaffinity(int(thread.name), cores)

    def fileno(self) -> int:
        return self._process.fileno()

    def ask(self, request: Request[Reply], timeout: float) -> Reply:
        self.begin(request)
        return self.answer(request, timeout)

    def begin(self, request: Request[Any]) -> None:
        if self._spoilt:
            self._renew()
        self._process.write(dump(messages.written(request)))

    def answer(self, request: Request[Reply], timeout: float) -> Reply:
        reply = self._process.read(timeout)
        self._spoilt = reply.get("spoilt", False)
        if reply.get("lost", False):
            self.close()
        if "misunderstood" in reply:  # a fault of this program, not of a case
            raise Misunderstood(reply["misunderstood"])
        if "storage" in reply:
            raise StorageError(reply["storage"])
        if "user" in reply:
            raise UserError(reply["user"])
        if "fault" in reply:
            raise CaseFault(reply["fault"], reply["reason"], reply.get("warnings", ()))
        answer: Reply = read(request.reply(), reply["ok"])
        return answer

    def _renew(self) -> None:
        """Go on in another process."""
        self.close()
        self._start()
        self.wait_until_ready()
        if self._cores:
            self.pin(self._cores)

    def close(self) -> None:
        self._process.close()


def _surroundings(variables: Mapping[str, str], alone: bool, folder: Path) -> dict[str, str]:
    """The environment of a worker: this package importable, and a pad of random length that moves its stack."""
    before = os.environ.get("PYTHONPATH", "")
    own = _package_alone() if alone else str(_PACKAGE.parent)
    paths = search_path.variables(own, variables.get("PYTHONPATH", before), before, alone, folder)
    return dict(os.environ) | dict(variables) | paths | {"RNN_VS_ATTN_PAD": "x" * random.randrange(4096)}


@cache
def _package_alone() -> str:
    """A folder that holds this package only, until this process ends."""
    folder = temporary.make()
    atexit.register(temporary.remove, folder)
    (folder / _PACKAGE.name).symlink_to(_PACKAGE)
    return str(folder)
