"""torch's number of threads, which a case's label promises: what it is, and what it was while a call ran."""

from __future__ import annotations

from collections.abc import Callable

import torch

from rnn_vs_attn.isolation.settings import Setting


class Threads:
    """torch's number of threads, and another number that was asked for since it was last read.

    A call may ask for more threads and put them back itself, which is seen only where it asks.
    """

    def __init__(self) -> None:
        self.set: Callable[[int], None] = torch.set_num_threads
        self._asked: list[int] = []

    def watch(self) -> None:
        """From now on see what torch.set_num_threads is asked for."""
        torch.set_num_threads = self.ask

    def ask(self, num_threads: int) -> None:
        """Stands for torch.set_num_threads."""
        if num_threads not in self._asked:
            self._asked.append(num_threads)
        self.set(num_threads)

    def read(self) -> tuple[int, int]:
        """What it is, and what was asked for meanwhile."""
        now = torch.get_num_threads()
        other = next((asked for asked in self._asked if asked != now), now)
        self.forget()
        return now, other

    def write(self, value: tuple[int, int]) -> None:
        self.set(value[0])
        self.forget()

    def forget(self) -> None:
        """What was asked for so far is of no account."""
        self._asked.clear()

    @staticmethod
    def words(before: tuple[int, int], after: tuple[int, int]) -> str:
        if before[0] == after[0]:
            return f"torch's number of threads from {before[0]} to {after[1]} and back"
        return f"torch's number of threads from {before[0]} to {after[0]}"


THREADS = Threads()

HELD = (
    Setting("torch's number of threads", THREADS.read, THREADS.write, promised=True, words=THREADS.words),
    Setting("torch's number of interop threads", torch.get_num_interop_threads, None),
)
