"""A run of `ab` that goes on ends as one that was never disturbed: its samples, and what is judged from them."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from planted_pairs import CALL, Laboratory

from rnn_vs_attn.ab import decide
from rnn_vs_attn.ab.runner import Pairs
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE
from rnn_vs_attn.compare.verdicts import BROKEN, SAME, SLOWER
from rnn_vs_attn.errors import CaseFault, Interrupted
from rnn_vs_attn.records.folder import read_run, read_samples
from rnn_vs_attn.records.types import ROUND_TIME
from rnn_vs_attn.run.journal import that_count
from rnn_vs_attn.worker.protocol import MakeReady, Prepare, ReadMachinePeaks, Request, TimeBlock

MODELS = ("lstm", "gru", "rnn", "attention")
FEW = {"screen": 5, "confirm": 6, "margin": 0.03}


def seconds(side: str, model: str, name: str, pair: int) -> float:
    """The gru of the candidate takes a tenth more; a pair's ratio is its own, whoever takes it and when."""
    noise = 0.001 * ((pair * 7) % 5 - 2)
    return CALL * (1.1 + noise if (side, model) == (CANDIDATE, "gru") else 1 + noise * (side == CANDIDATE))


def laboratory(path: Path, stop: Callable[[int], BaseException | None] = lambda asked: None) -> Laboratory:
    """One model fails in the candidate from the third pair on. stop: by the number of a request what interrupts it."""
    made = Laboratory(path, seconds, warnings=lambda side: ["a page fault"] if side == CANDIDATE else [])
    made.seen = lambda side: [f"it works in place in the {side}"]

    def trouble(side: str, kind: type[Request[Any]], model: str) -> BaseException | None:
        last = made.asked[-1][2]
        seed = last.seed if isinstance(last, Prepare) else 0
        if kind is Prepare and side == CANDIDATE and model == "rnn" and seed >= 2:
            return CaseFault("failed", "no such shape")
        return stop(len(made.asked))

    made.trouble = trouble
    return made


def end(pairs: Pairs) -> dict[str, Any]:
    """The pairs taken to their end: what stands in the folder and what is judged from it."""
    assert pairs.run()
    pairs.folder.close()
    return found(pairs)


def found(pairs: Pairs) -> dict[str, Any]:
    lines = that_count(read_samples(pairs.folder.path))
    details = {"seconds": None, "start_up": None, "sitting": None}
    plain = [dataclasses.replace(line, details=line.details | details) for line in lines]
    return {
        "samples": [dataclasses.replace(line, value=None) if line.metric == ROUND_TIME else line for line in plain],
        "verdicts": decide.judge(pairs, gated=True),
        "calibrations": decide.calibrations(pairs),
        "flagged": list(pairs.flagged.items()),
        "noted": pairs.noted,
        "records": [(r.key, r.samples, r.status, r.error) for r in read_run(pairs.folder.path).records],
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    made = laboratory(tmp_path_factory.mktemp("undisturbed") / "run")
    whole = end(made.pairs(*MODELS, **FEW))
    content = (made.path / "samples.jsonl").read_bytes()
    return {"found": whole, "requests": len(made.asked), "samples": content}


def test_the_run_that_others_are_held_against_has_verdicts_of_each_kind(undisturbed: dict[str, Any]) -> None:
    verdicts = {(c.axes["model"], c.metric): c.verdict for c in undisturbed["found"]["verdicts"]}
    assert {model: verdicts[model, "train_time"] for model in MODELS} == {
        "lstm": SAME,
        "gru": SLOWER,
        "rnn": BROKEN,
        "attention": SAME,
    }
    assert len(undisturbed["found"]["flagged"]) == 2
    assert undisturbed["found"]["calibrations"]
    assert undisturbed["found"]["noted"]


def interrupted(number: int) -> Callable[[int], BaseException | None]:
    return lambda asked: Interrupted(130) if asked == number else None


@pytest.mark.long
def test_an_interruption_at_any_request_changes_nothing(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    requests = range(1, undisturbed["requests"] + 1)
    for number in sorted({*random.Random(0).sample(requests, 40), 1, 2, 3, len(requests)}):
        first = laboratory(tmp_path / str(number), interrupted(number))
        pairs = first.pairs(*MODELS, **FEW)
        with pytest.raises(Interrupted):
            pairs.run()
        pairs.folder.close()
        again = laboratory(first.path).goes_on(*MODELS, **FEW)
        assert end(again) == undisturbed["found"], number


@pytest.mark.long
def test_interruptions_again_and_again_change_nothing(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    """Each sitting has time for one pair and a part of the next."""
    path, sittings = tmp_path / "run", 1
    pairs = laboratory(path, interrupted(340)).pairs(*MODELS, **FEW)
    while True:
        try:
            whole = pairs.run()
        except Interrupted:
            pairs.folder.close()
            pairs, sittings = laboratory(path, interrupted(340)).goes_on(*MODELS, **FEW), sittings + 1
        else:
            break
    assert whole
    pairs.folder.close()
    assert found(pairs) == undisturbed["found"]
    assert sittings > 4
    assert sum(pairs.journal.sittings.values()) == 11
    assert max(pairs.journal.sittings) == sittings


@pytest.mark.long
def test_a_process_that_was_killed_in_the_middle_of_a_line_changes_nothing(
    undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    content = undisturbed["samples"]
    ends = [i + 1 for i, byte in enumerate(content) if byte == 10]
    for length in sorted({*random.Random(1).sample(range(len(content)), 40), *random.Random(2).sample(ends, 20), 0}):
        made = laboratory(tmp_path / str(length))
        made.pairs(*MODELS, **FEW).folder.close()
        (made.path / "samples.jsonl").write_bytes(content[:length])
        assert end(made.goes_on(*MODELS, **FEW)) == undisturbed["found"], length


@pytest.mark.long
def test_time_that_is_up_changes_nothing(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    pairs = laboratory(tmp_path / "run").pairs(*MODELS, **FEW, max_seconds=20)
    assert not pairs.run()
    assert 0 < pairs.stages[0].pairs < 5
    pairs.folder.close()
    assert end(laboratory(tmp_path / "run").goes_on(*MODELS, **FEW)) == undisturbed["found"]


@pytest.mark.long
def test_what_is_whole_is_not_measured_again_and_keeps_its_plans(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    first = laboratory(tmp_path / "run", interrupted(undisturbed["requests"] // 2))
    pairs = first.pairs(*MODELS, **FEW)
    with pytest.raises(Interrupted):
        pairs.run()
    pairs.folder.close()
    whole = pairs.stages[0].pairs + pairs.stages[1].pairs
    assert whole > 2
    second = laboratory(tmp_path / "run")
    end(second.goes_on(*MODELS, **FEW))
    assert min(request.seed for _, _, request in second.requests(Prepare)) == whole
    assert all(request.plan is not None and request.care is not None for _, _, request in second.requests(MakeReady))
    assert {block.loops for _, _, block in second.requests(TimeBlock)} == {1, 30}


@pytest.mark.long
def test_what_failed_in_the_pair_that_was_cut_is_not_tried_again(tmp_path: Path) -> None:
    """It may be a time-out, and was tried twice."""
    first = laboratory(tmp_path / "run")
    usual = first.trouble

    def trouble(side: str, kind: type[Request[Any]], model: str) -> BaseException | None:
        failed = any(line.status != "ok" for line in read_samples(first.path))
        return Interrupted(130) if failed and kind is ReadMachinePeaks else usual(side, kind, model)

    first.trouble = trouble
    pairs = first.pairs("rnn", "lstm", **FEW)
    with pytest.raises(Interrupted):
        pairs.run()
    pairs.folder.close()
    second = laboratory(tmp_path / "run")
    again = second.goes_on("rnn", "lstm", **FEW)
    assert [(case.model, failure.index) for case, failure in again.failures.items()] == [("rnn", 2)]
    assert set(end(again)["flagged"]) == set()
    assert {model for _, model in second.prepared()} == {"lstm"}
    assert tuple(sorted({side for _, side, _ in second.requests(Prepare)})) == (BASELINE, CANDIDATE)


def test_a_run_that_is_whole_is_left_as_it_is(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    made = laboratory(tmp_path / "run")
    made.pairs(*MODELS, **FEW).folder.close()
    (made.path / "samples.jsonl").write_bytes(undisturbed["samples"])
    assert end(made.goes_on(*MODELS, **FEW)) == undisturbed["found"]
    assert made.asked == []
    assert (made.path / "samples.jsonl").read_bytes() == undisturbed["samples"]
