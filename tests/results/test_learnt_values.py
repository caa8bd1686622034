"""Every value of the stored runs of `recall`, formed anew from their samples or by a formula, with numpy alone."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
from learnt_runs import EACH, Axes, claims, groups, key, of, stored, trainings, verdict
from paths import REFERENCE

EXAMPLES, EVALUATIONS = 256, 20  # as docs/recall.md has them
EXACT = ("num_params", "width", "state_bits", "best_accuracy")

# Models on tasks


@EACH
def test_every_rate_has_the_first_seed_and_the_best_one_alone_the_others(run: str) -> None:
    settings = json.loads((REFERENCE / run / "run.json").read_text())["settings"]
    rates, seeds = settings["axes"]["learning_rate"], settings["limits"]["rounds"]
    assert len(groups(run)) == {"recall": 6, "learning/rates": 6, "learning/panel-64-4": 4}.get(run, 3)
    for each in groups(run).values():
        assert sorted(one.axes["learning_rate"] for one in each.first) == sorted(rates)
        assert [one.seed for one in each.seeds] == list(range(seeds))
    assert len(trainings(run)) == len(groups(run)) * (len(rates) + seeds - 1)


@EACH
def test_rates_solved_are_counted_over_the_first_seed(run: str) -> None:
    records = of(run, "rates_solved")
    assert {key(record["axes"]) for record in records} == {*groups(run)}
    for record in records:
        each = groups(run)[key(record["axes"])]
        assert record["samples"] == [sum(one.steps is not None for one in each.first)]
        assert record["details"] == {"of": len(each.first), "best": each.best}


# Curves


@EACH
def test_ends_are_the_last_of_a_curve_and_at_the_trained_length(run: str) -> None:
    for one in trainings(run):
        steps, length = one.axes["steps"], one.axes["seq_len"]
        assert sorted(one.curve) == list(range(0, steps + 1, steps // EVALUATIONS))
        end = {name: one.values[name] for name in ("accuracy", "loss")}
        assert one.curve[steps] == one.lengths[length] == end
        assert ",".join(map(str, sorted(one.lengths))) == one.axes["test_seq_len"]


@EACH
def test_accuracies_are_shares_of_all_answers_of_the_examples(run: str) -> None:
    """mqar asks for each pair once, parity at every position; a wrong answer has a loss of ln 2 at least."""
    for one in trainings(run):
        mqar = one.axes["task"] == "mqar"
        for length, point in [*((one.axes["seq_len"], p) for p in one.curve.values()), *one.lengths.items()]:
            answers = EXAMPLES * ((one.axes["num_pairs"] or 4) if mqar else length)
            assert (point["accuracy"] * answers).is_integer()
            assert 0 <= point["accuracy"] <= 1
            wrong = (
                1 - point["accuracy"]
            )  # of each the logit of another class is the larger one: a loss of ln 2 at least
            assert point["loss"] > wrong * math.log(2)


@EACH
def test_before_any_training_it_guesses(run: str) -> None:
    """Within five standard deviations of examples; the loss is that of no knowledge at least, ln of all classes."""
    for one in trainings(run):
        classes = 64 if one.axes["task"] == "mqar" else 2
        values = classes // 2 if classes > 2 else classes
        assert one.curve[0]["loss"] > math.log(classes)
        assert one.curve[0]["accuracy"] < 1 / values + 5 * math.sqrt(1 / values / EXAMPLES)


@EACH
def test_steps_to_solve_are_the_first_evaluation_from_which_on_it_is_solved(run: str) -> None:
    for one in trainings(run):
        assert one.values["steps_to_solve"] == one.steps
    assert {one.steps is None for one in trainings(run)} == {True, False}


@EACH
def test_seconds_to_solve_are_a_part_of_the_training_and_all_trainings_fit_into_their_rounds(run: str) -> None:
    cores = min(8, json.loads((REFERENCE / run / "run.json").read_text())["environment"]["usable_cores"])
    rounds = {line["round"]: line["value"] for line in stored(run, "samples.jsonl") if line["metric"] == "round_time"}
    spent = dict.fromkeys(rounds, 0.0)
    for one in trainings(run):
        seconds, whole = one.values["seconds_to_solve"], one.values["train_seconds"]
        assert whole is not None
        assert whole > 0
        spent[one.seed] += whole
        assert (seconds is None) == (one.steps is None)
        assert seconds is None or 0 < seconds <= whole
        assert seconds != whole or one.steps == one.axes["steps"]
    assert all(0 < spent[number] < cores * seconds for number, seconds in rounds.items())


# Records


def estimates(values: Sequence[float | None], exact: bool) -> list[float | None]:
    """Median and interval, of which there is none below six seeds; neither where a seed has no value."""
    if None in values:
        return [None] * 3
    middle = float(np.median(np.array(values, float)))
    return [middle, middle, middle] if exact else [middle, None, None]


@EACH
def test_records_are_the_medians_of_their_samples(run: str) -> None:
    sampled: dict[str, dict[int, float | None]] = {}
    for line in stored(run, "samples.jsonl"):
        sampled.setdefault(line["metric"] + key(line["axes"]), {})[line["round"]] = line["value"]
    seen = set()
    for record in stored(run, "records.jsonl"):
        name = record["metric"] + key(record["axes"])
        if record["metric"] in ("verdict", "rates_solved"):
            continue
        seen.add(name)
        assert record["samples"] == [sampled[name][number] for number in range(len(sampled[name]))]
        expected = estimates(record["samples"], record["metric"] in EXACT)
        assert [record["median"], record["low"], record["high"]] == expected, name
    assert seen == {*sampled}


# Verdicts


@EACH
def test_verdicts_follow_from_the_rule(run: str) -> None:
    expected = {key({**one.axes, "beside": two.axes["model"]}): verdict(one, two) for one, two in claims(run)}
    assert {key(record["axes"]): record["details"]["text"] for record in of(run, "verdict")} == expected
    assert len(expected) == {"recall": 4, "learning/rates": 4, "learning/panel-64-4": 3}.get(run, 2)


# Sizes: D width, H heads, V vocabulary, N the state of a channel of mamba2, which reads four tokens at a time

N, KERNEL, BITS = 64, 4, 32


def layer_params(model: str, d: int, h: int) -> int:
    """Of matrices and vectors.

    gated-deltanet: query, key, value, gate and output, a convolution of the first three, two numbers a head from each
    token, decay and step of each head, a norm. mamba2: gate, input, B, C and a step a head from one matrix, a
    convolution with a bias of three of them, decay, D and step of each head, a norm, the output.
    """
    inner = 2 * d
    return {
        "attention": 4 * (d * d + d),
        "lstm": 4 * (2 * d * d + 2 * d),
        "gru": 3 * (2 * d * d + 2 * d),
        "mingru": 2 * (d * d + d),
        "gated-deltanet": 5 * d * d + 3 * KERNEL * d + 2 * h * d + 2 * h + d // h,
        "mamba2": d * (2 * inner + 2 * N + h) + (KERNEL + 1) * (inner + 2 * N) + 3 * h + inner + inner * d,
    }[model]


def params(axes: Axes, model: str, d: int) -> int:
    """Embedding, learned positions of attention without others, a norm and a layer a block, the last norm, the head."""
    v = 64 if axes["task"] == "mqar" else 2
    learned = axes["seq_len"] if model == "attention" and axes["positions"] == "none" else 0
    return (
        (v + learned) * d
        + axes["num_layers"] * (2 * d + layer_params(model, d, axes["num_heads"]))
        + 2 * d
        + v * (d + 1)
    )


def state_floats(model: str, d: int, h: int, length: int) -> int:
    """Of a layer: h, and c; keys and values of all tokens; a matrix, and what the convolution still needs of tokens."""
    return {
        "attention": 2 * length * d,
        "lstm": 2 * d,
        "gru": d,
        "mingru": d,
        "gated-deltanet": h * (d // h) ** 2 + 3 * (KERNEL - 1) * d,
        "mamba2": 2 * d * N + (KERNEL - 1) * (2 * d + 2 * N),
    }[model]


@EACH
def test_parameters_and_bits_of_state_are_those_of_formulas(run: str) -> None:
    for one in trainings(run):
        axes, model, d = one.axes, one.axes["model"], int(one.values["width"] or 0)
        assert one.values["num_params"] == params(axes, model, d)
        floats = axes["num_layers"] * state_floats(model, d, axes["num_heads"], axes["seq_len"])
        assert one.values["state_bits"] == BITS * floats


def test_bits_of_the_reference_run_as_they_are_written_in_the_docs() -> None:
    found = {
        (o.axes["task"], o.axes["model"]): (o.values["width"], o.values["state_bits"]) for o in trainings("recall")
    }
    assert found["mqar", "lstm"] == (47, 2 * 2 * 47 * 32) == (47, 6016)
    assert found["mqar", "gru"] == (53, 2 * 53 * 32) == (53, 3392)
    assert found["mqar", "mingru"] == (86, 2 * 86 * 32) == (86, 5504)
    assert found["mqar", "attention"] == (64, 2 * 2 * 32 * 64 * 32) == (64, 262144)


@EACH
def test_no_width_that_its_heads_divide_has_nearer_as_many_parameters_as_attention(run: str) -> None:
    for one in trainings(run):
        axes, model = one.axes, one.axes["model"]
        if axes["match"] == "none" or model == "attention":
            assert one.values["width"] == axes["d_model"] == 64
            continue
        step = axes["num_heads"] if model in ("gated-deltanet", "mamba2") else 1
        target = params(axes, "attention", axes["d_model"])
        away = {width: abs(params(axes, model, width) - target) for width in range(step, 256, step)}
        assert one.values["width"] == min(away, key=lambda width: away[width])


@EACH
def test_every_state_has_room_for_all_answers_of_recall(run: str) -> None:
    """Different values of all pairs: four of them need log2 of 32 31 30 29. Of parity the state is the answer."""
    for one in trainings(run):
        if one.axes["task"] == "parity":
            assert "best_accuracy" not in one.values
            continue
        needed = sum(math.log2(32 - i) for i in range(one.axes["num_pairs"] or 4))
        assert (one.values["state_bits"] or 0) >= needed
        assert one.values["best_accuracy"] == 1
