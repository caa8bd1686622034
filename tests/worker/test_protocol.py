"""Requests and replies of a worker, through JSON and back; what does not fit is misunderstood."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

import pytest

from rnn_vs_attn.compare.outcome import Outcome
from rnn_vs_attn.limits import Budget, Plan, Turn
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.records.strict_json import dump
from rnn_vs_attn.records.timing import Block, Care, Ready
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.suite import PEAKS
from rnn_vs_attn.worker import protocol
from rnn_vs_attn.worker.protocol import (
    REQUESTS,
    About,
    Check,
    CompareOutcome,
    Describe,
    Description,
    Device,
    Facts,
    FindOrigin,
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
    Train,
    Trained,
    Warnings,
)
from rnn_vs_attn.worker.typed_json import Misunderstood, read

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


def through_json(value: Any) -> Any:
    return json.loads(dump(value))


def test_every_request_is_tried_here() -> None:
    assert {type(request).__name__ for request, _ in EXCHANGES} == set(REQUESTS)


@pytest.mark.parametrize(("request_", "reply"), EXCHANGES, ids=[f"{r}"[:60] for r, _ in EXCHANGES])
def test_requests_and_replies_come_back_equal(request_: Request[Any], reply: Any) -> None:
    assert protocol.request_in(through_json(protocol.written(request_))) == request_
    assert type(reply) is request_.reply()
    found = read(request_.reply(), through_json(asdict(reply)))
    assert found == reply
    assert dump(asdict(found)) == dump(asdict(reply))  # no whole number became a float, no true a 1


@pytest.mark.parametrize("suite", SUITES, ids=[suite.name for suite in SUITES])
def test_a_case_comes_back_from_its_axes(suite: Any) -> None:
    case = suite.axes.complete(suite.axes.case(device="cpu", threads=1))
    request = Prepare(About.of(suite, case, None), 0)
    found = protocol.request_in(through_json(protocol.written(request)))
    assert isinstance(found, Prepare)
    assert suite.axes.case(**found.about.axes) == case


@pytest.mark.parametrize("request_", [request for request, _ in EXCHANGES], ids=[f"{r}"[:60] for r, _ in EXCHANGES])
def test_a_field_too_many_or_too_few_is_misunderstood(request_: Request[Any]) -> None:
    name, message = type(request_).__name__, through_json(protocol.written(request_))
    message["fields"]["more"] = 1
    with pytest.raises(Misunderstood, match=f"{name} has no field 'more'"):
        protocol.request_in(message)
    del message["fields"]["more"]
    for field in fields(request_):
        fewer = {key: value for key, value in message["fields"].items() if key != field.name}
        with pytest.raises(Misunderstood, match=f"{name} lacks '{field.name}'"):
            protocol.request_in(message | {"fields": fewer})


@pytest.mark.parametrize("message", [{}, {"request": "Guess", "fields": {}}, {"request": "prepare", "fields": {}}])
def test_a_verb_that_is_none_is_misunderstood(message: dict[str, Any]) -> None:
    with pytest.raises(Misunderstood, match="there is no request"):
        protocol.request_in(message)
