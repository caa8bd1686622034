"""The rule by which a time is that of the host's launches; on a played GPU it is in measure/timing/test_clock.py."""

from __future__ import annotations

import pytest

from rnn_vs_attn.stats.launches import launch_bound, waited_for


@pytest.mark.parametrize(
    ("lag", "seconds", "loops", "bound"),
    [
        (15e-6, 30e-6, 100, True),  # what the host needs to see that the device is done
        (80e-6, 70e-6, 100, True),  # its last kernels, less than a call's work
        (250e-6, 70e-6, 50, False),  # 5 us gained in each call
        (15e-6, 100e-6, 1, True),  # one call, such as a step of decoding
        (60e-6, 100e-6, 1, False),
        (9e-3, 0.1, 1, False),  # a full queue is no last kernel
    ],
)
def test_a_device_that_is_done_soon_after_the_host_was_launch_bound(
    lag: float, seconds: float, loops: int, bound: bool
) -> None:
    assert launch_bound(lag, seconds, loops) == bound


@pytest.mark.parametrize(
    ("seconds", "own", "waited"),
    [(120e-6, 20e-6, True), (120e-6, 100e-6, False), (10.02e-3, 10e-3, False), (10e-3, 8e-3, True)],
)
def test_a_call_that_takes_longer_than_the_device_and_the_way_to_it_waited_for_launches(
    seconds: float, own: float, waited: bool
) -> None:
    assert waited_for(seconds, own) == waited
