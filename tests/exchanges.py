"""Requests of all kinds, each with a reply."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rnn_vs_attn.compare.outcome import Outcome
from rnn_vs_attn.limits import Budget, Plan, Turn
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.records.strict_json import dump
from rnn_vs_attn.records.timing import Block, Care, Ready
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites.suite import PEAKS
from rnn_vs_attn.training.choice import Choice
from rnn_vs_attn.worker.protocol import (
    About,
    BeginText,
    Check,
    CompareOutcome,
    ContinueText,
    Describe,
    Description,
    Device,
    Facts,
    FindOrigin,
    LanguageModel,
    LoadLanguageModel,
    MakeReady,
    Measure,
    Origin,
    Prepare,
    ReadEnvironment,
    ReadMachinePeaks,
    Release,
    Request,
    ResolveDevice,
    Samples,
    TimeBlock,
    Tokens,
    Train,
    Trained,
    Warnings,
)

ABOUT = About("bench", {"model": "lstm", "seq_len": 64, "causal": True, "window": None, "gain": 0.5}, 1 << 40)
CARE = Care(in_place=True, changes=("memory", "norm.running_mean"))
SAMPLE = Sample("saved_bytes", 4096, {"pass": "train", "n": 3}, [0.25, 1], ["it was hot"], {"kernels": {"mm": 2}})
ZERO = Sample("gradient_norm", None, zero=True)

EXCHANGES: list[tuple[Request[Any], Any]] = [
    (ReadEnvironment(), Facts({"torch": "2.6", "gpus": [{"name": "a"}], "cuda": None})),
    (ResolveDevice("auto", "float32"), Device("cpu")),
    (ReadMachinePeaks("cuda:1", "bfloat16", 3), Samples((SAMPLE, ZERO))),
    (FindOrigin("a.py:B", "/x"), Origin("/python", "/torch", "/a.py", strays=("/x/c.py",))),
    (FindOrigin("a.py:B", None), Origin("/python", "/torch", None, "there is no module a")),
    (Check(ABOUT), Warnings(("built as GRU(input_size=8)",))),
    (LoadLanguageModel("/tmp/a", True), LanguageModel(256, 64)),
    (LoadLanguageModel("/tmp/a", False), LanguageModel(50257, None)),
    (BeginText((1, 2), Choice(0.5, 4, None), 7), Tokens((3,))),
    (ContinueText(9), Tokens(())),
    (Describe("a.py:B", Shape(2, 8, 16, causal=False)), Description(10, None, False)),
    (Prepare(About("bench", {}, None), 7), Warnings(("a", "b"))),
    (MakeReady("train", Budget(block=1)), Ready(Plan(3, 4), 0.5)),
    (MakeReady("train", Budget(), Plan(3, 4), CARE), Ready(Plan(3, 4), 0.5, 0.25, False, 9.0, CARE, ("slow",))),
    (TimeBlock("forward", 40), Block(0.25, 0.125, None, 10.0, 1410.0)),
    (Release(), Warnings(())),
    (Measure(ABOUT, Turn(3, False, 0.0), PEAKS), Samples(())),
    (Train(ABOUT, 3), Trained(20, 400, 0.5, 0.25, 1e4)),
    (Train(ABOUT, 3, "/tmp/a"), Trained(400, 400, 9.0, 0.25, 1e4, (SAMPLE, ZERO))),
    (CompareOutcome(ABOUT, 0, "/tmp/a", True), Outcome(max_error=1e-7, where="output", equal=False)),
]


EACH = pytest.mark.parametrize(
    "request_", [request for request, _ in EXCHANGES], ids=[f"{r}"[:60] for r, _ in EXCHANGES]
)


def through_json(value: Any) -> Any:
    return json.loads(dump(value))
