"""Every derived value of the stored runs, formed anew from their samples with numpy alone."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from learnt_runs import Group, groups
from numpy.typing import NDArray
from paths import REFERENCE

GPU = ("gpu-h100/bench", "gpu-h100/decode", "gpu-h100/gradflow")
VARIANTS = ("full/albert", "full/gpt", "full/transformer-xl")
RUNS = ("full/bench", "full/decode", "full/gradflow", "gradflow-trained", "full/scaling", *VARIANTS, *GPU)
EACH = pytest.mark.parametrize("run", RUNS)
LATER = {"kernel_size", "window"}  # axes that lines of some runs have and others do not
Axes = dict[str, Any]
Line = dict[str, Any]
Floats = NDArray[np.float64]
NAN = float("nan")
LEAST_ROUNDS = 6  # of which the extremes are 95 % of all


@cache
def stored(run: str, file: str) -> tuple[Line, ...]:
    return tuple(json.loads(line) for line in (REFERENCE / run / file).read_text().splitlines())


def key(metric: str, axes: Axes) -> str:
    return json.dumps([metric, sorted((n, v) for n, v in axes.items() if n not in LATER)])


@cache
def sampled(run: str) -> dict[str, Floats]:
    """By metric and axes one value a round, nan where a round has none."""
    found: dict[str, dict[int, float]] = {}
    for line in stored(run, "samples.jsonl"):
        if line["status"] != "ok":
            assert run in GPU  # what there was no time for
            continue
        found.setdefault(key(line["metric"], line["axes"]), {})[line["round"]] = line["value"]
    return {k: np.array([by_round.get(i, NAN) for i in range(max(by_round) + 1)]) for k, by_round in found.items()}


def of_metric(run: str, *metrics: str) -> list[Line]:
    return [record for record in stored(run, "records.jsonl") if record["metric"] in metrics]


def ends(values: Floats) -> tuple[int, int]:
    """Ranks of the ends of the 95 % interval of a median: as few as can be left out on each side of n values, by the
    binomial distribution of how many lie below it.
    """
    n = len(values)
    outside = [2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n for k in range(n)]
    k = sum(share <= 0.05 for share in outside) - 1
    return k, n - 1 - k


def assert_holds(record: Line, values: Any, exact: bool = False) -> None:
    """The median of rounds and the order-statistic interval; an exact value is one."""
    found = np.sort(np.asarray(values, float)[~np.isnan(values)])
    if len(found) < LEAST_ROUNDS and not exact:
        assert (record["median"], record["low"], record["high"]) == (pytest.approx(np.median(found)), None, None)
        return
    low, high = (0, 0) if exact else ends(found)
    expected = [float(np.median(found)), found[low], found[high]]
    assert [record["median"], record["low"], record["high"]] == pytest.approx(expected, rel=1e-9), record


def slopes(x: Sequence[float], rounds: Floats) -> Floats:
    """By least squares in logarithms, one a round that has all points; rounds (rounds, points)."""
    return np.polyfit(np.log(x), np.log(rounds[~np.isnan(rounds).any(axis=1)]).T, 1)[0]


def table(columns: Sequence[Floats]) -> Floats:
    """(rounds, columns), of the rounds that all of them have got to."""
    return np.array([column[: min(map(len, columns))] for column in columns]).T


# Medians


@pytest.mark.long
@EACH
def test_what_was_measured_is_the_median_of_its_rounds(run: str) -> None:
    values, seen = sampled(run), set()
    for record in stored(run, "records.jsonl"):
        name = key(record["metric"], record["axes"])
        if name in values:
            seen.add(name)
            kept = [NAN if value is None else value for value in record["samples"]]
            assert np.array_equal(kept, values[name], equal_nan=True)
            assert_holds(record, values[name], record["exact"])
    assert seen == {*values}


@pytest.mark.long
@EACH
def test_a_sample_is_the_median_of_its_blocks(run: str) -> None:
    """Where its blocks are kept."""
    timed = [line for line in stored(run, "samples.jsonl") if line["blocks"]]
    assert timed or "gradflow" in run
    for line in timed:
        of_blocks = np.mean if line["metric"] == "launch_bound" else np.median  # which is a part of them
        assert line["value"] == pytest.approx(of_blocks(line["blocks"]), rel=1e-9)


# Ratios


def bert(axes: Axes) -> Axes:
    shape = axes["size"].removeprefix("al").partition("+")[0]
    return axes | {"size": shape}


def memory(axes: Axes) -> Axes:
    if "memory_len" in axes:
        return axes | {"memory_len": 0}
    return axes | {"method": "memory", "model": "transformer-xl"}


@pytest.mark.parametrize(
    ("run", "baseline", "number"), [("full/albert", bert, 18), ("full/transformer-xl", memory, 17)]
)
def test_ratios_are_formed_within_rounds(run: str, baseline: Callable[[Axes], Axes], number: int) -> None:
    values, records = sampled(run), of_metric(run, "ratio")
    assert len(records) == number
    for record in records:
        axes = {name: value for name, value in record["axes"].items() if name != "of"}
        own, other = (values[key(record["axes"]["of"], at)] for at in (axes, baseline(axes)))
        both = table([own, other])
        assert_holds(record, both[:, 0] / both[:, 1], exact=len(both) == 1)


@pytest.mark.long
def test_speed_ups_are_formed_within_rounds() -> None:
    values, records = sampled("full/scaling"), of_metric("full/scaling", "speed_up", "efficiency")
    assert len(records) == 20
    for record in records:
        axes = {name: value for name, value in record["axes"].items() if name != "of"}
        one, two = (values[key(record["axes"]["of"], axes | {"threads": threads})] for threads in (1, 2))
        assert axes["threads"] == 2
        assert_holds(record, one / two / (2 if record["metric"] == "efficiency" else 1))


# Exponents


def points(run: str, record: Line, axis: str, ends: tuple[str, str], *drop: str) -> list[tuple[float, Floats]]:
    """All values of what an exponent or a crossing is of, over an axis, those between both ends."""
    fixed = {n: v for n, v in record["axes"].items() if n not in {"of", *ends, *drop}}
    found = []
    for line in {key(s["metric"], s["axes"]): s for s in stored(run, "samples.jsonl")}.values():
        mine = {name: value for name, value in line["axes"].items() if name != axis}
        if line["metric"] == record["axes"]["of"] and key("", mine) == key("", fixed):
            found.append((line["axes"][axis], sampled(run)[key(line["metric"], line["axes"])]))
    low, high = (record["axes"][end] for end in ends)
    return sorted((at, values) for at, values in found if low <= at <= high)


@pytest.mark.long
def test_exponents_of_bench_are_least_squares_in_logarithms() -> None:
    records = of_metric("full/bench", "exponent")
    assert len(records) == 18
    for record in records:
        x, columns = zip(*points("full/bench", record, "seq_len", ("seq_len_from", "seq_len_to")), strict=True)
        assert x == (64, 128, 256, 512, 1024)
        assert_holds(record, slopes(x, table(columns)))


@pytest.mark.long
def test_exponents_of_scaling_are_least_squares_in_logarithms() -> None:
    records = [r for r in of_metric("full/scaling", "exponent") if r["axes"]["of"].endswith("_time")]
    assert len(records) == 20
    for record in records:
        x, columns = zip(*points("full/scaling", record, record["axes"]["in"], ("from", "to"), "in"), strict=True)
        assert x == ((256, 512, 1024, 2048) if record["axes"]["in"] == "seq_len" else (64, 128, 256))
        assert_holds(record, slopes(x, table(columns)))


def test_exponents_of_counts_are_the_degrees_of_their_formulas() -> None:
    """8 n d^2 of projections and, between them, 2 n (n + 1) d or n d; what is recurrent, or a convolution, n d^2. The
    sum of two degrees in d is no power of it, and its exponent a fit, which the record says.
    """
    degrees = {"flops": (1, 2), "projection_flops": (1, 2), "mixing_flops": (1, 1)}
    records = [r for r in of_metric("full/scaling", "exponent") if not r["axes"]["of"].endswith("_time")]
    assert len(records) == 24
    fitted = [r for r in records if r["details"].get("fitted")]
    assert {(r["axes"]["model"], r["axes"]["of"], r["axes"]["in"]) for r in fitted} == {
        (model, "flops", "d_model") for model in ("attention", "attention-local")
    }
    for record in records:
        model, of, axis = (record["axes"][name] for name in ("model", "of", "in"))
        expected = float(
            degrees[of][axis == "d_model"] + (model == "attention" and of != "projection_flops" and axis == "seq_len")
        )
        if record in fitted:
            n, pairs = 2048, 2048 * 2049 / 2 if model == "attention" else 64 * 2048 - 64 * 63 / 2
            d = np.array([64.0, 128.0, 256.0])
            expected = np.polyfit(np.log(d), np.log(8 * n * d**2 + 4 * pairs * d), 1)[0]
        assert [record["median"], record["low"], record["high"]] == pytest.approx([expected] * 3, rel=1e-9), record


def test_exponents_of_gpt_are_least_squares_in_logarithms() -> None:
    records = of_metric("full/gpt", "exponent")
    assert len(records) == 7
    sizes = ("2x128", "4x256", "6x384", "8x512", "gpt2")
    for record in records:
        fixed = {n: v for n, v in record["axes"].items() if n not in ("of", "size_from", "size_to")}
        of = {record["axes"]["of"]: [], "num_params": []}  # type: dict[str, list[Floats]]
        for metric, columns in of.items():
            at = fixed if metric != "num_params" else {n: v for n, v in fixed.items() if n != "pass"}
            for size, heads in zip(sizes, (2, 4, 6, 8, 12), strict=True):
                layers = int(size.partition("x")[0]) if size != "gpt2" else 12
                shape = {"size": size, "d_model": 64 * heads, "num_heads": heads, "num_layers": layers}
                columns.append(sampled("full/gpt")[key(metric, at | shape)])
        params = [float(column[0]) for column in of["num_params"]]
        values = table(of[record["axes"]["of"]])
        assert_holds(record, slopes(params, values), exact=len(values) == 1)


# Crossings

DENSE = 400  # points between two lengths


def readings(x: Floats, gaps: Floats) -> tuple[Floats, Floats]:
    """Logarithms of lengths, and (readings, rounds, points) of the gaps between them: along straight lines, and along
    the parabolas and the cubic through neighbours. x (lengths,), gaps (rounds, lengths).
    """
    at, found = [], []
    for i in range(len(x) - 1):
        inner = np.linspace(x[i], x[i + 1], DENSE)
        starts = [(i, 2), *((min(max(s, 0), len(x) - n), n) for s, n in ((i - 1, 3), (i, 3), (i - 1, 4)))]
        fits = [np.polyfit(x[s : s + n] - x[i], gaps[:, s : s + n].T, n - 1) for s, n in starts]
        found.append([[np.polyval(fit, inner - x[i]) for fit in each.T] for each in fits])
        at.append(inner)
    return np.concatenate(at), np.concatenate(np.array(found), axis=2)


@pytest.mark.long
@pytest.mark.parametrize(("run", "number"), [("full/bench", 15), ("full/scaling", 12), ("full/decode", 3)])
def test_crossings_are_where_the_interval_of_the_ratio_of_times_leaves_1_out(run: str, number: int) -> None:
    records = [r for r in of_metric(run, "crossing") if r["axes"]["of"] != "state_size"]
    assert len(records) == number
    for record in records:
        baseline = "gpt" if record["axes"]["model"] in ("lstm-lm", "transformer-xl") else "attention"
        other = record | {"axes": record["axes"] | {"model": baseline}}
        curves = [points(run, of, "seq_len", ("seq_len_from", "seq_len_to")) for of in (record, other)]
        lengths = [length for length, _ in curves[0]]
        assert [length for length, _ in curves[1]] == lengths
        both = table([values for curve in curves for _, values in curve])
        both = both[~np.isnan(both).any(axis=1)]
        x, read = readings(np.log(lengths), np.log(both[:, : len(lengths)] / both[:, len(lengths) :]))
        first, last = ends(both[:, 0])
        ordered = np.sort(read, axis=1)
        low, high = ordered[:, first].min(axis=0), ordered[:, last].max(axis=0)
        at = np.exp(x)
        settled = np.where(high < 0, "faster", np.where(low > 0, "slower", ""))
        told = np.full(len(at), "", dtype=settled.dtype)
        for word, start, end in record["details"]["stretches"]:
            told[(at >= start * 0.998) & (at <= end * 1.002)] = word
        measured = np.isin(at.round(6), lengths)
        assert np.array_equal(told[measured], settled[measured])
        assert np.mean(told == settled) > 0.98, record
        ends_settled = settled[0] and settled[-1] and settled[0] != settled[-1]
        assert (record["median"] is not None) == bool(ends_settled)
        if ends_settled:
            middle = np.median(read[-1], axis=0)
            assert record["median"] == pytest.approx(at[np.argmax(middle * middle[0] < 0)], rel=0.01)
            assert record["low"] == pytest.approx(at[np.argmax(settled == "")], rel=0.01)
            assert record["high"] == pytest.approx(at[len(at) - np.argmax(settled[::-1] == "")], rel=0.01)


def test_states_are_as_large_as_each_other_where_the_formulas_say() -> None:
    """A cache has two vectors a layer and token; an LSTM's h and c are two a layer, Transformer-XL keeps three of each
    of 256 positions.
    """
    crossings = [r for r in of_metric("full/decode", "crossing") if r["axes"]["of"] == "state_size"]
    found = {r["axes"]["model"]: r["median"] for r in crossings}
    assert found == {"lstm": 2 / 2, "lstm-lm": 2 / 2, "transformer-xl": 3 * 256 / 2}


# Laws of gradients


GRADFLOW = pytest.mark.parametrize("run", ["full/gradflow", "gradflow-trained"])
LAWS = {
    "full/gradflow": {"rnn": "vanishing", "lstm": "vanishing", "gru": "vanishing", "attention": "flat"},
    "gradflow-trained": {
        "initial:attention@copy": "flat",
        "trained:attention@copy": "undecided",
        "initial:lstm@copy": "vanishing",
        "trained:lstm@copy": "undecided",
    },
}


@cache
def norms(run: str) -> dict[str, tuple[Floats, Floats]]:
    """By model distances from 0 on (N,) and log10 of the norms (rounds, N)."""
    found: dict[str, dict[float, Floats]] = {}
    for line in of_metric(run, "gradient_norm_log10"):
        values = sampled(run)[key(line["metric"], line["axes"])]
        found.setdefault(line["axes"]["model"], {})[line["axes"]["distance"]] = values
    return {m: (np.array(sorted(by), float), table([by[x] for x in sorted(by)])) for m, by in found.items()}


@GRADFLOW
def test_decay_and_half_life_are_those_of_an_exponential_fit(run: str) -> None:
    """From distance 1 on; a norm that does not vanish halves nowhere."""
    records = of_metric(run, "decay", "half_life")
    assert len(records) == len(LAWS[run]) + [*LAWS[run].values()].count("vanishing")
    for record in records:
        x, y = norms(run)[record["axes"]["model"]]
        slope = np.polyfit(x[1:], y[:, 1:].T, 1)[0]
        assert record["metric"] == "decay" or LAWS[run][record["axes"]["model"]] == "vanishing"
        assert_holds(record, 10**slope if record["metric"] == "decay" else -np.log10(2) / slope)


def fits(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Changes over the range of an exponential and a power law (2, rounds), the parts of the variance that they leave,
    and the scatter (rounds,).
    """
    ends = [(at, np.polyfit(at, y.T, 1, full=True)) for at in (x, np.log10(x))]
    left = np.array([fit[1] for _, fit in ends]) / ((y - y.mean(1, keepdims=True)) ** 2).sum(1)
    return np.array([fit[0][0] * (at[-1] - at[0]) for at, fit in ends]), left, np.std(y, axis=1, ddof=1)


@GRADFLOW
def test_laws_are_those_that_leave_the_smaller_residuals_in_every_round(run: str) -> None:
    laws = of_metric(run, "gradient_law") or of_metric(run, "verdict")  # as older versions call it
    told = {r["axes"]["model"]: r["details"] for r in laws}
    assert {model: details["text"] for model, details in told.items()} == LAWS[run]
    for model, details in told.items():
        x, y = norms(run)[model]
        assert len(y) == LEAST_ROUNDS
        changes, left, scatter = fits(x[1:], y[:, 1:])
        if details["text"] == "flat":
            assert (scatter < np.log10(2)).all()
            assert (np.abs(changes) < np.log10(2)).all()
        elif details["text"] == "vanishing":
            assert (left[0] < left[1]).all()
            assert (changes[0] < -np.log10(2)).all()


def test_of_trained_models_no_law_is_settled_and_the_reasons_have_their_numbers() -> None:
    """Attention: one law leaves less in every round, and some rounds change by less than a factor of 2, or up. LSTM: in
    every round it is the power law, which falls by more than that, and leaves a third of the variance.
    """
    reasons = {r["axes"]["model"]: r["details"].get("reason") for r in of_metric("gradflow-trained", "gradient_law")}
    x, y = norms("gradflow-trained")["trained:attention@copy"]
    changes, left, scatter = fits(x[1:], y[:, 1:])
    assert max(scatter.max(), np.abs(changes).max()) > np.log10(2)
    (better,) = {*left.argmin(0)}
    assert changes[better].min() < np.log10(2)
    assert changes[better].max() > -np.log10(2)
    assert reasons["trained:attention@copy"] == "the change over the range is not clearly more than a factor of 2"
    x, y = norms("gradflow-trained")["trained:lstm@copy"]
    changes, left, _ = fits(x[1:], y[:, 1:])
    assert (left[1] < left[0]).all()
    assert (changes[1] < -np.log10(2)).all()
    explained = f"{100 * (1 - np.median(left[1])):.1f}%"
    expected = f"polynomial fits best, but up to distance 19 it explains only {explained} of the variance"
    assert reasons["trained:lstm@copy"] == expected


@GRADFLOW
def test_reach_lies_between_the_norms_that_are_stored(run: str) -> None:
    """The last that is a thousandth of the largest, and the first beyond which none is."""
    samples = stored(run, "samples.jsonl")
    reaches = [line for line in samples if line["metric"] == "reach"]
    assert len(reaches) == 24
    for line in reaches:
        mine = [s for s in samples if s["round"] == line["round"] and s["axes"].get("model") == line["axes"]["model"]]
        found = {s["axes"]["distance"]: s["value"] for s in mine if s["axes"].get("distance", 0) >= 1}
        inside = [distance for distance, norm in found.items() if norm >= max(found.values()) - 3]
        beyond = [distance for distance in found if distance > max(inside)]
        assert max(inside) <= line["value"] < min(beyond, default=line["axes"]["seq_len"])


# What training does to gradients


def powers(cell: str) -> list[float]:
    return [float(word) for word in re.findall(r"\d\.\de[+-]\d+", cell)]


def estimated(logs: Floats) -> list[float]:
    """10 to the median and to the ends of its interval, two digits each, of six rounds."""
    assert len(logs) == LEAST_ROUNDS
    return [float(f"{10**value:.1e}") for value in (np.median(logs), logs.min(), logs.max())]


def test_what_training_multiplied_gradients_by_is_formed_within_rounds_at_the_last_distance() -> None:
    text = (REFERENCE / "gradflow-trained/table.md").read_text()
    said = re.findall(r"From (\d+) tokens back trained:(\S+) passes on (.*) times what initial:", text)
    assert [name for _, name, _ in said] == ["attention@copy", "lstm@copy"]
    for distance, name, factor in said:
        (x, before), (same, after) = (norms("gradflow-trained")[f"{when}:{name}"] for when in ("initial", "trained"))
        assert int(distance) == x[-1] == same[-1] == 20 - 1
        factors = [float(word) for word in re.findall(r"\d[\d.]*(?:e[+-]\d+)?", factor)]
        assert factors == estimated(after[:, -1] - before[:, -1])


def test_norms_of_trained_models_are_shown_with_their_intervals() -> None:
    text = (REFERENCE / "gradflow-trained/table.md").read_text()
    (shown,) = re.findall(r"^\| distance .*\n(?:\|.*\n)+", text, re.M)
    header, _, *rows = (line.strip("| ").split(" | ") for line in shown.splitlines())
    assert {*header[1:]} == {*LAWS["gradflow-trained"]}
    for column, model in enumerate(header[1:], 1):
        x, y = norms("gradflow-trained")[model]
        assert [int(row[0]) for row in rows] == x.tolist() == [0, 1, 2, 4, 8, 16, 19]
        assert [powers(row[column]) for row in rows] == [estimated(logs) for logs in y.T]


@pytest.mark.parametrize("model", ["attention", "lstm"])
def test_what_was_measured_are_the_trainings_at_the_best_rate(model: str) -> None:
    """All six of the run of copy, in their order, with the accuracies that they ended with."""
    (each,) = [one for one in groups("learning/copy").values() if one.axes["model"] == model]
    warned = {
        (line["axes"]["model"], *line["warnings"])
        for line in stored("gradflow-trained", "samples.jsonl")
        if line["metric"] == "gradient_norm_log10" and line["axes"]["model"].endswith(f":{model}@copy")
    }
    built = f"built as {model} in a model of tokens, num_layers 2, d_model {each.of('width')[0]:.0f}"
    assert warned == {
        (f"initial:{model}@copy", f"{built}, with the weights that it began from, seeds 0, 1, 2, 3, 4, 5"),
        (f"trained:{model}@copy", f"{built}, {trained(each)}"),
    }


def trained(each: Group) -> str:
    ends = ", ".join(f"{value:.3g}" for value in each.of("accuracy"))
    steps = f"{each.axes['steps']} steps at learning rate {each.best:g}"
    return f"trained on copy at 20 tokens for {steps}, seeds 0, 1, 2, 3, 4, 5, accuracy {ends} at its end"
