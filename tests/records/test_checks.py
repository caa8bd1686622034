"""A stored run is anybody's file: whatever was done to it, one sentence or numbers that can be; its names are data."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from build_logs import begins_a_command
from edited_runs import called, edited
from fakes import unhurried
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import REFERENCE, REFERENCE_RUNS
from planted_runs import RULES, record, run_of, stored, values

from rnn_vs_attn.compare import runs
from rnn_vs_attn.compare.verdicts import UNSURE
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records import checks
from rnn_vs_attn.records.checks import checked_run
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.case import Case

# What no run can hold


def damaged(**fields: Any) -> Record:
    return replace(record("forward_time", [0.5] * 6), **fields)


@pytest.mark.long
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (damaged(samples=[1e308], median=1e308), "forward_time is 1e+308 s, which cannot be"),
        (damaged(samples=[5e-324], median=5e-324), "forward_time is 4.94066e-324 s, which cannot be"),
        (damaged(high=-1.0), "forward_time is -1 s, which cannot be"),
        (damaged(better="sideways"), "better is 'sideways', none of lower, higher, none"),
        (damaged(scale="log"), "scale is 'log', none of ratio, difference"),
        (damaged(low=0.6, high=0.4), "the interval of forward_time runs backwards, from 0.6 to 0.4"),
        (damaged(low=0.6, high=0.7), "the median of forward_time is not inside its interval"),
        (damaged(axes={"model": "lstm", "seq_len": 1 << 70}), "the axis 'seq_len' is too large a number"),
        (damaged(axes={"model": "lstm", "a\nb": 1}), "is no name of an axis"),
        (record("tokens_per_second", [-5.0], unit="1/s", better="higher"), "tokens_per_second is -5 1/s"),
        (record("peak_memory", [1e30], unit="B"), "peak_memory is 1e+30 B, which cannot be"),
        (record("reach", [1e200], unit="1"), "reach is 1e+200 1, which cannot be"),
    ],
)
def test_a_record_that_cannot_be_is_one_sentence(broken: Record, said: str, tmp_path: Path) -> None:
    path = stored(tmp_path / "run", record("train_time", values(6)), broken)
    code, out, err = called("compare", str(path), str(path))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {path}/records.jsonl, line 2 is damaged: ")
    assert said in err


def test_a_rate_and_a_memory_of_0_can_be() -> None:
    for unit in ("B", "1/s", "FLOP/s"):
        assert checks.problem_of(record("x", [0.0] * 6, unit=unit)) == ""


@pytest.mark.long
@pytest.mark.parametrize("name", REFERENCE_RUNS)
def test_every_reference_run_is_read(name: str) -> None:
    assert checked_run(REFERENCE / name).records


DEEP = '{"a":' * 1000 + "1" + "}" * 1000


@pytest.mark.long
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda head: DEEP, "it is nested too deeply"),
        (lambda head: json.dumps(head | {"details": "x"}), "details: Unexpected keyword argument"),
        (lambda head: json.dumps(head)[:-1] + ', "suite": "decode"}', "it has 'suite' twice"),
        (lambda head: json.dumps(head).replace('"causal": [true]', '"causal": NaN'), "NaN is no number"),
        (lambda head: head | {"status": "finished"}, "its status is 'finished', not complete or interrupted"),
        (lambda head: head | {"environment": {"gpus": ["H100"]}}, "environment.gpus is no list of devices"),
        (lambda head: head | {"environment": {"git_commit": 5}}, "environment.git_commit is no text"),
        (lambda head: head | {"settings": []}, "settings: "),
        (lambda head: head | {"suite": 5}, "suite: "),
    ],
)
def test_a_head_that_cannot_be_is_one_sentence(change: Callable[[Any], Any], said: str, gradflow: Path) -> None:
    path = edited(gradflow, "run.json", change)
    for words in (["compare", str(path), str(path)], ["gradflow", "--resume", str(path)]):
        code, out, err = called(*words)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"error: {path}/run.json is damaged: ")
        assert said in err


def as_utf_16(file: Path) -> None:
    file.write_text(file.read_text(), encoding="utf-16")


def as_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def as_loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


def as_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def as_device(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def as_zeros(file: Path) -> None:
    file.write_bytes(b"\0" * 100 + b"\n")


@pytest.mark.long
@pytest.mark.parametrize("name", ["run.json", "records.jsonl"])
@pytest.mark.parametrize("change", [as_utf_16, as_folder, as_loop, as_pipe, as_device, as_zeros])
def test_what_is_no_file_of_a_run_is_one_sentence(change: Callable[[Path], None], name: str, gradflow: Path) -> None:
    change(gradflow / name)
    code, out, err = called("compare", str(REFERENCE / "full/gradflow"), str(gradflow))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert str(gradflow / name) in err


# Anything


NONSENSE = (None, True, 0, -1, 1e308, 5e-324, 10**30, "", "x", "a\n::error::b", "[bold]", [], [1], [None], {}, {"a": 1})


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a value of JSON."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inside:
        yield (*above, name)
        yield from places(item, (*above, name))


def replaced(value: Any, place: tuple[Any, ...], other: Any) -> Any:
    made = copy.deepcopy(value)
    *above, last = place
    inside = made
    for name in above:
        inside = inside[name]
    if other is ...:
        del inside[last]
    else:
        inside[last] = other
    return made


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stored run with two models and without most distances, so that reading it is quick."""
    path = Path(shutil.copytree(REFERENCE / "full/gradflow", tmp_path_factory.mktemp("small") / "run"))
    for name in ("records.jsonl", "samples.jsonl"):
        lines = (path / name).read_text().splitlines()
        kept = [line for line in lines if json.loads(line)["axes"].get("distance", 1) in (1, 2, 4, 8, 16, 32)]
        (path / name).write_text("\n".join(kept) + "\n")
    return path


@pytest.mark.long
@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Case)])
def test_a_run_whose_settings_lack_an_axis_is_damaged(small: Path, tmp_path: Path, name: str) -> None:
    path = Path(shutil.copytree(small, tmp_path / "run"))
    edited(path, "run.json", lambda head: replaced(head, ("settings", "axes", name), ...))
    code, _, err = called("gradflow", "--resume", str(path))
    assert code == 2
    assert (
        err
        == f"error: {path / 'run.json'} is damaged: its settings do not fit (ValueError: axes.{name} is not there)\n"
    )


@pytest.mark.long
@settings(parent=unhurried, max_examples=25)
@given(st.data())
def test_no_edit_of_a_run_is_a_fault_of_the_program(small: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["run.json", "records.jsonl", "samples.jsonl"]))
    path = small.parent / "edited"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(small, path)
    lines = 1 if name == "run.json" else len((path / name).read_text().splitlines())

    def change(value: Any) -> Any:
        place = data.draw(st.sampled_from(list(places(value))))
        return replaced(value, place, data.draw(st.sampled_from((*NONSENSE, ...))))

    edited(path, name, change, data.draw(st.integers(0, lines - 1)))
    calls = [["compare", str(small), str(path)], ["export", str(path), "--format", "otava"]]
    if name != "records.jsonl":
        calls.append(["gradflow", "--resume", str(path)])
    for words in calls:
        code, out, err = called(*words)
        assert code in (0, 1, 2, 3, 4)
        assert "fault of rnn-vs-attn" not in err
        assert (code == 2) <= (err.count("\n") == 1 and err.startswith("error: "))
        assert not any(begins_a_command(line) for line in (out + err).splitlines())


# Names


EVIL = "w.py:A\n" + "::error file=a::gone\n" * 14 + "##[error]x\x1b[31m\x9b\u202e|`<script>`[bold]$x$\r::add-mask::a"


@pytest.mark.long
def test_a_name_is_no_command_and_no_markup_wherever_it_comes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    whole = [record("forward_time", values(8), EVIL), record("train_time", values(8), "lstm")]
    broken = [replace(whole[0], status="failed", error=EVIL, warnings=[EVIL]), whole[1]]
    paths = [str(stored(tmp_path / name, *made, started=EVIL)) for name, made in (("a", whole), ("b", broken))]
    calls = [["compare", *paths, "--markdown", str(tmp_path / "m.md"), "--junit", str(tmp_path / "j.xml")]]
    dated = [str(stored(tmp_path / f"day {n}", *whole, started=f"2026-01-0{n}")) for n in (1, 2, 3)]
    calls += [["history", *dated, "--html", str(tmp_path / "page.html")], ["compare", *paths, "--json"]]
    calls += [["export", paths[0], "--format", name] for name in ("csv", "otava", "bencher", "pytest-benchmark")]
    for words in calls:
        code, out, err = called(*words)
        assert code in (0, 3), err
        lines = [*out.split("\n"), *(line for line in err.split("\n") if not line.startswith("::warning title="))]
        assert all(line.isprintable() and not begins_a_command(line) for line in lines)
    for file in ("m.md", "summary.md", "page.html"):
        text = (tmp_path / file).read_text()
        assert "<script" not in text
        assert not any(begins_a_command(line) or not line.isprintable() for line in text.split("\n"))


# Runs that are not whole, or of another meaning


def cut_off(path: Path) -> Path:
    return edited(path, "run.json", lambda head: head | {"status": "interrupted", "finished": None})


@pytest.mark.long
@pytest.mark.parametrize("side", ["baseline", "candidate"])
@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_an_interrupted_run_is_said_and_no_verdict(side: str, factor: float, tmp_path: Path) -> None:
    old = stored(tmp_path / "old", record("forward_time", values(8)))
    new = stored(tmp_path / "new", record("forward_time", values(8, factor, seed=1)))
    interrupted = cut_off(old if side == "baseline" else new)
    code, out, _ = called("compare", str(old), str(new))
    assert code == 3
    assert "compare, " in out
    assert out.startswith(f"**No verdict: {old if side == 'baseline' else new} was interrupted.**")
    assert f"NO VERDICT, {interrupted} was interrupted and is not whole; finish it with --resume {interrupted}" in out
    document = json.loads(called("compare", str(old), str(new), "--json")[1])
    assert (document["exit_code"], document["interrupted"]) == (3, [str(interrupted)])


@pytest.mark.parametrize("other", [{"unit": "B"}, {"better": "higher"}, {"scale": "difference"}, {"exact": True}])
def test_two_runs_that_mean_another_thing_by_a_metric_have_no_verdict(other: dict[str, Any]) -> None:
    before, after = record("x_time", values(8)), record("x_time", values(8, 2.0), **other)
    made = runs.report_of(run_of(before), run_of(after), ("a", "b"), RULES, False, [])
    assert made.code == 3
    assert [(c.verdict, c.reason) for c in made.found] == [(UNSURE, "the two runs do not measure the same by it")]


def test_runs_that_cannot_be_read_are_user_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        checked_run(tmp_path / "nowhere")
