"""What `doctor` prints."""

from __future__ import annotations

from typing import Any

import pytest
from machines import FIT

from rnn_vs_attn.machine import fitness
from rnn_vs_attn.machine.fitness import Finding

FACTS = FIT | {
    "cpu": "Slide Rule 3000",
    "affinity_cores": 8,
    "logical_cores": 8,
    "memory_gib": 15.6,
    "cpu_capability": "AVX2",
    "python_full": "3.11.7",
    "torch": "2.13.0",
    "cuda": "13.0",
    "fingerprint": "0123456789abcdef0123",
}


def told(**facts: Any) -> dict[str, str]:
    """The lines by their names."""
    return dict(line.split(": ", 1) for line in fitness.lines(FACTS | facts))


def test_a_line_a_fact() -> None:
    assert told() == {
        "cpu": "Slide Rule 3000",
        "usable_cores": "8",
        "memory_gib": "15.6",
        "cpu_capability": "AVX2",
        "system": "Linux",
        "python_full": "3.11.7",
        "torch": "2.13.0",
        "load": "0.3",
        "cuda:0": "Abacus H1, 80 GiB, compute capability 9.0",
        "fingerprint": "0123456789abcdef",
    }


def test_limits_stand_beside_what_they_limit() -> None:
    few = told(usable_cores=1, cpu_quota=1.5, memory_limit=2 << 30, memory_available=1 << 30)
    assert few["usable_cores"] == "1 (a CPU quota of 1.5 cores on 8 processors)"
    assert few["memory_gib"] == "15.6 (a limit of 2.00 GiB, 1.00 GiB available)"
    assert told(usable_cores=2, affinity_cores=2)["usable_cores"] == "2 (of 8 processors)"


@pytest.mark.parametrize(("cuda", "why"), [(None, "torch is built without it"), ("13.0", "no device is visible")])
def test_why_there_is_no_gpu_is_said(cuda: str | None, why: str) -> None:
    assert told(gpus=[], cuda=cuda)["cuda"] == f"none ({why})"


def test_a_machine_without_findings_is_said_to_have_none() -> None:
    assert fitness.verdict([]) == ["nothing found that would spoil a measurement"]
    assert fitness.verdict([Finding(3, "it is broken", "mend it")]) == ["mend this: it is broken; mend it"]
