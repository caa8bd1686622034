"""`recall` as a user calls it: what it refuses, writes, shows and keeps."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
from pathlib import Path

import pytest
from command import PROGRAM, assert_one_sentence, begin, lines_of, run
from planted_recall import grid
from planted_runs import run_of
from training_runs import values, wait_until

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.records.folder import read_run
from rnn_vs_attn.run import command
from rnn_vs_attn.run.options import RunOptions
from rnn_vs_attn.suites.recall.suite import RECALL

SHAPE = "--d-model 8 --num-heads 2 --num-layers 1 --batch-size 8 --threads 1".split()
TINY = ["--task", "parity", "--seq-len", "16", *SHAPE]
ONE = [*TINY, *"--model lstm --learning-rate 1e-3 --rounds 1".split()]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--task", "parityy"], "did you mean 'parity'?"),
        (["--task", "mqar", "--num-pairs", "4", "--seq-len", "14"], "at least 16 tokens"),
        (["--task", "mqar", "--seq-len", "32", "--test-seq-len", "33"], "33 is odd"),
        (["--task", "parity", "--num-pairs", "4"], "--num-pairs is no size of parity"),
        (["--learning-rate", "2"], "--learning-rate '2'"),
        (["--test-seq-len", "64:32"], "--test-seq-len '64:32'"),
        (["--steps", "10,20"], "--steps takes one number"),
        (["--mlp", "-1"], "--mlp"),
        (["--dtype", "float64"], "No such option"),
        (["--rounds", "0"], "--rounds"),
        (["--model", "lstmm"], "did you mean 'lstm'?"),
        (["--model", "layers:ShortOutput"], "must keep (batch_size, seq_len, d_model)"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence_and_exit_2(words: list[str], said: str, tmp_path: Path) -> None:
    assert_one_sentence(run("recall", *SHAPE, *words, cwd=tmp_path), said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_too_little_time_is_one_sentence_that_names_the_time_to_ask_for(tmp_path: Path) -> None:
    done = run("recall", *TINY, "--model", "lstm", "--max-seconds", "0.1", "--quiet", cwd=tmp_path)
    assert_one_sentence(done, "give --max-seconds")


@pytest.mark.slow
def test_a_run_keeps_records_tables_plots_and_models(tmp_path: Path) -> None:
    words = [*TINY, "--model", "lstm,attention", "--learning-rate", "1e-3,1e-2", "--steps", "20", "--rounds", "2"]
    done = run("recall", *words, "--output", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "run"
    records = read_run(folder).records
    counts: dict[str, list[int]] = {}
    for each in records:
        if each.metric == "loss":
            counts.setdefault(str(each.axes["model"]), []).append(len(each.samples))
    assert {model: sorted(found) for model, found in counts.items()} == {"lstm": [1, 2], "attention": [1, 2]}
    assert {each.axes["steps"] for each in records if "steps" in each.axes} == {20}
    assert len(list((folder / "trained").iterdir())) == 6
    plots = {path.suffix for path in (folder / "plots").iterdir()}
    assert plots == {".svg", ".png"}
    table = (folder / "table.md").read_text()
    claim = "lstm learns to keep track of a state (parity), attention does not: undecided. "
    for part in ("| parity | lstm |", "| parity | attention |", claim):
        assert part in table
        assert part in done.stdout
    assert "20 steps each" in done.stderr
    assert "4 of 4 trained" in done.stderr
    assert "2 of 2 trained" in done.stderr
    assert f"Written to {folder.name}" in done.stderr


@pytest.mark.slow
def test_json_is_one_document_and_quiet_is_quiet(tmp_path: Path) -> None:
    done = run("recall", *ONE, "--steps", "20", "--json", "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    metrics = {record["metric"] for record in document["records"]}
    assert {"accuracy", "loss", "curve_loss", "accuracy_at_length", "num_params", "rates_solved"} <= metrics
    assert document["run"]["settings"]["axes"]["steps"] == [20]


@pytest.mark.slow
def test_a_run_is_repeated_with_its_number_of_steps(tmp_path: Path) -> None:
    """Which is what fits into the time where none is given, and stands in the records."""
    words = [*TINY, *"--model lstm,mingru --learning-rate 1e-2 --rounds 1 --quiet --output".split()]
    first = run("recall", "--max-seconds", "20", *words, "first", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    (steps,) = json.loads((tmp_path / "first" / "run.json").read_text())["settings"]["axes"]["steps"]
    assert steps >= 100
    assert run("recall", "--steps", str(steps), *words, "again", cwd=tmp_path).returncode == 0
    assert values(tmp_path / "first") == values(tmp_path / "again")


@pytest.mark.slow
def test_dry_run_says_how_many_steps_there_would_be_and_trains_nothing(tmp_path: Path) -> None:
    done = run("recall", *ONE, "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "steps each" in done.stdout
    assert "unknown" not in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_case_that_diverges_is_exit_4_and_costs_nobody_else(tmp_path: Path) -> None:
    words = [*TINY, "--model", "trainings:Diverges,lstm", "--learning-rate", "1e-3", "--steps", "20", "--rounds", "1"]
    done = run("recall", *words, "--output", "run", cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    records = {r.axes["model"]: r for r in read_run(tmp_path / "run").records if r.metric == "loss"}
    assert records["trainings:Diverges"].status == "failed"
    assert "the loss became nan at step 8 of 20" in records["trainings:Diverges"].error
    assert records["lstm"].ok
    assert "the loss became nan at step 8 of 20" in (tmp_path / "run" / "table.md").read_text()


# Ended before its end


@pytest.mark.parametrize(("status", "code", "said"), [("interrupted", 4, "Out of time; go on"), ("complete", 0, "Wri")])
def test_a_run_that_is_out_of_time_is_exit_4_and_says_how_it_goes_on(
    status: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = dataclasses.replace(run_of(*grid("lstm", [100.0])), status=status)
    assert command._tell(RECALL, ended, Path("run"), Limits(), RunOptions()) == code
    assert said in capsys.readouterr().err


LONG = [*TINY, "--model", "lstm", "--rounds", "1", "--max-seconds", "3600", "--steps"]


def kept(folder: Path) -> list[Path]:
    """Checkpoints of trainings."""
    return [path for path in folder.glob("trained/*/*.json") if path.is_file()]


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_trained_and_the_run_goes_on(tmp_path: Path) -> None:
    """In the second of two trainings that come one after the other: at least one is over."""
    words = ["recall", *LONG, "400", "--learning-rate", "1e-3,3e-3,1e-2,3e-2", "--output", "run"]
    begun = begin(*words, cwd=tmp_path)
    samples = tmp_path / "run" / "samples.jsonl"
    wait_until(lambda: begun.poll() is not None or (samples.exists() and '"num_params"' in samples.read_text()))
    begun.send_signal(signal.SIGINT)
    out, err = begun.communicate()
    assert begun.returncode == 130, err
    assert "go on with rnn-vs-attn recall --resume run" in err
    assert "| parity | lstm |" in out
    before = [line["value"] for line in lines_of(samples) if line["metric"] == "loss"]
    assert before

    done = run("recall", "--resume", "run", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run_ = read_run(tmp_path / "run")
    losses = [record.samples for record in run_.records if record.metric == "loss"]
    assert run_.status == "complete"
    assert len(losses) == 4
    assert [before[0]] in losses


@pytest.mark.slow
def test_a_run_whose_parent_was_killed_goes_on_bit_for_bit(tmp_path: Path) -> None:
    """kill -9 in the middle of a training: with its checkpoint, and without its end."""
    words = [*LONG, "400", "--learning-rate", "1e-3"]
    begun = subprocess.Popen([*PROGRAM, "recall", *words, "--output", "run"], cwd=tmp_path, stderr=subprocess.PIPE)
    wait_until(lambda: begun.poll() is not None or kept(tmp_path / "run"))
    begun.kill()
    begun.communicate()
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "interrupted"

    assert run("recall", "--resume", "run", "--quiet", cwd=tmp_path).returncode == 0
    assert run("recall", *words, "--quiet", "--output", "straight", cwd=tmp_path).returncode == 0
    assert values(tmp_path / "run") == values(tmp_path / "straight")
