"""No case that fits is refused: the least that a pass is said to need is not above the peak that it has."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from rnn_vs_attn.measure import memory
from rnn_vs_attn.models.registry import MODELS
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.case import ITEMSIZE

PRECISION = 512 << 10  # bytes: to which the kernel's count of resident memory is good
SHAPES: tuple[dict[str, Any], ...] = (
    {"seq_len": 256, "batch_size": 16},
    {"seq_len": 200, "batch_size": 4, "d_model": 256, "num_heads": 32, "num_layers": 2},
    {"seq_len": 256, "batch_size": 8, "num_heads": 1, "dtype": "bfloat16"},
)
_CODE = """
import json, sys, torch
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.measure import measure
torch.set_num_threads(1)
def peaks(case):
    samples = list(measure(case, Turn(1, first=False)))
    return {s.axes["pass"]: s.value for s in samples if s.metric == "peak_memory"}
names, shape = json.loads(sys.argv[1])
for name in names:
    case = BenchCase(name, device="cpu", threads=1, **shape)
    peaks(case)  # what a first call makes once stays
    print(json.dumps(peaks(case)))
"""


def measured(shape: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Of all layers, in a process of its own: the precise allocator cannot be undone."""
    asked = json.dumps([[spec.name for spec in MODELS], shape])
    done = subprocess.run([sys.executable, "-c", _CODE, asked], capture_output=True, text=True, check=True)
    return dict(zip((spec.name for spec in MODELS), map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.slow
@pytest.mark.skipif(bool(memory.cpu_peak_missing()), reason=memory.cpu_peak_missing() or "-")
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
def test_no_pass_is_said_to_need_more_than_its_peak(shape: dict[str, Any]) -> None:
    found = measured(shape)
    for spec in MODELS:
        case = BenchCase(spec.name, device="cpu", threads=1, **shape)
        for name, train in (("forward", False), ("train", True)):
            least = spec.costs.least_memory(case.shape, ITEMSIZE[case.dtype], train)
            assert 0 < least <= found[spec.name][name] + PRECISION, (spec.name, name)
