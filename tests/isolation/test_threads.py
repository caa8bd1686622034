"""Threads that calls set, under the label of a number of threads."""

from __future__ import annotations

import pytest
import torch
from changed_settings import timed

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.isolation.threads import THREADS


def test_threads_that_each_timed_call_sets_are_no_number_under_the_label_threads_1() -> None:
    with pytest.raises(CaseFault, match="torch's number of threads from 1 to 2 in calls that are timed") as caught:
        timed(lambda: torch.set_num_threads(2))
    assert caught.value.status == "failed"
    assert torch.get_num_threads() == 1


def test_threads_that_a_call_sets_and_puts_back_itself_are_seen_too() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "set_num_threads", THREADS.ask)
        with pytest.raises(CaseFault, match="torch's number of threads from 1 to 2 and back in calls that are timed"):
            timed(lambda: torch.set_num_threads(2), lambda: torch.set_num_threads(1))
        timed(lambda: torch.set_num_threads(1))  # what it is anyway
