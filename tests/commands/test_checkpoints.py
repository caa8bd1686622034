"""Trained models as a user measures them: by the folder of a checkpoint, or by a run that holds many."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from command import QUICK, assert_one_sentence, lines_of, run
from edited_runs import called, edited
from trained_folders import LENGTH, keep, run_of, shape_of

from rnn_vs_attn.records.folder import read_run
from rnn_vs_attn.training.snapshot import save

pytestmark = [pytest.mark.process, pytest.mark.long]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of an LSTM that learnt nothing."""
    return run_of(tmp_path_factory.mktemp("trained"), steps=3)


@pytest.mark.slow
def test_gradflow_shows_how_training_moved_the_curves_and_goes_on_after_an_interruption(
    trained: Path, tmp_path: Path
) -> None:
    done = run("gradflow", "--checkpoint", str(trained), "--output", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert "| distance | initial:lstm@copy | trained:lstm@copy |" in done.stdout
    assert "- Training lets more of the gradient through lstm@copy: undecided. From 23 tokens back " in done.stdout
    assert "; an interval takes 6 rounds: --rounds 6" in done.stdout
    assert "These are weights at initialisation" not in done.stdout
    whole = read_run(tmp_path / "run")
    assert {len(r.samples) for r in whole.records if r.metric == "gradient_norm_log10"} == {2}
    shapes = {(r.axes["d_model"], r.axes["seq_len"]) for r in whole.records if "seq_len" in r.axes}
    assert shapes == {(None, LENGTH)}
    assert str(trained) not in (tmp_path / "run/records.jsonl").read_text()

    cut = tmp_path / "cut"
    shutil.copytree(tmp_path / "run", cut)
    kept = (cut / "samples.jsonl").read_text().splitlines()
    (cut / "samples.jsonl").write_text("\n".join(kept[: len(kept) // 2]) + "\n")
    edited(cut, "run.json", lambda head: head | {"status": "interrupted", "finished": None})
    done = run("gradflow", "--resume", str(cut), "--quiet")
    assert done.returncode == 0, done.stderr

    def values(folder: Path) -> dict[str, object]:
        timed = [line for line in lines_of(folder / "records.jsonl") if line["metric"] != "round_time"]
        return {json.dumps([line["metric"], line["axes"]]): line["samples"] for line in timed}

    assert values(cut) == values(tmp_path / "run")


@pytest.mark.slow
def test_bench_measures_the_whole_model_and_an_anonymous_run_has_no_folder_of_it(trained: Path, tmp_path: Path) -> None:
    words = [*QUICK, "--threads", "1", "--rounds", "1", "--quiet", "--anonymous", "--output", str(tmp_path / "run")]
    one = trained / "trained/lstm-0"
    done = run("bench", f"--checkpoint={one}", "--seq-len", "8,16", *words)
    assert done.returncode == 0, done.stderr
    records = read_run(tmp_path / "run").records
    times = [r for r in records if r.metric == "train_time"]
    assert [(r.axes["model"], r.axes["seq_len"]) for r in times] == [
        ("trained:lstm@copy", 8),
        ("trained:lstm@copy", 16),
    ]
    assert all(r.median > 0 for r in times if r.median is not None)
    for file in (tmp_path / "run").glob("*.*"):
        assert str(trained) not in file.read_text(), file
    edited(tmp_path / "run", "run.json", lambda head: head | {"status": "interrupted", "finished": None})
    code, _, err = called("bench", "--resume", str(tmp_path / "run"))
    assert code == 2
    assert "an anonymous run does not say where the checkpoints of lstm@copy are" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gradflow", "--checkpoint", "nowhere"), "nowhere does not exist; give the folder of a checkpoint"),
        (("bench", "--checkpoint", "."), "holds no trained model; recall keeps them in the folder trained of its run"),
        (("gradflow", "--checkpoint", "RUN", "--model", "gru"), "--model is not for --checkpoint, which has its own"),
        (("bench", "--checkpoint", "RUN", "--d-model", "16"), "--d-model is not for --checkpoint"),
        (("bench", "--checkpoint", "RUN", "--pattern", "lstm+gru"), "--pattern is not for --checkpoint"),
        (("gradflow", "--checkpoint", "RUN", "--block"), "--block is not for --checkpoint"),
        (("gradflow", "--checkpoint", "RUN", "--rounds", "3"), "--rounds 3 is more than the 2 seeds"),
        (("gradflow", "--checkpoint", "RUN", "--seq-len", "4"), "needs at least 9 tokens, and 4 were asked for"),
        (("gradflow", "--model", "trained:lstm@copy"), "is how rows of a trained model are called"),
        (("decode", "--model", "trained:lstm@copy"), "is how rows of a trained model are called"),
        (("models", "--model", "initial:lstm@copy"), "is how rows of a trained model are called"),
    ],
)
def test_what_excludes_it_is_one_sentence(
    words: tuple[str, ...], said: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = called(*(str(trained) if word == "RUN" else word for word in words))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ")
    assert said in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_layer_that_is_no_more_is_one_sentence_before_anything_runs(tmp_path: Path) -> None:
    training = keep(tmp_path / "whole")
    save(tmp_path / "other", training, "gone.package:Mixer", asdict(shape_of("lstm")))
    done = run("bench", "--checkpoint", str(tmp_path / "other"), "--rounds", "1", "--output", str(tmp_path / "run"))
    assert_one_sentence(done, "'gone.package:Mixer' does not import: there is no module gone")
    assert not (tmp_path / "run").exists()


def test_gradflow_of_a_checkpoint_that_says_of_no_task(tmp_path: Path) -> None:
    training = keep(tmp_path / "whole")
    save(tmp_path / "other", training, "lstm", asdict(shape_of("lstm")))
    code, _, err = called("gradflow", "--checkpoint", str(tmp_path / "other"))
    assert (code, err.count("\n")) == (2, 1)
    assert "the checkpoint of lstm does not say which task it learnt" in err
