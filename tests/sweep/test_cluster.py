"""Which rounds are sent, what one that is lost costs, and when there are enough."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from job_folders import job_folder, rounds

from rnn_vs_attn.errors import INTERRUPTED, UNFINISHED_CASES, WRONG_CALL, Interrupted, UserError
from rnn_vs_attn.records.checks import checked_run
from rnn_vs_attn.records.states import COMPLETE, NOT_BEGUN, UNFINISHED
from rnn_vs_attn.sweep import file
from rnn_vs_attn.sweep.cluster import Cluster, PartJobs
from rnn_vs_attn.sweep.folder import create
from rnn_vs_attn.sweep.summary import Outcome

pytestmark = pytest.mark.long


@dataclass
class FakeJob:
    """One that has done its work, or died, when it is looked at."""

    name: str
    code: int | Exception = 0
    cancelled: bool = False

    @property
    def paths(self) -> Any:
        return self

    @property
    def stderr(self) -> Path:
        return Path("no log")

    def result(self) -> int:
        if isinstance(self.code, Exception):
            raise self.code
        return self.code

    def cancel(self, check: bool) -> None:
        self.cancelled = True


@dataclass
class FakeLauncher:
    """Leaves stored rounds where jobs would measure some; `lose` are those that die."""

    at_a_time: int = 3
    lose: tuple[int, ...] = ()
    sent: list[tuple[str, int, float]] = field(default_factory=list)
    jobs: list[FakeJob] = field(default_factory=list)
    most: int = 0
    ends: Callable[[Any], bool] = lambda job: True
    refuses: bool = False

    def send(self, what: Callable[..., int], *arguments: Any) -> FakeJob:
        if self.refuses:
            raise UserError("the job could not be sent: no such partition")
        if what.__name__ == "whole_part":
            self.sent.append((arguments[1], -1, arguments[3]))
            self.jobs.append(FakeJob("whole", 4))
            job_folder(Path(arguments[2]), 0)
            return self.jobs[-1]
        _, name, number, path, seconds = arguments
        self.sent.append((name, number, seconds))
        if number not in self.lose:
            job_folder(Path(path), number % len(rounds()))
        self.jobs.append(FakeJob(name))
        return self.jobs[-1]

    def ended(self, job: FakeJob) -> bool:
        return self.ends(job)


def parts_of(path: Path, text: str, seconds: float = 60.0) -> tuple[Path, list[PartJobs]]:
    (path / "s.toml").write_text(text)
    sweep = file.read(path / "s.toml")
    place = path / "out" if (path / "out").exists() else create(sweep, path / "out")
    outcomes = [Outcome(part.name, part.asked.suite.name, place / part.name) for part in sweep.parts]
    return place, [PartJobs.of(part, outcome, seconds) for part, outcome in zip(sweep.parts, outcomes, strict=True)]


def test_each_round_is_a_job_with_its_seed_and_its_part_of_the_time(tmp_path: Path) -> None:
    """60 s for four rounds, and a minute for each job to start."""
    place, parts = parts_of(tmp_path, "[part.bench]\nrounds = 4\n")
    launcher = FakeLauncher()
    assert Cluster(place, launcher, parts, quiet=True).run() == 0  # type: ignore[arg-type]
    assert launcher.sent == [("bench", number, 75.0) for number in range(4)]
    assert (parts[0].outcome.state, parts[0].outcome.code) == (COMPLETE, 0)
    assert checked_run(place / "bench").status == "complete"


def test_a_lost_job_costs_its_round_and_resume_sends_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "[part.bench]\nrounds = 4\n"
    place, parts = parts_of(tmp_path, text)
    Cluster(place, FakeLauncher(lose=(1,)), parts, quiet=True).run()  # type: ignore[arg-type]
    assert (parts[0].outcome.state, parts[0].outcome.code) == (UNFINISHED, UNFINISHED_CASES)
    assert "bench: round 1 is lost: it left no log; --resume sends it again" in capsys.readouterr().err
    _, again = parts_of(tmp_path, text)
    launcher = FakeLauncher()
    Cluster(place, launcher, again, quiet=True).run()  # type: ignore[arg-type]
    assert [number for _, number, _ in launcher.sent] == [1]
    assert (place / ".jobs/bench-0001-1").exists()
    assert again[0].outcome.state == COMPLETE
    (record,) = [r for r in checked_run(place / "bench").records if r.metric == "round_time"]
    assert len(record.samples) == 4


def test_rounds_are_added_until_times_are_precise(tmp_path: Path) -> None:
    """The stored run's are not to a thousandth: 6, then 9, then 12, and no more."""
    place, parts = parts_of(tmp_path, '[part.bench]\nprecision = "0.1%"\n')
    launcher = FakeLauncher(at_a_time=100)
    Cluster(place, launcher, parts, quiet=True).run()  # type: ignore[arg-type]
    assert [number for _, number, _ in launcher.sent] == list(range(12))
    (tmp_path / "b").mkdir()
    place, parts = parts_of(tmp_path / "b", '[part.bench]\nprecision = "900%"\n')
    launcher = FakeLauncher(at_a_time=100)
    Cluster(place, launcher, parts, quiet=True).run()  # type: ignore[arg-type]
    assert [number for _, number, _ in launcher.sent] == list(range(6))


def test_a_part_that_takes_no_times_is_one_job(tmp_path: Path) -> None:
    place, parts = parts_of(tmp_path, "[part.gradflow]\n[part.recall]\n")
    launcher = FakeLauncher()
    Cluster(place, launcher, parts, quiet=True).run()  # type: ignore[arg-type]
    assert launcher.sent == [("gradflow", -1, 60.0), ("recall", -1, 60.0)]
    assert [part.outcome.code for part in parts] == [4, 4]


def test_what_the_cluster_does_not_take_costs_that_part(tmp_path: Path) -> None:
    place, parts = parts_of(tmp_path, "[part.bench]\nrounds = 4\n")
    Cluster(place, FakeLauncher(refuses=True), parts, quiet=True).run()  # type: ignore[arg-type]
    outcome = parts[0].outcome
    assert (outcome.state, outcome.code) == (NOT_BEGUN, WRONG_CALL)
    assert outcome.error == "the job could not be sent: no such partition"


def test_an_interruption_keeps_what_came_and_ends_the_others(tmp_path: Path) -> None:
    place, parts = parts_of(tmp_path, "[part.bench]\nrounds = 4\n")
    looked: list[Any] = []

    def ends(job: Any) -> bool:
        looked.append(job)
        if len(looked) > 3:
            raise Interrupted(INTERRUPTED)
        return len(looked) == 1

    launcher = FakeLauncher(at_a_time=3, ends=ends)
    assert Cluster(place, launcher, parts, quiet=True).run() == INTERRUPTED  # type: ignore[arg-type]
    assert [job.cancelled for job in launcher.jobs] == [False, True, True, True]
    assert parts[0].outcome.state == UNFINISHED
    lines = [json.loads(line) for line in (place / "bench/samples.jsonl").read_text().splitlines()]
    assert [line["details"]["job"] for line in lines if line["metric"] == "round_time"] == [0]


def test_a_round_that_is_sent_again_has_another_folder_than_a_job_that_may_still_begin(tmp_path: Path) -> None:
    """Slurm queued a killed job again, and both wrote one folder."""
    place, parts = parts_of(tmp_path, "[part.bench]\nrounds = 4\n")
    never = FakeLauncher(lose=(0,))
    paths = [Cluster(place, never, parts, quiet=True)._sent(parts[0], 0)[1] for _ in range(2)]  # type: ignore[arg-type]
    assert [path.name for path in paths] == ["bench-0000-1", "bench-0000-2"]
