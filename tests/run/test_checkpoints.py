"""What --checkpoint makes of the options beside it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from trained_folders import LENGTH, keep, run_of

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.run import cases, checkpoints, trainings
from rnn_vs_attn.run.options import CheckpointOptions
from rnn_vs_attn.suites import trained_passes
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.gradflow.suite import GRADFLOW
from rnn_vs_attn.suites.recall import measure as recall
from rnn_vs_attn.suites.recall.case import RecallCase, complete
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.training import chosen
from rnn_vs_attn.training.chosen import FOLDER, TrainedModel, choose, sizes_of

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of an LSTM, and one of attention."""
    folder = run_of(tmp_path_factory.mktemp("run"))
    keep(folder / "trained/attention", "attention")
    return folder


def test_what_recall_leaves_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it trains and names its folders: two learning rates with the first seed, one with the second too."""
    plain = RecallCase(model="gru", task="copy", seq_len=24, batch_size=2, d_model=8, steps=1, test_seq_len="24")
    for rate, seed in ((0.01, 0), (1e-6, 0), (0.01, 1)):
        case = complete(dataclasses.replace(plain, learning_rate=rate, num_symbols=4, device="cpu", match="none"))
        folder = tmp_path / FOLDER / trainings.folder_name(case, seed)
        assert list(recall.train(case, seed, folder))
    (model,) = choose([str(tmp_path)])
    rates = [kept.checkpoint.plan.learning_rate for kept in model.seeds]
    seeds = [kept.checkpoint.plan.seed for kept in model.seeds]
    assert (model.key, seeds[0]) == ("gru@copy", 0)
    assert (rates, seeds) in (([0.01, 0.01], [0, 1]), ([1e-6], [0]))  # whichever one step made better
    axes = axes_of(GRADFLOW, [model])
    assert axes["seq_len"] == [24]
    assert sizes_of(model.first.checkpoint, 24)[1] == case.sizes
    monkeypatch.setattr(chosen, "_folders", {model.key: [kept.folder for kept in model.seeds]})
    before, _ = trained_passes.model_of(f"initial:{model.key}", 0)
    begun = recall.begun(case, recall.shape_of(case), 0).model.state_dict()
    assert all(torch.equal(tensor, begun[name]) for name, tensor in before.state_dict().items())


def axes_of(suite: Suite, models: list[TrainedModel], *seq_len: str) -> cases.AxisValues:
    words = cases.defaults(suite.axes.case) | ({"seq_len": list(seq_len)} if seq_len else {})
    return checkpoints.with_models(suite, cases.parse(suite, words), models, bool(seq_len))


def test_gradflow_has_what_it_was_beside_what_it_is_and_bench_the_latter(run: Path) -> None:
    models = checkpoints.chosen([str(run)], ["checkpoint", "seq_len", "output"])
    axes = axes_of(GRADFLOW, models)
    assert axes["model"] == [
        "initial:attention@copy",
        "trained:attention@copy",
        "initial:lstm@copy",
        "trained:lstm@copy",
    ]
    assert axes["seq_len"] == [LENGTH]
    assert len(cases.cases_of(GRADFLOW, axes)) == 4
    axes = axes_of(BENCH, models, "8:16")
    assert (axes["model"], axes["seq_len"]) == (["trained:attention@copy", "trained:lstm@copy"], [8, 16])
    assert {case.d_model for case in cases.cases_of(BENCH, axes)} == {None}


def test_a_round_for_each_seed_where_weights_matter(run: Path) -> None:
    models = choose([str(run)])
    plain = CheckpointOptions()
    assert checkpoints.with_rounds(GRADFLOW, plain, models).rounds == 2
    assert checkpoints.with_rounds(GRADFLOW, CheckpointOptions(rounds=1), models).rounds == 1
    assert checkpoints.with_rounds(GRADFLOW, plain, models[:1]).rounds is None
    assert checkpoints.with_rounds(BENCH, CheckpointOptions(rounds=9), models).rounds == 9
    with pytest.raises(UserError, match="--rounds 3 is more than the 2 seeds"):
        checkpoints.with_rounds(GRADFLOW, CheckpointOptions(rounds=3), models)


@pytest.mark.parametrize("name", checkpoints.DECIDED)
def test_what_a_checkpoint_decides_is_refused_beside_it(name: str, run: Path) -> None:
    with pytest.raises(UserError, match=f"{cases.option_name(name)} is not for --checkpoint"):
        checkpoints.chosen([str(run / "trained/attention")], ["checkpoint", name])
    assert checkpoints.chosen([], [name]) == []


def test_every_option_that_is_decided_is_one() -> None:
    offered = {name for suite in (GRADFLOW, BENCH) for name in cases.defaults(suite.axes.case)}
    assert set(checkpoints.DECIDED) <= offered | {"pattern", "model_arg"}


def test_lengths_that_a_model_cannot_take(run: Path, tmp_path: Path) -> None:
    attention, lstm = choose([str(run)])
    for suite in (GRADFLOW, BENCH):
        with pytest.raises(UserError, match=f"--seq-len 32 is more than the {LENGTH} positions that the attention of"):
            axes_of(suite, [lstm, attention], "16,32")
    assert axes_of(GRADFLOW, [lstm], "32")["seq_len"] == [32]
    with pytest.raises(UserError, match="copy with 4 symbols needs at least 9 tokens, and 8 were asked for"):
        axes_of(GRADFLOW, [lstm], "8")
    keep(tmp_path / "longer", "gru", seq_len=30)
    both = [lstm, *choose([str(tmp_path / "longer")])]
    with pytest.raises(UserError, match=r"trained at different lengths \(24, 30\); give one by --seq-len"):
        axes_of(GRADFLOW, both)
    assert axes_of(GRADFLOW, both, "24")["seq_len"] == [24]


def test_a_list_of_folders_and_a_folder_with_a_comma(run: Path, tmp_path: Path) -> None:
    one, two = run / "trained/lstm-0", run / "trained/attention"
    assert [m.key for m in checkpoints.chosen([f"{one},{two}"], [])] == ["lstm@copy", "attention@copy"]
    keep(tmp_path / "a,b")
    assert [m.key for m in checkpoints.chosen([str(tmp_path / "a,b")], [])] == ["lstm@copy"]


def test_names_of_rows_are_no_models_to_be_typed() -> None:
    checkpoints.refuse_names(["lstm"])
    with pytest.raises(UserError, match="by --checkpoint"):
        checkpoints.refuse_names(["lstm", "trained:lstm@copy"])
