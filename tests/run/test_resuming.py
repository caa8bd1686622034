"""An interrupted run taken up again, as it was asked for."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from edited_runs import called, edited
from fakes import (
    BLOCKS,
    CALL,
    fault,
    unfinished_run,
)
from laboratory import MODELS, Laboratory, faults, found, in_the_third_round, num_rounds, seconds_for
from paths import REFERENCE

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import Limits, Plan
from rnn_vs_attn.records.folder import RunFolder, read_run, read_samples
from rnn_vs_attn.records.types import LAUNCH_BOUND, ROUND_TIME, Run, SampleLine
from rnn_vs_attn.run import cases, learnt_text, resuming
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.case import as_configured, axes_of
from rnn_vs_attn.suites.gradflow.case import GradflowCase
from rnn_vs_attn.suites.gradflow.suite import GRADFLOW
from rnn_vs_attn.suites.lm.case import LmCase
from rnn_vs_attn.suites.lm.suite import LM
from rnn_vs_attn.suites.recall.case import RecallCase
from rnn_vs_attn.suites.recall.suite import RECALL
from rnn_vs_attn.worker.protocol import MakeReady, Measure, Prepare, Release, TimeBlock


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("run.json", lambda h: h["settings"].pop("axes"), "its settings do not fit"),
        ("run.json", lambda h: h["settings"].update(limits={"budget": {}, "rounds": "six"}), "its settings do not fit"),
        ("run.json", lambda h: h["settings"]["limits"].update(timeout=-1), "limits hold -1"),
        ("run.json", lambda h: h["settings"]["axes"].update(seq_len=[0]), "0 is no value of --seq-len"),
        ("run.json", lambda h: h["settings"]["axes"].update(seq_len=[True]), "True is no value of --seq-len"),
        ("run.json", lambda h: h["settings"]["axes"].update(model=["lstmm"]), "did you mean 'lstm'?"),
        ("run.json", lambda h: h["settings"]["axes"].update(d_model=64), "axes.d_model is no list of values"),
        ("samples.jsonl", lambda s: s.update(round=10**12), "line 1 is damaged: there is no round 1000000000000"),
        ("samples.jsonl", lambda s: s.update(round=-1), "there is no round -1"),
        ("samples.jsonl", lambda s: s.update(metric="tempo"), "gradflow has no metric 'tempo'"),
        ("samples.jsonl", lambda s: s.update(blocks=[-1.0]), "is -1 s, which cannot be"),
        ("samples.jsonl", lambda s: s["axes"].update(model="gru-x"), "its model is none that this run has"),
        ("samples.jsonl", lambda s: s["axes"].pop("seq_len"), "its seq_len is none that this run has"),
        ("samples.jsonl", lambda s: s["axes"].update(distance="x"), "'distance' is 'x', which is no whole number"),
        ("samples.jsonl", lambda s: s["axes"].pop("distance"), "it lacks the axis 'distance', which gradient_norm_"),
        ("samples.jsonl", lambda s: s["axes"].pop("model"), "it is of no case"),
        ("samples.jsonl", lambda s: s.update(value="0.5"), "value: Input should be a valid number"),
    ],
)
def test_a_run_that_cannot_be_resumed_is_one_sentence(
    name: str, change: Callable[[Any], Any], said: str, gradflow: Path
) -> None:
    def changed(value: Any) -> Any:
        change(value)
        return value

    code, out, err = called("gradflow", "--resume", str(edited(gradflow, name, changed)))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_a_run_with_a_fault_is_resumed_though_a_fault_has_no_axis_that_a_measurement_adds(tmp_path: Path) -> None:
    run, case = tmp_path / "run", GradflowCase(model="lstm", seq_len=64)
    shutil.copytree(REFERENCE / "full/gradflow", run, ignore=shutil.ignore_patterns("plots"))
    first = read_samples(run)[0]
    assert first.metric == "gradient_norm_log10"
    assert "distance" in first.axes
    folder = RunFolder.reopen(run)
    of_case = {name: value for name, value in first.axes.items() if name in axes_of(case)}
    folder.append(SampleLine("gradflow", of_case, first.metric, 0, None, status="failed", error="of the layer itself"))
    folder.close()
    taken = resuming.read(GRADFLOW, run)
    assert (taken.lines[-1].status, taken.lines[-1].axes) == ("failed", of_case)


def test_a_run_of_a_gpu_is_resumed_with_blocks_that_did_not_wait_for_the_host() -> None:
    """Whether a block waited is 0 or 1; a block of a time that is 0 cannot be."""
    taken = resuming.read(BENCH, REFERENCE / "gpu-h100/bench")
    bound = [line for line in taken.lines if line.metric == LAUNCH_BOUND]
    assert {number for line in bound for number in line.blocks} == {0.0, 1.0}


@pytest.mark.long
def test_a_whole_run_is_resumed_as_it_was_asked_for(gradflow: Path) -> None:
    taken = resuming.read(GRADFLOW, gradflow)
    assert [case.model for case in taken.cases] == ["rnn", "lstm", "gru", "attention"]
    assert taken.limits.rounds == 6
    assert len(taken.lines) == len((gradflow / "samples.jsonl").read_text().splitlines())
    assert (
        taken.head.settings["axes"] == json.loads((gradflow / "run.json").read_text())["settings"]["axes"] | taken.axes
    )


@pytest.mark.long
def test_resume_repeats_the_unfinished_round_whole_and_no_finished_one(lab: Laboratory) -> None:
    lab.interrupt(at=in_the_third_round, rounds=4)
    lab.resume(rounds=4)
    for kind in (Prepare, Measure):
        assert {request.round for request in lab.machine.asked(kind)} == {2, 3}
        assert sorted(lab.machine.models(kind, round=2)) == sorted(MODELS)


@pytest.mark.long
def test_resume_ends_with_the_same_cases_and_rounds_as_an_undisturbed_run(lab: Laboratory, tmp_path: Path) -> None:
    lab.interrupt(at=in_the_third_round, rounds=4)
    resumed = lab.resume(rounds=4)
    undisturbed = Laboratory(tmp_path / "undisturbed").run(rounds=4)
    assert resumed.status == "complete"
    assert summary(read_run(lab.path)) == summary(resumed) == summary(undisturbed)


def summary(run: Run) -> set[tuple[Any, ...]]:
    return {(r.key, r.status, tuple(r.samples) if r.metric != ROUND_TIME else len(r.samples)) for r in run.records}


@pytest.mark.long
def test_resume_takes_its_plans_from_the_samples(lab: Laboratory) -> None:
    lab.interrupt(at=in_the_third_round, rounds=4)
    lab.resume(rounds=4)
    plans = [request.request.plan for request in lab.machine.asked(MakeReady)]
    assert plans == [Plan(40, BLOCKS)] * len(plans)
    assert {request.request.loops for request in lab.machine.asked(TimeBlock)} == {40}


@pytest.mark.long
def test_resume_of_a_run_without_a_finished_round_begins_again(lab: Laboratory) -> None:
    lab.interrupt(at=lambda request: str(request) == "TimeBlock train", rounds=2)
    resumed = lab.resume(rounds=2)
    assert {request.round for request in lab.machine.asked(Prepare)} == {0, 1}
    assert resumed.status == "complete"
    assert faults(resumed) == []


@pytest.mark.long
def test_resume_does_not_try_a_failed_case_again(lab: Laboratory) -> None:
    gru_crashes = fault("crashed", "no", Prepare, "gru", number=0)
    lab.interrupt(at=lambda request: request.round == 1, trouble=gru_crashes, rounds=3)
    resumed = lab.resume(rounds=3)
    assert "gru" not in lab.machine.models(Prepare)
    assert {record.axes["model"] for record in faults(resumed)} == {"gru"}


@pytest.mark.long
def test_a_fault_in_a_round_that_was_repeated_without_it_does_not_stay(lab: Laboratory) -> None:
    """gru crashes in a round that is cut off; when that round is repeated it runs, and has to run on from there."""
    gru_crashes = fault("crashed", "no", Prepare, "gru", number=0)
    lab.interrupt(at=lambda request: request.kind is Measure, trouble=gru_crashes, rounds=3)
    lab.interrupt(at=lambda request: request.round == 1, rounds=3)
    assert "gru" in lab.machine.models(Release, round=0)
    resumed = lab.resume(rounds=3)
    assert found(resumed, "train_time", "gru").samples == [pytest.approx(CALL)] * 3
    assert faults(resumed) == []


@pytest.mark.long
def test_a_resumed_run_that_had_enough_measures_nothing(lab: Laboratory) -> None:
    lab.run(rounds=2)
    resumed = lab.resume(rounds=2)
    assert lab.machine.requests == []
    assert (num_rounds(resumed), resumed.status) == (2, "complete")


@pytest.mark.long
def test_a_run_whose_first_round_takes_longer_than_it_may_is_complete_after_a_few_resumes(lab: Laboratory) -> None:
    """A record of a case that was not reached says: --resume goes on."""
    limits = {"rounds": 1, "max_seconds": seconds_for(1.5)}
    run = lab.run(**limits)
    for _ in range(2 * len(MODELS)):
        run = lab.resume(**limits)
    assert run.status == "complete"
    assert faults(run) == []


def test_axes_that_a_model_decides_by_itself_have_none_in_its_samples() -> None:
    """A run of models of transformers could not go on: `its d_model is none that this run has`."""
    for model in ("hf:gpt2", "trained:lstm@copy"):
        axes = axes_of(as_configured(GradflowCase(model=model, device="cpu"))) | {"distance": 1}
        line = SampleLine("gradflow", axes, "gradient_norm_log10", 0, -1.0)
        assert axes["d_model"] is None
        assert resuming._problem(GRADFLOW, line, {model}) == ""
        wrong = SampleLine("gradflow", axes | {"d_model": 64}, "gradient_norm_log10", 0, -1.0)
        assert resuming._problem(GRADFLOW, wrong, {model}) == "its d_model is none that this run has"
    layer = axes_of(GradflowCase(model="gru", device="cpu")) | {"d_model": None}
    line = SampleLine("gradflow", layer, "reach", 0, 1.0)
    assert resuming._problem(GRADFLOW, line, {"gru"}) == "its d_model is none that this run has"


# Trainings


@pytest.fixture
def recall(tmp_path: Path) -> Path:
    """The head of a run of `recall` that was begun, with sizes of its tasks' own."""
    axes = cases.parse(RECALL, cases.defaults(RecallCase) | {"num_pairs": ["auto,2"], "test_seq_len": ["32:128"]})
    axes |= {"steps": [400], "device": ["cpu"], "threads": [1]}
    limits = dataclasses.asdict(Limits(rounds=3))
    folder = RunFolder.create(tmp_path / "run")
    folder.write_run(unfinished_run(RECALL, settings={"axes": axes, "limits": limits, "inputs": 1}))
    folder.close()
    return tmp_path / "run"


def test_a_run_of_trainings_is_resumed_with_its_steps_and_sizes(recall: Path) -> None:
    taken = resuming.read(RECALL, recall)
    assert {case.steps for case in taken.cases} == {400}
    assert {case.num_pairs for case in taken.cases if case.task == "mqar"} == {None, 2}
    assert {case.test_seq_len for case in taken.cases} == {"32,64,128"}
    assert taken.limits.rounds == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_pairs": [0]}, "0 is no value of --num-pairs"),
        ({"num_pairs": ["auto"]}, "'auto' is no value of --num-pairs"),
        ({"learning_rate": [-1.0]}, "-1.0 is no value of --learning-rate"),
        ({"steps": [-1]}, "-1 is no value of --steps"),
        ({"task": ["parityy"]}, "did you mean 'parity'?"),
        ({"test_seq_len": ["64:32"]}, "--test-seq-len '64:32'"),
        ({"test_seq_len": [32]}, "32 is no value of --test-seq-len"),
    ],
)
def test_a_run_of_trainings_that_cannot_be_resumed_is_one_sentence(
    change: dict[str, Any], said: str, recall: Path
) -> None:
    def changed(head: Any) -> Any:
        head["settings"]["axes"] |= change
        return head

    with pytest.raises(UserError) as raised:
        resuming.read(RECALL, edited(recall, "run.json", changed))
    assert said in str(raised.value)


# Trainings in equal time

STEPS_OF = [400, 400, 60, 60]  # of two models with two learning rates each


@pytest.fixture
def lm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The head of a run of `lm` that was begun, whose models have other numbers of steps."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = {"model": ["gpt,mingru"], "learning_rate": ["1e-3,1e-2"]}
    axes = cases.parse(LM, cases.defaults(LmCase) | words)
    text = learnt_text.for_axes((), axes)
    axes |= {"seconds_per_model": [20], "device": ["cpu"], "threads": [1]}
    limits = Limits(rounds=3)
    made = [dataclasses.replace(c, steps=n) for c, n in zip(cases.cases_of(LM, axes), STEPS_OF, strict=True)]  # type: ignore[call-arg]
    settings = resuming.settings_of(LM, axes, limits, False, made) | {"text": text.settings(anonymous=False)}
    folder = RunFolder.create(tmp_path / "run")
    folder.write_run(unfinished_run(LM, settings=settings))
    folder.close()
    return tmp_path / "run"


def test_a_run_in_equal_time_is_resumed_with_the_steps_of_each_case(lm: Path) -> None:
    taken = resuming.read(LM, lm)
    assert [(c.model, c.learning_rate, c.steps) for c in taken.cases] == [  # type: ignore[attr-defined]
        ("gpt", 1e-3, 400),
        ("gpt", 1e-2, 400),
        ("mingru", 1e-3, 60),
        ("mingru", 1e-2, 60),
    ]
    assert taken.given.text is not None
    assert {axes_of(case)["text"] for case in taken.cases} == {taken.given.text.label}
    assert taken.head.settings == json.loads((lm / "run.json").read_text())["settings"]


NO_STEPS = "steps_of is no number of steps for each of 4 cases"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        *(
            ({"steps_of": value}, NO_STEPS)
            for value in (
                None,  # trainings of no step were begun
                [],
                STEPS_OF[:3],
                [*STEPS_OF, 60],
                [400, 400, 60, 0],
                [400, 400, 60, -60],
                [400, 400, 60, 60.0],
                [400, 400, 60, True],
                [400, 400, 60, "60"],
                [400, 400, 60, None],
                [400, 400, 60, 1 << 63],
                {"gpt": 400, "mingru": 60, "a": 1, "b": 1},
                400,
                "1234",
            )
        ),
        ({"text": None}, "text is not there"),
        ({"text": {}}, "its settings do not fit"),
        ({"text": "book.txt"}, "its settings do not fit"),
        ({"text": {"files": 5, "tokenizer": "bytes"}}, "its settings do not fit"),
    ],
)
def test_a_run_in_equal_time_that_cannot_be_resumed_is_one_sentence(
    change: dict[str, Any], said: str, lm: Path
) -> None:
    def changed(head: Any) -> Any:
        head["settings"] |= change
        return head

    with pytest.raises(UserError) as raised:
        resuming.read(LM, edited(lm, "run.json", changed))
    assert str(raised.value).startswith(f"{lm / 'run.json'} is damaged: its settings do not fit (")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["steps_of", "text"])
def test_a_run_in_equal_time_without_its_steps_or_its_text_is_one_sentence(name: str, lm: Path) -> None:
    def changed(head: Any) -> Any:
        del head["settings"][name]
        return head

    with pytest.raises(UserError, match="its settings do not fit"):
        resuming.read(LM, edited(lm, "run.json", changed))
