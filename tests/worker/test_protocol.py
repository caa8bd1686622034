"""Requests and replies of a worker as types, through JSON and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from exchanges import EXCHANGES, through_json

from rnn_vs_attn.records.strict_json import dump
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.worker import messages
from rnn_vs_attn.worker.protocol import About, Prepare, Request
from rnn_vs_attn.worker.typed_json import read


@pytest.mark.parametrize(("request_", "reply"), EXCHANGES, ids=[f"{r}"[:60] for r, _ in EXCHANGES])
def test_requests_and_replies_come_back_equal(request_: Request[Any], reply: Any) -> None:
    assert messages.request_in(through_json(messages.written(request_))) == request_
    assert type(reply) is request_.reply()
    found = read(request_.reply(), through_json(asdict(reply)))
    assert found == reply
    assert dump(asdict(found)) == dump(asdict(reply))  # no whole number became a float, no true a 1


@pytest.mark.parametrize("suite", SUITES, ids=[suite.name for suite in SUITES])
def test_a_case_comes_back_from_its_axes(suite: Any) -> None:
    case = suite.axes.complete(suite.axes.case(device="cpu", threads=1))
    request = Prepare(About.of(suite, case, None), 0)
    found = messages.request_in(through_json(messages.written(request)))
    assert isinstance(found, Prepare)
    assert suite.axes.case(**found.about.axes) == case
