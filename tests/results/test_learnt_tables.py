"""What tables and sentences of the stored runs of `recall` say, against their samples."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from statistics import median

import pytest
from learnt_runs import (
    EACH,
    EXACT,
    LEAST_SEEDS,
    Group,
    Training,
    claims,
    estimates,
    groups,
    key,
    learns_positions,
    num_answers,
    num_values,
    trainings,
    verdict,
)
from paths import REFERENCE


def tables(run: str) -> list[list[dict[str, str]]]:
    """Of table.md, rows by the words of its first one."""
    text = (REFERENCE / run / "table.md").read_text()
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.strip("|\n").split("|")] for line in block.splitlines())
        found.append([dict(zip(head, row, strict=True)) for row in rows])
    return found


def numbers(cell: str) -> list[float]:
    """Of 1.00 [0.998, 1.00] all three."""
    return [float(word.replace(",", "")) for word in re.findall(r"\d[\d.,]*(?:e[+-]\d+)?", cell)]


def floored(values: Sequence[float]) -> str:
    """Of accuracies three digits, of which none is rounded up to a task that is solved."""
    return " ".join(f"{math.floor(1000 * value) / 1000:g}" for value in values)


def ranged(values: Sequence[float | None]) -> str:
    """The median, with the interval where there is one."""
    middle, *ends = estimates(values)
    shown = [end for end in ends if end is not None]
    if middle is None:
        return "absent"
    return f"{floored([middle])} [{', '.join(floored([end]) for end in shown)}]" if shown else floored([middle])


def of_seeds(values: Sequence[float]) -> str:
    """Of every seed, of six the median with its interval."""
    return ranged(values) if len(values) == LEAST_SEEDS else floored(values)


def named(run: str, row: dict[str, str]) -> Group:
    """Which one a row of the summary is about; of several sizes or positions the task says which."""
    task, *more = row["task"].split()
    (found,) = [
        each
        for each in groups(run).values()
        if (each.axes["task"], each.axes["model"]) == (task, row["model"])
        and all(str(each.axes[name]) == value for name, value in zip(more[::2], more[1::2], strict=True))
    ]
    return found


@EACH
def test_the_summary_shows_the_seeds_of_the_best_rate(run: str) -> None:
    rows = tables(run)[0]
    assert len(rows) == len(groups(run))
    for row in rows:
        each = named(run, row)
        steps = [math.inf if one.steps is None else one.steps for one in each.seeds]
        middle, budget = median(steps), each.axes["steps"]
        assert float(row["rate"]) == each.best
        assert row["accuracy"] == of_seeds(each.of("accuracy"))
        assert row["seeds"] == f"{sum(map(math.isfinite, steps))} of {len(steps)}"
        assert row["steps"] == (f"\\> {budget}" if middle == math.inf else f"{middle:.0f}")
        count = sum(one.steps is not None for one in each.first)
        assert row["rates"] == f"{count} of {len(each.first)}"


@EACH
def test_the_summary_of_lengths_shows_medians_of_the_best_rate(run: str) -> None:
    """Where more than the one of training were tested."""
    lengths = sorted({length for one in trainings(run) for length in one.lengths})
    found = [rows for rows in tables(run) if f"{lengths[0]} tokens" in rows[0]]
    assert len(found) == (len(lengths) > 1)
    for rows in found:
        assert len(rows) == len(groups(run))
        for row in rows:
            seeds = named(run, row).seeds
            expected = {f"{n} tokens": ranged([one.lengths[n]["accuracy"] for one in seeds]) for n in lengths}
            assert {name: cell for name, cell in row.items() if name.endswith(" tokens")} == expected


COLUMNS = {
    "accuracy": "accuracy",
    "loss": "loss",
    "steps to solve": "steps_to_solve",
    "s to solve": "seconds_to_solve",
    "s of training": "train_seconds",
    "parameters": "num_params",
    "width": "width",
    "bits of state": "state_bits",
}


def at(run: str, row: dict[str, str]) -> list[Training]:
    """The trainings of a row, by the axes that it has."""
    names = {"task", "model", "learning_rate", "num_layers", "positions"} & {*row}
    told = {name: re.sub(r" \[\d+\]", "", row[name]) for name in names}  # footnotes
    found = [one for one in trainings(run) if all(str(one.axes[name]) == told[name] for name in names)]
    assert len({key(one.axes) for one in found}) == 1
    return found


@EACH
def test_the_whole_table_shows_medians_and_of_six_seeds_the_interval_of_what_was_learnt(run: str) -> None:
    shown = next(rows for rows in tables(run) if "bits of state" in rows[0])
    assert len(shown) == sum(len(each.first) for each in groups(run).values())
    for row in shown:
        seeds = at(run, row)
        for title, metric in COLUMNS.items():
            found = estimates([one.values[metric] for one in seeds])
            expected = [value for value in found[: 3 if metric in ("accuracy", "loss") else 1] if value is not None]
            assert numbers(row[title]) == pytest.approx(expected, rel=0.005), row
            assert (row[title] == "–") == (found[0] is None)


@EACH
def test_the_csv_has_medians_and_intervals(run: str) -> None:
    with (REFERENCE / run / "table.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == sum(len(each.first) for each in groups(run).values())
    for line in lines:
        for column, values in columns(at(run, line)).items():
            found = [line[name] for name in (column, f"{column}_low", f"{column}_high")]
            assert [float(word) if word else None for word in found] == estimates(values, exact=column in EXACT)


def columns(seeds: Sequence[Training]) -> dict[str, list[float | None]]:
    """All values of a row by the title of their column; of parity a best accuracy is in none."""
    found = {metric: [one.values.get(metric) for one in seeds] for metric in (*COLUMNS.values(), "best_accuracy")}
    for step in seeds[0].curve:
        found |= {f"curve_{m}_{step}": [one.curve[step][m] for one in seeds] for m in ("loss", "accuracy")}
    for length in seeds[0].lengths:
        found |= {f"{m}_at_length_{length}": [one.lengths[length][m] for one in seeds] for m in ("loss", "accuracy")}
    return found


@EACH
def test_footnotes_name_the_lengths_that_were_not_tested(run: str) -> None:
    text = (REFERENCE / run / "table.md").read_text()
    found = re.findall(r"^- \[\d\] not tested at (\d+) tokens: position (\d+) is beyond the (\d+) ", text, re.MULTILINE)
    untested = {
        (length, length, one.axes["seq_len"])
        for one in trainings(run)
        for length, point in one.lengths.items()
        if learns_positions(one.axes) and point["loss"] is None
    }
    assert sorted(tuple(map(int, words)) for words in found) == sorted(untested)


@EACH
def test_chance_as_it_is_printed_is_one_of_the_values(run: str) -> None:
    """Half of all tokens are values; of copy all but two, of parity both."""
    text = (REFERENCE / run / "table.md").read_text()
    found = re.findall(
        r"^- (\w+)\b[^(\n]*\((\d+) tokens(?:, (\d+) (\w+))?; chance is accuracy ([\d.]+)\)", text, re.MULTILINE
    )
    things = {"mqar": "pairs", "copy": "symbols"}
    expected = set()
    for axes in (each.axes for each in groups(run).values()):
        task, length, thing = axes["task"], axes["seq_len"], things.get(axes["task"], "")
        count = str(num_answers(axes, length)) if thing else ""
        expected.add((task, str(length), count, thing, f"{1 / num_values(axes):.3g}"))
    assert {*found} == expected


def clause(each: Group) -> str:
    """In how many seeds a task is solved, and after how many steps or with which accuracy."""
    every = [one.steps for one in each.seeds]
    solved = [steps for steps in every if steps is not None]
    count = f"{len(solved)} of {len(every)} seed{'s' * (len(every) != 1)}"
    if each.solves and len(every) >= LEAST_SEEDS:
        return f"{count}, after {median(solved):.0f} steps (median)"
    if each.solves:
        *first, last = map(str, solved)
        return f"{count}, after {' and '.join(filter(None, (', '.join(first), last)))} steps"
    accuracy, chance = of_seeds(each.of("accuracy")), f"{1 / num_values(each.axes):.3g}"
    return f"{count} within {each.axes['steps']} steps (accuracy {accuracy}, chance {chance})"


@EACH
def test_claims_as_they_are_printed_have_their_verdict_and_the_figures_of_both(run: str) -> None:
    text = (REFERENCE / run / "table.md").read_text()
    said = re.findall(
        r"^- ([\w-]+) learns to [\w ]+ \((\w+)(?: num_layers (\d))?\), ([\w-]+) does not: ([\w ]+)\. (.*)$",
        text,
        re.MULTILINE,
    )
    found = {(solver, task, layers, other, word): figure for solver, task, layers, other, word, figure in said}
    expected = {}
    for one, two in claims(run):
        layers = str(one.axes["num_layers"]) if run.endswith("rates") else ""
        name = one.axes["model"], one.axes["task"], layers, two.axes["model"], verdict(one, two)
        expected[name] = f"{one.axes['model']} solves it in {clause(one)}; {two.axes['model']} in {clause(two)}"
    assert len(said) == len(expected)
    assert {name: figure[: len(expected.get(name, ""))] for name, figure in found.items()} == expected


@EACH
def test_claims_say_how_many_times_the_steps_the_one_had_that_does_not_solve_it(run: str) -> None:
    text = (REFERENCE / run / "table.md").read_text()
    said = [float(word) for word in re.findall(r"had ([\d.]+) times the steps that", text)]
    apart = [sorted(pair, key=lambda each: each.never) for pair in claims(run) if sum(e.never for e in pair) == 1]
    ratios = [two.axes["steps"] / median(seed.steps or 0 for seed in one.seeds) for one, two in apart]
    assert sorted(said) == pytest.approx(sorted(ratios), abs=0.05)


@EACH
def test_models_that_stand_beside_none_have_a_claim_of_their_own(run: str) -> None:
    text = (REFERENCE / run / "table.md").read_text()
    said = re.findall(r"^- ([\w-]+) learns to [\w ]+ \([^)]+\): ([\w ]+)\. (.*)$", text, re.MULTILINE)
    paired = [each for pair in claims(run) for each in pair]
    alone = [each for each in groups(run).values() if each not in paired]
    assert [model for model, _, _ in said] == [each.axes["model"] for each in alone]
    for (_, word, figure), each in zip(said, alone, strict=True):
        assert word == ("holds" if each.solves else "undecided")
        assert figure.startswith(f"It solves it in {clause(each)}")
