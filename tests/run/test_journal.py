"""The samples of a run in progress: what an interruption or a full disk leaves of them."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import (
    CALL,
    Asked,
)
from laboratory import (
    MODELS,
    Laboratory,
    faults,
    found,
    in_the_third_round,
)

from rnn_vs_attn.records.folder import StorageError, read_run
from rnn_vs_attn.worker.protocol import Prepare

# What is taken and kept


@pytest.mark.long
def test_records_are_written_after_each_round(lab: Laboratory) -> None:
    seen: list[int] = []

    def look(request: Asked) -> None:
        if request.kind is Prepare and request.round:
            seen.append(len(found(read_run(lab.path), "train_time", "gru").samples))

    lab.machine.trouble = look
    lab.run("gru", rounds=3)
    assert seen == [1, 2]


@pytest.mark.long
def test_a_full_disk_ends_the_run_and_keeps_what_was_measured(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = lab.sweep(rounds=3)
    append = sweep.journal.folder.append

    def full_in_the_second_round(line: Any) -> Any:
        if line.round == 1:
            raise StorageError("cannot write: No space left on device")
        return append(line)

    monkeypatch.setattr(sweep.journal.folder, "append", full_in_the_second_round)
    with pytest.raises(StorageError):
        sweep.run()
    sweep.journal.folder.close()
    assert found(read_run(lab.path), "train_time", "gru").samples == [pytest.approx(CALL)]
    assert not any(worker.alive for worker in lab.machine.workers)


@pytest.mark.long
def test_an_interrupted_run_is_readable_and_keeps_every_finished_round(lab: Laboratory) -> None:
    lab.interrupt(at=in_the_third_round, rounds=4)
    run = read_run(lab.path)
    assert run.status == "interrupted"
    for model in MODELS:
        assert found(run, "train_time", model).samples[:2] == [pytest.approx(CALL)] * 2
    assert faults(run) == []
    assert not any(worker.alive for worker in lab.machine.workers)


def test_an_interruption_keeps_the_finished_passes_of_its_case(lab: Laboratory) -> None:
    lab.interrupt("gru", at=lambda request: str(request) == "TimeBlock train", rounds=4)
    run = read_run(lab.path)
    assert found(run, "forward_time", "gru").samples == [pytest.approx(CALL)]
    trained = found(run, "train_time", "gru")
    assert (trained.status, trained.samples) == ("timeout", [])


def test_cases_that_an_interruption_left_out_are_listed_with_the_way_on(lab: Laboratory) -> None:
    lab.interrupt(at=lambda request: request.kind is Prepare, rounds=4)
    run = read_run(lab.path)
    assert {record.axes["model"] for record in faults(run)} == set(MODELS)
    assert all("--resume goes on" in record.error for record in faults(run))
