"""Each thread on a processor of its own, where a process runs as many as there are.

Left to itself the system may put two threads that wait for each other on one processor, for as long as something else
is busy on the others: each of their meetings then takes until the first one's turn is over, 4 ms in place of some
microseconds. Where there are more processors than threads, the system knows better than we which ones are free.
"""

from __future__ import annotations

import os
from collections.abc import Collection

_CHOSEN = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")  # by the user, where one of them is set
_MARK = "RNN_VS_ATTN_BOUND"
ALL = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set[int]()


def one_each(threads: Collection[int]) -> dict[str, str]:
    """Variables for the environment of a process that runs these numbers of threads, one after the other."""
    if not ALL or set(threads) - {1} != {len(ALL)} or any(name in os.environ for name in _CHOSEN):
        return {}
    return {"OMP_PROC_BIND": "true", "OMP_PLACES": "threads", _MARK: "1"}


def hold(threads: int) -> None:
    """Keep the calling thread on the processor that is left to it, when others are bound and take part."""
    if _MARK in os.environ:
        os.sched_setaffinity(0, {min(ALL)} if threads > 1 else ALL)


def let_go() -> None:
    """Let the calling thread run anywhere, as what it starts and asks should find it."""
    if _MARK in os.environ:
        os.sched_setaffinity(0, ALL)
