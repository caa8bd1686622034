"""The table that joins what each model costs and can, formed anew from the samples of the stored runs by numpy."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from paths import REFERENCE

from rnn_vs_attn.pages.entries import entries_of
from rnn_vs_attn.pages.joined import Joined, Value, joined
from rnn_vs_attn.run.stored import runs_of

RUNS = ("full/bench", "full/decode", "full/gradflow", "full/recall", "full/lm")
Axes = Mapping[str, Any]


@cache
def table() -> Joined:
    return joined(entries_of(runs_of([REFERENCE / run for run in RUNS])))


def cell(model: str, title: str) -> tuple[Value, str, Axes]:
    """What stands there, as it is written, and the settings of its column."""
    (chosen,) = (each for each in table().chosen if each.measure.title == title)
    value = chosen.values[model]
    return value, value.text(chosen.measure), chosen.settings


@cache
def lines(run: str) -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(line) for line in (REFERENCE / run / "samples.jsonl").read_text().splitlines())


def seeds(run: str, metric: str, **axes: Any) -> dict[float | None, list[float]]:
    """The values of every round, by the learning rate where there are several."""
    found: dict[float | None, dict[int, float]] = {}
    for line in lines(run):
        if line["metric"] == metric and axes.items() <= line["axes"].items() and line["value"] is not None:
            found.setdefault(line["axes"].get("learning_rate"), {})[line["round"]] = line["value"]
    return {rate: [of[n] for n in sorted(of)] for rate, of in found.items()}


def half(values: list[float]) -> float:
    """Half of the exact 95 % interval of a median, as a part of it: from the k-th value to the k-th from above, with
    the largest k of which both tails of heads in as many throws have 5 % at most.
    """
    n, below = len(values), 0
    while 2 * sum(math.comb(n, i) for i in range(below + 1)) <= 0.05 * 2**n:
        below += 1
    ordered = sorted(values)
    return float((ordered[n - below] - ordered[below - 1]) / 2 / np.median(values))


@pytest.mark.parametrize(
    ("run", "metric", "title", "scale", "model"),
    [
        ("full/bench", "train_time", "training pass, ms", 1e3, "rnn"),
        ("full/bench", "train_time", "training pass, ms", 1e3, "attention-naive"),
        ("full/bench", "peak_memory", "memory of training, MiB", 2.0**-20, "gru"),
        ("full/bench", "peak_memory", "memory of training, MiB", 2.0**-20, "attention"),
        ("full/decode", "step_time", "next token, ms", 1e3, "lstm-lm"),
        ("full/decode", "step_time", "next token, ms", 1e3, "transformer-xl"),
    ],
)
def test_times_and_memory_are_medians_with_half_of_their_interval(
    run: str, metric: str, title: str, scale: float, model: str
) -> None:
    _, text, settings = cell(model, title)
    added = {"pass": "train"} if metric == "peak_memory" else {}
    (values,) = seeds(run, metric, model=model, seq_len=settings["seq_len"], **added).values()
    number, plus_minus = text.split(" ±")
    assert float(number) == pytest.approx(scale * float(np.median(values)), rel=0.005)
    assert float(plus_minus.rstrip("%")) == pytest.approx(100 * half(values), rel=0.05, abs=0.051)


def test_half_lives_are_those_of_lines_through_logarithms_of_norms() -> None:
    for model in ("rnn", "gru", "lstm"):
        _, text, settings = cell(model, "gradient's half-life, tokens")
        norms: dict[int, dict[int, float]] = {}
        for line in lines("full/gradflow"):
            axes = line["axes"]
            if (line["metric"], axes.get("model"), axes.get("seq_len")) == (
                "gradient_norm_log10",
                model,
                settings["seq_len"],
            ) and axes["distance"] > 0:
                norms.setdefault(line["round"], {})[axes["distance"]] = line["value"]
        slopes = [np.polyfit(list(of), list(of.values()), 1)[0] for of in norms.values()]
        lives = [-math.log10(2) / slope for slope in slopes]
        assert float(text.split(" ±")[0]) == pytest.approx(float(np.median(lives)), rel=0.005)


@pytest.mark.parametrize(("model", "task"), [("attention", "mqar"), ("lstm", "mqar"), ("attention", "parity")])
def test_accuracies_are_those_of_the_learning_rate_that_all_seeds_have(model: str, task: str) -> None:
    """Of attention on parity another rate looks better by its only seed: 0.543 in place of 0.536."""
    value, text, _ = cell(model, f"accuracy, {task}")
    every = seeds("full/recall", "accuracy", model=model, task=task)
    went_on = max(every.values(), key=len)
    assert len(went_on) > 1
    assert value.record is not None
    assert value.record.samples == went_on
    assert float(text.split(" ±")[0]) == pytest.approx(float(np.median(went_on)), abs=0.0051)


@pytest.mark.parametrize("model", ["gpt", "lstm-lm", "mingru", "transformer-xl"])
def test_bits_a_byte_are_those_of_the_learning_rate_that_all_seeds_have(model: str) -> None:
    _, text, _ = cell(model, "bits a byte")
    went_on = max(seeds("full/lm", "bits_per_byte", model=model).values(), key=len)
    assert len(went_on) > 1
    assert float(text.split(" ±")[0]) == pytest.approx(float(np.median(went_on)), abs=0.0051)


def test_states_by_hand() -> None:
    """Of attention and gpt keys and values of four layers, 4,096 tokens and 256 channels of 4 B; of an LSTM h and c."""
    for model, kibibytes in (("attention", 4 * 2 * 4096 * 256 * 4 / 1024), ("lstm", 4 * 2 * 256 * 4 / 1024)):
        _, text, settings = cell(model, "state, KiB")
        assert (settings["num_layers"], settings["seq_len"], settings["d_model"]) == (4, 4096, 256)
        assert float(text.replace(",", "")) == kibibytes
