"""The signal after the first one."""

from __future__ import annotations

import signal

import pytest

from rnn_vs_attn.ab.interruption import end_at_the_next
from rnn_vs_attn.errors import INTERRUPTED, Interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_next_signal_ends_at_once_with_the_code_of_the_first_and_one_after_it_does_nothing(
    number: signal.Signals,
) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        end_at_the_next(INTERRUPTED)
        with pytest.raises(Interrupted) as stop:
            signal.raise_signal(number)
        assert stop.value.exit_code == INTERRUPTED
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
