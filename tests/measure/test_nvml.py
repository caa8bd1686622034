"""What the driver says of a GPU, of drivers and cards that are not there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rnn_vs_attn.measure import device, nvml

UUID = "8a1f0c2e-0000-1111-2222-333344445555"


class NVMLError(Exception):
    pass


class Library:
    """nvidia-ml-py on a machine of two cards, of which CUDA_VISIBLE_DEVICES hides the first."""

    NVML_CLOCK_SM, NVML_TEMPERATURE_GPU = 1, 0
    NVMLError = NVMLError

    def __init__(self) -> None:
        self.handles = {"GPU-another": "first", f"GPU-{UUID}": "second"}
        self.lacking: set[str] = set()
        self.use = [0]
        self.begun = 0

    def nvmlInit(self) -> None:
        self.begun += 1

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        if uuid not in self.handles:
            raise NVMLError("Not Found")
        return self.handles[uuid]

    def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, handle: str) -> str:
        return f"board of {handle}"

    def nvmlSystemGetDriverVersion(self) -> str:
        return "550.54"

    def nvmlDeviceGetClockInfo(self, handle: str, which: int) -> int:
        return self._of(handle, "clock", {"second": 1980, "board of part": 1410})

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: str) -> int:
        return self._of(handle, "throttling", {"second": 0x01 | 0x40, "board of part": 0})

    def nvmlDeviceGetTemperature(self, handle: str, sensor: int) -> int:
        return self._of(handle, "temperature", {"second": 41, "board of part": 42})

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> SimpleNamespace:
        now = self.use[0] if len(self.use) == 1 else self.use.pop(0)
        return SimpleNamespace(gpu=self._of(handle, "use", {"second": now}))

    def _of(self, handle: str, what: str, values: dict[str, int]) -> int:
        if what in self.lacking or handle not in values:
            raise NVMLError("Not Supported")
        return values[handle]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    made = Library()
    monkeypatch.setitem(sys.modules, "pynvml", made)  # type: ignore[arg-type]
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=UUID))
    monkeypatch.setattr(nvml.time, "sleep", lambda seconds: None)
    nvml._card.cache_clear()
    yield made
    nvml._card.cache_clear()


def test_the_card_is_the_one_that_torch_sees_under_its_number(library: Library) -> None:
    """It was the driver's number 0, which CUDA_VISIBLE_DEVICES had hidden."""
    assert nvml.state(0) == {
        "driver": "550.54",
        "sm_clock_mhz": 1980,
        "throttle_reasons": 0x40,
        "temperature_c": 41,
        "utilization": 0.0,
    }


def test_one_query_that_a_card_lacks_loses_no_other(library: Library) -> None:
    library.lacking = {"temperature", "use"}
    found = nvml.state(0)
    assert found["sm_clock_mhz"] == 1980
    assert found["nvml_lacks"] == ["temperature_c", "utilization"]
    assert device.gpu_state(0) == {"sm_clock_mhz": 1980, "throttle_reasons": 0x40}


def test_a_part_of_a_card_has_the_clocks_of_the_whole(library: Library) -> None:
    library.handles = {f"MIG-{UUID}": "part"}
    found = nvml.state(0)
    assert (found["sm_clock_mhz"], found["temperature_c"]) == (1410, 42)
    assert found["nvml_lacks"] == ["utilization"]


def test_the_driver_is_begun_with_once(library: Library) -> None:
    for _ in range(3):
        device.gpu_state(0)
    assert library.begun == 1


@pytest.mark.parametrize(("use", "seen"), [([97, 0], 0.0), ([97, 80], 0.8), ([5], 0.05)])
def test_ones_own_last_run_is_not_taken_for_somebody_elses(use: list[int], seen: float, library: Library) -> None:
    """What the driver says is a mean over the last second, in which that run may have ended."""
    library.use = use
    assert nvml.state(0)["utilization"] == seen


def test_without_the_package_or_the_card_it_is_said_that_nothing_is_read(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.handles = {}
    assert nvml.state(0) == {"nvml": "not read: NVMLError"}
    monkeypatch.setitem(sys.modules, "pynvml", None)
    nvml._card.cache_clear()
    assert nvml.state(0) == {"nvml": "not read: ModuleNotFoundError"}
    assert device.gpu_state(0) == {}


@pytest.mark.cuda
def test_the_card_of_a_machine_is_found_and_has_a_clock() -> None:
    pytest.importorskip("pynvml")
    nvml._card.cache_clear()
    found = nvml.state(0)
    assert "nvml" not in found
    assert 100 < found["sm_clock_mhz"] < 5000
    card: Any = nvml._card(0)
    assert card.library.nvmlDeviceGetUUID(card.handle).endswith(str(torch.cuda.get_device_properties(0).uuid))
