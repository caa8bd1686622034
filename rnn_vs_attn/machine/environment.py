"""What machine this is and in what state: facts, a fingerprint of those that must agree, and what moves."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import platform
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnn_vs_attn.machine import commit, control_groups, torch_release
from rnn_vs_attn.machine.control_groups import read
from rnn_vs_attn.units import counted

# Facts that must agree before two runs may be compared; moving readings (clocks, load, free memory) never are.
HARD_KEYS = (
    "cpu",
    "logical_cores",
    "affinity_cores",
    "usable_cores",
    "cpu_quota",
    "system",
    "architecture",
    "virtual",
    "python",
    "torch",
    "torch_git",
    "torch_config",
    "cpu_capability",
    "interop_threads",
    "cuda",
    "cudnn",
    "cudnn_benchmark",
    "deterministic",
    "gpus",
)
_GPU_HARD_KEYS = ("name", "capability", "num_sms", "memory_gib", "driver")
_PERSONAL = ("host", "user", "folder", "executable", "variables")
_VARIABLE_PREFIXES = (
    "OMP_",
    "MKL_",
    "KMP_",
    "GOMP_",
    "CUDA_",
    "CUBLAS_",
    "TORCH_",
    "PYTORCH_",
    "MALLOC_",
    "LD_PRELOAD",
)
_CPUS = Path("/sys/devices/system/cpu")


def describe(torch_facts: dict[str, Any], anonymous: bool) -> dict[str, Any]:
    """All facts of this machine and process; without host, user, paths and variables where `anonymous`."""
    facts: dict[str, Any] = {
        "cpu": _cpu_name(),
        **processors(),
        "memory_gib": round(_meminfo("MemTotal") / (1 << 30), 1),
        "memory_limit": _memory_limit(),
        "memory_available": available_memory(),
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "virtual": "hypervisor" in _cpuinfo("flags").split(),
        "governor": read(_CPUS / "cpu0/cpufreq/scaling_governor"),
        "load": _load(),
        "swap_used": _meminfo("SwapTotal") - _meminfo("SwapFree"),
        "host": socket.gethostname(),
        "user": user(),
        "folder": str(Path.cwd()),
        "variables": {k: v for k, v in sorted(os.environ.items()) if k.startswith(_VARIABLE_PREFIXES)},
        **commit.facts(),
        "ci": next((k for k in ("GITHUB_ACTIONS", "GITLAB_CI", "CI") if os.environ.get(k)), None),
    }
    facts |= interpreter() | torch_facts
    facts["fingerprint"] = fingerprint(facts)
    return {k: v for k, v in facts.items() if not (anonymous and k in _PERSONAL)}


def is_anonymous(facts: dict[str, Any]) -> bool:
    """Whether facts were described without what names their machine."""
    return "host" not in facts


def processors() -> dict[str, Any]:
    """How many processors there are, how many this process may run on, and how much of their time it may take."""
    return {
        "logical_cores": os.cpu_count(),
        "affinity_cores": affinity_cores(),
        "usable_cores": usable_cores(),
        "cpu_quota": control_groups.cpu_quota(),
    }


def interpreter() -> dict[str, Any]:
    """Which Python this process is."""
    return {
        "python": f"{platform.python_implementation()} {sys.version_info.major}.{sys.version_info.minor}",
        "python_full": platform.python_version(),
        "executable": sys.executable,
    }


def hard_keys(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts that must agree, of GPUs those that do not move."""
    hard = {key: facts.get(key) for key in HARD_KEYS} | {"affinity_cores": affinity_of(facts)}
    hard["gpus"] = [{k: gpu.get(k) for k in _GPU_HARD_KEYS} for gpu in facts.get("gpus") or []]
    return hard


def is_here(facts: dict[str, Any]) -> bool:
    """Whether facts are of this machine, by those that must agree and are known without importing torch."""
    described = describe(torch_release.facts(), anonymous=False)
    here, there = hard_keys(described), hard_keys(facts)
    return all(here[key] == there[key] for key in HARD_KEYS if key in described)


def fingerprint(facts: dict[str, Any]) -> str:
    """sha256 over the hard keys; equal on two runs of the same machine and software."""
    return digest(hard_keys(facts))


def digest(hard: dict[str, Any]) -> str:
    """sha256 of facts in a fixed order."""
    return hashlib.sha256(json.dumps(hard, sort_keys=True).encode()).hexdigest()


def cores() -> list[int]:
    """Numbers of the logical processors that this process may run on; [] where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def affinity_cores() -> int:
    """On how many logical processors this process may run."""
    return len(cores()) or os.cpu_count() or 1


def usable_cores() -> int:
    """How many threads can compute at once: a processor each, and none that a quota of processor time would pause."""
    quota = control_groups.cpu_quota()
    return affinity_cores() if quota is None else min(affinity_cores(), whole_cores(quota))


def affinity_of(facts: dict[str, Any]) -> int | None:
    """On how many processors the process of `facts` may run; older runs have it as `usable_cores`."""
    count: int | None = facts.get("affinity_cores", facts.get("usable_cores"))
    return count


def whole_cores(quota: float) -> int:
    """Threads that a quota keeps running, one at least: two that share 1.5 cores are both paused."""
    return max(1, int(quota))


def quota_in_words(facts: dict[str, Any]) -> str:
    """What a quota leaves of the processors: "a CPU quota of 1.5 cores on 4 processors"; "" where it takes nothing."""
    quota, count = facts.get("cpu_quota"), affinity_of(facts)
    if quota is None or count is None or quota >= count:
        return ""
    return f"a CPU quota of {counted(quota, 'core')} on {counted(count, 'processor')}"


def said_of_quota(facts: dict[str, Any]) -> list[str]:
    """What a reader of times must know where a quota took something, and for how many threads 0 stood."""
    quota = quota_in_words(facts)
    return [f"measured under {quota}; --threads 0 is {facts['usable_cores']} there"] if quota else []


def available_memory() -> int | None:
    """Bytes that can be taken without swapping, control groups' limits included; None where not known."""
    known = (_meminfo("MemAvailable") or _psutil_available() or None, control_groups.memory_left())
    return min((number for number in known if number is not None), default=None)


def _memory_limit() -> int | None:
    """Bytes that control groups allow, None where that is no less than there is."""
    limit, total = control_groups.memory_limit(), _meminfo("MemTotal")
    return None if limit is None or 0 < total <= limit else limit


def _psutil_available() -> int:
    try:
        import psutil
    except ImportError:
        return 0
    return int(psutil.virtual_memory().available)


@dataclass(frozen=True)
class CPUState:
    """Readings that move; two of them show what happened between. steal and total in clock ticks; pauses: of each quota
    in how many periods something ran, and in how many it was used up.
    """

    steal: int | None
    total: int | None
    clock_mhz: float | None
    pauses: tuple[tuple[int, int], ...] = ()


def cpu_state() -> CPUState:
    """Ticks stolen by the hypervisor, all ticks, the mean clock where the system tells it, and pauses by quotas."""
    words = (read(Path("/proc/stat")) or "").splitlines()[:1]
    ticks = [int(word) for word in words[0].split()[1:]] if words else []
    clocks = [read(cpu / "cpufreq/scaling_cur_freq") for cpu in sorted(_CPUS.glob("cpu[0-9]*"))]
    known = [int(clock) / 1e3 for clock in clocks if clock]
    return CPUState(
        steal=ticks[7] if len(ticks) > 7 else None,
        total=sum(ticks[:8]) if ticks else None,
        clock_mhz=sum(known) / len(known) if known else None,
        pauses=control_groups.pauses(),
    )


def changes(before: CPUState, after: CPUState, during: str = "this case") -> list[str]:
    """What moved between two readings by enough to bend a time: stolen time above 5 %, a quota that was used up in more
    of its periods than that, a clock by more than 10 %.
    """
    found = []
    if None not in (before.steal, before.total, after.steal, after.total):
        total = after.total - before.total  # type: ignore[operator]
        stolen = after.steal - before.steal  # type: ignore[operator]
        if total > 0 and stolen / total > 0.05:
            found.append(f"the hypervisor took {stolen / total:.0%} of processor time during {during}")
    if _paused(before, after) > 0.05:
        found.append(f"a CPU quota was used up during {during}, and paused it")
    if before.clock_mhz and after.clock_mhz and abs(after.clock_mhz / before.clock_mhz - 1) > 0.1:
        found.append(f"the CPU clock went from {before.clock_mhz:.0f} to {after.clock_mhz:.0f} MHz during {during}")
    return found


def _paused(before: CPUState, after: CPUState) -> float:
    """The part of its periods in which a quota was used up, of the one where that was most."""
    if len(before.pauses) != len(after.pauses):
        return 0.0
    moved = [(b[0] - a[0], b[1] - a[1]) for a, b in zip(before.pauses, after.pauses, strict=True)]
    return max((used_up / periods for periods, used_up in moved if periods > 0), default=0.0)


def out_of_memory_kills() -> int | None:
    """How many processes were killed so far for lack of memory: of this one's control group, which others do not
    bend, else of the whole system; None where neither tells.
    """
    killed = control_groups.out_of_memory_kills()
    if killed is not None:
        return killed
    for line in (read(Path("/proc/vmstat")) or "").splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return None


def _cpu_name() -> str:
    vendor, model = _cpuinfo("vendor_id"), _cpuinfo("model name")
    family = f"family {_cpuinfo('cpu family')} model {_cpuinfo('model')}" if vendor else ""
    return " ".join(part for part in (vendor, family, model) if part) or platform.processor() or platform.machine()


def _cpuinfo(name: str) -> str:
    for line in (read(Path("/proc/cpuinfo")) or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _meminfo(name: str) -> int:
    """Bytes of one entry of /proc/meminfo, 0 where there is none."""
    for line in (read(Path("/proc/meminfo")) or "").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0


def _load() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def user() -> str | None:
    """Who this process runs for; None where the system does not tell."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None
