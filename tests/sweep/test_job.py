"""What a job does on the machine that it is sent to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from planted_runs import stored

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.run.asked import Asked
from rnn_vs_attn.sweep import file, folder, job


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    (tmp_path / "s.toml").write_text("[part.bench]\nrounds = 9\nseq_len = 64\n[part.gradflow]\nrounds = 9\n")
    return folder.create(file.read(tmp_path / "s.toml"), tmp_path / "out")


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []

    def start(asked: Asked, options: Any, part: Any) -> int:
        found.append((asked.suite.name, options, part))
        return 4

    monkeypatch.setattr(Asked, "start", start)
    monkeypatch.setattr(
        job.command, "resume", lambda suite, options, part: start(Asked(suite, {}, options), options, part)
    )
    return found


def test_one_round_has_its_number_as_its_seed(sweep: Path, called: list[tuple[Any, ...]], tmp_path: Path) -> None:
    assert job.one_round(str(sweep), "bench", 7, str(tmp_path / "place"), 30.0) == 4
    ((name, options, part),) = called
    assert (name, options.rounds, options.max_seconds, options.output) == ("bench", 1, 30.0, tmp_path / "place")
    assert part.of(options.limits).first_seed == 7


def test_a_whole_part_begins_or_goes_on(sweep: Path, called: list[tuple[Any, ...]]) -> None:
    job.whole_part(str(sweep), "gradflow", str(sweep / "gradflow"), 40.0)
    stored(sweep / "gradflow")
    job.whole_part(str(sweep), "gradflow", str(sweep / "gradflow"), 40.0)
    assert [(options.rounds, options.output, options.resume, options.max_seconds) for _, options, _ in called] == [
        (9, sweep / "gradflow", None, 40.0),
        (9, None, sweep / "gradflow", 165.0),
    ]


def test_a_part_that_is_not_there(sweep: Path) -> None:
    with pytest.raises(UserError, match="has no part 'nobody'"):
        job.one_round(str(sweep), "nobody", 0, "place", 30.0)
