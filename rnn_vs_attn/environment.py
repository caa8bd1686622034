"""What machine this is and in what state: facts, a fingerprint of those that must agree, and what would spoil a run."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import platform
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Facts that must agree before two runs may be compared; moving readings (clocks, load, free memory) never are.
HARD_KEYS = (
    "cpu",
    "logical_cores",
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
_PERSONAL = ("host", "user", "folder", "executable", "variables", "git_commit")
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
_GIT = dict(os.environ) | {"GIT_OPTIONAL_LOCKS": "0"}
_CPUS = Path("/sys/devices/system/cpu")


@dataclass(frozen=True)
class Finding:
    """What would spoil a measurement here and what to do. severity: 3 stop and mend, 2 expect noise, 1 good to know."""

    severity: int
    text: str
    remedy: str


def describe(torch_facts: dict[str, Any], anonymous: bool) -> dict[str, Any]:
    """All facts of this machine and process; without host, user, paths and variables where `anonymous`."""
    facts = {
        "cpu": _cpu_name(),
        "logical_cores": os.cpu_count(),
        "usable_cores": usable_cores(),
        "cpu_quota": _cpu_quota(),
        "memory_gib": round(_meminfo("MemTotal") / (1 << 30), 1),
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "virtual": "hypervisor" in _cpuinfo("flags").split(),
        "governor": _read(_CPUS / "cpu0/cpufreq/scaling_governor"),
        "load": _load(),
        "swap_used": _meminfo("SwapTotal") - _meminfo("SwapFree"),
        "host": socket.gethostname(),
        "user": _user(),
        "folder": str(Path.cwd()),
        "variables": {k: v for k, v in sorted(os.environ.items()) if k.startswith(_VARIABLE_PREFIXES)},
        "git_commit": _git_commit(),
        "ci": next((k for k in ("GITHUB_ACTIONS", "GITLAB_CI", "CI") if os.environ.get(k)), None),
    }
    facts |= interpreter() | torch_facts
    facts["fingerprint"] = fingerprint(facts)
    return {k: v for k, v in facts.items() if not (anonymous and k in _PERSONAL)}


def interpreter() -> dict[str, Any]:
    """Which Python this process is."""
    return {
        "python": f"{platform.python_implementation()} {sys.version_info.major}.{sys.version_info.minor}",
        "python_full": platform.python_version(),
        "executable": sys.executable,
    }


def hard_keys(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts that must agree, of GPUs those that do not move."""
    hard = {key: facts.get(key) for key in HARD_KEYS}
    hard["gpus"] = [{k: gpu.get(k) for k in _GPU_HARD_KEYS} for gpu in facts.get("gpus") or []]
    return hard


def fingerprint(facts: dict[str, Any]) -> str:
    """sha256 over the hard keys; equal on two runs of the same machine and software."""
    return digest(hard_keys(facts))


def digest(hard: dict[str, Any]) -> str:
    """sha256 of facts in a fixed order."""
    return hashlib.sha256(json.dumps(hard, sort_keys=True).encode()).hexdigest()


def findings(facts: dict[str, Any], threads: int) -> list[Finding]:
    """What would spoil a measurement with `threads` threads on the machine of `facts`, worst first."""
    checks = (
        _too_few_cores(facts, threads),
        _busy(facts),
        _frequency(facts),
        _swap(facts),
        _debug(facts),
        _virtual(facts),
        _without_peak(facts),
        _without_psutil(),
        *(_gpu_in_use(i, gpu) for i, gpu in enumerate(facts.get("gpus") or [])),
    )
    return sorted((found for found in checks if found), key=lambda found: -found.severity)


def _busy(facts: dict[str, Any]) -> Finding | None:
    load, cores = facts.get("load"), facts["usable_cores"]
    if load is None or load <= 0.5 * cores:
        return None
    text = f"the load is {load:.1f} on {cores} usable cores: something else is computing"
    return Finding(3 if load > cores else 2, text, "stop it or wait; top or ps shows what runs")


def _too_few_cores(facts: dict[str, Any], threads: int) -> Finding | None:
    quota = facts.get("cpu_quota")
    cores = facts["usable_cores"]
    if threads > cores:
        return Finding(3, f"{threads} threads share {cores} usable cores", f"use --threads {cores} or fewer")
    if quota is not None and threads > quota:
        remedy = f"use --threads {max(1, int(quota))}"
        return Finding(3, f"{threads} threads under a quota of {quota:g} cores: they will be paused", remedy)
    return None


def _frequency(facts: dict[str, Any]) -> Finding | None:
    if facts.get("governor") in (None, "performance"):
        return None
    remedy = "as root: cpupower frequency-set -g performance"
    return Finding(2, f"the CPU's frequency governor is {facts['governor']!r}: clocks move with the load", remedy)


def _swap(facts: dict[str, Any]) -> Finding | None:
    if not facts.get("swap_used"):
        return None
    return Finding(
        2, f"{facts['swap_used'] >> 20} MiB are swapped out", "close programs that hold memory, or swapoff -a"
    )


def _debug(facts: dict[str, Any]) -> Finding | None:
    if facts.get("torch_debug"):
        return Finding(3, "this torch is a debug build", "install a release build of torch")
    if hasattr(sys, "gettotalrefcount"):
        return Finding(3, "this Python is a debug build", "use a release build of Python")
    return None


def _virtual(facts: dict[str, Any]) -> Finding | None:
    if not facts.get("virtual"):
        return None
    remedy = "compare within one run, not across days; stolen time is put on the records"
    return Finding(1, "this is a virtual machine: neighbours may take its processors", remedy)


def _without_peak(facts: dict[str, Any]) -> Finding | None:
    if facts["system"] == "Linux":
        return None
    return Finding(2, f"on {facts['system']} the peak memory of a CPU call is not measured", "measure memory on Linux")


def _without_psutil() -> Finding | None:
    try:
        import psutil  # noqa: F401
    except ImportError:
        return Finding(1, "psutil is not installed: memory is read from /proc only", "pip install psutil")
    return None


def _gpu_in_use(index: int, gpu: dict[str, Any]) -> Finding | None:
    if gpu.get("utilization", 0) > 0.1:
        return Finding(
            3,
            f"GPU {index} is {gpu['utilization']:.0%} busy with other work",
            "wait, or choose another with --device",
        )
    if gpu["free_share"] < 0.85:
        text = f"{1 - gpu['free_share']:.0%} of GPU {index}'s memory is in use by others"
        return Finding(2, text, "nvidia-smi shows by whom; choose another with --device cuda:N")
    if "nvml" in gpu:
        text = f"GPU {index}'s clocks and throttling are not read ({gpu['nvml']})"
        return Finding(1, text, "pip install 'rnn-vs-attn[gpu]'")
    return None


def cores() -> list[int]:
    """Numbers of the logical processors that this process may run on; [] where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def usable_cores() -> int:
    """How many logical processors this process may run on."""
    return len(cores()) or os.cpu_count() or 1


def _cpu_quota() -> float | None:
    """Cores that the control group allows, None where it sets no limit."""
    words = (_read(Path("/sys/fs/cgroup/cpu.max")) or "max").split()
    if words[0] != "max":
        return int(words[0]) / int(words[1])
    quota = _read(Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"))
    period = _read(Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us"))
    return int(quota) / int(period) if quota and period and int(quota) > 0 else None


def available_memory() -> int | None:
    """Bytes that can be taken without swapping, the control group's limit included; None where not known."""
    available = _meminfo("MemAvailable") or _psutil_available()
    limit = _read(Path("/sys/fs/cgroup/memory.max"))
    used = _read(Path("/sys/fs/cgroup/memory.current"))
    if limit and limit.isdigit() and used:
        available = min(available or int(limit), int(limit) - int(used))
    return available or None


def _psutil_available() -> int:
    try:
        import psutil
    except ImportError:
        return 0
    return int(psutil.virtual_memory().available)


@dataclass(frozen=True)
class CPUState:
    """Readings that move; two of them show what happened between. steal and total in clock ticks."""

    steal: int | None
    total: int | None
    clock_mhz: float | None


def cpu_state() -> CPUState:
    """Ticks stolen by the hypervisor, all ticks, and the mean clock where the system tells it."""
    words = (_read(Path("/proc/stat")) or "").splitlines()[:1]
    ticks = [int(word) for word in words[0].split()[1:]] if words else []
    clocks = [_read(cpu / "cpufreq/scaling_cur_freq") for cpu in sorted(_CPUS.glob("cpu[0-9]*"))]
    known = [int(clock) / 1e3 for clock in clocks if clock]
    return CPUState(
        steal=ticks[7] if len(ticks) > 7 else None,
        total=sum(ticks[:8]) if ticks else None,
        clock_mhz=sum(known) / len(known) if known else None,
    )


def changes(before: CPUState, after: CPUState) -> list[str]:
    """What moved between two readings by enough to bend a time: stolen time above 5 %, a clock by more than 10 %."""
    found = []
    if None not in (before.steal, before.total, after.steal, after.total):
        total = after.total - before.total  # type: ignore[operator]
        stolen = after.steal - before.steal  # type: ignore[operator]
        if total > 0 and stolen / total > 0.05:
            found.append(f"the hypervisor took {stolen / total:.0%} of processor time during this case")
    if before.clock_mhz and after.clock_mhz and abs(after.clock_mhz / before.clock_mhz - 1) > 0.1:
        found.append(f"the CPU clock went from {before.clock_mhz:.0f} to {after.clock_mhz:.0f} MHz during this case")
    return found


def out_of_memory_kills() -> int | None:
    """How many processes this system has killed for lack of memory since it started; None where it does not tell."""
    for line in (_read(Path("/proc/vmstat")) or "").splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return None


def _cpu_name() -> str:
    vendor, model = _cpuinfo("vendor_id"), _cpuinfo("model name")
    family = f"family {_cpuinfo('cpu family')} model {_cpuinfo('model')}" if vendor else ""
    return " ".join(part for part in (vendor, family, model) if part) or platform.processor() or platform.machine()


def _cpuinfo(name: str) -> str:
    for line in (_read(Path("/proc/cpuinfo")) or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _meminfo(name: str) -> int:
    """Bytes of one entry of /proc/meminfo, 0 where there is none."""
    for line in (_read(Path("/proc/meminfo")) or "").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0


def _load() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def _git_commit() -> str | None:
    """The commit of the current folder, + behind it where files are changed; None outside of a repository."""
    try:
        found = [
            subprocess.run(["git", *words], capture_output=True, text=True, errors="replace", check=True, env=_GIT)
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        ]
    except (OSError, subprocess.CalledProcessError):
        return None
    commit, changed = (done.stdout.strip() for done in found)
    return commit + "+" * bool(changed)


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def as_dicts(found: list[Finding]) -> list[dict[str, Any]]:
    return [asdict(finding) for finding in found]
