"""What the stored runs of `bench` and `decode` claim, formed anew from their samples with numpy alone."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from paths import REFERENCE
from scipy.stats import quantile_test

Floats = NDArray[np.float64]
LENGTHS = (64, 128, 256, 512, 1024)
MOST_ROUNDS = 12


@cache
def samples(run: str, metric: str, model: str, seq_len: int, name: str = "") -> Floats:
    """One value a round, nan where a round has none; name: of the pass."""
    lines = (json.loads(line) for line in (REFERENCE / run / "samples.jsonl").read_text().splitlines())
    wanted = {"model": model, "seq_len": seq_len} | ({"pass": name} if name else {})
    found = {line["round"]: line["value"] for line in lines if line["metric"] == metric and has(line["axes"], wanted)}
    return np.array([found.get(number, np.nan) for number in range(MOST_ROUNDS)])


def has(axes: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return wanted.items() <= axes.items()


def said(run: str, beginning: str) -> str:
    """The one claim that begins so."""
    (line,) = (s for s in (REFERENCE / run / "table.md").read_text().splitlines() if s.startswith(f"- {beginning}"))
    return line


def in_words(values: Floats) -> str:
    """The median and its interval, three digits each."""
    low, high = ends(values)
    middle, *both = (three_digits(value) for value in (np.nanmedian(values), low, high))
    return f"{middle} [{', '.join(both)}]"


def ends(values: Floats) -> tuple[float, float]:
    """Of the 95 % interval of the median, as scipy has it."""
    found = quantile_test(values[~np.isnan(values)], p=0.5).confidence_interval(0.95)
    return float(found.low), float(found.high)


def three_digits(value: float) -> str:
    decimals = max(0, 2 - int(np.floor(np.log10(value))))
    return f"{value:.{decimals}f}"


@pytest.mark.parametrize("model", ["rnn", "gru", "lstm", "attention-naive"])
def test_how_long_a_model_trains_beside_attention(model: str) -> None:
    times = {
        n: samples("full/bench", "train_time", model, n) / samples("full/bench", "train_time", "attention", n)
        for n in LENGTHS
    }
    line = said("full/bench", f"Attention trains faster than {model}:")
    assert f"at 1,024 {model} takes {in_words(times[1024])} times as long as attention" in line
    found = [ends(ratio) for ratio in times.values()]
    holds, fails = all(low > 1 for low, _ in found), any(high < 1 for _, high in found)
    assert f": {'holds' if holds else 'does not hold here' if fails else 'undecided'}. " in line


@pytest.mark.parametrize("model", ["gru", "lstm"])
def test_of_what_that_is_made(model: str) -> None:
    """Of operations and their rate; test_reference_runs.py has the operations by formulas."""
    amount = (
        samples("full/bench", "flops", model, 1024, "train")[0]
        / samples("full/bench", "flops", "attention", 1024, "train")[0]
    )
    ratio = np.nanmedian(
        samples("full/bench", "train_time", model, 1024) / samples("full/bench", "train_time", "attention", 1024)
    )
    line = said("full/bench", f"Attention trains faster than {model}:")
    assert f"it has {three_digits(amount)} times the operations of attention" in line
    assert f"and does {three_digits(amount / ratio)} times as many a second" in line


def doubled(model: str) -> Floats:
    """By how much twice the length multiplies the training time in each round, by least squares in logarithms."""
    times = np.log([samples("full/bench", "train_time", model, n) for n in LENGTHS])
    return np.asarray(2 ** np.polyfit(np.log(LENGTHS), times[:, ~np.isnan(times).any(axis=0)], 1)[0])


def test_how_time_grows() -> None:
    most = max((doubled(model) for model in ("rnn", "gru", "lstm")), key=np.nanmedian)
    line = said("full/bench", "Attention's time grows faster with length than that of a recurrence: holds. ")
    assert f"twice the length takes attention {in_words(doubled('attention'))} times as long and a recurrence" in line
    assert f"at most {in_words(most)} (gru)" in line


@pytest.mark.parametrize("model", ["attention", "attention-naive"])
def test_how_memory_grows(model: str) -> None:
    ratio = samples("full/bench", "peak_memory", model, 1024, "train") / samples(
        "full/bench", "peak_memory", model, 512, "train"
    )
    line = said("full/bench", f"The memory of {model} grows with the square of the length: ")
    assert f"twice the length takes {in_words(ratio)} times the memory to train" in line


def test_what_a_loop_costs() -> None:
    ratio = samples("full/bench", "train_time", "lstm-cell", 1024) / samples("full/bench", "train_time", "lstm", 1024)
    line = said("full/bench", "lstm-cell is slow because a recurrence is sequential: does not hold here. ")
    assert (
        f"is {in_words(ratio)} times as fast at 1,024 tokens; so {1 - 1 / np.nanmedian(ratio):.0%} of the time" in line
    )


@pytest.mark.parametrize(("model", "base"), [("lstm", "attention"), ("lstm-lm", "gpt"), ("transformer-xl", "gpt")])
def test_what_the_next_token_takes_and_what_is_carried(model: str, base: str) -> None:
    ratio = samples("full/decode", "step_time", model, 4096) / samples("full/decode", "step_time", base, 4096)
    line = said("full/decode", f"After 4,096 tokens the next one costs {model} less than {base}: holds. ")
    assert f"It takes {model} {in_words(ratio)} times as long; " in line
    sizes = [samples("full/decode", "state_size", m, n)[0] for m in (model, base) for n in (64, 4096)]
    a_token = (sizes[3] - sizes[2]) / (4096 - 64)
    line = said("full/decode", f"After 4,096 tokens {model} carries less than {base}: holds. ")
    assert f"against {sizes[3] / 2**20:.1f} MiB, {a_token / 1024:.2f} KiB more with each token" in line
    beyond = f"{sizes[1] / a_token:,.0f}"
    assert line.endswith(f"; {model} carries less beyond {beyond} token{'s' * (beyond != '1')}.")


@pytest.mark.parametrize("model", ["attention", "gpt"])
def test_what_a_token_costs_with_the_context(model: str) -> None:
    near, far = (samples("full/decode", "step_time", model, n) for n in (64, 4096))
    line = said("full/decode", f"The next token costs {model} more the longer the context: holds. ")
    (took,) = re.findall(r"it takes ([\d.]+) ms", line)
    assert took == three_digits(np.nanmedian(far) * 1e3)
    assert f"{in_words(far / near)} times as long as after 64" in line
