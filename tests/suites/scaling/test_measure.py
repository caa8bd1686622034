"""FLOPs of `scaling`, counted on the modules themselves; kernels of a pass."""

from __future__ import annotations

from typing import Any

import pytest
from planted_scaling import exact_records
from torch.nn.attention import SDPBackend

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.timing import kernel_choice
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.suites.bench import measure as bench
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.scaling import measure as scaling
from rnn_vs_attn.suites.scaling.analysis import derive
from rnn_vs_attn.suites.scaling.case import LAYER, MIXING, ScalingCase

# FLOPs, counted on the modules themselves


@pytest.mark.long
def test_flop_exponents_are_those_of_the_table() -> None:
    records = exact_records(
        ["attention", "lstm", "conv", "attention-local", "mingru"], [64, 128, 256, 512], [16, 32, 64, 128]
    )
    found = {(r.axes["model"], r.axes["of"], r.axes["in"]): r.median for r in derive(records) if r.metric == "exponent"}

    def exponents(model: str, of: str) -> tuple[Any, Any]:
        return found.get((model, of, "seq_len")), found.get((model, of, "d_model"))

    assert exponents("attention", "mixing_flops") == (2, 1)
    assert exponents("attention", "projection_flops") == (1, 2)
    assert exponents("attention-local", "mixing_flops") == (1, 1)
    assert exponents("attention-local", "projection_flops") == (1, 2)
    for model in ("lstm", "conv", "mingru"):
        assert exponents(model, "flops") == (1, 2)
        assert exponents(model, "mixing_flops") == (None, None)


@pytest.mark.long
@pytest.mark.parametrize("part", [LAYER, MIXING])
def test_restricted_attention_has_the_flops_of_its_window_in_every_suite(part: str) -> None:
    length, width, window, layers = 100, 16, 17, 2 if part == LAYER else 1
    case = ScalingCase("attention-local", length, 3, width, num_layers=layers, device="cpu", window=window, part=part)
    pairs = sum(min(t + 1, window) for t in range(length))
    projections = 4 * 2 * 3 * length * width**2 if part == LAYER else 0
    expected = layers * (projections + 2 * 2 * 3 * pairs * width)
    found = [s.value for s in scaling.measure(case, Turn(0)) if s.metric == "flops"]
    assert found == [expected, 3 * expected]
    if part == LAYER:
        also = BenchCase("attention-local", length, 3, width, num_layers=layers, device="cpu", window=window, threads=1)
        assert [s.value for s in bench.measure(also, Turn()) if s.metric == "flops"] == found


def test_flops_are_those_of_one_kernel_whichever_is_the_fastest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unfused one multiplies the future too, and may be the fastest in 16 bits."""
    monkeypatch.setattr(kernel_choice, "fastest", lambda *_: SDPBackend.MATH)
    case = ScalingCase("attention", 64, 1, 32, device="cpu", dtype="bfloat16")
    forward, train = (s for s in scaling.measure(case, Turn(0)) if s.metric == "flops")
    closed = find("attention").costs.flops(case.shape)
    assert (forward.value, train.value) == (closed.forward, closed.train)
    assert "bmm" in forward.details["kernels"]
    assert "bmm" in train.details["kernels"]


@pytest.mark.cuda
def test_kernels_of_a_pass_on_cuda_are_counted() -> None:
    from rnn_vs_attn.measure.operations import launches

    made = scaling.workload(ScalingCase("attention", 64, device="cuda"), 0)
    forward, train = (launches.count(made, name).kernels for name in ("forward", "train"))
    assert forward is not None
    assert train is not None
    assert 3 <= forward < train < 100
