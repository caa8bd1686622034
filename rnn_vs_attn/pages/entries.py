"""Runs that a report is made of, each with its suite, its claims and the machine that it ran on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rnn_vs_attn.records.claims import Claim, stored_claims
from rnn_vs_attn.records.types import Record, Run
from rnn_vs_attn.run.stored import suite_of
from rnn_vs_attn.suites.suite import Suite

_FAMILY = re.compile(r"^\S+ family \S+ model \S+ (?=\S)")  # of a processor, before the name that people know


@dataclass(frozen=True)
class Entry:
    """One run of a report."""

    path: Path
    run: Run
    suite: Suite

    @cached_property
    def expanded(self) -> list[Record]:
        """Its records, and those that only a table shows."""
        return [*self.run.records, *self.suite.analysis.expand(self.run.records)]

    @cached_property
    def claims(self) -> list[Claim]:
        """What this version finds in it, the most important first; where that is nothing, what was stored."""
        return self.suite.analysis.claims(self.expanded) or stored_claims(self.run.records)

    @cached_property
    def machine(self) -> str:
        """Where it ran: the accelerator, where all of it ran on one."""
        devices = dict.fromkeys(str(r.axes["device"]) for r in self.run.records if "device" in r.axes)
        names = dict.fromkeys(self.machine_of(device) for device in devices or ["cpu"])
        return " and ".join(names)

    def machine_of(self, device: str) -> str:
        """What a device of its machine is called: NVIDIA H100; AMD EPYC, 2 cores."""
        facts = self.run.environment
        if device.startswith("cuda"):
            number = device.partition(":")[2] or "0"
            names = {str(i): str(gpu["name"]) for i, gpu in enumerate(facts.get("gpus") or []) if gpu.get("name")}
            return names.get(number, "an accelerator without a name")
        name = _FAMILY.sub("", str(facts.get("cpu") or "a processor without a name"))
        cores = facts.get("usable_cores")
        return f"{name}, {cores} core{'s' * (cores != 1)}" if cores else name


def entries_of(runs: Mapping[Path, Run]) -> list[Entry]:
    """The runs in the order of the suites' own list, those of one suite as they were given.

    UserError for a run of a suite that this version does not have.
    """
    from rnn_vs_attn.suites import SUITES

    found = [Entry(path, run, suite_of(run, path)) for path, run in runs.items()]
    return sorted(found, key=lambda entry: SUITES.index(entry.suite))


def machines_of(entries: list[Entry]) -> list[str]:
    """The machines of a report, each once."""
    return list(dict.fromkeys(entry.machine for entry in entries))


def settings_of(entry: Entry) -> dict[str, Any]:
    """What was asked, for a document."""
    return {
        "folder": str(entry.path),
        "suite": entry.suite.name,
        "machine": entry.machine,
        "command": entry.run.command,
    }


def place(entry: Entry, entries: Sequence[Entry]) -> str:
    """As many of the last names of its path as tell it from other runs of its command."""
    others = [other.path.parts for other in entries if other.suite.name == entry.suite.name and other is not entry]
    parts = entry.path.parts
    apart = (n for n in range(1, len(parts) + 1) if not any(other[-n:] == parts[-n:] for other in others))
    return "/".join(parts[-next(apart, 1) :])
