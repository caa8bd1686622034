"""What must agree between two runs, what is private, and what would spoil a measurement here."""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from rnn_vs_attn import environment
from rnn_vs_attn.environment import CPUState, Finding, changes, describe, findings, fingerprint

CPUINFO = """\
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: Slide Rule 3000
cpu MHz\t\t: {clock}
bogomips\t: {clock}
flags\t\t: fpu avx2
"""
MEMINFO = """\
MemTotal:       16384000 kB
MemFree:        {free} kB
MemAvailable:   {free} kB
SwapTotal:       2048000 kB
SwapFree:        {swap_free} kB
"""
GPU = {
    "name": "Abacus H1",
    "capability": "9.0",
    "num_sms": 132,
    "memory_gib": 80,
    "driver": "550.54",
    "free_share": 0.99,
    "sm_clock_mhz": 1980,
    "temperature_c": 40,
    "utilization": 0.0,
    "throttle_reasons": 0,
}


class Machine:
    """What the files of the system say; a test changes it."""

    def __init__(self) -> None:
        self.clock = "2400.000"
        self.free = 8_000_000
        self.swap_free = 2_048_000
        self.load = 0.1
        self.files = {"/proc/cpuinfo": CPUINFO}
        self.governor: str | None = "performance"
        self.torch: dict[str, Any] = {"torch": "2.9.0", "gpus": [GPU]}

    def read(self, path: Path) -> str | None:
        if path.name == "scaling_governor":
            return self.governor
        files = self.files | {"/proc/meminfo": MEMINFO}
        text = files.get(str(path))
        return text and text.format(clock=self.clock, free=self.free, swap_free=self.swap_free)

    def facts(self, anonymous: bool = False) -> dict[str, Any]:
        return describe(self.torch, anonymous)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(environment, "_read", made.read)
    monkeypatch.setattr(os, "getloadavg", lambda: (made.load, made.load, made.load))
    return made


# Facts


def test_facts_are_those_of_the_machine(machine: Machine) -> None:
    facts = machine.facts()
    assert facts["cpu"] == "GenuineIntel family 6 model 143 Slide Rule 3000"
    assert facts["memory_gib"] == 15.6
    assert (facts["load"], facts["swap_used"], facts["governor"]) == (0.1, 0, "performance")
    assert (facts["virtual"], facts["cpu_quota"], facts["torch"]) == (False, None, "2.9.0")


def test_facts_can_be_written_down(machine: Machine) -> None:
    facts = machine.facts()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_facts_of_this_machine_are_complete() -> None:
    facts = describe({}, anonymous=False)
    assert facts["cpu"]
    assert 1 <= facts["usable_cores"] <= facts["logical_cores"]
    assert len(facts["fingerprint"]) == 64


def test_a_machine_without_any_of_these_files_is_described_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_read", lambda path: None)
    facts = describe({}, anonymous=False)
    assert (facts["governor"], facts["cpu_quota"], facts["virtual"], facts["swap_used"]) == (None, None, False, 0)


@pytest.mark.parametrize(("text", "cores"), [("150000 100000", 1.5), ("max 100000", None)])
def test_the_quota_of_a_container_is_in_cores(machine: Machine, text: str, cores: float | None) -> None:
    machine.files["/sys/fs/cgroup/cpu.max"] = text
    assert machine.facts()["cpu_quota"] == cores


def test_memory_that_a_container_may_not_take_is_not_available(machine: Machine) -> None:
    assert environment.available_memory() == 8_000_000 * 1024
    machine.files |= {"/sys/fs/cgroup/memory.max": "3000000000", "/sys/fs/cgroup/memory.current": "1000000000"}
    assert environment.available_memory() == 2_000_000_000


# Fingerprint


def test_readings_that_move_do_not_change_the_fingerprint(machine: Machine) -> None:
    before = machine.facts()
    machine.clock, machine.free, machine.swap_free, machine.load = "800.123", 1000, 17, 25.0
    moved = {"sm_clock_mhz": 210, "temperature_c": 83, "utilization": 0.97, "free_share": 0.2, "throttle_reasons": 4}
    machine.torch["gpus"] = [GPU | moved]
    after = machine.facts()
    assert before["load"] != after["load"]
    assert before["swap_used"] != after["swap_used"]
    assert before["fingerprint"] == after["fingerprint"]


def test_another_processor_is_another_machine(machine: Machine) -> None:
    before = machine.facts()["fingerprint"]
    machine.files["/proc/cpuinfo"] = CPUINFO.replace("3000", "4000")
    assert machine.facts()["fingerprint"] != before


@pytest.mark.parametrize(
    "change", [{"name": "Abacus H2"}, {"memory_gib": 141}, {"num_sms": 114}, {"driver": "560.1"}, {"capability": "8.0"}]
)
def test_another_gpu_is_another_machine(machine: Machine, change: dict[str, Any]) -> None:
    before = machine.facts()["fingerprint"]
    machine.torch["gpus"] = [GPU | change]
    assert machine.facts()["fingerprint"] != before


def test_a_second_gpu_is_another_machine(machine: Machine) -> None:
    before = machine.facts()["fingerprint"]
    machine.torch["gpus"] = [GPU, GPU]
    assert machine.facts()["fingerprint"] != before


@pytest.mark.parametrize("key", ["torch", "torch_config", "cuda", "python", "usable_cores", "cpu_quota", "virtual"])
def test_other_software_or_fewer_cores_are_another_machine(machine: Machine, key: str) -> None:
    facts = machine.facts()
    assert fingerprint(facts | {key: "something else"}) != fingerprint(facts)


def test_the_name_of_the_host_is_no_part_of_the_fingerprint(machine: Machine) -> None:
    facts = machine.facts()
    assert fingerprint(facts | {"host": "elsewhere", "user": "another", "folder": "/"}) == fingerprint(facts)


# Privacy


def test_an_anonymous_run_names_neither_host_nor_user_nor_folders(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "salamander")
    monkeypatch.setattr(getpass, "getuser", lambda: "ferdinand")
    monkeypatch.setenv("LD_PRELOAD_NOTE", "private-library")
    monkeypatch.setattr(sys, "executable", "/home/ferdinand/bin/python")
    monkeypatch.chdir(tmp_path)
    private = ("salamander", "ferdinand", "private-library", str(tmp_path))
    named, anonymous = machine.facts(), machine.facts(anonymous=True)
    assert all(word in json.dumps(named) for word in private)
    assert not any(word in json.dumps(anonymous) for word in private)
    assert not {"host", "user", "folder", "executable", "variables"} & anonymous.keys()
    assert anonymous["fingerprint"] == named["fingerprint"]


def test_only_variables_that_bend_a_measurement_are_kept(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_PROC_BIND", "true")
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    variables = machine.facts()["variables"]
    assert variables["OMP_PROC_BIND"] == "true"
    assert "SECRET_TOKEN" not in variables


# Findings

FIT = {
    "system": "Linux",
    "usable_cores": 8,
    "cpu_quota": None,
    "load": 0.3,
    "governor": "performance",
    "swap_used": 0,
    "virtual": False,
    "torch_debug": False,
    "gpus": [GPU],
}


def the_finding(threads: int = 4, **facts: Any) -> Finding:
    """The only finding on a fit machine with these facts."""
    (found,) = findings(FIT | facts, threads)
    return found


def test_a_fit_machine_has_no_findings() -> None:
    assert findings(FIT, threads=8) == []


@pytest.mark.parametrize(
    ("facts", "severity", "text", "remedy"),
    [
        ({"load": 9.5}, 3, "the load is 9.5 on 8 usable cores", "stop it or wait"),
        ({"load": 4.5}, 2, "the load is 4.5 on 8 usable cores", "stop it or wait"),
        ({"threads": 16}, 3, "16 threads share 8 usable cores", "--threads 8 or fewer"),
        ({"cpu_quota": 1.5}, 3, "4 threads under a quota of 1.5 cores", "--threads 1"),
        ({"governor": "powersave"}, 2, "governor is 'powersave'", "cpupower frequency-set -g performance"),
        ({"swap_used": 64 << 20}, 2, "64 MiB are swapped out", "swapoff"),
        ({"torch_debug": True}, 3, "this torch is a debug build", "install a release build"),
        ({"gpus": [GPU | {"utilization": 0.5}]}, 3, "GPU 0 is 50% busy", "--device"),
        ({"gpus": [GPU, GPU | {"free_share": 0.6}]}, 2, "40% of GPU 1's memory is in use", "nvidia-smi"),
        ({"gpus": [GPU | {"nvml": "not read"}]}, 1, "GPU 0's clocks and throttling are not read", "rnn-vs-attn[gpu]"),
        ({"virtual": True}, 1, "virtual machine", "compare within one run"),
        ({"system": "Darwin"}, 2, "the peak memory of a CPU call is not measured", "Linux"),
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


# What happened meanwhile

CALM = CPUState(steal=100, total=10_000, clock_mhz=3000.0)


def later(**changed: Any) -> list[str]:
    return changes(CALM, CPUState(**({"steal": 100, "total": 11_000, "clock_mhz": 3000.0} | changed)))


def test_nothing_moved_is_no_change() -> None:
    assert later() == []
    assert later(steal=140, clock_mhz=2750.0) == []


def test_stolen_time_is_told_with_its_share() -> None:
    assert later(steal=300) == ["the hypervisor took 20% of processor time during this case"]


@pytest.mark.parametrize("clock", [2000.0, 4000.0])
def test_a_clock_that_moved_is_told_with_both_readings(clock: float) -> None:
    assert later(clock_mhz=clock) == [f"the CPU clock went from 3000 to {clock:.0f} MHz during this case"]


def test_readings_that_do_not_exist_are_no_change() -> None:
    nothing = CPUState(None, None, None)
    assert changes(nothing, nothing) == changes(CALM, nothing) == changes(nothing, CALM) == []


def test_no_time_between_two_readings_is_no_change() -> None:
    assert changes(CALM, CALM) == []


def test_ticks_are_read_from_the_line_of_all_processors(machine: Machine) -> None:
    machine.files["/proc/stat"] = "cpu  10 20 30 40 50 60 70 80 1000 2000\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
    state = environment.cpu_state()
    assert (state.steal, state.total) == (80, 360)


def test_processes_killed_for_lack_of_memory_are_counted(machine: Machine) -> None:
    assert environment.out_of_memory_kills() is None
    machine.files["/proc/vmstat"] = "nr_free_pages 5\noom_kill 3\n"
    assert environment.out_of_memory_kills() == 3
