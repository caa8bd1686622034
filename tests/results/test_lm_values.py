"""The stored runs of `lm` formed anew from their samples, with nothing of the program: rates, verdicts, parameters."""

from __future__ import annotations

import hashlib
import itertools
import json
import lzma
import re
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from paths import REFERENCE

RUNS = ("full/lm", "lm-tokens")
SEEDS = {"full/lm": 6, "lm-tokens": 3}
Training = tuple[str, int, float]  # model, memory_len, learning rate
MARGIN = 0.01


def lines(run: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (REFERENCE / run / "samples.jsonl").read_text().splitlines()]


def trainings(run: str) -> dict[Training, dict[int, dict[str, Any]]]:
    """Of each training and seed its values by metric; curves by step."""
    found: dict[Training, dict[int, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    for line in lines(run):
        axes = line["axes"]
        if "model" not in axes:
            continue
        of = found[axes["model"], axes["memory_len"], axes["learning_rate"]][line["round"]]
        if "step" in axes:
            of.setdefault(line["metric"], {})[axes["step"]] = line["value"]
        elif not {"position", "context", "method"} & axes.keys():
            of[line["metric"]] = line["value"]
            of["axes"] = axes
    return found


def best(run: str) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """Of each model the seeds of the learning rate that ended best with the first one."""
    every = trainings(run)
    models = {key[:2] for key in every}
    rates = {
        model: min((k for k in every if k[:2] == model), key=lambda k: every[k][0]["bits_per_byte"]) for model in models
    }
    return {model: [every[key][seed] for seed in sorted(every[key])] for model, key in rates.items()}


def records(run: str, metric: str) -> list[dict[str, Any]]:
    found = map(json.loads, (REFERENCE / run / "records.jsonl").read_text().splitlines())
    return [record for record in found if record["metric"] == metric]


@pytest.mark.parametrize("run", RUNS)
def test_each_training_ends_with_the_last_point_of_its_curve(run: str) -> None:
    for seeds in trainings(run).values():
        for of in seeds.values():
            steps = sorted(of["curve_bits"])
            assert of["bits_per_byte"] == of["curve_bits"][steps[-1]]
            assert steps[-1] == of["axes"]["steps"]
            assert of["train_seconds"] == of["curve_seconds"][steps[-1]]
            tokens = of["axes"]["steps"] * of["axes"]["batch_size"] * of["axes"]["seq_len"]
            assert of["tokens_per_second"] == pytest.approx(tokens / of["train_seconds"])


@pytest.mark.parametrize("run", RUNS)
def test_only_the_best_rate_of_the_first_seed_goes_on(run: str) -> None:
    several = {key for key, seeds in trainings(run).items() if len(seeds) > 1}
    assert {key[:2] for key in several} == set(best(run))
    for model, seeds in best(run).items():
        assert len(seeds) == SEEDS[run]
        assert (*model, seeds[0]["axes"]["learning_rate"]) in several


def end(of: dict[str, Any], equal: str) -> float:
    axes = of["axes"]
    return of["train_seconds"] if equal == "time" else axes["steps"] * axes["batch_size"] * axes["seq_len"]


def bits_at(of: dict[str, Any], equal: str, amount: float) -> float:
    """On the curve then."""
    steps = sorted(step for step in of["curve_bits"] if equal == "tokens" or step)
    tokens = of["axes"]["batch_size"] * of["axes"]["seq_len"]
    x = [of["curve_seconds"][step] if equal == "time" else step * tokens for step in steps]
    return float(np.interp(amount, x, [of["curve_bits"][step] for step in steps]))


def below(winner: tuple[list[float], list[float]], loser: tuple[list[float], list[float]]) -> bool:
    """Each as it was with as much of the other's, and at its end."""
    margin = 1 - MARGIN
    return max(winner[0]) <= min(loser[0]) * margin and max(winner[0]) <= min(loser[1]) * margin


@pytest.mark.parametrize(("run", "equal"), list(itertools.product(RUNS, ("time", "tokens"))))
def test_verdicts_are_those_of_their_rule(run: str, equal: str) -> None:
    found = best(run)
    ours = found["gpt", 0]
    said = {beside: word for (beside, of), word in verdicts(run).items() if of == equal}
    assert len(said) == len(found) - 1
    for model, theirs in found.items():
        if model == ("gpt", 0):
            continue
        amount = min(np.median([end(of, equal) for of in side]) for side in (ours, theirs))
        sides = []
        for side in (ours, theirs):
            ends = [of["bits_per_byte"] for of in side]
            over = np.median([end(of, equal) for of in side]) > amount
            sides.append(([bits_at(of, equal, amount) for of in side] if over else ends, ends))
        verdict = "holds" if below(*sides) else "does not hold here" if below(*sides[::-1]) else "undecided"
        name = f"{model[0]} (memory {model[1]})" if model[0] == "transformer-xl" else model[0]
        assert said[name] == verdict


def test_parameters_by_hand() -> None:
    """Token rows, places, and a block's attention and feed-forward, with their biases and norms; an LSTM's gates."""
    vocabulary, places, layers = 256, 64, 2
    found = best("full/lm")
    width = found["gpt", 0][0]["width"]
    gpt = (vocabulary + places) * width + layers * (12 * width**2 + 13 * width) + 2 * width
    assert found["gpt", 0][0]["num_params"] == gpt
    width = found["lstm-lm", 0][0]["width"]
    assert found["lstm-lm", 0][0]["num_params"] == vocabulary * width + layers * (8 * width**2 + 8 * width) + vocabulary
    assert all(abs(seeds[0]["num_params"] / gpt - 1) < 0.03 for seeds in found.values())


def test_what_is_carried_on_by_hand() -> None:
    """Bytes of one text: two vectors a layer of the LSTM, one of minGRU, a memory of 64 positions of each layer's."""
    vectors = {("lstm-lm", 0): 2, ("mingru", 0): 1, ("transformer-xl", 64): 64}
    for model, seeds in best("full/lm").items():
        if model == ("gpt", 0):
            assert "state_size" not in seeds[0]
        else:
            assert seeds[0]["state_size"] == vectors[model] * seeds[0]["width"] * 2 * 4


def by_context(run: str) -> dict[tuple[str, int], dict[int, dict[str, Any]]]:
    """Of each model at its best rate the records by context."""
    rates = {model: seeds[0]["axes"]["learning_rate"] for model, seeds in best(run).items()}
    found: dict[tuple[str, int], dict[int, dict[str, Any]]] = defaultdict(dict)
    for record in records(run, "bits_at_context"):
        axes = record["axes"]
        if rates[axes["model"], axes["memory_len"]] == axes["learning_rate"]:
            found[axes["model"], axes["memory_len"]][axes["context"]] = record
    return found


def verdicts(run: str) -> dict[tuple[str, str], str]:
    """Of gpt beside each model at equal time and at equal tokens, which are one claim where they agree."""
    found = [r for r in records(run, "verdict") if r["axes"]["model"] == "gpt" and "equal" in r["axes"]]
    return {(r["axes"]["beside"], of): r["details"]["text"] for r in found for of in r["axes"]["equal"].split(" and ")}


def said_of_context(run: str) -> dict[tuple[str, int], str]:
    """The verdict on each model's use of distant context, which older versions keep with its gains."""
    of_claims = [r for r in records(run, "verdict") if r["axes"].get("claim") == "context"]
    found = of_claims or records(run, "context_gain")
    return {(r["axes"]["model"], r["axes"]["memory_len"]): r["details"]["text"] for r in found}


@pytest.mark.parametrize("run", RUNS)
def test_gains_from_context_are_differences(run: str) -> None:
    contexts = by_context(run)
    gains = {(r["axes"]["model"], r["axes"]["memory_len"]): r for r in records(run, "context_gain")}
    assert gains.keys() == contexts.keys()
    for model, record in gains.items():
        near, far = (np.array(contexts[model][n]["samples"]) for n in (64, 256))
        assert record["samples"] == pytest.approx(near - far)
        helps = near - far >= MARGIN * near
        sees = contexts[model][256]["details"]["sees"] > 64
        verdict = "undecided" if helps.any() else "does not hold here"
        assert said_of_context(run)[model] == ("holds" if helps.all() else verdict if sees else "does not hold here")


@pytest.mark.parametrize("run", RUNS)
def test_effective_context_lengths_are_those_of_their_definition(run: str) -> None:
    """Dai et al. 2019, section 4.3: gains over the best of the group, on the targets that it finds hardest."""
    contexts = by_context(run)
    lengths = sorted(contexts["gpt", 0])
    said = {
        (r["axes"]["model"], r["axes"]["memory_len"], r["axes"]["part"]): r["samples"] for r in records(run, "recl")
    }
    for part, seed in itertools.product((0.1, 0.5, 1.0), range(SEEDS[run])):
        nats = {m: np.array([of[n]["details"][f"nats_{seed}"] for n in lengths]) for m, of in contexts.items()}
        floor = np.min(list(nats.values()), axis=0)
        for model, own in nats.items():
            reached = lengths[0]
            for i, longer in enumerate(lengths[1:]):
                hardest = np.argsort(-floor[i], kind="stable")[: max(1, round(part * floor.shape[1]))]
                before, after = (np.minimum(floor[i], own[j])[hardest].mean() for j in (i, i + 1))
                if 1 - np.exp(after - before) < 0.01:
                    break
                reached = longer
            assert said[(*model, part)][seed] == reached


def test_what_the_text_costs_without_a_network() -> None:
    """Where this Python has the same text."""
    from pydoc_data.topics import topics

    content = "".join(topics[name] for name in sorted(topics)).encode()
    cost = {r["axes"]["method"]: r["median"] for r in records("full/lm", "baseline_bits")}
    (record, *_) = records("full/lm", "baseline_bits")
    if hashlib.sha256(content).hexdigest() != record["details"]["sha256"]:
        pytest.skip("another version of Python has another text")
    middle = len(content) * 9 // 10
    looked_at = 32_768 + 1

    def packed(part: bytes) -> int:
        return len(lzma.compress(part, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 6}]))

    bits = 8 * (packed(content[: middle + looked_at]) - packed(content[:middle])) / looked_at
    assert cost["lzma"] == pytest.approx(bits)
    learnt = np.frombuffer(content[:middle], dtype=np.uint8).astype(int)
    asked = np.frombuffer(content[middle - 1 : middle + looked_at], dtype=np.uint8).astype(int)
    pairs = np.ones((256, 256))
    np.add.at(pairs, (learnt[:-1], learnt[1:]), 1)
    chances = pairs / pairs.sum(1, keepdims=True)
    assert cost["bigram"] == pytest.approx(-np.log2(chances[asked[:-1], asked[1:]]).mean())


def of_seeds(values: list[float]) -> str:
    """Each, or of six the median with the least and the greatest, between which it is at 95 %."""
    if len(values) < 6:
        return " ".join(f"{value:z.3f}" for value in values)
    assert len(values) == 6
    return f"{np.median(values):z.3f} [{min(values):z.3f}, {max(values):z.3f}]"


NAMES = {("transformer-xl", 64): "transformer-xl (memory 64)", ("transformer-xl", 0): "transformer-xl (memory 0)"}


@pytest.mark.parametrize("run", RUNS)
def test_claims_as_they_are_printed_are_the_stored_verdicts_with_the_bits_of_every_seed(run: str) -> None:
    text, found = (REFERENCE / run / "table.md").read_text(), best(run)
    said = re.findall(
        r"^- gpt has a lower loss than (.+?) at equal ([a-z ]+): ([a-z ]+)\. Bits a byte in that order: (.*)$",
        text,
        re.MULTILINE,
    )
    printed = {(model, of): word for model, equal, word, _ in said for of in equal.split(" and ")}
    assert printed == verdicts(run)
    for model, theirs in found.items():
        told = "; ".join(figure for name, _, _, figure in said if name == NAMES.get(model, model[0]))
        for equal in ("time", "tokens") if model != ("gpt", 0) else ():
            sides = [found["gpt", 0], theirs]
            ends = [float(np.median([end(of, equal) for of in side])) for side in sides]
            bits = [
                [bits_at(of, equal, min(ends)) if last > min(ends) else of["bits_per_byte"] for of in side]
                for side, last in zip(sides, ends, strict=True)
            ]
            ours, other = map(of_seeds, bits)
            assert f"{ours} and {other} after " in told


@pytest.mark.parametrize("run", RUNS)
def test_gains_from_context_as_they_are_printed_are_those_of_every_seed(run: str) -> None:
    text = (REFERENCE / run / "table.md").read_text()
    said = re.findall(
        r"^- (.+?) makes use of more than 64 tokens of context: ([a-z ]+)\. "
        r"(?:256 tokens in place of 64 take ([-\d. \[\],]+) )?",
        text,
        re.MULTILINE,
    )
    stored = {(r["axes"]["model"], r["axes"]["memory_len"]): r for r in records(run, "context_gain")}
    blind = (("gpt", 0), ("transformer-xl", 0))
    assert {name: (word, gains) for name, word, gains in said} == {
        NAMES.get(model, model[0]): (
            said_of_context(run)[model],
            "" if model in blind else of_seeds(r["samples"]),
        )
        for model, r in stored.items()
    }
