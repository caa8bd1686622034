"""Layers through `bench`, `gradflow` and `scaling`, as a user would type it: what they were measured to be."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from field_environment import ROOT, Environment

SUITES = ("bench", "gradflow", "scaling")
OPTIONS = {
    "bench": "--seq-len 64 --batch-size 2 --threads 1 --rounds 1 --warm-up 0.01 --case-seconds 0 --min-blocks 1",
    "gradflow": "--seq-len 128 --rounds 6 --probes 4",
    "scaling": "--seq-len 64:256 --rounds 1 --warm-up 0.01 --case-seconds 0 --min-blocks 1",
}
_COMMON = "--d-model 64 --device cpu --max-seconds 7200 --json --quiet --anonymous"
Records = list[dict[str, Any]]  # as a command prints them with --json
_NEEDED = {
    "bench": ("forward_time", "train_time"),
    "gradflow": ("gradient_norm_log10",),
    "scaling": ("sequential_operations",),
}
_LIFTED = "lifted to float64"


@dataclass(frozen=True)
class Trial:
    """chain, path: how they grow with the length. law: of the gradient over the distance. said: why there is no number.

    missing: the suites that have none.
    """

    built: str = ""
    num_params: float | None = None
    flops: float | None = None
    chain: str = ""
    path: str = ""
    law: str = ""
    said: str = ""
    missing: tuple[str, ...] = ()

    @property
    def works(self) -> bool:
        """Whether it is built, called and timed: what a user must have first."""
        return "bench" not in self.missing


def timed(environment: Environment, model: str) -> tuple[Records, str]:
    """The records of `bench` of one layer, and why there are none, "" where there are."""
    records, reason = _asked(environment, "bench", [model])
    return (records, "") if _measured("bench", records) else ([], reason or _fault(records))


def followed(environment: Environment, suite: str, models: Sequence[str]) -> dict[str, tuple[Records, str]]:
    """The records of another suite of each of these layers, and why there are none: all of them in one command."""
    records, reason = _asked(environment, suite, models) if models else ([], "")
    found = {}
    for model in models:
        own = [r for r in records if _path(str(r["axes"].get("model", ""))) == _path(model)]
        found[model] = (own, "") if _measured(suite, own) else ([], reason or _fault(own))
    return found


def trial(found: dict[str, tuple[Records, str]]) -> Trial:
    """What the suites, by their name, found of one layer."""
    every = [record for records, _ in found.values() for record in records]
    missing = tuple(suite for suite in SUITES if not found.get(suite, ([], ""))[0])
    return Trial(
        built=_built(every),
        num_params=_value(every, "num_params"),
        flops=_value([r for r in every if r["suite"] == "bench" and r["axes"].get("pass") == "forward"], "flops"),
        chain=_growth(every, "sequential_operations"),
        path=_growth(every, "path_length"),
        law=_law(every),
        said="; ".join(f"{suite}: {reason}" for suite, (_, reason) in found.items() if reason),
        missing=missing,
    )


def _asked(environment: Environment, suite: str, models: Sequence[str]) -> tuple[Records, str]:
    """The records of a command, and the last line of what it said where it has none."""
    named = [text for model in models for text in ("--model", model)]
    with tempfile.TemporaryDirectory() as folder:
        options = [*OPTIONS[suite].split(), *_COMMON.split(), "--output", f"{folder}/run"]
        command = [environment.python, "-m", "rnn_vs_attn", suite, *named, *options]
        around = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=around)
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    try:
        return json.loads(done.stdout)["records"], ""
    except ValueError:
        return [], lines[0].removeprefix("error: ") if lines else f"it ends with {done.returncode}"


def _path(model: str) -> str:
    """The import path of a layer with arguments."""
    return model.partition("(")[0]


def _measured(suite: str, records: Records) -> bool:
    return all(_of(records, metric) for metric in _NEEDED[suite])


def _of(records: Records, metric: str) -> Records:
    return [r for r in records if r["metric"] == metric and r["status"] == "ok"]


def _fault(records: Records) -> str:
    """The first reason that a record gives for having no number."""
    return next((f"{r['status']}: {r['error']}" for r in records if r["status"] != "ok"), "no number")


def _value(records: Records, metric: str) -> float | None:
    return next((r["median"] for r in _of(records, metric)), None)


def _growth(records: Records, of: str) -> str:
    return next((r["details"]["text"] for r in _of(records, "growth") if r["axes"].get("of") == of), "")


def _law(records: Records) -> str:
    law = next((r["details"]["text"] for r in _of(records, "gradient_law")), "")
    lifted = any(_LIFTED in text for r in records for text in r["warnings"])
    return f"{law} (lifted)" if lifted else law


def _built(records: Records) -> str:
    """What the row says that it was built as."""
    said = (text for r in records for text in r["warnings"] if text.startswith("built as "))
    return next(said, "").removeprefix("built as ")
