"""Settings of the process and of Python are put back."""

from __future__ import annotations

import locale
import os
import sys
import warnings
from pathlib import Path

import pytest
import torch
from changed_settings import timed

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.isolation.keeping import NOTES, Own, kept
from rnn_vs_attn.isolation.threads import THREADS

linux = pytest.mark.skipif(sys.platform != "linux", reason="threads are read from /proc, and processors are chosen")


# Labels


@linux
def test_processors_that_a_call_chooses_are_put_back_for_all_threads_of_torch() -> None:
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        pytest.skip("one processor leaves no choice")
    choose = lambda: os.sched_setaffinity(0, {min(before)})  # noqa: E731
    starts_a_thread = lambda: torch.ones(1 << 20).sin_()  # noqa: E731  # which inherits the choice
    with pytest.raises(CaseFault, match="the processors that it may run on"):
        timed(choose, lambda: THREADS.set(2), starts_a_thread)
    tasks = [int(thread.name) for thread in Path("/proc/self/task").iterdir()]
    assert {frozenset(os.sched_getaffinity(task)) for task in tasks} == {frozenset(before)}


def test_a_setting_that_no_label_promises_costs_no_number() -> None:
    with kept(timed=True):
        torch.set_default_dtype(torch.float64)
    assert NOTES.tell() == ["it changed the default dtype from float32 to float64, which was put back"]


# A model's own


def test_filters_of_warnings_are_put_back_without_a_word(own: Own) -> None:
    """Libraries set them whenever they are imported, and no number depends on them."""
    before = list(warnings.filters)
    own.enter("first")
    warnings.simplefilter("ignore")
    own.leave()
    assert list(warnings.filters) == before
    assert NOTES.tell() == []


def test_the_locale_is_put_back(own: Own) -> None:
    before = locale.setlocale(locale.LC_ALL)
    own.enter("first")
    locale.setlocale(locale.LC_ALL, "C")
    own.leave()
    assert locale.setlocale(locale.LC_ALL) == before
