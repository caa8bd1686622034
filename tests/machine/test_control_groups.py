"""Limits of control groups, read from trees that stand for machines: both versions, every level, any mount."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnn_vs_attn.machine import control_groups, environment
from rnn_vs_attn.machine.control_groups import cpu_quota, memory_left, memory_limit, out_of_memory_kills, pauses

CPU = "36 32 0:30 {top} {at} rw,nosuid shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct"
MEMORY = "37 32 0:31 {top} {at} rw,nosuid - cgroup cgroup rw,memory"
SECOND = "38 32 0:32 {top} {at} ro,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
OTHERS = (
    "22 27 0:20 / /proc rw - proc proc rw\n"
    "35 32 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "34 32 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
)
HUGE = "9223372036854771712"  # what the first version writes where nothing is limited


class Tree:
    """A machine's files under a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    def groups(self, *lines: str) -> None:
        self.write("proc/self/cgroup", "\n".join(lines))

    def mounts(self, *lines: str) -> None:
        self.write("proc/self/mountinfo", OTHERS + "\n".join(lines))

    def second(self, path: str = "/", top: str = "/", at: str = "/sys/fs/cgroup") -> None:
        """Version 2 alone, with the process's group at a path and a mount that begins at `top`."""
        self.groups(f"0::{path}")
        self.mounts(SECOND.format(top=top, at=at))

    def first(self, path: str = "/", top: str = "/") -> None:
        """Version 1 of both controllers, in the hybrid layout with an empty hierarchy of version 2."""
        self.groups("12:pids:/x", f"5:memory:{path}", f"3:cpu,cpuacct:{path}", "1:name=systemd:/y", "0::/z")
        places = ((CPU, "cpu,cpuacct"), (MEMORY, "memory"), (SECOND, "unified"))
        self.mounts(*(line.format(top=top, at=f"/sys/fs/cgroup/{name}") for line, name in places))

    def first_quota(self, group: str, quota: int, period: int = 100_000) -> None:
        folder = f"/sys/fs/cgroup/cpu,cpuacct/{group}"
        self.write(f"{folder}/cpu.cfs_quota_us", str(quota))
        self.write(f"{folder}/cpu.cfs_period_us", str(period))

    def first_memory(self, group: str, limit: str, used: int, unused: int = 0) -> None:
        folder = f"/sys/fs/cgroup/memory/{group}"
        self.write(f"{folder}/memory.limit_in_bytes", limit)
        self.write(f"{folder}/memory.usage_in_bytes", str(used))
        self.write(f"{folder}/memory.stat", f"inactive_file 7\ntotal_inactive_file {unused}\ntotal_active_file 5")

    def second_memory(self, group: str, most: str, used: int, unused: int = 0, high: str = "max") -> None:
        folder = f"/sys/fs/cgroup/{group}"
        self.write(f"{folder}/memory.max", most)
        self.write(f"{folder}/memory.high", high)
        self.write(f"{folder}/memory.current", str(used))
        self.write(f"{folder}/memory.stat", f"anon 1\nfile 9\ninactive_file {unused}\nactive_file 5")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


# Processor time


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("50000 100000", 0.5),
        ("100000 100000", 1.0),
        ("150000 100000", 1.5),
        ("20000 10000", 2.0),
        ("max 100000", None),
        ("max", None),
        ("", None),
        ("soon 100000", None),
        ("-1 100000", None),
        ("50000 0", None),
    ],
)
def test_a_quota_of_version_2_is_in_cores(tree: Tree, text: str, cores: float | None) -> None:
    tree.second()
    tree.write("/sys/fs/cgroup/cpu.max", text)
    assert cpu_quota(tree.root) == cores


@pytest.mark.parametrize(
    ("quota", "period", "cores"),
    [(50_000, 100_000, 0.5), (300_000, 200_000, 1.5), (-1, 100_000, None), (0, 100_000, None), (50_000, 0, None)],
)
def test_a_quota_of_version_1_is_in_cores(tree: Tree, quota: int, period: int, cores: float | None) -> None:
    tree.first("/docker/abc")
    tree.first_quota("docker/abc", quota, period)
    assert cpu_quota(tree.root) == cores


@pytest.mark.parametrize("tightest", ["", "a", "a/b", "a/b/c"])
def test_the_least_quota_of_all_levels_counts_whichever_it_is(tree: Tree, tightest: str) -> None:
    tree.second("/a/b/c")
    for group in ("", "a", "a/b", "a/b/c", "a/other"):
        tree.write(f"/sys/fs/cgroup/{group}/cpu.max", "75000 100000" if group == tightest else "400000 100000")
    tree.write("/sys/fs/cgroup/a/other/cpu.max", "10000 100000")
    assert cpu_quota(tree.root) == 0.75


@pytest.mark.parametrize("tightest", ["a", "a/b"])
def test_levels_count_in_version_1_too(tree: Tree, tightest: str) -> None:
    tree.first("/a/b")
    for group in ("a", "a/b"):
        tree.first_quota(group, 75_000 if group == tightest else 400_000)
    assert cpu_quota(tree.root) == 0.75


def test_the_group_of_a_container_is_the_mount_itself(tree: Tree) -> None:
    """Docker with version 1 and without a namespace: the path is the host's, and so is where the mount begins."""
    tree.first("/docker/abc", top="/docker/abc")
    tree.first_quota("", 150_000)
    assert cpu_quota(tree.root) == 1.5


def test_a_group_inside_of_a_container_is_below_its_mount(tree: Tree) -> None:
    tree.first("/docker/abc/worker", top="/docker/abc")
    tree.first_quota("worker", 50_000)
    tree.first_quota("", 150_000)
    assert cpu_quota(tree.root) == 0.5


def test_quotas_of_both_versions_count_where_both_are_there(tree: Tree) -> None:
    tree.groups("3:cpuacct,cpu:/one", "0::/two")
    tree.mounts(CPU.format(top="/", at="/sys/fs/cgroup/cpu,cpuacct"), SECOND.format(top="/", at="/cg"))
    tree.first_quota("one", 300_000)
    tree.write("/cg/two/cpu.max", "200000 100000")
    assert cpu_quota(tree.root) == 2.0
    tree.first_quota("one", 100_000)
    assert cpu_quota(tree.root) == 1.0


def test_a_mount_at_an_unusual_place_with_blanks_in_its_name_is_found(tree: Tree) -> None:
    tree.second("/it: is/here", at="/mnt/control\\040groups\\134x")
    tree.write("/mnt/control groups\\x/it: is/here/cpu.max", "50000 100000")
    assert cpu_quota(tree.root) == 0.5


def test_several_mounts_of_one_hierarchy_count_together(tree: Tree) -> None:
    """One shows this group alone, the other all above it."""
    tree.groups("0::/pod/box")
    tree.mounts(SECOND.format(top="/pod/box", at="/sys/fs/cgroup"), SECOND.format(top="/", at="/host"))
    tree.write("/sys/fs/cgroup/cpu.max", "300000 100000")
    tree.write("/host/pod/cpu.max", "200000 100000")
    assert cpu_quota(tree.root) == 2.0


@pytest.mark.parametrize("depth", [1, 2])
def test_levels_above_the_namespaces_root_count_where_a_mount_shows_them(tree: Tree, depth: int) -> None:
    """As after `unshare --cgroup`: the path is told from the new root, the mount from above it."""
    tree.second("/inner", top="/.." * depth)
    names = ["slice", "box"][-depth:]
    for name, processes in (("box", f"17\n{os.getpid()}"), ("other", "18")):
        group = "/".join([*names[:-1], name])
        tree.write(f"/sys/fs/cgroup/{group}/inner/cgroup.procs", processes)
        tree.write(f"/sys/fs/cgroup/{group}/cpu.max", "100000 100000" if name == "box" else "10000 100000")
    tree.write("/sys/fs/cgroup/cpu.max", "200000 100000")
    assert cpu_quota(tree.root) == 1.0
    tree.write(f"/sys/fs/cgroup/{'/'.join(names)}/inner/cpu.max", "50000 100000")
    assert cpu_quota(tree.root) == 0.5


@pytest.mark.parametrize(
    ("path", "top"),
    [("/../other", "/"), ("/mine", "/theirs"), ("/", "/below"), ("/box2", "/box"), ("/a", "/../b"), ("/../a", "/a")],
)
def test_a_mount_that_shows_other_groups_says_nothing_of_this_process(tree: Tree, path: str, top: str) -> None:
    tree.second(path, top=top)
    for group in ("", "other", "mine", "a", "box2", "../other"):
        tree.write(f"/sys/fs/cgroup/{group}/cpu.max", "50000 100000")
    assert cpu_quota(tree.root) is None


def test_a_group_that_was_removed_leaves_those_above_it(tree: Tree) -> None:
    tree.second("/a/b (deleted)")
    tree.write("/sys/fs/cgroup/a/cpu.max", "150000 100000")
    assert cpu_quota(tree.root) == 1.5


def test_other_controllers_are_not_taken_for_the_one_that_is_asked_for(tree: Tree) -> None:
    """cpuset has the word cpu in it, and a hierarchy by name may have any."""
    tree.groups("3:cpuset:/a", "2:name=cpu:/a", "1:cpuacct:/a")
    tree.mounts(CPU.format(top="/", at="/sys/fs/cgroup/cpu,cpuacct"))
    tree.first_quota("a", 50_000)
    assert cpu_quota(tree.root) is None


def test_a_machine_without_control_groups_has_no_limits(tmp_path: Path) -> None:
    found = (cpu_quota(tmp_path), memory_limit(tmp_path), memory_left(tmp_path), out_of_memory_kills(tmp_path))
    assert found == (None, None, None, None)
    assert pauses(tmp_path) == ()


def test_names_of_other_mounts_that_are_no_text_disturb_nothing(tree: Tree) -> None:
    tree.second()
    tree.write("/sys/fs/cgroup/cpu.max", "50000 100000")
    file = tree.root / "proc/self/mountinfo"
    file.write_bytes(b"99 1 8:1 / /media/caf\xe9 rw - vfat /dev/sdb1 rw\n\nnonsense\n - cgroup2\n" + file.read_bytes())
    assert cpu_quota(tree.root) == 0.5


def test_periods_in_which_a_quota_was_used_up_are_counted(tree: Tree) -> None:
    tree.second("/a")
    stat = "usage_usec 5\nnr_periods 40\nnr_throttled 10\nthrottled_usec 99"
    for group in ("", "a"):
        tree.write(f"/sys/fs/cgroup/{group}/cpu.stat", stat)
    assert pauses(tree.root) == ()
    tree.write("/sys/fs/cgroup/a/cpu.max", "50000 100000")
    assert pauses(tree.root) == ((40, 10),)


# Memory


def test_memory_of_version_2_is_the_least_of_all_levels(tree: Tree) -> None:
    tree.second("/a/b")
    tree.second_memory("a/b", "3000", used=1000, unused=400)
    tree.second_memory("a", "4000", used=3500, unused=100)
    assert (memory_limit(tree.root), memory_left(tree.root)) == (3000, 600)
    tree.second_memory("a", "max", used=3500)
    assert (memory_limit(tree.root), memory_left(tree.root)) == (3000, 2400)


def test_memory_of_version_1_is_the_least_of_all_levels(tree: Tree) -> None:
    tree.first("/a/b")
    tree.first_memory("", HUGE, used=10**9)
    tree.first_memory("a", "4000", used=3500, unused=100)
    tree.first_memory("a/b", "3000", used=1000, unused=400)
    assert (memory_limit(tree.root), memory_left(tree.root)) == (3000, 600)


def test_what_version_1_writes_for_no_limit_is_none(tree: Tree) -> None:
    tree.first("/a")
    for group in ("", "a"):
        tree.first_memory(group, HUGE, used=1000)
    assert (memory_limit(tree.root), memory_left(tree.root)) == (None, None)


def test_memory_that_is_slowed_down_from_a_mark_on_ends_there(tree: Tree) -> None:
    tree.second()
    tree.second_memory("", "4000", used=1000, high="2500")
    assert (memory_limit(tree.root), memory_left(tree.root)) == (2500, 1500)


def test_no_memory_left_is_0_and_not_unknown(tree: Tree) -> None:
    tree.second()
    tree.second_memory("", "4000", used=4100, unused=50)
    assert memory_left(tree.root) == 0


def test_the_processor_in_one_version_and_memory_in_the_other(tree: Tree) -> None:
    tree.groups("3:cpu,cpuacct:/box", "0::/box")
    tree.mounts(CPU.format(top="/", at="/sys/fs/cgroup/cpu,cpuacct"), SECOND.format(top="/", at="/sys/fs/cgroup"))
    tree.first_quota("box", 50_000)
    tree.second_memory("box", "4000", used=1000)
    assert (cpu_quota(tree.root), memory_left(tree.root)) == (0.5, 3000)


@pytest.mark.parametrize("version", [1, 2])
def test_kills_are_those_of_the_own_group(tree: Tree, version: int) -> None:
    if version == 1:
        tree.first("/a")
        folder, file = "/sys/fs/cgroup/memory", "memory.oom_control"
    else:
        tree.second("/a")
        folder, file = "/sys/fs/cgroup", "memory.events"
    tree.write(f"{folder}/{file}", "oom_kill 70")
    tree.write(f"{folder}/a/{file}", "oom_kill_disable 0\nunder_oom 0\noom 9\noom_kill 3\noom_group_kill 0")
    assert out_of_memory_kills(tree.root) == 3


# This machine


@pytest.fixture
def real_group() -> Iterator[Path]:
    """A control group of this machine that may take half a core."""
    folders = [level.folder for level in control_groups.levels("cpu")]
    for folder in folders:
        group = folder / f"rnn-vs-attn-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            name, text = ("cpu.max", "50000 100000") if (group / "cpu.max").exists() else ("cpu.cfs_quota_us", "50000")
            (group / name).write_text(text)
            yield group
            return
        except OSError:
            continue
        finally:
            group.rmdir()
    pytest.skip("this user may not make a control group with a quota here")


def test_half_a_core_of_this_machine_is_half_a_core_and_one_thread(real_group: Path) -> None:
    code = (
        "import json, os, pathlib, sys; pathlib.Path(sys.argv[1], 'cgroup.procs').write_text(str(os.getpid())); "
        "from rnn_vs_attn.machine import environment; print(json.dumps(environment.processors()))"
    )
    surroundings = dict(os.environ, PYTHONPATH=str(Path(environment.__file__).parents[2]))
    words = [sys.executable, "-c", code, str(real_group)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=surroundings)
    if "OSError" in done.stderr:
        pytest.skip("this process may not join a control group here")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["cpu_quota"], found["usable_cores"]) == (0.5, 1)
    assert found["affinity_cores"] == environment.affinity_cores()
