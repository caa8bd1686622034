"""A lesson from part to part: its time, what ends it, and what is shown, with parts that measure nothing."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from planted_lesson import readings, store, whole_lesson

from rnn_vs_attn.errors import DONE, INTERRUPTED, UNFINISHED_CASES, Interrupted, UserError
from rnn_vs_attn.lesson import command
from rnn_vs_attn.lesson.command import FIRST_LEDGER, Lesson
from rnn_vs_attn.lesson.options import LessonOptions
from rnn_vs_attn.lesson.parts import PARTS, share
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.records.folder import StorageError
from rnn_vs_attn.run.options import Part, RunOptions
from rnn_vs_attn.suites.suite import Suite

NAMES = [part.name for part in PARTS]
OPTIONS = LessonOptions(device="cpu", quiet=True)


class Played:
    """Starts parts that take some seconds and leave planted records; `ends` says how one of a name ends."""

    def __init__(self, seconds: float = 10.0, ends: dict[str, Any] | None = None) -> None:
        self.clock = FakeClock()
        self.seconds = seconds
        self.ends = ends or {}
        self.given: dict[str, RunOptions] = {}
        self.of: list[Part] = []
        self._readings = readings()

    def __call__(self, suite: Suite, axes: Any, options: RunOptions, of: Part) -> int:
        name = suite.command.split()[-1]
        self.given[name] = options
        self.of.append(of)
        self.clock.now += self.seconds
        end = self.ends.get(name, DONE)
        if isinstance(end, BaseException):
            raise end
        assert options.output is not None
        store(options.output, suite, self._readings.of(name), end)
        return int(end)

    def lesson(self, folder: Path, **options: Any) -> Lesson:
        given = dataclasses.replace(OPTIONS, **options)
        return Lesson(folder, given, self.clock, self)


def verdicts(lesson: Lesson) -> dict[str, int]:
    ledger = lesson.ledger()
    return {verdict: len(ledger.with_verdict(verdict)) for verdict in (HOLDS, FAILS, UNDECIDED)}


def test_all_parts_are_measured_in_their_order_and_their_runs_make_the_ledger(tmp_path: Path) -> None:
    played = Played()
    lesson = played.lesson(tmp_path)
    assert lesson.measure() == DONE
    assert list(played.given) == NAMES
    assert verdicts(lesson) == {HOLDS: 12, FAILS: 4, UNDECIDED: 0}


def test_each_part_has_its_share_of_what_is_left(tmp_path: Path) -> None:
    played = Played(seconds=10.0)
    played.lesson(tmp_path, max_seconds=300.0).measure()
    for i, part in enumerate(PARTS):
        expected = share(300.0 - 10.0 * i, 10.0 * i, PARTS[i:])
        assert played.given[part.name].max_seconds == pytest.approx(expected)
    assert played.given["bench"].max_seconds == pytest.approx(260 * 85 / 248)
    assert [of.shared_by for of in played.of] == list(range(len(PARTS), 0, -1))
    assert [of.after_others for of in played.of] == [False] + [True] * (len(PARTS) - 1)
    assert {of.given for of in played.of} == {300.0}


def test_what_there_is_no_time_for_says_so_in_its_lines(tmp_path: Path) -> None:
    played = Played(seconds=100.0)
    lesson = played.lesson(tmp_path, max_seconds=150.0)
    assert lesson.measure() == UNFINISHED_CASES
    assert list(played.given) == NAMES[:2]
    why = {claim.why for claim in lesson.ledger().with_verdict(UNDECIDED)}
    assert why == {"no time was left for it; a longer --max-seconds has it"}


def test_a_part_that_cannot_be_measured_costs_its_own_lines(tmp_path: Path) -> None:
    played = Played(ends={"bench": UserError("no such kernel")})
    lesson = played.lesson(tmp_path)
    assert lesson.measure() == UNFINISHED_CASES
    assert list(played.given) == NAMES
    undecided = lesson.ledger().with_verdict(UNDECIDED)
    assert {claim.why for claim in undecided} == {"no such kernel"}
    assert [claim.key for claim in undecided] == ["lesson-loop", "lesson-fused", "lesson-memory"]


def test_a_call_whose_first_part_cannot_be_measured_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no GPU"):
        Played(ends={NAMES[0]: UserError("no GPU")}).lesson(tmp_path).measure()


def test_a_full_disk_ends_all_of_it(tmp_path: Path) -> None:
    played = Played(ends={"bench": StorageError("disk full")})
    with pytest.raises(StorageError):
        played.lesson(tmp_path).measure()
    assert "recall" not in played.given


@pytest.mark.parametrize("end", [INTERRUPTED, Interrupted(INTERRUPTED)])
def test_an_interruption_keeps_what_was_measured(tmp_path: Path, end: Any) -> None:
    lesson = Played(ends={"bench": end}).lesson(tmp_path)
    try:
        code = lesson.measure()
    except Interrupted as stop:
        code = stop.exit_code
    assert code == INTERRUPTED
    keys = {claim.key for claim in lesson.ledger().claims if claim.verdict != UNDECIDED}
    assert {"lesson-parallel", "lesson-vanishing", "lesson-parameters", "lesson-size"} <= keys
    assert not keys & {"lesson-recall", "lesson-parity", "lesson-generation"}


def test_a_lesson_that_goes_on_measures_what_is_missing(tmp_path: Path) -> None:
    for part in PARTS[:4]:
        store(tmp_path / part.name, part.suite, readings().of(part.name))
    played = Played()
    lesson = played.lesson(tmp_path)
    assert lesson.measure() == DONE
    assert list(played.given) == NAMES[4:]
    assert verdicts(lesson)[UNDECIDED] == 0


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("environment", {"cpu": "another"}, "was begun on another machine or with other software"),
        ("environment", {"torch": "2.6.0"}, "was begun on another machine or with other software"),
        ("environment", {"torch_git": "0123456"}, "was begun on another machine or with other software"),
        ("settings", {"inputs": 0}, "was begun by a version that makes other weights or inputs"),
    ],
)
def test_a_lesson_is_of_one_machine_and_its_software(name: str, changed: Any, said: str, tmp_path: Path) -> None:
    """The ledger says "on this machine"; parts that stood whole were taken for that wherever they came from."""
    for part in PARTS:
        store(tmp_path / part.name, part.suite, readings().of(part.name))
    head = tmp_path / PARTS[0].name / "run.json"
    content = json.loads(head.read_text())
    head.write_text(json.dumps(content | {name: content[name] | changed}))
    assert Played().lesson(tmp_path).measure() == DONE  # nothing is left to measure
    shutil.rmtree(tmp_path / PARTS[-1].name)
    played = Played()
    with pytest.raises(UserError, match=f"{PARTS[0].name} {said}; start a lesson of its own"):
        played.lesson(tmp_path).measure()
    assert played.given == {}


def test_a_part_that_was_cut_off_goes_on_in_its_own_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone_on: list[Path | None] = []

    def resume(suite: Suite, options: RunOptions, of: Part) -> int:
        gone_on.append(options.resume)
        return DONE

    monkeypatch.setattr(command.command, "resume", resume)
    store(tmp_path / NAMES[0], PARTS[0].suite, readings().of(NAMES[0]), INTERRUPTED)
    played = Played()
    assert played.lesson(tmp_path).measure() == DONE
    assert gone_on == [tmp_path / NAMES[0]]
    assert NAMES[0] not in played.given


def test_after_a_minute_a_ledger_with_every_line_stands_on_standard_error_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played = Played(seconds=FIRST_LEDGER / 2)
    played.lesson(tmp_path, quiet=False).measure()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("The ledger after 60 s, as far as it is known:") == 1
    before = shown.err[shown.err.index("The ledger after") : shown.err.index("Part 3 of 8")]
    assert before.count("\n| ") == 16 + 2  # a title and a rule
    assert "not measured yet" in before
    assert "holds" in before


def test_a_short_lesson_has_no_ledger_before_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Played(seconds=1.0).lesson(tmp_path, quiet=False).measure()
    assert "The ledger after" not in capsys.readouterr().err


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, played: Played, **options: Any) -> int:
    """The command, with played parts."""
    monkeypatch.setattr(command, "Lesson", lambda path, given: Lesson(path, given, played.clock, played))
    return command.run(dataclasses.replace(OPTIONS, output=folder, **options))


def test_the_ledger_is_printed_and_stands_beside_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "lesson"
    assert run(folder, monkeypatch, Played(), quiet=False) == DONE
    shown = capsys.readouterr()
    assert shown.out.startswith("12 of the lesson's 16 claims hold on this machine.\n4 do not hold here")
    assert "Each line in full:\n1: rnn-vs-attn scaling --model attention,lstm\n" in shown.out
    assert f"Written to {folder}" in shown.err
    files = ["ledger.json", "ledger.md", "lesson.json", "report.html"]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*NAMES, *files])
    assert "<h2>The lesson</h2>" in (folder / "report.html").read_text()
    assert (folder / "ledger.md").read_text().startswith("12 of the lesson's 16 claims")


def test_json_is_one_document_and_the_file_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "lesson"
    run(folder, monkeypatch, Played(), as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((folder / "ledger.json").read_text())
    assert len(document["claims"]) == 16
    assert document["verdicts"] == {HOLDS: 12, FAILS: 4, UNDECIDED: 0}


def test_an_interrupted_lesson_prints_its_ledger_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "lesson"
    played = Played(ends={"gradflow": Interrupted(INTERRUPTED)})
    assert run(folder, monkeypatch, played, quiet=False) == INTERRUPTED
    shown = capsys.readouterr()
    assert shown.out.startswith("2 of the lesson's 16 claims hold on this machine.\n1 does not hold here, and 13 are")
    assert f"go on with rnn-vs-attn lesson --resume {folder}" in shown.err


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        run(tmp_path, monkeypatch, Played())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_more_threads_than_there_are_cores_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="--threads 4096"):
        run(tmp_path / "lesson", monkeypatch, Played(), threads=4096)
    assert list(tmp_path.iterdir()) == []


def test_a_call_that_measures_nothing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no GPU"):
        run(tmp_path / "lesson", monkeypatch, Played(ends={NAMES[0]: UserError("no GPU")}))
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_was_killed_before_it_measured_is_begun_anew(tmp_path: Path) -> None:
    """Its folder holds nothing that was measured, and is in nobody's way."""
    for name in NAMES[:2]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "samples.jsonl").touch()
        (tmp_path / name / "run.json.part").write_text("{")
    played = Played()
    assert played.lesson(tmp_path).measure() == DONE
    assert list(played.given) == NAMES


def test_cases_without_a_number_are_said_again_where_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = whole_lesson(tmp_path / "lesson")
    shutil.rmtree(folder / "decode")
    records = [dataclasses.replace(record, status="timeout", error="no time") for record in readings().of("decode")]
    store(folder / "decode", PARTS[-1].suite, [dataclasses.replace(r, samples=[], median=None) for r in records])
    assert run(folder, monkeypatch, Played(), resume=folder, quiet=False) == UNFINISHED_CASES
    assert "go on with" not in capsys.readouterr().err


def test_records_that_are_damaged_cost_their_own_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = whole_lesson(tmp_path / "lesson")
    (folder / "decode" / "records.jsonl").write_text("{\n")
    assert run(folder, monkeypatch, Played(), resume=folder) == UNFINISHED_CASES
    assert "records.jsonl, line 1 is damaged" in capsys.readouterr().out


def test_an_anonymous_lesson_names_no_folder_above_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "lesson"
    played = Played(ends={NAMES[-1]: UserError(f"cannot read {tmp_path}/w.bin")})
    run(folder, monkeypatch, played, anonymous=True, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert "cannot read w.bin" in [claim["why"] for claim in document["claims"]]
    assert str(tmp_path) not in str(document)
    assert (document["folder"], document["claims"][0]["run"]) == ("lesson", "lesson/scaling")
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert folder / "report.html" in files
    assert [path for path in files if str(tmp_path) in path.read_text(errors="replace")] == []


def test_what_was_found_is_printed_where_no_page_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*args: Any) -> None:
        raise StorageError("cannot write ledger.json: no room")

    monkeypatch.setattr(command, "write_text", full)
    with pytest.raises(StorageError):
        run(tmp_path / "lesson", monkeypatch, Played())
    assert capsys.readouterr().out.startswith("12 of the lesson's 16 claims hold on this machine.")


def test_a_lesson_that_goes_on_may_be_given_more_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that says "a longer --max-seconds has it" can be followed."""
    folder = whole_lesson(tmp_path / "lesson")
    shutil.rmtree(folder / "decode")
    played = Played()
    monkeypatch.setattr(command, "Lesson", lambda path, given: Lesson(path, given, played.clock, played))
    assert command.run(dataclasses.replace(OPTIONS, resume=folder), max_seconds=900.0) == DONE
    assert {of.given for of in played.of} == {900.0}


def test_a_part_without_time_costs_its_own_lines_also_where_a_lesson_goes_on(tmp_path: Path) -> None:
    """It ended the call before a word of the ledger, and went on so for ever."""
    store(tmp_path / NAMES[0], PARTS[0].suite, readings().of(NAMES[0]))
    lesson = Played(ends={NAMES[1]: UserError("--max-seconds 1 is over")}).lesson(tmp_path)
    assert lesson.measure() == UNFINISHED_CASES
    assert {claim.why for claim in lesson.ledger().with_verdict(UNDECIDED)} == {"--max-seconds 1 is over"}


def test_parts_are_counted_as_they_stand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = whole_lesson(tmp_path / "lesson")
    shutil.rmtree(folder / NAMES[1])
    Played().lesson(folder, quiet=False).measure()
    assert "Part 2 of 8: gradflow\n" in capsys.readouterr().err
