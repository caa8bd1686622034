"""Requests to JSON and back.

Both ends are this program, so a message that does not fit is a fault of it and of no case: the worker answers
`misunderstood`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rnn_vs_attn.worker.protocol import (
    BeginText,
    Check,
    CompareOutcome,
    ContinueText,
    Describe,
    FindOrigin,
    LoadLanguageModel,
    MakeReady,
    Measure,
    Prepare,
    ReadEnvironment,
    ReadMachinePeaks,
    Release,
    Request,
    ResolveDevice,
    TimeBlock,
    Train,
)
from rnn_vs_attn.worker.typed_json import Misunderstood, read

REQUESTS: Mapping[str, type[Request[Any]]] = {
    kind.__name__: kind
    for kind in (
        ReadEnvironment,
        ResolveDevice,
        ReadMachinePeaks,
        FindOrigin,
        Check,
        Describe,
        LoadLanguageModel,
        BeginText,
        ContinueText,
        Prepare,
        MakeReady,
        TimeBlock,
        Release,
        Measure,
        Train,
        CompareOutcome,
    )
}


def written(request: Request[Any]) -> dict[str, Any]:
    """A request as JSON can hold it."""
    return {"request": type(request).__name__, "fields": asdict(request)}


def request_in(message: Mapping[str, Any]) -> Request[Any]:
    """The request that `written` has made a message of; Misunderstood where it is none."""
    name = str(message.get("request"))
    if name not in REQUESTS:
        raise Misunderstood(f"there is no request {name!r}")
    request: Request[Any] = read(REQUESTS[name], message.get("fields"))
    return request
