"""What would spoil a measurement, what to do about it, and how `doctor` says so."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from machines import FIT, GPU

from rnn_vs_attn.machine.fitness import Finding, findings


def the_finding(threads: int = 4, **facts: Any) -> Finding:
    """The only finding on a fit machine with these facts."""
    (found,) = findings(FIT | facts, threads)
    return found


def test_a_fit_machine_has_no_findings() -> None:
    assert findings(FIT, threads=8) == []
    small = GPU | {"free_share": 0.8, "others_share": 0.0}  # the context of this process is a fifth of it
    assert findings(FIT | {"gpus": [small]}, threads=8) == []


@pytest.mark.parametrize(
    ("facts", "severity", "text", "remedy"),
    [
        ({"load": 9.5}, 3, "the load is 9.5 on 8 usable cores", "stop it or wait"),
        ({"load": 4.5}, 2, "the load is 4.5 on 8 usable cores", "stop it or wait"),
        ({"threads": 16}, 3, "16 threads share 8 usable cores", "--threads 8 or fewer"),
        ({"threads": 16, "cpu_quota": 12.0}, 3, "16 threads under a quota of 12 cores", "--threads 8"),
        ({"threads": 10, "cpu_quota": 12.0}, 3, "10 threads share 8 usable cores", "--threads 8 or fewer"),
        ({"cpu_quota": 1.5}, 3, "4 threads under a quota of 1.5 cores", "--threads 1"),
        ({"threads": 2, "cpu_quota": 1.0}, 3, "2 threads under a quota of 1 core", "--threads 1"),
        (
            {"load": 9.5, "threads": 2, "usable_cores": 2, "logical_cores": 8},
            3,
            "load is 9.5 on the 8 cores of this machine",
            "wait",
        ),
        ({"governor": "powersave"}, 2, "governor is 'powersave'", "cpupower frequency-set -g performance"),
        ({"swap_used": 64 << 20}, 2, "64 MiB are swapped out", "swapoff"),
        ({"torch_debug": True}, 3, "this torch is a debug build", "install a release build"),
        ({"gpus": [GPU | {"utilization": 0.5}]}, 3, "GPU 0 is 50% busy", "--device"),
        ({"gpus": [GPU, GPU | {"others_share": 0.4}]}, 2, "40% or more of GPU 1's memory is in use", "nvidia-smi"),
        ({"gpus": [GPU | {"nvml_lacks": ["temperature_c"]}]}, 1, "GPU 0 does not tell: temperature_c", "nvidia-smi -q"),
        ({"gpus": [GPU | {"nvml": "not read"}]}, 1, "GPU 0's clocks and throttling are not read", "rnn-vs-attn[gpu]"),
        ({"virtual": True}, 1, "virtual machine", "compare within one run"),
        (
            {"system": "Darwin"},
            2,
            "never tried on Darwin, where the peak memory of a CPU call is not measured",
            "Linux",
        ),
    ],
)
def test_what_spoils_a_measurement_is_found_with_its_remedy(
    facts: dict[str, Any], severity: int, text: str, remedy: str
) -> None:
    found = the_finding(**facts)
    assert found.severity == severity
    assert text in found.text
    assert remedy in found.remedy


def test_a_debug_build_of_python_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "gettotalrefcount", lambda: 0, raising=False)
    assert the_finding().text == "this Python is a debug build"


def test_a_load_that_the_system_does_not_tell_is_no_finding() -> None:
    assert findings(FIT | {"load": None, "governor": None}, threads=1) == []


def test_the_worst_stands_first() -> None:
    facts = FIT | {"virtual": True, "governor": "powersave", "swap_used": 1 << 30, "load": 20.0}
    severities = [found.severity for found in findings(facts, threads=9)]
    assert severities == [3, 3, 2, 2, 1]


@pytest.mark.parametrize("quota", [0.2, 0.5, 0.99])
def test_the_remedy_for_less_than_a_core_is_not_the_one_thread_that_there_is_already(quota: float) -> None:
    found = the_finding(threads=1, cpu_quota=quota, usable_cores=1)
    assert found.severity == 3
    assert f"1 thread under a quota of {quota} cores" in found.text
    assert "--threads" not in found.remedy
    assert "a whole core" in found.remedy


@pytest.mark.parametrize(("threads", "quota"), [(1, 1.0), (1, 1.5), (2, 2.0), (8, 9.5)])
def test_threads_that_a_quota_has_room_for_are_no_finding(threads: int, quota: float) -> None:
    assert findings(FIT | {"cpu_quota": quota}, threads) == []


def test_the_load_of_a_large_machine_is_not_held_against_the_few_cores_that_may_be_used() -> None:
    assert findings(FIT | {"usable_cores": 2, "logical_cores": 32, "load": 3.0}, threads=2) == []


def test_what_moved_just_now_is_a_finding() -> None:
    (found,) = findings(FIT, threads=1, moved=["the hypervisor took 20% of processor time"])
    assert found.severity == 2
    assert "20%" in found.text
