"""Whether the time of a call on a GPU is that of the host, which launched its kernels more slowly than the GPU ran
them.

Told by the lag: the time from the host's last launch of a block until the device has nothing left to do. Where the
device is the slower of the two, the host gets further ahead with every call, and the lag is what it gained over the
block. Where the host is the slower one, the device waits for it in every call and is done soon after it, so the lag is
never more than one call's work.

The host's time for its calls does not tell it. It is too long where the queue of launches is full, some thousand, as
then each launch waits for the device; and a call's elapsed time is shorter than the host's by the time in which the L2
cache is overwritten before it, during which the host launches already.
"""

from __future__ import annotations

_SHARE = 0.1  # of the block's calls' time: the device lags by less where the launches took nine tenths of it
_CALLS = 10  # that this share is taken of at most, so that no more than one call's work is asked for
_NOTICED = 20e-6  # seconds until the host sees that the device is done
_FULL = 2e-3  # seconds, half of the least that a full queue of launches takes the device


def launch_bound(lag: float, seconds: float, loops: int) -> bool:
    """Whether a block of `loops` calls of `seconds` each by the device's clock was limited by the host's launches."""
    return lag < min(_SHARE * min(loops, _CALLS) * seconds + _NOTICED, _FULL)


def waited_for(seconds: float, own: float) -> bool:
    """Whether the host's launches are a part of the seconds of a call that was waited for. own: those of the device
    alone, all launches queued before; the way to it and back is in the first ones only.
    """
    return seconds - own > _SHARE * seconds + _NOTICED
