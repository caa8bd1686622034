"""Whether the sequences of a batch are apart: both ways, for every row; a layer that runs over the batch is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import habits
import pytest
import torch
from command import TINY, lines_of, run
from torch import nn

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure import memory
from rnn_vs_attn.measure.conduct import batch_independence
from rnn_vs_attn.measure.conduct.batch_independence import MIXES, RANDOM, Batch
from rnn_vs_attn.measure.gradient.flow import Flow, cotangents, float64, flow_of, without_dropout
from rnn_vs_attn.suites import suite_named
from rnn_vs_attn.worker.batches import Batches
from rnn_vs_attn.worker.cases import Cases
from rnn_vs_attn.worker.measurements import MEASUREMENTS
from rnn_vs_attn.worker.protocol import About, Check, Measure, Prepare
from rnn_vs_attn.worker.questions import Questions
from rnn_vs_attn.worker.sandbox import Sandbox

APART, OVER_IT = Batch(), Batch(mixes=True, runs_over_it=True)
SUITES = ("bench", "scaling", "gradflow", "decode")


def asked(module: nn.Module, batch_size: int = 4, seq_len: int = 128) -> Batch:
    torch.manual_seed(0)
    return batch_independence.of(module.eval(), batch_size, seq_len, 8)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (habits.Plain, APART),
        (habits.InPlace, APART),
        (habits.InPlaceInside, APART),
        (habits.ShrinksWeights, APART),
        (habits.Normalised, APART),
        (habits.KeepsMany, APART),
        (habits.Experts, APART),
        (habits.OwnMemory, APART),
        (habits.OverTheBatch, OVER_IT),
        (habits.BackwardOverTheBatch, OVER_IT),
        (habits.BothWaysOverTheBatch, OVER_IT),
        (habits.EncoderOverTheBatch, OVER_IT),
        (habits.OverTheBatchInBlocks, OVER_IT),
        (habits.Centred, Batch(mixes=True)),
        (habits.LastSees, Batch(mixes=True)),
        (habits.Random, Batch(random=True)),
        (habits.RandomOfNumPy, Batch(random=True)),
    ],
)
def test_how_a_layer_treats_a_batch(kind: type[nn.Module], expected: Batch) -> None:
    """The first sequence of a GRU over the batch does not depend on the others: it alone passed for a layer."""
    assert asked(kind(8)) == expected


def test_one_position_by_itself_is_no_other_sequence() -> None:
    assert asked(nn.Linear(8, 8)) == APART


@pytest.mark.parametrize("kind", [habits.ByTheCall, habits.EveryOther])
def test_a_layer_that_changes_from_call_to_call_is_not_called_mixing(kind: type[nn.Module]) -> None:
    found = asked(kind(8))
    assert found.keeps_state
    assert not found.mixes


@pytest.mark.parametrize(
    ("batch_size", "expected"), [(2, OVER_IT), (4, "give two sequences"), (1, "give two sequences")]
)
def test_a_layer_that_takes_one_batch_size_is_asked_at_that(batch_size: int, expected: Any) -> None:
    found = asked(habits.OverTheBatchOfTwo(8), batch_size)
    assert found == expected if isinstance(expected, Batch) else expected in found.unknown


def test_what_cannot_be_asked_is_said() -> None:
    (text,) = asked(habits.OneSequence(8)).warnings
    assert "could not be asked (ValueError: give one sequence)" in text
    assert "could not be asked (its output holds NaN" in asked(habits.NotFinite(8)).warnings[0]


def test_a_layer_that_leaves_the_sequence_first_does_not_fit_whatever_the_shape() -> None:
    """With as many tokens as sequences its output had the right shape."""
    with pytest.raises(UserError, match="it must keep"):
        asked(habits.Transposed(8), batch_size=4, seq_len=4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_in_other_formats_too(dtype: torch.dtype) -> None:
    assert asked(habits.Plain(8).to(dtype)) == APART
    assert asked(habits.LastSees(8).to(dtype)) == Batch(mixes=True)


def test_little_of_the_others_is_found_beside_rounding() -> None:
    class Little(habits.Plain):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.computed(x)
            return y + 1e-4 * y.mean(0, keepdim=True)

    assert asked(Little(8)).mixes


def test_a_language_model_over_the_batch_would_be_found() -> None:
    module = nn.Sequential(nn.Embedding(11, 8), habits.OverTheBatch(8))
    assert batch_independence.of_ids(module.eval(), 11, 20) == OVER_IT


# Refused


@dataclass(frozen=True)
class Worker:
    """What answers requests in a worker's process, in this one."""

    questions: Questions
    cases: Cases


@pytest.fixture
def worker() -> Iterator[Worker]:
    sandbox, batches = Sandbox(), Batches()
    yield Worker(Questions(sandbox, batches), Cases(sandbox, batches))
    memory.limit(None)


def about(suite: str, model: str, **fields: Any) -> About:
    made = suite_named(suite).axes.case(model=model, seq_len=8, d_model=8, device="cpu", threads=1, **fields)
    return About.of(suite_named(suite), made, max_memory=None)


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_refuses_it_before_the_run(suite: str, worker: Worker) -> None:
    with pytest.raises(CaseFault, match="it runs over the batch") as fault:
        worker.questions.check(Check(about(suite, "habits:OverTheBatch")))
    assert fault.value.status == "failed"


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("model", ["habits:OverTheBatch", "habits:BothWaysOverTheBatch"])
def test_every_suite_refuses_its_cases_among_others(suite: str, model: str, worker: Worker) -> None:
    parts = [{}, {"part": "graph"}, {"part": "route"}] if suite == "scaling" else [{}]
    for fields in parts:
        with pytest.raises(CaseFault, match="it runs over the batch"):
            worker.cases.measure(Measure(about(suite, model, **fields), Turn()))
    if MEASUREMENTS[suite].workload is not None:
        with pytest.raises(CaseFault, match="it runs over the batch"):
            worker.cases.prepare(Prepare(about(suite, model), seed=0))


def test_it_is_asked_once_of_a_model_and_in_the_first_round(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    of = batch_independence.of
    monkeypatch.setattr(batch_independence, "of", lambda *given: calls.append(1) or of(*given))
    for seed in (1, 0, 0):
        worker.cases.prepare(Prepare(about("bench", "lstm"), seed))
    assert len(calls) == 1


def test_the_first_sample_of_decode_says_it_and_it_is_asked_once(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    of = batch_independence.of
    monkeypatch.setattr(batch_independence, "of", lambda *given: calls.append(1) or of(*given))
    first, *others = worker.cases.measure(Measure(about("decode", "habits:RandomStep"), Turn())).samples
    assert first.warnings == [RANDOM]
    assert [sample.warnings for sample in others] == [[] for _ in others]
    assert len(calls) == 1


def test_what_is_no_fault_is_a_word_on_the_row(worker: Worker) -> None:
    assert worker.cases.prepare(Prepare(about("bench", "habits:Centred"), seed=0)).warnings == (MIXES,)
    assert worker.cases.prepare(Prepare(about("bench", "habits:Random"), seed=0)).warnings == (RANDOM,)


@pytest.mark.parametrize("words", [["gradflow"], ["ab", "--aa"]])
def test_alone_it_is_a_call_that_cannot_be_used(words: list[str], tmp_path: Path) -> None:
    rest = ["--model", "habits:OverTheBatch", "--seq-len", "8", "--d-model", "8", "--output", str(tmp_path / "run")]
    done = run(*words, *rest)
    assert done.returncode == 2
    assert "model 'habits:OverTheBatch' cannot be measured: it runs over the batch" in done.stderr
    assert "batch_first=True" in done.stderr


def test_among_others_it_costs_its_own_rows(tmp_path: Path) -> None:
    words = [
        "--model",
        "habits:OverTheBatch,lstm",
        "--seq-len",
        "8",
        "--rounds",
        "1",
        "--output",
        str(tmp_path / "run"),
    ]
    done = run("bench", *TINY, *words)
    assert done.returncode == 4
    found = {r["axes"]["model"]: r for r in lines_of(tmp_path / "run/records.jsonl") if r["metric"] == "train_time"}
    assert found["lstm"]["status"] == "ok"
    assert found["habits:OverTheBatch"]["status"] == "failed"
    assert "it runs over the batch" in found["habits:OverTheBatch"]["error"]


# Gradients


@pytest.fixture
def in_float64() -> Iterator[None]:
    torch.manual_seed(0)
    with float64():
        yield


def flow(module: nn.Module) -> Flow:
    probes = cotangents(1, 8, True, torch.device("cpu"))
    return flow_of(without_dropout(module.double()), torch.randn(1, 20, 8), probes)


def test_the_gradient_of_a_layer_that_draws_numbers_is_that_at_the_same_draws(in_float64: None) -> None:
    """y + noise has the gradient of y; it was called a layer that mixes the sequences of a batch."""
    torch.manual_seed(0)
    found = flow(habits.Random(8))
    torch.manual_seed(0)
    expected = flow(habits.Plain(8))
    assert torch.allclose(found.log10, expected.log10, atol=1e-9)
    assert found.warnings == [f"{RANDOM}; cotangents are taken one at a time"]


def test_the_gradient_of_a_layer_over_the_batch_is_refused(in_float64: None) -> None:
    with pytest.raises(CaseFault, match="it runs over the batch"):
        flow(habits.OverTheBatch(8))


def test_a_layer_that_works_in_place_has_its_gradient(in_float64: None) -> None:
    torch.manual_seed(0)
    found = flow(habits.InPlace(8))
    torch.manual_seed(0)
    module = habits.Plain(8).double()
    x = torch.randn(1, 20, 8)
    whole = torch.autograd.functional.jacobian(lambda inputs: module(1.5 * inputs)[0, -1], x)
    expected = (whole[:, 0].norm(dim=(0, 2)) / 8**0.5).log10().flip(0)
    assert torch.allclose(found.log10, expected, atol=1e-9)
