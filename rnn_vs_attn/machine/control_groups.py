"""Limits of the control groups that this process is in: processor time, memory, and how often memory ended.

Linux has two versions of the interface, which may stand side by side, and enforces the limits of every group from a
process's own up to the top; so both are read, and each level that a mount shows. Which processors a group may use
(cpuset) the kernel has put into the affinity of its processes already. Source: cgroups(7), and cgroup-v1 and cgroup-v2
in the kernel's administration guide. `root`: where /proc and the mounts are looked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from glob import escape
from pathlib import Path

ROOT = Path("/")
_FILE_SYSTEMS = {"cgroup": 1, "cgroup2": 2}  # and the version of the interface that each is
_UNLIMITED = 1 << 60  # bytes; version 1 writes "no limit" as the largest number of whole pages


@dataclass(frozen=True)
class Level:
    """One group by its folder, which need not exist; version: of its interface."""

    folder: Path
    version: int

    def words(self, name: str) -> list[str]:
        return (read(self.folder / name) or "").split()

    def number(self, name: str) -> int | None:
        """The number that a file holds; None for "max", and where there is none."""
        words = self.words(name)
        return int(words[0]) if words and re.fullmatch(r"-?[0-9]+", words[0]) else None

    def entry(self, file: str, name: str) -> int | None:
        """The number behind a name in a file with a pair a line."""
        words = self.words(file)
        value = dict(zip(words[::2], words[1::2], strict=False)).get(name, "")
        return int(value) if value.isdigit() else None


@dataclass(frozen=True)
class _Mount:
    """A folder that shows a hierarchy of groups from `top` on. controllers: what a hierarchy of version 1 is about."""

    version: int
    top: list[str]
    folder: Path
    controllers: list[str]


def levels(controller: str, root: Path = ROOT) -> list[Level]:
    """This process's own group and all above it, as far as mounts show them; in each mount its own group first."""
    paths = _paths(controller, root)
    found: list[Level] = []
    for mount in _mounts(root):
        about = mount.version == 2 or controller in mount.controllers
        below = _below(mount, paths[mount.version]) if about and mount.version in paths else None
        if below is not None:
            folders = [mount.folder.joinpath(*below[:depth]) for depth in range(len(below), -1, -1)]
            found += [Level(folder, mount.version) for folder in folders]
    return list(dict.fromkeys(found))


def _paths(controller: str, root: Path) -> dict[int, list[str]]:
    """By version, the names that lead from the root of the namespace to this process's group; cgroups(7)."""
    found = {}
    for line in (read(root / "proc/self/cgroup") or "").splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" and not controllers:
            found[2] = _names(path)
        elif controller in controllers.split(","):
            found[1] = _names(path)
    return found


def _mounts(root: Path) -> Iterator[_Mount]:
    """All mounts of groups; proc_pid_mountinfo(5)."""
    for line in (read(root / "proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(" "), [*after.split(" ", 2), "", ""][:3]
        if kind in _FILE_SYSTEMS and len(fields) > 4:
            top, folder = (_unescaped(field) for field in fields[3:5])
            yield _Mount(_FILE_SYSTEMS[kind], _names(top), root / folder.lstrip("/"), options.split(","))


def _below(mount: _Mount, path: list[str]) -> list[str] | None:
    """The names from a mount down to the group at `path`; None where the mount shows other groups.

    Both are told from the root of this process's namespace. Of a mount that begins above that root the names in between
    are not told: they are those of the groups that this process is in.
    """
    unknown = mount.top.count("..") - path.count("..")
    if unknown == 0:
        return path[len(mount.top) :] if path[: len(mount.top)] == mount.top else None
    if unknown < 0 or set(mount.top) != {".."}:
        return None
    pattern = "/".join(["*"] * unknown + [escape(name) for name in path if name != ".."])
    inside = (folder for folder in sorted(mount.folder.glob(pattern)) if _holds_this_process(folder))
    return list(next(inside, mount.folder).relative_to(mount.folder).parts)


def _holds_this_process(folder: Path) -> bool:
    return str(os.getpid()) in (read(folder / "cgroup.procs") or "").split()


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def cpu_quota(root: Path = ROOT) -> float | None:
    """Cores whose time this process's groups may take, the least of all levels; None where nothing limits it."""
    return min(filter(None, map(_quota, levels("cpu", root))), default=None)


def _quota(level: Level) -> float | None:
    if level.version == 2:
        quota, period = [*level.words("cpu.max"), "", ""][:2]
    else:
        quota, period = (str(level.number(f"cpu.cfs_{name}_us")) for name in ("quota", "period"))
    known = quota.isdigit() and period.isdigit() and int(period) > 0
    return int(quota) / int(period) if known else None


def pauses(root: Path = ROOT) -> tuple[tuple[int, int], ...]:
    """Of each level with a quota: in how many periods something ran, and in how many of them the quota was used up."""
    limited = [level for level in levels("cpu", root) if _quota(level)]
    return tuple(
        (level.entry("cpu.stat", "nr_periods") or 0, level.entry("cpu.stat", "nr_throttled") or 0) for level in limited
    )


def memory_limit(root: Path = ROOT) -> int | None:
    """Bytes that this process's groups may take, the least of all levels; None where nothing limits them."""
    limits = map(_limit, levels("memory", root))
    return min((limit for limit in limits if limit is not None), default=None)


def memory_left(root: Path = ROOT) -> int | None:
    """Bytes that this process's groups may take beyond what they have, the least of all levels; None without limits.

    Pages of files that nobody uses count as free: they are given back before memory ends. Swap is no memory here.
    """
    every = levels("memory", root)
    left = [limit - _used(level) for level in every if (limit := _limit(level)) is not None]
    return max(0, min(left)) if left else None


def _limit(level: Level) -> int | None:
    """Bytes at which memory ends, or (memory.high) from which on taking more is slowed down."""
    names = ("memory.max", "memory.high") if level.version == 2 else ("memory.limit_in_bytes",)
    limits = [level.number(name) for name in names]
    return min((limit for limit in limits if limit is not None and 0 <= limit < _UNLIMITED), default=None)


def _used(level: Level) -> int:
    """Bytes that its processes have, without the pages of files that nobody uses."""
    names = {1: ("memory.usage_in_bytes", "total_inactive_file"), 2: ("memory.current", "inactive_file")}
    usage, unused = names[level.version]
    return max(0, (level.number(usage) or 0) - (level.entry("memory.stat", unused) or 0))


def out_of_memory_kills(root: Path = ROOT) -> int | None:
    """How many processes of this one's group were killed for lack of memory, whoever's it was; None where not told."""
    files = {1: "memory.oom_control", 2: "memory.events"}
    counts = (level.entry(files[level.version], "oom_kill") for level in levels("memory", root))
    return next((count for count in counts if count is not None), None)


def read(path: Path) -> str | None:
    """The text of a file, whatever its bytes; None where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").strip()
    except OSError:
        return None
