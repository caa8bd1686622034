"""Models of transformers in suites: FLOPs beside torch's own counter, samples of each suite, axes that do not apply."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from configurations import TOKENS, name_of
from torch.utils.flop_counter import FlopCounterMode

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.isolation import keeping
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure import equivalence
from rnn_vs_attn.measure.gradient.flow import flow_of
from rnn_vs_attn.suites import configured_passes
from rnn_vs_attn.suites.bench import case as bench
from rnn_vs_attn.suites.bench import measure as bench_measure
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.case import as_configured
from rnn_vs_attn.suites.decode import measure as decode_measure
from rnn_vs_attn.suites.decode.case import DecodeCase
from rnn_vs_attn.suites.gradflow import measure as gradflow_measure
from rnn_vs_attn.suites.gradflow.case import GradflowCase

transformers = pytest.importorskip("transformers", reason="the extra [hf] is not installed")
pytestmark = pytest.mark.long
LENGTH, BATCH = 16, 2


def bench_case(name: str) -> BenchCase:
    return as_configured(BenchCase(model=name, seq_len=LENGTH, batch_size=BATCH, device="cpu", threads=1))


@pytest.mark.parametrize("kind", ["llama", "mamba", "bert"])
def test_flops_are_those_of_torchs_counter(kind: str, tmp_path: Path) -> None:
    """With attention written out. Of mamba's convolution, which has a group a channel, torch's counter takes the
    weights' gradient for as many products as there are pairs of channels: 2 B k (L + k - 1) FLOPs each, 64 channels.
    """
    eager = {} if kind == "mamba" else {"attn_implementation": "eager"}
    workload = configured_passes.made(bench_case(name_of(kind, tmp_path, **eager)), 0)
    forward, train = configured_passes.count_operations(workload)
    with FlopCounterMode(display=False) as theirs, torch.no_grad():
        workload.module(workload.x)
    assert forward.flops == theirs.get_total_flops()
    workload.module.train()
    with FlopCounterMode(display=False) as theirs:
        workload.module(workload.x).backward(workload.grad_output)
    pairs = 2 * (64 * 64 - 64) * 2 * BATCH * 4 * (LENGTH + 3) if kind == "mamba" else 0
    assert train.flops == theirs.get_total_flops() - pairs


def test_causal_attention_counts_the_pairs_that_it_needs(tmp_path: Path) -> None:
    """2 layers of 32 numbers: two products of 2 B D FLOPs a pair, which torch's counter does not know on a CPU."""
    workload = configured_passes.made(bench_case(name_of("gpt2", tmp_path)), 0)
    forward, _ = configured_passes.count_operations(workload)
    with FlopCounterMode(display=False) as theirs, torch.no_grad():
        workload.module(workload.x)
    pairs = LENGTH * (LENGTH + 1) // 2
    assert forward.flops == theirs.get_total_flops() + 2 * 2 * (2 * BATCH * 32) * pairs


def test_bench_counts_what_has_no_noise(tmp_path: Path) -> None:
    found = {s.metric: s.value for s in bench_measure.measure(bench_case(name_of("gpt2", tmp_path)), Turn(first=True))}
    block = 12 * 32 * 32 + 13 * 32  # GPT-2, its biases and norms
    assert found["num_params"] == 2 * block + (TOKENS + 64) * 32 + 2 * 32
    assert found["width"] == 32
    assert found["saved_bytes"] > 0


def test_options_that_a_configuration_decides_are_no_axes_of_it(tmp_path: Path) -> None:
    case = bench_case(name_of("gpt2", tmp_path))
    assert (case.d_model, case.num_heads, case.num_layers, case.causal) == (None,) * 4
    assert as_configured(BenchCase(model="gru")).d_model == 128


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model": ["hf:gpt2", "gru"]}, "hf:gpt2 takes token ids and gru takes vectors"),
        ({"model": ["hf:gpt2"], "compile": [True]}, "--compile is for layers"),
        ({"model": ["hf:gpt2"], "match": ["params"]}, "--match is for layers"),
    ],
)
def test_what_bench_refuses_of_them(values: dict[str, list[object]], said: str) -> None:
    plain = {
        "compile": [False],
        "cuda_graphs": [False],
        "tf32": [False],
        "match": ["none"],
        "backend": ["torch"],
        "device": ["cpu"],
    }
    with pytest.raises(UserError, match=said):
        bench.check(plain | values)


def test_decode_goes_by_the_models_own_cache(tmp_path: Path) -> None:
    case = as_configured(DecodeCase(model=name_of("llama", tmp_path), seq_len=24, device="cpu", threads=1))
    samples = list(decode_measure.measure(case, Turn(first=True, enough=0.0)))
    found = {sample.metric: sample.value for sample in samples}
    assert found["state_size"] == 2 * 2 * 24 * (2 * 8) * 4
    assert found["step_time"] > 0
    assert "random weights, sdpa attention" in keeping.NOTES.tell()[0]


def test_gradflow_is_that_of_a_jacobian_at_the_embeddings(tmp_path: Path) -> None:
    """With all unit cotangents nothing is drawn: ||dy_T / dx_(T - k)||_F / sqrt(D), as of torch's own jacobian."""
    name = name_of("gpt2", tmp_path)
    case = as_configured(GradflowCase(model=name, seq_len=6, device="cpu", threads=1, exact=True))
    samples = list(gradflow_measure.measure(case, Turn(seed=0, first=True)))
    found = {s.axes["distance"]: s.value for s in samples if s.metric == "gradient_norm_log10"}
    module, flow = gradflow_measure._round(case, 0)
    assert found == {k: float(flow.log10[k]) for k in (0, 1, 2, 4, 5)}
    x = torch.randn(1, 6, 32, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda e: module(e)[0, -1], x)  # (D, 1, L, D)
    expected = jacobian[:, 0].norm(dim=(0, 2)).flip(0) / 32**0.5
    again = flow_of(module, x, torch.eye(32, dtype=torch.float64) / 32**0.5)
    torch.testing.assert_close(10**again.log10, expected, rtol=1e-9, atol=0)
    assert "inputs stand in the place of token embeddings" in keeping.NOTES.tell()[0]


def test_two_environments_can_be_held_against_each_other_as_ab_does(tmp_path: Path) -> None:
    case = bench_case(name_of("llama", tmp_path))
    equivalence.keep(configured_passes.made(case, 0), tmp_path / "kept", 0)
    found = equivalence.difference(configured_passes.made(case, 7), tmp_path / "kept", 0)
    assert found.equal
    with torch.no_grad():
        other = configured_passes.made(case, 7)
        other.run = lambda ids: other.module(ids) * 1.001
    assert not equivalence.difference(other, tmp_path / "kept", 0).rounding
