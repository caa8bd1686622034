"""Every value of the stored runs of `recall`, formed anew from their samples or by a formula, with numpy alone."""

from __future__ import annotations

import json
import math

import numpy as np
from learnt_runs import (
    EACH,
    EXACT,
    Axes,
    claims,
    estimates,
    groups,
    key,
    learns_positions,
    num_answers,
    num_values,
    of,
    stored,
    trainings,
    verdict,
    vocabulary,
)
from paths import REFERENCE

EXAMPLES, EVALUATIONS = 256, 20  # as docs/recall.md has them
AT_ONCE = 2**14  # tokens of a batch to test on, at most; batches are whole ones, so that examples may be more than 256
MODELS_ON_TASKS = {
    "full/recall": 6,
    "learning/rates": 6,
    "learning/panel-64-4": 4,
    "learning/panel-128-8": 3,
    "learning/copy": 2,
    "learning/positions": 2,
    "learning/vocab-256": 1,
    "learning/rates-2400": 3,
}
CLAIMS = {
    "full/recall": 4,
    "learning/rates": 4,
    "learning/panel-64-4": 3,
    "learning/panel-128-8": 2,
    "learning/copy": 1,
    "learning/positions": 0,
    "learning/vocab-256": 0,
    "learning/rates-2400": 2,
}

# Models on tasks


@EACH
def test_every_rate_has_the_first_seed_and_the_best_one_alone_the_others(run: str) -> None:
    settings = json.loads((REFERENCE / run / "run.json").read_text())["settings"]
    rates, seeds = settings["axes"]["learning_rate"], settings["limits"]["rounds"]
    assert len(groups(run)) == MODELS_ON_TASKS[run]
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


def examples(length: int) -> int:
    """To test on: 256, and 408 of 80 tokens, which are two batches of as many as fit."""
    batch = min(EXAMPLES, AT_ONCE // length)
    return batch * math.ceil(EXAMPLES / batch)


@EACH
def test_accuracies_are_shares_of_all_answers_of_the_examples(run: str) -> None:
    """A wrong answer has a loss of ln 2 at least, as the logit of another class is the larger one."""
    for one in trainings(run):
        tested = [(length, point) for length, point in one.lengths.items() if point["accuracy"] is not None]
        for length, point in [*((one.axes["seq_len"], p) for p in one.curve.values()), *tested]:
            accuracy, loss = point["accuracy"] or 0.0, point["loss"] or 0.0
            right = accuracy * num_answers(one.axes, length) * examples(length)
            assert abs(right - round(right)) < 1e-9
            assert 0 <= accuracy <= 1
            assert loss > (1 - accuracy) * math.log(2)


@EACH
def test_it_is_tested_at_every_length_that_its_positions_reach(run: str) -> None:
    """Learned ones end with the last position of training."""
    for one in trainings(run):
        trained = one.axes["seq_len"]
        untested = {length for length, point in one.lengths.items() if None in point.values()}
        assert untested == {length for length in one.lengths if learns_positions(one.axes) and length > trained}
        assert all({*one.lengths[length].values()} == {None} for length in untested)
    assert any(None in point.values() for one in trainings(run) for point in one.lengths.values()) == (
        run == "learning/positions"
    )


@EACH
def test_before_any_training_it_guesses(run: str) -> None:
    """Within five standard deviations of examples; the loss is that of no knowledge at least, ln of all classes. Of the
    ten of copy a model may happen to prefer the eight that are asked for: to them all it cannot give more than 1, which
    is ln 8, and in the mean over seeds it prefers none.
    """
    for one in trainings(run):
        values = num_values(one.axes)
        assert one.curve[0]["loss"] > math.log(values if one.axes["task"] == "copy" else vocabulary(one.axes))
        assert one.curve[0]["accuracy"] < 1 / values + 5 * math.sqrt(1 / values / EXAMPLES)
    for each in groups(run).values():
        assert np.mean([one.curve[0]["loss"] for one in each.seeds]) > math.log(vocabulary(each.axes))


@EACH
def test_steps_to_solve_are_the_first_evaluation_from_which_on_it_is_solved(run: str) -> None:
    for one in trainings(run):
        assert one.values["steps_to_solve"] == one.steps
    all_alike = {"learning/copy": {False}, "learning/vocab-256": {True}}
    assert {one.steps is None for one in trainings(run)} == all_alike.get(run, {True, False})


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
        expected = estimates(record["samples"], exact=record["metric"] in EXACT)
        assert [record["median"], record["low"], record["high"]] == expected, name
    assert seen == {*sampled}


# Verdicts


def _without_claim(axes: Axes) -> Axes:
    """Runs of older versions do not name it."""
    return {name: value for name, value in axes.items() if name != "claim"}


@EACH
def test_verdicts_follow_from_the_rule(run: str) -> None:
    expected = {key({**one.axes, "beside": two.axes["model"]}): verdict(one, two) for one, two in claims(run)}
    told = {key(_without_claim(record["axes"])): record["details"]["text"] for record in of(run, "verdict")}
    assert told == expected
    assert len(expected) == CLAIMS[run]


def test_of_copy_and_a_larger_vocabulary_it_is_what_the_docs_say() -> None:
    """Both learn copy, attention at once; of 128 values it has after 1500 steps one of the four that stand there."""
    (copied,) = of("learning/copy", "verdict")
    assert copied["details"]["text"] == "does not hold here"
    assert {each.axes["model"]: np.median(each.of("steps_to_solve")) for each in groups("learning/copy").values()} == {
        "lstm": 1050,
        "attention": 100,
    }
    (larger,) = groups("learning/vocab-256").values()
    assert (larger.never, larger.of("accuracy")) == (True, [249 / 1024])
    learned, rotary = (groups("learning/positions")[name] for name in sorted(groups("learning/positions")))
    assert (learned.axes["positions"], rotary.axes["positions"]) == ("none", "rotary")
    assert sum(map(math.isfinite, learned.of("steps_to_solve"))) == 2
    assert rotary.solves


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
    v = vocabulary(axes)
    learned = axes["seq_len"] if learns_positions({**axes, "model": model}) else 0
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
        (o.axes["task"], o.axes["model"]): (o.values["width"], o.values["state_bits"]) for o in trainings("full/recall")
    }
    assert found["mqar", "lstm"] == (46, 2 * 2 * 46 * 32) == (46, 5888)
    assert found["mqar", "gru"] == (53, 2 * 53 * 32) == (53, 3392)
    assert found["mqar", "mingru"] == (88, 2 * 88 * 32) == (88, 5632)
    assert found["mqar", "attention"] == (64, 2 * 2 * 32 * 64 * 32) == (64, 262144)


def test_sizes_of_the_later_runs_by_hand() -> None:
    """Embedding, positions, two blocks of 16,768, norm, head; copy has 5 symbols of 8: 15 bits."""
    blocks, norm = 2 * (2 * 64 + 4 * (64**2 + 64)), 2 * 64
    (larger,) = {one.values["num_params"] for one in trainings("learning/vocab-256")}
    assert larger == 256 * 64 + 64 * 64 + blocks + norm + 65 * 256 == 70784
    learned, rotary = sorted({one.values["num_params"] or 0 for one in trainings("learning/positions")})[::-1]
    assert (learned - rotary, rotary) == (32 * 64, 32 * 64 + blocks + norm + 65 * 32)
    for one in trainings("learning/copy"):
        assert bits_needed(one.axes) == 15
        expected = {"attention": (34954, 64, 2 * 2 * 20 * 64 * 32), "lstm": (34300, 45, 2 * 2 * 45 * 32)}
        sizes = tuple(one.values[name] for name in ("num_params", "width", "state_bits"))
        assert sizes == expected[one.axes["model"]]
    assert 640 + blocks + norm + 650 == 34954
    assert 450 + 2 * (2 * 45 + 4 * (2 * 45**2 + 2 * 45)) + 2 * 45 + 460 == 34300


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


def bits_needed(axes: Axes) -> float:
    """All answers: different values of all pairs, of which four of 32 need log2 of 32 31 30 29, and any symbols."""
    answers, values = num_answers(axes, axes["seq_len"]), num_values(axes)
    return math.log2(values**answers if axes["task"] == "copy" else math.perm(values, answers))


@EACH
def test_every_state_has_room_for_all_answers(run: str) -> None:
    """So that nothing is below 1 at best. Of parity the state is the answer."""
    for one in trainings(run):
        if one.axes["task"] == "parity":
            assert "best_accuracy" not in one.values
            continue
        assert (one.values["state_bits"] or 0) >= bits_needed(one.axes)
        assert one.values["best_accuracy"] == 1
