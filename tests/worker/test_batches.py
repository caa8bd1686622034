"""How a layer treats a batch is asked once, and one that runs over it is refused by every suite."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import habits  # noqa: F401  what is patched here before a model's file is loaded passes for that file's own change
import pytest
from command import TINY, lines_of, run

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure import memory
from rnn_vs_attn.measure.conduct import batch_independence
from rnn_vs_attn.measure.conduct.batch_independence import MIXES, RANDOM, SEES_THE_FUTURE
from rnn_vs_attn.suites import suite_named
from rnn_vs_attn.worker.batches import Batches
from rnn_vs_attn.worker.cases import Cases
from rnn_vs_attn.worker.measurements import MEASUREMENTS
from rnn_vs_attn.worker.protocol import About, Check, Measure, Prepare
from rnn_vs_attn.worker.questions import Questions
from rnn_vs_attn.worker.sandbox import Sandbox

SUITES = ("bench", "scaling", "gradflow", "decode")


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


@contextmanager
def counted(function: Any) -> Iterator[list[str]]:
    """A string for each call of it within; it stays as it is, as what is replaced is found and put back."""
    calls: list[str] = []

    def seen(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code is function.__code__:
            calls.append(event)

    sys.setprofile(seen)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def test_it_is_asked_once_of_a_model_and_in_the_first_round(worker: Worker) -> None:
    with counted(batch_independence.of) as calls:
        for seed in (1, 0, 0):
            worker.cases.prepare(Prepare(about("bench", "lstm"), seed))
    assert len(calls) == 1


def test_the_first_sample_of_decode_says_it_and_it_is_asked_once(worker: Worker) -> None:
    with counted(batch_independence.of) as calls:
        first, *others = worker.cases.measure(Measure(about("decode", "habits:RandomStep"), Turn())).samples
    assert first.warnings == [RANDOM]
    assert [sample.warnings for sample in others] == [[] for _ in others]
    assert len(calls) == 1


def test_what_is_no_fault_is_a_word_on_the_row(worker: Worker) -> None:
    assert worker.cases.prepare(Prepare(about("bench", "habits:Centred"), seed=0)).warnings == (MIXES,)
    assert worker.cases.prepare(Prepare(about("bench", "habits:Random"), seed=0)).warnings == (RANDOM,)


@pytest.mark.parametrize(("causal", "said"), [(True, (SEES_THE_FUTURE,)), (False, ())])
def test_a_row_of_a_causal_case_says_that_its_layer_sees_the_future(causal: bool, said: Any, worker: Worker) -> None:
    """It was said of layers whose width is called dim, and not of those whose width is called d_model."""
    assert worker.cases.prepare(Prepare(about("bench", "habits:BothWays", causal=causal), seed=0)).warnings == said


@pytest.mark.parametrize("words", [["gradflow"], ["ab", "--aa"]])
def test_alone_it_is_a_call_that_cannot_be_used(words: list[str], tmp_path: Path) -> None:
    rest = ["--model", "habits:OverTheBatch", "--seq-len", "8", "--d-model", "8", "--output", str(tmp_path / "run")]
    done = run(*words, *rest)
    assert done.returncode == 2
    said = r"model 'habits:OverTheBatch' cannot be measured( at 8 tokens)?: it runs over the batch"
    assert re.search(said, done.stderr)
    assert "batch_first=True" in done.stderr


@pytest.mark.slow
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
