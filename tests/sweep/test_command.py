"""A sweep from its file to its folder: which parts run, in how much time, and what one that fails costs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from planted_runs import here, record, stored

from rnn_vs_attn.errors import DONE, INTERRUPTED, UNFINISHED_CASES, WRONG_CALL, Interrupted, UserError
from rnn_vs_attn.run.asked import Asked
from rnn_vs_attn.run.options import Part, RunOptions
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.sweep import command
from rnn_vs_attn.sweep.options import SweepOptions

TEXT = """
name = "three"
max_seconds = 330
[part.bench]
[part.decode]
max_seconds = 20
[part.gradflow]
"""


@dataclass
class Runs:
    """Stands in for what runs suites. does: what a part comes to, by its name: a code, or what it raises."""

    does: dict[str, Any] = field(default_factory=dict)
    started: list[tuple[str, float, Part]] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)

    def start(self, asked: Asked, options: RunOptions, part: Part) -> int:
        self.started.append((asked.suite.name, options.max_seconds, part))
        if options.dry_run:
            part.take_estimate((10.0, 30.0))
            return DONE
        return self._end(asked.suite.name, options.output, part)

    def resume(self, suite: Suite, options: RunOptions, part: Part) -> int:
        assert options.resume is not None
        self.resumed.append(options.resume.name)
        return self._end(suite.name, None, part)

    def _end(self, name: str, place: Path | None, part: Part) -> int:
        does = self.does.get(name, DONE)
        if place is not None:
            stored(place, environment=here())
        if isinstance(does, BaseException):
            raise does
        part.take_document({"suite": name})
        return int(does)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    found = Runs()
    monkeypatch.setattr(Asked, "start", lambda asked, options, part: found.start(asked, options, part))
    monkeypatch.setattr(command.command, "resume", found.resume)
    return found


@pytest.fixture
def sweep(tmp_path: Path) -> Callable[..., int]:
    (tmp_path / "s.toml").write_text(TEXT)
    return lambda **options: command.start(tmp_path / "s.toml", SweepOptions(output=tmp_path / "out", **options))


def test_the_time_is_shared_by_what_each_would_take(runs: Runs, sweep: Callable[..., int]) -> None:
    """bench and gradflow have 165 s by default, decode its own 20 s: 330 x 165/350, then no more than 20 s."""
    assert sweep() == DONE
    names, seconds, parts = zip(*runs.started, strict=True)
    assert names == ("bench", "decode", "gradflow")
    assert seconds == pytest.approx([330 * 165 / 350, 20.0, 330.0], abs=1.0)
    assert [(part.given, part.after_others) for part in parts] == [(330.0, False), (None, True), (330.0, True)]
    assert parts[0].shared_by == 3


def test_max_seconds_of_the_call_comes_before_the_file_s(runs: Runs, sweep: Callable[..., int]) -> None:
    sweep(max_seconds=35.0)
    assert runs.started[0][1] == pytest.approx(16.5, abs=0.5)
    assert runs.started[0][2].given == 35.0


def test_without_any_each_part_has_its_own(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("[part.bench]\n[part.lm]\nsteps = 5\n[part.recall]\n")
    assert command.start(tmp_path / "s.toml", SweepOptions(output=tmp_path / "out")) == DONE
    assert [seconds for _, seconds, _ in runs.started] == [165.0, float("inf"), 285.0]


def test_a_part_that_fails_costs_that_part_only(
    runs: Runs, sweep: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    runs.does = {"bench": UserError("no such\ndevice"), "decode": ZeroDivisionError("0"), "gradflow": UNFINISHED_CASES}
    assert sweep(as_json=True) == WRONG_CALL
    captured = capsys.readouterr()
    parts = json.loads(captured.out)["parts"]
    assert [part["code"] for part in parts] == [WRONG_CALL, WRONG_CALL, UNFINISHED_CASES]
    assert [part["error"] and part["error"][:30] for part in parts] == [
        "no such\ndevice",
        "this is a fault of rnn-vs-attn",
        None,
    ]
    assert parts[2]["run"] == {"suite": "gradflow"}
    assert "error: bench: no such\\ndevice" in captured.err
    assert "## bench: failed: " in (tmp_path / "out/summary.md").read_text()


def test_an_interruption_ends_all_and_keeps_what_is_there(
    runs: Runs, sweep: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    runs.does = {"decode": Interrupted(INTERRUPTED)}
    assert sweep() == INTERRUPTED
    assert [name for name, _, _ in runs.started] == ["bench", "decode"]
    captured = capsys.readouterr()
    assert "3 parts: 2 complete, 1 not begun" in captured.out
    assert f"go on with rnn-vs-attn run --resume {tmp_path / 'out'}" in captured.err


def test_what_is_complete_is_not_measured_again(runs: Runs, sweep: Callable[..., int], tmp_path: Path) -> None:
    runs.does = {"decode": Interrupted(INTERRUPTED)}
    sweep()
    head = tmp_path / "out/decode/run.json"
    head.write_text(json.dumps(json.loads(head.read_text()) | {"status": "interrupted"}))
    runs.does, runs.started = {}, []
    assert command.resume(tmp_path / "out", SweepOptions()) == DONE
    assert runs.resumed == ["decode"]
    assert [name for name, _, _ in runs.started] == ["gradflow"]


def test_retry_goes_through_complete_parts_too(runs: Runs, sweep: Callable[..., int], tmp_path: Path) -> None:
    sweep()
    command.resume(tmp_path / "out", SweepOptions(retry=True))
    assert runs.resumed == ["bench", "decode", "gradflow"]


def test_a_dry_run_leaves_nothing(
    runs: Runs, sweep: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(dry_run=True) == DONE
    assert "3 parts, about 30 s to 1 min 30 s in all (max_seconds 330 bounds it)" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_parts_for_which_no_time_is_left_wait(
    runs: Runs, sweep: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """The first one is measured however little there is."""
    assert sweep(max_seconds=0.0) == UNFINISHED_CASES
    assert [name for name, _, _ in runs.started] == ["bench"]
    assert "1 complete, 2 not begun" in capsys.readouterr().out


def test_a_part_of_no_time_leaves_all_of_it_to_the_others(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("max_seconds = 100\n[part.bench]\nmax_seconds = 0\n[part.decode]\n")
    assert command.start(tmp_path / "s.toml", SweepOptions(output=tmp_path / "out")) == DONE
    assert [seconds for _, seconds, _ in runs.started] == pytest.approx([0.0, 100.0], abs=1.0)
    (tmp_path / "s.toml").write_text("max_seconds = 100\n[shared]\nmax_seconds = 0\n[part.bench]\n[part.decode]\n")
    assert command.start(tmp_path / "s.toml", SweepOptions(output=tmp_path / "none")) == DONE
    assert [seconds for _, seconds, _ in runs.started[2:]] == [0.0, 0.0]


def test_cases_without_a_number_are_said_again_where_nothing_is_left(
    runs: Runs, sweep: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `bench --resume` of that run alone has it."""
    sweep()
    shutil.rmtree(tmp_path / "out/bench")
    stored(tmp_path / "out/bench", record("train_time", [], status="out_of_memory", error="no room"))
    assert command.resume(tmp_path / "out", SweepOptions()) == UNFINISHED_CASES
    assert (runs.resumed, len(runs.started)) == ([], 3)
    assert "go on with" not in capsys.readouterr().err


def test_a_whole_part_that_cannot_be_read_is_an_error_of_its_own(
    runs: Runs, sweep: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.does = {"gradflow": Interrupted(INTERRUPTED)}
    sweep()
    (tmp_path / "out/bench/records.jsonl").write_text("{")
    shutil.rmtree(tmp_path / "out/gradflow")
    runs.does = {}
    assert command.resume(tmp_path / "out", SweepOptions()) == WRONG_CALL
    assert "error: bench: " in (said := capsys.readouterr().err)
    assert "records.jsonl, line 1 is damaged" in said
    assert [name for name, _, _ in runs.started] == ["bench", "decode", "gradflow", "gradflow"]


def test_runs_of_other_machines_have_an_outcome_of_their_own(
    runs: Runs, sweep: Callable[..., int], tmp_path: Path
) -> None:
    """Also where their part was complete before."""
    sweep()
    stored(tmp_path / "out/bench+2")
    assert command.resume(tmp_path / "out", SweepOptions()) == DONE
    assert "## bench+2: complete" in (tmp_path / "out/summary.md").read_text()


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("environment", {"cpu": "another"}, "was begun on another machine or with other software"),
        ("environment", {"torch": "2.6.0"}, "was begun on another machine or with other software"),
        ("settings", {"inputs": 0}, "was begun by a version that makes other weights or inputs"),
    ],
)
def test_a_sweep_is_not_gone_on_with_on_another_machine(
    name: str, changed: Any, said: str, runs: Runs, sweep: Callable[..., int], tmp_path: Path
) -> None:
    sweep()
    head = tmp_path / "out/bench/run.json"
    content = json.loads(head.read_text())
    head.write_text(json.dumps(content | {name: content[name] | changed}))
    assert command.resume(tmp_path / "out", SweepOptions()) == DONE  # nothing is left to measure
    shutil.rmtree(tmp_path / "out/decode")
    with pytest.raises(UserError, match=f"out/bench {said}; start a sweep of its own"):
        command.resume(tmp_path / "out", SweepOptions())
    assert [name for name, _, _ in runs.started] == ["bench", "decode", "gradflow"]


def test_an_interruption_between_two_parts_is_told_like_any(
    runs: Runs,
    sweep: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    share = command._Parts._share

    def interrupted(parts: Any, time: Any, rest: Any, after_others: bool) -> Any:
        if after_others:
            raise Interrupted(INTERRUPTED)
        return share(parts, time, rest, after_others)

    monkeypatch.setattr(command._Parts, "_share", interrupted)
    assert sweep() == INTERRUPTED
    assert "3 parts: 1 complete, 2 not begun" in capsys.readouterr().out
    assert (tmp_path / "out/summary.md").exists()


@pytest.mark.parametrize("in_file", [True, False])
def test_an_anonymous_sweep_has_anonymous_parts_only(in_file: bool, tmp_path: Path, runs: Runs) -> None:
    given: list[bool] = []
    start = runs.start
    runs.start = lambda asked, options, part: given.append(options.anonymous) or start(asked, options, part)  # type: ignore
    text = TEXT.replace("[part.bench]", "[shared]\nanonymous = true\n[part.bench]") if in_file else TEXT
    (tmp_path / "s.toml").write_text(text)
    command.start(tmp_path / "s.toml", SweepOptions(output=tmp_path / "out", anonymous=not in_file))
    shutil.rmtree(tmp_path / "out/decode")
    command.resume(tmp_path / "out", SweepOptions())
    assert given == [True] * 4


def test_an_anonymous_sweep_says_no_folder_above_its_own(
    runs: Runs, sweep: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.does = {"decode": UserError(f"cannot read {tmp_path}/w.bin")}
    sweep(anonymous=True, as_json=True)
    text = capsys.readouterr().out
    document = json.loads(text)
    assert str(tmp_path) not in text
    assert document["sweep"]["folder"] == "out"
    assert [part["folder"] for part in document["parts"]] == ["out/bench", "out/decode", "out/gradflow"]
    assert document["parts"][1]["error"] == "cannot read w.bin"
    assert "decode: failed: cannot read w.bin" in (tmp_path / "out/summary.md").read_text()


def test_a_path_that_a_shell_would_part_is_quoted(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my file (1).toml").write_text(TEXT.replace('name = "three"', ""))
    runs.does = {"bench": Interrupted(INTERRUPTED)}
    place = tmp_path / "my sweep"
    command.start(tmp_path / "my file (1).toml", SweepOptions(output=place))
    err = capsys.readouterr().err
    assert err.startswith("my-file-1: 3 parts into ")
    assert f"go on with rnn-vs-attn run --resume '{place}'" in err
