"""What does not fit is misunderstood."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from exchanges import EACH, EXCHANGES, through_json

from rnn_vs_attn.worker import messages
from rnn_vs_attn.worker.messages import REQUESTS
from rnn_vs_attn.worker.protocol import Request
from rnn_vs_attn.worker.typed_json import Misunderstood


def test_every_request_is_tried_here() -> None:
    assert {type(request).__name__ for request, _ in EXCHANGES} == set(REQUESTS)


@EACH
def test_a_field_too_many_or_too_few_is_misunderstood(request_: Request[Any]) -> None:
    name, message = type(request_).__name__, through_json(messages.written(request_))
    message["fields"]["more"] = 1
    with pytest.raises(Misunderstood, match=f"{name} has no field 'more'"):
        messages.request_in(message)
    del message["fields"]["more"]
    for field in fields(request_):
        fewer = {key: value for key, value in message["fields"].items() if key != field.name}
        with pytest.raises(Misunderstood, match=f"{name} lacks '{field.name}'"):
            messages.request_in(message | {"fields": fewer})


@pytest.mark.parametrize("message", [{}, {"request": "Guess", "fields": {}}, {"request": "prepare", "fields": {}}])
def test_a_verb_that_is_none_is_misunderstood(message: dict[str, Any]) -> None:
    with pytest.raises(Misunderstood, match="there is no request"):
        messages.request_in(message)
