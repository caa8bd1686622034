"""Settings of the process and of Python: those that bend a time are held, the others are a model's own."""

from __future__ import annotations

import contextlib
import gc
import locale
import logging
import os
import resource
import signal
import sys
import threading
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy

from rnn_vs_attn.isolation.settings import Setting, entries, first_entry, word


def _write_affinity(cores: set[int]) -> None:
    """Of all threads: those that torch started meanwhile have inherited what is put back."""
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended
            os.sched_setaffinity(int(thread.name), cores)


HELD = (
    Setting(
        "the processors that it may run on",
        lambda: os.sched_getaffinity(0),
        _write_affinity,
        promised=True,
    ),
    Setting(
        "the priority of the process",
        lambda: os.getpriority(os.PRIO_PROCESS, 0),
        lambda value: os.setpriority(os.PRIO_PROCESS, 0, value),
    ),
    Setting(
        "garbage collection",
        lambda: {
            "garbage collection": gc.isenabled(),
            "thresholds of garbage collection": gc.get_threshold(),
            "what is told of garbage collection": gc.get_debug(),
        },
        lambda value: _write_collection(*value.values()),
        words=first_entry,
    ),
    Setting(
        "what Python calls at every line",
        lambda: (sys.gettrace(), sys.getprofile()),
        lambda value: _write_tracing(*value),
        words=lambda *_: "what Python calls at every line",
    ),
    Setting("Python's switch interval", sys.getswitchinterval, sys.setswitchinterval),
)


def _write_collection(enabled: bool, thresholds: tuple[int, int, int], debug: int) -> None:
    gc.set_threshold(*thresholds)
    gc.set_debug(debug)
    if enabled:
        gc.enable()
    else:
        gc.disable()


def _write_tracing(trace: Any, profile: Any) -> None:
    sys.settrace(trace)
    sys.setprofile(profile)


# A model's own

_OF_TORCH = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")  # torch.compile notes them there, as it does _TORCH...
_COMPILES_WITH = 2000  # calls within each other, which torch.compile allows itself
_SIGNALS = sorted({int(s) for s in signal.valid_signals()} & set(range(1, 32)) - {signal.SIGKILL, signal.SIGSTOP})
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_LIMITS = {  # RLIMIT_DATA is --max-memory's
    name: getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_") and name != "RLIMIT_DATA"
}


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in _OF_TORCH and not k.startswith("_TORCH")}


def _write_environment(value: dict[str, str]) -> None:
    now = _environment()
    for name in now.keys() - value.keys():
        del os.environ[name]
    os.environ.update({name: text for name, text in value.items() if now.get(name) != text})


def _recursion(before: int, after: int) -> str:
    by_torch = after == _COMPILES_WITH and "torch._inductor.compile_fx" in sys.modules
    return "" if by_torch else f"Python's recursion limit from {before} to {after}"


def _write_filters(value: list[Any]) -> None:
    warnings.resetwarnings()  # so that what was warned of once is looked at again
    warnings.filters[:] = value  # type: ignore[index]


def _logging() -> tuple[int, int, tuple[Any, ...]]:
    return logging.root.level, logging.root.manager.disable, tuple(logging.root.handlers)


def _write_logging(value: tuple[int, int, tuple[Any, ...]]) -> None:
    logging.root.setLevel(value[0])
    logging.disable(value[1])
    logging.root.handlers[:] = value[2]


def _write_streams(value: tuple[Any, ...]) -> None:
    sys.stdin, sys.stdout, sys.stderr = value


def _write_excepthooks(value: tuple[Any, ...]) -> None:
    sys.excepthook, sys.unraisablehook, sys.displayhook, threading.excepthook = value


def _write_limits(value: dict[str, tuple[int, int]]) -> None:
    for name, limits in value.items():
        if resource.getrlimit(_LIMITS[name]) != limits:
            resource.setrlimit(_LIMITS[name], limits)


def _threads() -> frozenset[str]:
    """Threads of Python that may go on working; a pool's wait for work, as tqdm's one does."""
    waiting = ("concurrent.futures.thread", "tqdm._monitor")
    return frozenset(
        t.name
        for t in threading.enumerate()
        if getattr(getattr(t, "_target", None), "__module__", "") not in waiting and type(t).__module__ not in waiting
    )


OWN = (
    Setting(
        "environment variables",
        _environment,
        _write_environment,
        words=entries("the environment variable", "the environment variables"),
    ),
    Setting("the current folder", os.getcwd, os.chdir),
    Setting("sys.path", lambda: list(sys.path), lambda value: sys.path.__setitem__(slice(None), value), told=False),
    Setting(
        "finders",
        lambda: (list(sys.meta_path), list(sys.path_hooks)),
        lambda value: (
            sys.meta_path.__setitem__(slice(None), value[0]),
            sys.path_hooks.__setitem__(slice(None), value[1]),
        ),
        words=lambda *_: "how modules are found",
    ),
    Setting("Python's recursion limit", sys.getrecursionlimit, sys.setrecursionlimit, words=_recursion),
    Setting("filters of warnings", lambda: list(warnings.filters), _write_filters, told=False),
    Setting("logging", _logging, _write_logging, words=lambda *_: "the level or the handlers of logging"),
    Setting(
        "signals",
        lambda: {f"of {signal.Signals(s).name}": signal.getsignal(s) for s in _SIGNALS},
        lambda value: [
            signal.signal(getattr(signal, name.removeprefix("of ")), handler)
            for name, handler in value.items()
            if signal.getsignal(getattr(signal, name.removeprefix("of "))) is not handler
        ],
        words=entries("the handler", "the handlers"),
    ),
    Setting(
        "timers",
        lambda: [signal.getitimer(timer) != (0.0, 0.0) for timer in _TIMERS],
        lambda value: [signal.setitimer(timer, 0) for timer, runs in zip(_TIMERS, value, strict=True) if not runs],
        words=lambda *_: "a timer that sends a signal",
    ),
    Setting("the locale", lambda: locale.setlocale(locale.LC_ALL), partial(locale.setlocale, locale.LC_ALL)),
    Setting(
        "standard streams",
        lambda: (sys.stdin, sys.stdout, sys.stderr),
        _write_streams,
        words=lambda *_: "where the standard streams lead",
    ),
    Setting(
        "hooks for exceptions",
        lambda: (sys.excepthook, sys.unraisablehook, sys.displayhook, threading.excepthook),
        _write_excepthooks,
        words=lambda *_: "what is done with exceptions",
    ),
    Setting(
        "limits of the process",
        lambda: {name: resource.getrlimit(limit) for name, limit in _LIMITS.items()},
        _write_limits,
        words=entries("the limit", "the limits"),
    ),
    Setting("numpy", numpy.geterr, lambda value: numpy.seterr(**value), words=lambda *_: "how numpy handles errors"),
    Setting("threads", _threads, None, words=lambda before, after: f"the running threads by {word(after - before)}"),
)
