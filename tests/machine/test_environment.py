"""What must agree between two runs, what is private, what this process may use, and what moved meanwhile."""

from __future__ import annotations

import dataclasses
import functools
import getpass
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes import FAKE, unfinished_run

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import Limits
from rnn_vs_attn.machine import control_groups, environment, torch_release
from rnn_vs_attn.machine.environment import CPUState, changes, describe, fingerprint, hard_keys
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.records.head import command_line
from rnn_vs_attn.run import command
from rnn_vs_attn.run.options import RunOptions

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
    "others_share": 0.0,
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
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """Four processors, and control groups under `tmp_path`."""
    made = Machine()
    monkeypatch.setattr(environment, "read", made.read)
    monkeypatch.setattr(environment, "cores", lambda: [0, 1, 2, 3])
    for name in ("cpu_quota", "memory_limit", "memory_left", "pauses", "out_of_memory_kills"):
        here = functools.partial(getattr(control_groups, name), root=tmp_path / "root")
        monkeypatch.setattr(control_groups, name, here)
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
    monkeypatch.setattr(environment, "read", lambda path: None)
    facts = describe({}, anonymous=False)
    assert (facts["governor"], facts["cpu_quota"], facts["virtual"], facts["swap_used"]) == (None, None, False, 0)


def limited(tmp_path: Path, **files: str) -> None:
    """This process's control group, with the files given; _ stands for a point."""
    root = tmp_path / "root"
    for path in ("proc/self", "groups"):
        (root / path).mkdir(parents=True, exist_ok=True)
    (root / "proc/self/cgroup").write_text("0::/\n")
    (root / "proc/self/mountinfo").write_text("38 32 0:32 / /groups rw - cgroup2 cgroup2 rw\n")
    for name, text in files.items():
        (root / "groups" / name.replace("_", ".", 1)).write_text(text)


# What this process may use


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max", 4), ("20000", 1), ("50000", 1), ("100000", 1), ("150000", 1), ("350000", 3), ("9900000", 4)],
)
def test_a_quota_leaves_whole_cores_and_one_at_least(machine: Machine, tmp_path: Path, quota: str, cores: int) -> None:
    limited(tmp_path, cpu_max=f"{quota} 100000")
    assert environment.usable_cores() == cores
    facts = machine.facts()
    assert facts["usable_cores"] == cores
    assert facts["affinity_cores"] == 4
    assert facts["cpu_quota"] == (None if quota == "max" else int(quota) / 100_000)


@pytest.mark.parametrize(
    ("quota", "said"),
    [
        ("max", []),
        ("400000", []),
        ("150000", ["measured under a CPU quota of 1.5 cores on 4 processors; --threads 0 is 1 there"]),
        ("100000", ["measured under a CPU quota of 1 core on 4 processors; --threads 0 is 1 there"]),
        ("33333", ["measured under a CPU quota of 0.3333 cores on 4 processors; --threads 0 is 1 there"]),
    ],
)
def test_a_quota_is_said_with_the_number_that_was_used(
    machine: Machine, tmp_path: Path, quota: str, said: list[str]
) -> None:
    limited(tmp_path, cpu_max=f"{quota} 100000")
    assert environment.said_of_quota(machine.facts()) == said


def test_affinity_and_quota_both_limit(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limited(tmp_path, cpu_max="300000 100000")
    monkeypatch.setattr(environment, "cores", lambda: [1, 3])
    assert environment.processors() | {"logical_cores": 0} == {
        "logical_cores": 0,
        "affinity_cores": 2,
        "usable_cores": 2,
        "cpu_quota": 3.0,
    }


def test_memory_that_a_control_group_may_not_take_is_not_available(machine: Machine, tmp_path: Path) -> None:
    assert environment.available_memory() == 8_000_000 * 1024
    used = {"memory_current": "1000000000", "memory_stat": "inactive_file 200000000"}
    limited(tmp_path, memory_max="3000000000", **used)
    assert environment.available_memory() == 2_200_000_000
    facts = machine.facts()
    assert (facts["memory_limit"], facts["memory_available"]) == (3_000_000_000, 2_200_000_000)
    limited(tmp_path, memory_max=str(1 << 50), **used)
    assert environment.available_memory() == 8_000_000 * 1024
    assert machine.facts()["memory_limit"] is None


def test_no_memory_left_is_not_taken_for_no_limit(machine: Machine, tmp_path: Path) -> None:
    limited(tmp_path, memory_max="3000", memory_current="4000")
    assert environment.available_memory() == 0


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


@pytest.mark.parametrize(
    "key", ["torch", "torch_config", "cuda", "python", "usable_cores", "cpu_quota", "affinity_cores", "virtual"]
)
def test_other_software_or_fewer_cores_are_another_machine(machine: Machine, key: str) -> None:
    facts = machine.facts()
    assert fingerprint(facts | {key: "something else"}) != fingerprint(facts)


def test_a_run_from_before_quotas_were_counted_is_of_the_same_machine(machine: Machine) -> None:
    facts = machine.facts()
    old = {key: value for key, value in facts.items() if key != "affinity_cores"}
    assert hard_keys(old) == hard_keys(facts)


def test_memory_and_what_is_left_of_it_are_no_part_of_the_fingerprint(machine: Machine, tmp_path: Path) -> None:
    before = machine.facts()["fingerprint"]
    limited(tmp_path, memory_max="3000000000", memory_current="1000")
    assert machine.facts()["fingerprint"] == before


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


def test_an_anonymous_command_line_has_names_in_the_place_of_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--output=/home/ferdinand/run` was kept as it is, as it begins with a dash."""
    words = ["gradflow", "--output=/home/ferdinand/a=b/run", "--checkpoint", "/home/ferdinand/kept", "--quiet", "a=b"]
    monkeypatch.setattr(sys, "argv", ["rnn-vs-attn", *words])
    assert command_line(anonymous=False) == words
    shown = ["gradflow", "--output=run", "--checkpoint", "kept", "--quiet", "a=b"]
    assert command_line(anonymous=True) == shown


def test_only_variables_that_bend_a_measurement_are_kept(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_PROC_BIND", "true")
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    variables = machine.facts()["variables"]
    assert variables["OMP_PROC_BIND"] == "true"
    assert "SECRET_TOKEN" not in variables


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


def test_a_quota_that_paused_a_case_is_told_and_one_that_did_not_is_not() -> None:
    calm = CPUState(None, None, None, ((10, 1), (10, 2)))
    assert changes(calm, CPUState(None, None, None, ((110, 6), (110, 2)))) == []
    paused = ["a CPU quota was used up during this case, and paused it"]
    assert changes(calm, CPUState(None, None, None, ((110, 1), (110, 8)))) == paused
    assert changes(calm, calm) == changes(calm, CPUState(None, None, None)) == []


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


def test_kills_in_other_control_groups_are_not_taken_for_ones_own(machine: Machine, tmp_path: Path) -> None:
    machine.files["/proc/vmstat"] = "nr_free_pages 5\noom_kill 3\n"
    limited(tmp_path, memory_events="oom 1\noom_kill 1")
    assert environment.out_of_memory_kills() == 1


# Going on with a run


def resumed(facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Any:
    """`--resume` of a run that was begun on a machine with these facts; nothing is measured."""
    here = describe({}, anonymous=True)
    made = RunFolder.create(folder)
    axes = {field.name: [field.default] for field in dataclasses.fields(FAKE.axes.case)}
    made.write_run(
        unfinished_run(
            settings={"axes": axes, "limits": dataclasses.asdict(Limits())}, environment=json.loads(json.dumps(facts))
        )
    )
    made.close()
    monkeypatch.setattr(command, "_probe", lambda *_, **__: ({}, []))
    monkeypatch.setattr(command, "estimates", lambda *_: {})
    monkeypatch.setattr(command, "_run", lambda *_, **__: "goes on")
    monkeypatch.setattr(environment, "describe", lambda *_, **__: here)
    return command.resume(FAKE, RunOptions(resume=folder))


def test_facts_are_of_here_however_busy_it_is_and_whatever_torch_alone_can_tell() -> None:
    facts = describe(torch_release.facts(), anonymous=True)
    assert environment.is_here(facts | {"load": 99.0, "memory_available": 1, "cpu_capability": "AVX2"})
    for key, other in (("cpu", "another"), ("usable_cores", 999), ("torch", "9.9"), ("torch_git", "0"), ("cuda", "9")):
        assert not environment.is_here(facts | {key: other})


OTHER = {"cpu": "another", "cpu_quota": 1.5, "usable_cores": 999, "affinity_cores": 999, "torch": "1.0"}


@pytest.mark.long
@pytest.mark.parametrize("key", OTHER)
def test_a_run_is_not_gone_on_with_on_another_machine(
    key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    facts = describe({}, anonymous=True)
    with pytest.raises(UserError, match="was begun on another machine or with other software"):
        resumed(facts | {key: OTHER[key]}, monkeypatch, tmp_path / "run")


@pytest.mark.long
def test_a_run_of_this_machine_is_gone_on_with_also_from_before_a_fact_was_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    facts = describe({}, anonymous=True)
    assert resumed(facts, monkeypatch, tmp_path / "run") == "goes on"
    monkeypatch.undo()
    old = {k: v for k, v in facts.items() if k != "affinity_cores"} | {"fingerprint": "of that version"}
    if facts["usable_cores"] == facts["affinity_cores"]:
        assert resumed(old, monkeypatch, tmp_path / "old") == "goes on"
