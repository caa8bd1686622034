"""What would spoil a measurement on a machine, and what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rnn_vs_attn.machine.environment import quota_in_words, whole_cores
from rnn_vs_attn.units import counted, size


@dataclass(frozen=True)
class Finding:
    """What would spoil a measurement here and what to do. severity: 3 stop and mend, 2 expect noise, 1 good to know."""

    severity: int
    text: str
    remedy: str


def findings(facts: dict[str, Any], threads: int, moved: Sequence[str] = ()) -> list[Finding]:
    """What would spoil a measurement with `threads` threads on the machine of `facts`, worst first.

    moved: what is known to have moved just now.
    """
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
        *(Finding(2, text, "wait, or compare only what is measured side by side") for text in moved),
    )
    return sorted((found for found in checks if found), key=lambda found: -found.severity)


def _busy(facts: dict[str, Any]) -> Finding | None:
    """The load is that of the whole machine, also where this process may use a part of it only."""
    load, cores, usable = facts.get("load"), facts.get("logical_cores"), facts["usable_cores"]
    cores = max(cores or usable, usable)
    if load is None or load <= 0.5 * cores:
        return None
    where = f"{usable} usable cores" if cores == usable else f"the {cores} cores of this machine"
    text = f"the load is {load:.1f} on {where}: something else is computing"
    return Finding(3 if load > cores else 2, text, "stop it or wait; top or ps shows what runs")


def _too_few_cores(facts: dict[str, Any], threads: int) -> Finding | None:
    quota, cores = facts.get("cpu_quota"), facts["usable_cores"]
    allowed = cores if quota is None else min(cores, whole_cores(quota))
    if quota is not None and threads > quota:
        text = f"{counted(threads, 'thread')} under a quota of {counted(quota, 'core')}: paused whenever it is used up"
        whole = "give the control group a whole core (docker run --cpus 1, CPUQuota=100%, or a CPU limit of 1)"
        return Finding(3, text, f"use --threads {allowed}" if threads > allowed else whole)
    if threads > allowed:
        return Finding(3, f"{threads} threads share {cores} usable cores", f"use --threads {cores} or fewer")
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
    text = f"this program was never tried on {facts['system']}, where the peak memory of a CPU call is not measured"
    return Finding(2, text, "measure on Linux")


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
    if gpu.get("others_share", 0) > 0.15:
        text = f"{gpu['others_share']:.0%} or more of GPU {index}'s memory is in use by others"
        return Finding(2, text, "nvidia-smi shows by whom; choose another with --device cuda:N")
    if "nvml" in gpu:
        text = f"GPU {index}'s clocks and throttling are not read ({gpu['nvml']})"
        return Finding(1, text, "pip install 'rnn-vs-attn[gpu]'")
    if "nvml_lacks" in gpu:
        text = f"GPU {index} does not tell: {', '.join(gpu['nvml_lacks'])}"
        return Finding(1, text, "nothing is said of it on the records; nvidia-smi -q shows what this card tells")
    return None


def as_dicts(found: list[Finding]) -> list[dict[str, Any]]:
    return [asdict(finding) for finding in found]


_TOLD = ("cpu", "usable_cores", "memory_gib", "cpu_capability", "system", "python_full", "torch", "load")


def lines(facts: dict[str, Any]) -> list[str]:
    """What the machine is, a line a fact."""
    told = {name: str(facts[name]) for name in _TOLD}
    of_fewer = quota_in_words(facts) or _of_all(facts)
    told["usable_cores"] += of_fewer and f" ({of_fewer})"
    told["memory_gib"] += _limited(facts)
    gpus = {
        f"cuda:{i}": f"{gpu['name']}, {gpu['memory_gib']} GiB, compute capability {gpu['capability']}"
        for i, gpu in enumerate(facts["gpus"])
    }
    none = "torch is built without it" if facts["cuda"] is None else "no device is visible"
    told |= gpus or {"cuda": f"none ({none})"}
    told["fingerprint"] = facts["fingerprint"][:16]
    return [f"{name}: {value}" for name, value in told.items()]


def _of_all(facts: dict[str, Any]) -> str:
    """How many processors there are, where this process may not run on all of them."""
    usable, every = facts["usable_cores"], facts.get("logical_cores")
    return f"of {counted(every, 'processor')}" if every is not None and usable < every else ""


def _limited(facts: dict[str, Any]) -> str:
    """What of the memory this process may take, where that is told."""
    words = {"memory_limit": "a limit of {}", "memory_available": "{} available"}
    told = [text.format(size(facts[name])) for name, text in words.items() if facts.get(name) is not None]
    return f" ({', '.join(told)})" if told else ""


def verdict(found: list[Finding]) -> list[str]:
    """A line a finding, or that there is none."""
    words = {3: "mend this", 2: "expect noise", 1: "good to know"}
    lines = [f"{words[finding.severity]}: {finding.text}; {finding.remedy}" for finding in found]
    return lines or ["nothing found that would spoil a measurement"]
