"""What the driver says of a GPU: its clock, its throttling, how busy it is; each by itself, as no card tells all.

A card is found by the UUID that torch gives it: the driver's own numbers leave CUDA_VISIBLE_DEVICES out.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

# Software power cap, hardware slowdown, software and hardware thermal slowdown, hardware power brake (nvml.h).
_THROTTLED = 0x04 | 0x08 | 0x20 | 0x40 | 0x80
_TWO_SAMPLES = 2.2  # seconds: what the driver says of use is a mean over up to one (nvmlUtilization_t in nvml.h)
_BUSY = 0.1


@dataclass(frozen=True)
class Card:
    """A GPU as nvidia-ml-py knows it. board: the whole of one that is divided (MIG), which has the clocks."""

    library: Any
    handle: Any
    board: Any

    def utilization(self) -> float:
        """The part of the last second or less in which a kernel ran, of whoever, 0 to 1."""
        return float(self.library.nvmlDeviceGetUtilizationRates(self.handle).gpu) / 100


QUERIES: Mapping[str, Callable[[Card], Any]] = {
    "driver": lambda card: str(card.library.nvmlSystemGetDriverVersion()),
    "sm_clock_mhz": lambda card: card.library.nvmlDeviceGetClockInfo(card.board, card.library.NVML_CLOCK_SM),
    "throttle_reasons": lambda card: card.library.nvmlDeviceGetCurrentClocksThrottleReasons(card.board) & _THROTTLED,
    "temperature_c": lambda card: card.library.nvmlDeviceGetTemperature(card.board, card.library.NVML_TEMPERATURE_GPU),
    "utilization": lambda card: _of_others(card),
}


def state(index: int, names: Iterable[str] = tuple(QUERIES)) -> dict[str, Any]:
    """What the driver says of torch's device `index` under these names of QUERIES.

    nvml: why it says nothing at all; nvml_lacks: what this card does not tell.
    """
    card = _card(index)
    if isinstance(card, str):
        return {"nvml": f"not read: {card}"}
    found: dict[str, Any] = {}
    lacks = []
    for name in names:
        try:
            found[name] = QUERIES[name](card)
        except Exception:  # NVMLError, or a function that this version of the package lacks
            lacks.append(name)
    return found | ({"nvml_lacks": lacks} if lacks else {})


def _of_others(card: Card) -> float:
    """How busy it is while this process asks it nothing; what ran before this call is waited for to be past."""
    seen = card.utilization()
    if seen <= _BUSY:
        return seen
    time.sleep(_TWO_SAMPLES)
    return card.utilization()


@cache
def _card(index: int) -> Card | str:
    """The card, or why it cannot be asked; looked for once, as to begin takes the driver some milliseconds."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of an older package of this name, which works as well
            import pynvml
        pynvml.nvmlInit()
        return _found(pynvml, str(torch.cuda.get_device_properties(index).uuid))
    except Exception as error:  # no package, no driver, or no card of this UUID
        return type(error).__name__


def _found(library: Any, uuid: str) -> Card:
    """The card of a UUID as torch writes it: without what NVML begins it with."""
    bare = uuid.removeprefix("GPU-").removeprefix("MIG-")
    try:
        handle = library.nvmlDeviceGetHandleByUUID(f"GPU-{bare}")
    except library.NVMLError:
        handle = library.nvmlDeviceGetHandleByUUID(f"MIG-{bare}")
        return Card(library, handle, library.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle))
    return Card(library, handle, handle)
