"""Every figure of the stored lesson's ledger, formed anew: counts by hand, all others from samples."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from paths import REFERENCE
from scans import scan_chain
from scipy.stats import quantile_test

LESSON = REFERENCE / "lesson"
HOLDS, FAILS = "holds", "does not hold here"
Floats = NDArray[np.float64]


def line(number: int) -> tuple[str, str, str]:
    """Verdict, what was measured, why."""
    (found,) = re.findall(rf"^\| {number} \| (.*) \|$", (LESSON / "ledger.md").read_text(), re.MULTILINE)
    verdict, _, figure, why = found.split(" | ")
    return verdict, figure, why.strip()


@cache
def lines(run: str) -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(text) for text in (LESSON / run / "samples.jsonl").read_text().splitlines())


def sampled(run: str, metric: str, **axes: Any) -> Floats:
    """One value a round, of the one case that has these axes."""
    wanted = {name.rstrip("_"): value for name, value in axes.items()}.items()
    found = [each for each in lines(run) if each["metric"] == metric and wanted <= each["axes"].items()]
    assert found, (run, metric, axes)
    assert [each["round"] for each in found] == list(range(len(found)))
    return np.array([each["value"] for each in found], float)


def interval(values: Floats) -> list[float]:
    """The median and the ends of its 95 % interval, as scipy has it, three digits each."""
    found = quantile_test(values, p=0.5).confidence_interval(0.95)
    return [float(f"{value:.2e}") for value in (np.median(values), found.low, found.high)]


def told(text: str) -> list[float]:
    """The number at the end of a text with the two of its interval."""
    (found,) = re.findall(r"([\d.e+-]+) \[([\d.e+-]+), ([\d.e+-]+)\]$", text)
    return [float(each) for each in found]


def between(text: str, before: str, after: str = "") -> str:
    assert before in text
    rest = text.split(before, 1)[1]
    return rest.split(after, 1)[0] if after else rest


# Chains: three operations of attention one after the other; seven a step of an LSTM, after one for all inputs


def test_line_1_chains_by_hand() -> None:
    verdict, figure, _ = line(1)
    assert (verdict, figure) == (
        HOLDS,
        f"longest chain of operations at 1,024 tokens: attention 3, lstm {7 * 1024 + 1:,}",
    )


def test_line_4_a_scan_by_its_definition_and_its_time() -> None:
    verdict, figure, why = line(4)
    assert verdict == FAILS
    assert figure.startswith(
        f"longest chain of operations at 1,024 tokens: mingru {3 + scan_chain(1024)}, lstm 7,169; "
    )
    ratio = sampled("bench", "train_time", model="mingru", seq_len=512) / attention(512)
    assert told(between(figure, "mingru trains in ", " of attention's")) == interval(ratio)
    assert "grows as log n" in why


# Times beside attention's, round by round


def attention(seq_len: int) -> Floats:
    return sampled("bench", "train_time", model="attention", seq_len=seq_len)


def test_line_2_the_loop() -> None:
    verdict, figure, _ = line(2)
    short, long = (sampled("bench", "train_time", model="lstm-cell", seq_len=n) / attention(n) for n in (128, 512))
    assert told(between(figure, "takes ", " times attention's time to train at 128 tokens")) == interval(short)
    assert told(between(figure, "; ", " at 512")) == interval(long)
    assert verdict == HOLDS
    assert min(interval(short)[1], interval(long)[1]) > 1


def test_line_3_the_fused_lstm() -> None:
    verdict, figure, _ = line(3)
    short, long = (sampled("bench", "train_time", model="lstm", seq_len=n) / attention(n) for n in (128, 512))
    assert told(between(figure, "takes ", " times attention's time to train at 512 tokens")) == interval(long)
    assert verdict == FAILS
    assert max(interval(short)[2], interval(long)[2]) < 1


# FLOPs by hand: a multiply-add is two, a query meets (n + 1) / 2 keys on average


def mixing(n: int, d: int) -> int:
    return 2 * 2 * d * n * (n + 1) // 2


def test_line_5_where_attention_has_more_flops_and_how_they_grow() -> None:
    verdict, figure, why = line(5)
    d = 64
    first = next(n for n in range(1, 9999) if 4 * 2 * n * d**2 + mixing(n, d) > 4 * 2 * 2 * n * d**2)
    assert (verdict, figure) == (HOLDS, f"at d = {d} attention has more FLOPs from n = {first} on")
    assert first == 4 * d
    lengths = sorted({each["axes"]["seq_len"] for each in lines("scaling") if each["metric"] == "flops"})
    grown = np.polyfit(np.log(lengths), np.log([mixing(n, d) for n in lengths]), 1)[0]
    assert f"attention's grow as n^{grown:.2f} d^1 between its projections, lstm's grow as n^1 d^2" in why


# Gradients


def norms(model: str) -> tuple[Floats, Floats]:
    """Distances from 1 on, and log10 of the norms there in every round."""
    distances = sorted({each["axes"].get("distance", 0) for each in lines("gradflow")} - {0})
    logs = [sampled("gradflow", "gradient_norm_log10", model=model, distance=at) for at in distances]
    return np.array(distances, float), np.array(logs)


def test_line_6_half_lives_are_those_of_an_exponential_fit() -> None:
    verdict, figure, _ = line(6)
    for model in ("rnn", "lstm"):
        distances, logs = norms(model)
        lives = -np.log10(2) / np.polyfit(distances, logs, 1)[0]
        assert told(between(figure, f"{model} halves every ", " tokens")) == interval(lives)
    assert verdict == HOLDS


def test_line_7_norms_at_the_nearest_and_the_furthest_token() -> None:
    verdict, figure, _ = line(7)
    distances, logs = norms("attention")
    assert distances[[0, -1]].tolist() == [1, 511]
    for at, name in ((0, "1, "), (-1, "511")):
        found = quantile_test(logs[at], p=0.5).confidence_interval(0.95)
        expected = [float(f"{10**value:.1e}") for value in (np.median(logs[at]), found.low, found.high)]
        before, after = ("gradient: ", f" at distance {name}") if at == 0 else (" at distance 1, ", " at distance 511")
        assert told(between(figure, before, after)) == expected
    assert np.ptp(np.median(logs, axis=1)) < np.log10(2)
    assert verdict == HOLDS


# Trainings


@pytest.mark.parametrize(
    ("number", "task", "solver", "other", "chance"),
    [(8, "mqar", "attention", "lstm", 1 / 16), (9, "parity", "lstm", "attention", 1 / 2)],
)
def test_lines_8_and_9_steps_and_accuracies_of_every_seed(
    number: int, task: str, solver: str, other: str, chance: float
) -> None:
    verdict, figure, why = line(number)
    curves = [curve(task, solver, seed) for seed in range(3)]
    steps = [next(at for at in sorted(c) if min(v for step, v in c.items() if step >= at) >= 0.99) for c in curves]
    told_steps = f"{steps[0]}, {steps[1]} and {steps[2]}"
    lasts = [max(curve(task, other, seed).items())[1] for seed in range(3)]
    least = " ".join(
        f"{np.floor(1000 * last) / 1000:g}" for last in lasts
    )  # none is rounded up to a task that is solved
    assert figure == (
        f"{task} over 32 tokens: {solver} solves it in 3 of 3 seeds, after {told_steps} steps; {other} in 0 of 3 seeds "
        f"within 360 steps (accuracy {least}, chance {chance:g})"
    )
    answers = 256 * {"mqar": 4, "parity": 32}[task]  # examples, and what each asks
    assert [last * answers for last in lasts] == [round(last * answers) for last in lasts]
    assert max(lasts) < 0.99
    assert f"{other} had {360 / np.median(steps):.1f} times the steps that {solver} took" in why
    assert verdict == HOLDS


def curve(task: str, model: str, seed: int) -> dict[int, float]:
    """Accuracy by step."""
    return {
        each["axes"]["step"]: each["value"]
        for each in lines("recall")
        if (each["metric"], each["round"]) == ("curve_accuracy", seed)
        and (each["axes"]["task"], each["axes"]["model"]) == (task, model)
    }


# Memory and generation


def test_line_10_exponents_of_memory() -> None:
    verdict, figure, why = line(10)
    assert "from 128 to 512 tokens" in figure
    for model, before, after in (
        ("attention", "tokens: by n^", " with the fused kernel"),
        ("attention-naive", "kernel, by n^", " naively"),
    ):
        short, long = (sampled("bench", "peak_memory", model=model, seq_len=n, pass_="train") for n in (128, 512))
        assert told(between(figure, before, after)) == interval(np.log(long / short) / np.log(512 / 128))
        if model == "attention":
            sizes = [f"{np.median(each) / 2**20:.2f} MiB" for each in (short, long)]
            assert why.endswith(": {}, then {}".format(*sizes))
    assert verdict == FAILS


def test_line_11_a_token_after_a_long_context() -> None:
    verdict, figure, why = line(11)
    for model, before in (("attention", "attention "), ("lstm", "time, lstm ")):
        near, far = (sampled("decode", "step_time", model=model, seq_len=n) for n in (64, 2048))
        after = " times the time" if model == "attention" else ""
        assert told(between(figure, before, after)) == interval(far / near)
    keys_and_values, h_and_c = 2 * 2048 * 64 * 4, 2 * 64 * 4
    assert why == f"carried on: attention {keys_and_values / 2**20:.2f} MiB, lstm {h_and_c} B"
    assert verdict == HOLDS


# Variants


def test_line_12_a_memory_a_layer_and_the_places_before_it_in_the_segment() -> None:
    layers, memory, position = 2, 8, 3
    verdict, figure, _ = line(12)
    assert figure == f"{position + layers * memory} tokens back with a memory of 8, {position} without one"
    assert verdict == HOLDS


def test_line_13_windows_and_a_cache_beside_a_memory() -> None:
    verdict, figure, why = line(13)
    ours = sampled("transformer-xl", "token_time", method="memory", seq_len=256)
    window, cache = (
        sampled("transformer-xl", "token_time", method=m, seq_len=256) / ours for m in ("window-1", "cache-segment")
    )
    assert told(between(figure, "takes ", " times as long")) == interval(window)
    assert told(between(why, "takes ", " times as long")) == interval(cache)
    assert verdict == HOLDS


ALBERT: dict[str, Any] = {"vocab_size": 30000, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
ALBERT |= {"intermediate_size": 3072, "max_position_embeddings": 512, "type_vocab_size": 2}


def test_line_14_parameters_are_those_that_transformers_counts() -> None:
    pytest.importorskip("transformers")
    import torch
    from transformers import AlbertConfig, AlbertModel, BertConfig, BertModel

    with torch.device("meta"):
        models = (AlbertModel(AlbertConfig(**ALBERT, embedding_size=128)), BertModel(BertConfig(**ALBERT)))
    ours, theirs = (sum(p.numel() for p in model.parameters()) for model in models)
    verdict, figure, _ = line(14)
    assert (verdict, figure) == (
        HOLDS,
        f"albert-base {ours:,}, bert-base {theirs:,}: {ours / theirs:.3f} times as many",
    )


def test_line_15_operations_a_token_by_hand() -> None:
    """Query, key, value, output and a feed-forward of four widths a layer; 32 keys; E to H once a token."""
    d, layers, keys = 768, 12, 32
    bert = layers * (2 * (4 + 8) * d**2 + 2 * 2 * d * keys)
    albert = bert + 2 * 128 * d
    assert sampled("albert", "flops_per_token", size="albert-base").tolist() == [albert]
    verdict, figure, _ = line(15)
    assert (verdict, figure) == (FAILS, f"albert-base has {albert / bert:.3f} times the FLOPs a token of bert-base")


def gpt(layers: int, d: int, tokens: int = 32) -> tuple[int, float]:
    """Parameters: tokens, positions, 12 d^2 + 13 d a layer, a norm. FLOPs a token: matrices, keys, values, the head."""
    params = (50257 + 1024) * d + layers * (12 * d**2 + 13 * d) + 2 * d
    flops = layers * (2 * 12 * d**2 + 2 * 2 * d * (tokens + 1) / 2) + 2 * 50257 * d
    return params, flops


def test_line_16_parameters_and_operations_of_gpt_by_hand() -> None:
    (small, small_flops), (large, large_flops) = gpt(12, 768), gpt(48, 1600)
    verdict, figure, why = line(16)
    assert figure == (
        f"gpt2-xl has {large / small:.1f} times the parameters of gpt2 and {large_flops / small_flops:.1f} times its "
        "FLOPs a token"
    )
    (first, first_flops), (last, last_flops) = gpt(2, 64), gpt(4, 128)
    exponent = np.log(last_flops / first_flops) / np.log(last / first)
    assert sampled("gpt", "num_params", size="2x64").tolist() == [first]
    assert sampled("gpt", "flops_per_token", size="2x64").tolist() == [first_flops]
    near, far = (sampled("gpt", "step_time", size=size) for size in ("2x64", "4x128"))
    (timed,) = np.log(far / near) / np.log(last / first)
    assert why == (
        f"counted: FLOPs grow by parameters^{exponent:.2f}; time of a generated one by parameters^{timed:.2f} "
        "(no interval) from 2x64 to 4x128"
    )
    assert verdict == HOLDS


def test_how_many_hold() -> None:
    verdicts = [line(number)[0] for number in range(1, 17)]
    first = (LESSON / "ledger.md").read_text().splitlines()[0]
    counts = [verdicts.count(each) for each in (HOLDS, FAILS, "undecided")]
    assert sum(counts) == len(verdicts)
    assert first.startswith(
        f"{counts[0]} of the lesson's {len(verdicts)} claims hold on this machine. {counts[1]} do not hold here, and "
        f"{counts[2]} are undecided. "
    )
    assert line(3)[1] in first
