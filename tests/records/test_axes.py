"""Axes of a stored record that was edited: one sentence with its line, whichever reader asks for what it lacks."""

from __future__ import annotations

import copy
import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from edited_runs import called
from paths import REFERENCE, REFERENCE_RUNS
from planted_runs import record, stored, values

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records import axes
from rnn_vs_attn.records.axes import StoredAxes, placed, problem_of_kind
from rnn_vs_attn.records.checks import checked_run
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.case import decided_by

READERS = (
    ("show", "RUN"),
    ("report", "RUN", "--markdown", "-"),
    ("compare", "RUN", "RUN"),
    ("history", "RUN", "RUN"),
    ("export", "RUN", "--format", "csv"),
)
SMALL = {  # by suite a stored run, and a metric of its cases
    "bench": ("lesson/bench", "train_time"),
    "decode": ("lesson/decode", "step_time"),
    "gradflow": ("lesson/gradflow", "gradient_norm_log10"),
    "scaling": ("lesson/scaling", "flops"),
    "recall": ("lesson/recall", "accuracy"),
    "variants-albert": ("lesson/albert", "flops_per_token"),
    "variants-gpt": ("lesson/gpt", "flops_per_token"),
    "variants-transformer-xl": ("lesson/transformer-xl", "token_time"),
}


def edited(path: Path, name: str, metric: str, change: Any, every: bool = False) -> tuple[Path, int]:
    """A copy of a stored run with other axes in the last line of a metric, or in every line of all; and which it is."""
    run = path / "run"
    shutil.copytree(REFERENCE / name, run, ignore=shutil.ignore_patterns("plots", "trained"))
    lines = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    of_metric = [number for number, line in enumerate(lines) if line["metric"] == metric]
    for number in range(len(lines)) if every else of_metric[-1:]:
        lines[number]["axes"] = change(lines[number]["axes"])
    (run / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run, of_metric[0 if every else -1] + 1


def told(run: Path, words: tuple[str, ...]) -> tuple[int, str, str]:
    return called(*(str(run) if word == "RUN" else word for word in words))


def without(name: str) -> Any:
    return lambda own: {key: value for key, value in own.items() if key != name}


@pytest.mark.parametrize("words", READERS, ids=lambda words: words[0])
@pytest.mark.parametrize("suite", SMALL)
def test_a_record_that_lacks_an_axis_is_one_sentence(suite: str, words: tuple[str, ...], tmp_path: Path) -> None:
    name, metric = SMALL[suite]
    run, line = edited(tmp_path, name, metric, without("batch_size"))
    code, out, err = told(run, words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {run}/records.jsonl, line {line} is damaged: it lacks the axis 'batch_size', which ")


@pytest.mark.parametrize("words", READERS, ids=lambda words: words[0])
@pytest.mark.parametrize("suite", SMALL)
def test_an_axis_that_no_record_has_is_one_sentence(suite: str, words: tuple[str, ...], tmp_path: Path) -> None:
    name, metric = SMALL[suite]
    run, _ = edited(tmp_path, name, metric, without("num_layers"), every=True)
    code, out, err = told(run, words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {run}/records.jsonl, line ")
    assert err.endswith(" is damaged: it lacks the axis 'num_layers', which run.json has\n")


@pytest.mark.parametrize("words", READERS, ids=lambda words: words[0])
@pytest.mark.parametrize(("axis", "value"), [("batch_size", "4"), ("threads", True), ("device", 7), ("causal", "yes")])
def test_an_axis_of_another_kind_is_one_sentence(axis: str, value: Any, words: tuple[str, ...], tmp_path: Path) -> None:
    run, line = edited(tmp_path, *SMALL["variants-transformer-xl"], lambda own: own | {axis: value})
    code, out, err = told(run, words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {run}/records.jsonl, line {line} is damaged: the axis {axis!r} is {value!r}, ")


@pytest.mark.parametrize("words", READERS, ids=lambda words: words[0])
def test_a_format_of_numbers_that_is_not_known_here_is_data(words: tuple[str, ...], tmp_path: Path) -> None:
    other = {"dtype": "float8"}
    run, _ = edited(tmp_path, *SMALL["bench"], lambda own: own | other if "dtype" in own else own, every=True)
    assert told(run, words)[0] in (0, 3)


def test_every_axis_of_every_suite_has_a_kind() -> None:
    """A new option of a command is an axis too, and is refused as such where its value is of another kind."""
    kinds = {str: "text", bool: "truth value", int: "whole number", float: "number", type(None): "whole number"}
    for suite in SUITES:
        for field in dataclasses.fields(suite.axes.case):
            of = "text" if field.name == "test_seq_len" else kinds[type(field.default)]
            if field.name != "part":  # a round's part in lm, and one of scaling's two halves
                assert field.name in axes.KINDS[of], (suite.name, field.name)
        assert {pivot.axis for pivot in suite.view.pivots} <= set(axes.KINDS["whole number"])  # a column each, in order


def test_what_a_model_decides_by_itself_and_what_a_task_has_none_of_may_be_null() -> None:
    fields = [field for suite in SUITES for field in dataclasses.fields(suite.axes.case)]
    names = {*decided_by("hf:gpt2"), *(field.name for field in fields if field.default is None)}
    assert problem_of_kind(dict.fromkeys(names)) == ""
    assert problem_of_kind({"seq_len": None}) == "the axis 'seq_len' is null, which is no whole number"


def test_kinds() -> None:
    assert problem_of_kind({"seq_len": 64, "learning_rate": 1, "causal": True, "modulus": None, "mine": []}) == ""  # type: ignore[dict-item]
    assert problem_of_kind({"seq_len": 64.0}) == "the axis 'seq_len' is 64.0, which is no whole number"
    assert problem_of_kind({"model": False}) == "the axis 'model' is False, which is no text"


def test_what_was_read_names_its_line_where_more_is_asked_for(tmp_path: Path) -> None:
    run = stored(tmp_path / "run", record("train_time", values(6)), record("forward_time", values(6)))
    found = checked_run(run).records[1].axes
    assert (found["model"], found.get("size")) == ("lstm", None)
    with pytest.raises(UserError) as stop:
        found["size"]
    assert str(stop.value) == f"{run}/records.jsonl, line 2 is damaged: it lacks the axis 'size'"


def test_a_run_in_which_no_case_came_to_a_number_lacks_nothing(tmp_path: Path) -> None:
    """Of `ab`: the machine's own peaks have some axes of a case."""
    of_machine = {"device": "cpu", "dtype": "float32", "threads": 1, "side": "baseline"}
    peak = dataclasses.replace(record("peak_flops", [1e9], unit="FLOP/s", better="higher"), axes=of_machine)
    names = ("model", "seq_len", "batch_size", "d_model", "num_heads", "device", "dtype", "threads")
    asked: dict[str, list[Any]] = {name: [1] for name in names}
    run = stored(tmp_path / "run", peak, settings={"axes": asked})
    assert checked_run(run).records[0].axes == of_machine


def test_stored_axes_are_a_dict_like_any() -> None:
    made = placed(record("train_time", [0.5]), "here")
    assert made == record("train_time", [0.5])
    assert dataclasses.asdict(made) == dataclasses.asdict(record("train_time", [0.5]))
    assert copy.deepcopy(made.axes) == made.axes
    assert json.dumps(StoredAxes({"a": 1})) == '{"a": 1}'


@pytest.mark.long
@pytest.mark.parametrize("name", REFERENCE_RUNS)
def test_no_stored_run_lacks_one(name: str) -> None:
    run = checked_run(REFERENCE / name)
    assert all(problem_of_kind(each.axes) == "" for each in run.records)
