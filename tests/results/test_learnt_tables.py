"""What tables and sentences of the stored runs of `recall` say, against their samples."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from statistics import median

import pytest
from learnt_runs import EACH, Group, Training, claims, groups, key, trainings, verdict
from paths import REFERENCE


def tables(run: str) -> list[list[dict[str, str]]]:
    """Of table.md, rows by the words of its first one."""
    text = (REFERENCE / run / "table.md").read_text()
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.strip("|\n").split("|")] for line in block.splitlines())
        found.append([dict(zip(head, row, strict=True)) for row in rows])
    return found


def number(cell: str) -> float | None:
    return None if cell == "–" else float(cell.replace(",", ""))


def floored(values: Sequence[float]) -> str:
    """Of accuracies three digits, of which none is rounded up to a task that is solved."""
    return " ".join(f"{math.floor(1000 * value) / 1000:g}" for value in values)


def named(run: str, row: dict[str, str]) -> Group:
    """Which one a row of the summary is about; of several numbers of layers the task says which."""
    task, _, layers = row["task"].partition(" num_layers ")
    (found,) = [
        each
        for each in groups(run).values()
        if (each.axes["task"], each.axes["model"]) == (task, row["model"])
        and layers in ("", str(each.axes["num_layers"]))
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
        assert row["accuracy"] == floored([one.values["accuracy"] or 0 for one in each.seeds])
        solved = row.get("seeds") or row["solved"]
        assert solved == f"{sum(map(math.isfinite, steps))} of {len(steps)}"
        written = row.get("steps") or row["steps to solve"]
        assert written == (f"\\> {budget}" if middle == math.inf else f"{middle:.0f}")
        count = sum(one.steps is not None for one in each.first)
        assert (row.get("rates") or row["rates solved"]) == f"{count} of {len(each.first)}"


def test_the_summary_of_lengths_shows_medians_of_the_best_rate() -> None:
    rows = tables("recall")[1]
    assert len(rows) == 6
    for row in rows:
        seeds = named("recall", row).seeds
        for length in (32, 64, 128):
            found = median(one.lengths[length]["accuracy"] for one in seeds)
            assert row[f"{length} tokens"] == floored([found])


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
    names = {"task", "model", "learning_rate", "num_layers"} & {*row}
    found = [one for one in trainings(run) if all(str(one.axes[name]) == row[name] for name in names)]
    assert len({key(one.axes) for one in found}) == 1
    return found


def middle_of(seeds: Sequence[Training], metric: str) -> float | None:
    """None where a seed has none."""
    values = [value for value in (one.values[metric] for one in seeds) if value is not None]
    return median(values) if len(values) == len(seeds) else None


@EACH
def test_the_whole_table_and_the_csv_show_medians(run: str) -> None:
    shown = next(rows for rows in tables(run) if "bits of state" in rows[0])
    with (REFERENCE / run / "table.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(shown) == len(lines) == sum(len(each.first) for each in groups(run).values())
    for row in shown:
        for title, metric in COLUMNS.items():
            expected = middle_of(at(run, row), metric)
            assert number(row[title]) == (None if expected is None else pytest.approx(expected, rel=0.005)), row
    for line in lines:
        seeds = at(run, line)
        for metric in (*COLUMNS.values(), "best_accuracy"):
            expected = middle_of(seeds, metric) if metric in seeds[0].values else None
            assert (float(line[metric]) if line[metric] else None) == expected
        for name, found in (("curve", "curve"), ("at_length", "lengths")):
            for point, both in getattr(seeds[0], found).items():
                for metric in both:
                    column = f"curve_{metric}_{point}" if name == "curve" else f"{metric}_at_length_{point}"
                    assert float(line[column]) == median(getattr(one, found)[point][metric] for one in seeds)


@EACH
def test_chance_as_it_is_printed_is_one_of_the_values(run: str) -> None:
    """Half of 64 tokens are values; of parity one of two."""
    text = (REFERENCE / run / "table.md").read_text()
    found = re.findall(r"^- (mqar|parity)\b.*?; chance is accuracy ([\d.]+)\)", text, re.MULTILINE)
    assert {task for task, _ in found} == {each.axes["task"] for each in groups(run).values()}
    for task, shown in found:
        assert float(shown) == pytest.approx({"mqar": 1 / 32, "parity": 1 / 2}[task], rel=0.005)


@EACH
def test_claims_as_they_are_printed_have_their_verdict_and_how_many_times_the_steps(run: str) -> None:
    text = (REFERENCE / run / "table.md").read_text()
    said = re.findall(
        r'^- "([\w-]+) learns (\w+)(?: num_layers (\d))?, ([\w-]+) does not": (.*?)(?: \(|: )', text, re.MULTILINE
    )
    times = [float(word) for word in re.findall(r"had ([\d.]+) times the steps that", text)]
    expected, ratios = set(), []
    for one, two in claims(run):
        layers = str(one.axes["num_layers"]) if run.endswith("rates") else ""
        expected.add((one.axes["model"], one.axes["task"], layers, two.axes["model"], verdict(one, two)))
        if verdict(one, two) == "holds":
            ratios.append(two.axes["steps"] / median(seed.steps or 0 for seed in one.seeds))
    assert {*said} == expected
    assert len(said) == len(expected)
    assert sorted(times) == pytest.approx(sorted(ratios), abs=0.05)


@EACH
def test_sentences_of_models_say_the_steps_of_each_seed_and_the_median_of_seconds(run: str) -> None:
    text = (REFERENCE / run / "table.md").read_text()
    solved = re.findall(
        r"([\w-]+) solves it in (\d) of \d seeds, after ([\d, and]+) of (\d+) steps \(([\d.]+) s\)", text
    )
    unsolved = re.findall(r"([\w-]+) not, in (\d+) steps, at none of \d.*? \(its best accuracy ([\d. ]+)\)", text)
    expected = [each for each in groups(run).values() if each.solves]
    assert len(solved) == len(expected)
    assert len(unsolved) == len(groups(run)) - len(expected)
    said = {(model, int(n), tuple(map(int, re.findall(r"\d+", steps)))): float(s) for model, n, steps, _, s in solved}
    for each in expected:
        steps = tuple(int(one.steps or 0) for one in each.seeds)
        seconds = median(one.values["seconds_to_solve"] or 0 for one in each.seeds)
        assert said[each.axes["model"], len(each.seeds), steps] == pytest.approx(seconds, rel=0.005)
    for each in groups(run).values():
        if each.never:
            shown = floored([one.values["accuracy"] or 0 for one in each.seeds])
            assert (each.axes["model"], str(each.axes["steps"]), shown) in unsolved
